// Where the output goes: colours only on a terminal, lines no wider than it.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace pome::cli {

enum class Color : std::uint8_t { plain, bold, dim, red, green, yellow, cyan };

/// When to colour: as the terminal allows, or as the user demands.
enum class ColorChoice : std::uint8_t { automatic, always, never };

/// What is known of an output stream. Immutable.
class Terminal {
 public:
  /// Looks at the stream and the environment (NO_COLOR, TERM, COLUMNS).
  static Terminal of(std::FILE* stream, ColorChoice choice = ColorChoice::automatic);
  /// Plain text of a given width.
  explicit Terminal(int width = 100) noexcept : width_(width) {}

  bool is_terminal() const noexcept { return is_terminal_; }
  /// Columns; 100 where the output is not a terminal, so that files do not depend on the window.
  int width() const noexcept { return width_; }
  /// `text` in a colour where there are colours.
  std::string paint(Color color, std::string_view text) const;

 private:
  bool is_terminal_ = false;
  bool has_color_ = false;
  int width_ = 100;
};

/// Columns that UTF-8 text takes: one a code point.
std::size_t columns(std::string_view text) noexcept;

/// `text` without characters that would garble a terminal: control characters and invalid UTF-8
/// are escaped, line ends become spaces. For texts from files.
std::string printable(std::string_view text);

/// At most `limit` columns of the text, with an ellipsis where something was left out.
std::string shortened(std::string_view text, std::size_t limit);

/// Breaks a text at spaces into lines of at most `width` columns (longer words stand alone).
std::string wrapped(std::string_view text, std::size_t width, std::size_t indent);

}  // namespace pome::cli
