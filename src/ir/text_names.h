// Names as MIL text spells them.
#pragma once

#include <array>
#include <string_view>
#include <utility>

namespace pome::ir {

/// Opsets: specification messages say "CoreML5", text says "ios15".
inline constexpr std::array<std::pair<std::string_view, std::string_view>, 5> opset_names{{
    {"CoreML5", "ios15"},
    {"CoreML6", "ios16"},
    {"CoreML7", "ios17"},
    {"CoreML8", "ios18"},
    {"CoreML9", "ios26"},
}};

/// Spelling in text; names that are not in the table stay as they are.
constexpr std::string_view text_opset(std::string_view spec) noexcept {
  for (const auto& [long_name, short_name] : opset_names) {
    if (long_name == spec) return short_name;
  }
  return spec;
}

constexpr std::string_view spec_opset(std::string_view text) noexcept {
  for (const auto& [long_name, short_name] : opset_names) {
    if (short_name == text) return long_name;
  }
  return text;
}

constexpr bool is_identifier_start(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
constexpr bool is_identifier_part(char c) noexcept {
  return is_identifier_start(c) || (c >= '0' && c <= '9') || c == '@';
}
/// MIL's rule for names. Others are printed as strings.
constexpr bool is_identifier(std::string_view name) noexcept {
  if (name.empty() || !is_identifier_start(name.front())) return false;
  for (const char c : name) {
    if (!is_identifier_part(c)) return false;
  }
  return true;
}

}  // namespace pome::ir
