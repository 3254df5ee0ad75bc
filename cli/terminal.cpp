#include "terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/text.h"

namespace pome::cli {

namespace {

constexpr int default_width = 100;
constexpr int narrowest = 40;

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): read before any thread
  return value == nullptr ? std::string_view() : std::string_view(value);
}

int window_width(int descriptor) {
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return default_width;
}

std::string_view code(Color color) noexcept {
  switch (color) {
    case Color::plain: return "";
    case Color::bold: return "\x1b[1m";
    case Color::dim: return "\x1b[2m";
    case Color::red: return "\x1b[31m";
    case Color::green: return "\x1b[32m";
    case Color::yellow: return "\x1b[33m";
    case Color::cyan: return "\x1b[36m";
  }
  return "";
}

}  // namespace

Terminal Terminal::of(std::FILE* stream, ColorChoice choice) {
  Terminal out;
  const int descriptor = ::fileno(stream);
  out.is_terminal_ = ::isatty(descriptor) == 1;
  out.width_ = out.is_terminal_ ? std::max(window_width(descriptor), narrowest) : default_width;
  const std::string_view kind = environment("TERM");
  const bool can =
      out.is_terminal_ && environment("NO_COLOR").empty() && !kind.empty() && kind != "dumb";
  out.has_color_ = choice == ColorChoice::always || (choice == ColorChoice::automatic && can);
  return out;
}

std::string Terminal::paint(Color color, std::string_view text) const {
  if (!has_color_ || color == Color::plain || text.empty()) return std::string(text);
  return base::cat(code(color), text, "\x1b[0m");
}

std::size_t columns(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const char c = text.front();
    if (c == '\n' || c == '\r' || c == '\t') {
      out.push_back(' ');
      text.remove_prefix(1);
    } else if (c == '\'' || c == '\\') {  // harmless outside of quotes
      out.push_back(c);
      text.remove_prefix(1);
    } else {
      const std::string_view run = text.substr(0, text.find_first_of("\n\r\t'\\"));
      const std::string safe = base::quoted(run, run.size() * 8 + 16);
      out.append(safe, 1, safe.size() - 2);
      text.remove_prefix(run.size());
    }
  }
  return out;
}

std::string shortened(std::string_view text, std::size_t limit) {
  if (columns(text) <= limit) return std::string(text);
  std::size_t end = 0;
  std::size_t seen = 0;
  while (end < text.size() && seen + 1 < limit) {
    ++end;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) ++end;
    ++seen;
  }
  return base::cat(text.substr(0, end), "…");
}

std::string wrapped(std::string_view text, std::size_t width, std::size_t indent) {
  std::string out;
  std::size_t used = 0;
  while (!text.empty()) {
    const std::size_t space = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, space);
    text.remove_prefix(std::min(space + 1, text.size()));
    if (word.empty()) continue;
    const std::size_t length = columns(word);
    if (used != 0 && used + 1 + length > width) {
      out.append("\n").append(indent, ' ');
      used = 0;
    }
    if (used != 0) {
      out.push_back(' ');
      ++used;
    }
    out.append(word);
    used += length;
  }
  return out;
}

}  // namespace pome::cli
