#include "base/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <vector>

namespace pome::base {
namespace {

struct CodePoint {
  char32_t value = 0;
  std::size_t length = 0;  // bytes; 0 when the text does not start with well-formed UTF-8
};

// Reads the code point at the start of `text` (not empty). Overlong forms, surrogates and values
// above U+10FFFF are not well formed.
CodePoint first_code_point(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  std::size_t length = 0;
  char32_t value = 0;
  char32_t smallest = 0;
  if ((lead & 0xE0U) == 0xC0U) {
    length = 2, value = lead & 0x1FU, smallest = 0x80;
  } else if ((lead & 0xF0U) == 0xE0U) {
    length = 3, value = lead & 0x0FU, smallest = 0x800;
  } else if ((lead & 0xF8U) == 0xF0U) {
    length = 4, value = lead & 0x07U, smallest = 0x10000;
  } else {
    return {};
  }
  if (text.size() < length) return {};
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return {};
    value = (value << 6) | (byte(i) & 0x3FU);
  }
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < smallest || value > 0x10FFFF || surrogate) return {};
  return {value, length};
}

// Characters that move the cursor, end the line or reorder the text around them.
bool is_unprintable(char32_t c) noexcept {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x061C || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

void append_hex(std::string& out, std::string_view prefix, std::uint32_t value) {
  std::array<char, 8> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16).ptr;
  out.append(prefix);
  if (end - digits.data() == 1) out.push_back('0');
  out.append(digits.data(), end);
}

void append_escaped(std::string& out, char32_t c) {
  if (c == '\n') {
    out.append("\\n");
  } else if (c == '\t') {
    out.append("\\t");
  } else if (c < 0x80) {
    append_hex(out, "\\x", static_cast<std::uint32_t>(c));
  } else {
    append_hex(out, "\\u{", static_cast<std::uint32_t>(c));
    out.push_back('}');
  }
}

// Letters inserted, left out, replaced, or swapped with their neighbour.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> above(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    before.swap(above);
    above.swap(row);
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t substituted = above[j] + (a[i] == b[j] ? 0 : 1);
      row[j + 1] = std::min({substituted, row[j] + 1, above[j + 1] + 1});
      const bool is_swap = i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j];
      if (is_swap) row[j + 1] = std::min(row[j + 1], before[j - 1] + 1);
    }
  }
  return row[b.size()];
}

}  // namespace

void append(std::string& out, double value) {
  if (std::isnan(value)) {
    out.append("nan");  // to_chars would print the sign of a NaN
    return;
  }
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  out.append(buffer.data(), end);
}

std::string quoted(std::string_view text, std::size_t limit) {
  std::string out = "'";
  while (!text.empty()) {
    const std::size_t before = out.size();
    const CodePoint next = first_code_point(text);
    if (next.length == 0) {
      append_hex(out, "\\x", static_cast<unsigned char>(text[0]));
    } else if (next.value == '\'' || next.value == '\\') {
      out.push_back('\\');
      out.push_back(text[0]);
    } else if (is_unprintable(next.value)) {
      append_escaped(out, next.value);
    } else {
      out.append(text.substr(0, next.length));
    }
    if (out.size() - 1 > limit) {
      out.resize(before);
      out.append("...");
      break;
    }
    text.remove_prefix(std::max<std::size_t>(next.length, 1));
  }
  out.push_back('\'');
  return out;
}

std::string shape_text(std::span<const std::int64_t> dims) {
  std::string out = "[";
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (i != 0) out.append(", ");
    if (dims[i] < 0) {
      out.push_back('?');
    } else {
      append(out, dims[i]);
    }
  }
  out.push_back(']');
  return out;
}

std::string list_text(std::span<const std::string_view> names, std::size_t limit) {
  if (names.empty()) return "nothing";
  const std::size_t shown = std::min(names.size(), std::max<std::size_t>(limit, 1));
  std::string out;
  for (std::size_t i = 0; i < shown; ++i) {
    if (i != 0) out.append(i + 1 == names.size() ? " or " : ", ");
    out.append(quoted(names[i]));
  }
  if (shown < names.size()) out.append(cat(" or ", names.size() - shown, " more"));
  return out;
}

std::string_view nearest(std::string_view text, std::span<const std::string_view> candidates) {
  constexpr std::size_t longest = 64;  // keeps the quadratic distance cheap for hostile names
  if (text.size() < 2 || text.size() > longest) return {};  // any letter is near any other
  std::size_t best_distance = std::max<std::size_t>(1, text.size() / 3) + 1;
  std::string_view best;
  for (const std::string_view candidate : candidates) {
    if (candidate.size() > longest) continue;
    const std::size_t distance = edit_distance(text, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const std::size_t length = first_code_point(text).length;
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string size_text(std::uint64_t bytes) {
  if (bytes == 1) return "1 byte";
  if (bytes < 1000) return cat(bytes, " bytes");
  constexpr std::array<std::string_view, 6> units{"kB", "MB", "GB", "TB", "PB", "EB"};
  std::uint64_t unit = 1000;
  std::size_t index = 0;
  // 999.5 of a unit would print as 1000 of it, so the next unit begins there.
  while (index + 1 < units.size() && bytes >= unit * 1000 - unit / 2) {
    unit *= 1000;
    ++index;
  }
  std::uint64_t whole = bytes / unit;
  std::uint64_t tenths = (bytes % unit + unit / 20) / (unit / 10);
  if (tenths == 10) {
    ++whole;
    tenths = 0;
  }
  if (whole >= 100) return cat((bytes + unit / 2) / unit, ' ', units[index]);
  if (tenths == 0) return cat(whole, ' ', units[index]);
  return cat(whole, '.', tenths, ' ', units[index]);
}

}  // namespace pome::base
