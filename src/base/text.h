// Small text helpers for messages. No locale, no formatting library in the core.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace pome::base {

inline void append(std::string& out, std::string_view text) {
  out.append(text);
}
inline void append(std::string& out, char c) {
  out.push_back(c);
}
/// Only for `bool` itself: a string literal would rather become a bool than a string_view.
template <std::same_as<bool> T>
void append(std::string& out, T value) {
  out.append(value ? "true" : "false");
}
void append(std::string& out, double value);

template <std::integral T>
requires(!std::same_as<T, bool> && !std::same_as<T, char>) void append(std::string& out, T value) {
  char buffer[24];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  out.append(buffer, end);
}

/// Joins its arguments (text, characters, numbers) to one string.
template <typename... Parts>
std::string cat(const Parts&... parts) {
  std::string out;
  (append(out, parts), ...);
  return out;
}

/// "'name'", with control characters and invalid UTF-8 escaped and long names shortened, so that a
/// hostile name cannot garble a terminal or flood a log. Call it as `base::quoted`: unqualified,
/// std::quoted would be found for a std::string.
std::string quoted(std::string_view text, std::size_t limit = 120);

/// "[1, 3, 224, 224]"; negative entries (unknown dimensions) print as "?".
std::string shape_text(std::span<const std::int64_t> dims);

/// "a, b or c" of quoted names: for "expected ..." parts of messages. At most `limit` are listed.
std::string list_text(std::span<const std::string_view> names, std::size_t limit = 12);

/// The candidate nearest to `text` by edit distance, or empty when none is near.
std::string_view nearest(std::string_view text, std::span<const std::string_view> candidates);

/// True when `text` is well-formed UTF-8.
bool is_utf8(std::string_view text) noexcept;

/// "1.5 MB", "340 kB", "12 bytes" (powers of 1000).
std::string size_text(std::uint64_t bytes);

}  // namespace pome::base
