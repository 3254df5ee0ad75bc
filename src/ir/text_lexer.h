// Tokens of MIL text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pome::ir {

struct Token {
  enum class Kind : std::uint8_t { end, identifier, string, number, punctuation };
  Kind kind = Kind::end;
  std::string_view text;  ///< as written; strings without their quotes, escapes not resolved
  std::size_t offset = 0;
};

/// Splits text into tokens, one ahead. Views point into the text.
class Lexer {
 public:
  Lexer(std::string_view text, std::string_view file) : text_(text), file_(file) { advance(); }

  const Token& peek() const noexcept { return token_; }
  Token take() {
    const Token token = token_;
    advance();
    return token;
  }
  /// The character that begins the token after the next, 0 at the end.
  char after_next() const noexcept {
    const auto at = space_end(at_);
    return at < text_.size() ? text_[at] : '\0';
  }
  bool at(std::string_view punctuation) const noexcept {
    return token_.kind == Token::Kind::punctuation && token_.text == punctuation;
  }
  bool accept(std::string_view punctuation) {
    if (!at(punctuation)) return false;
    advance();
    return true;
  }
  void expect(std::string_view punctuation);

  /// Throws Error{io}: "file:line:column: message".
  [[noreturn]] void fail(std::string_view message, std::size_t offset) const;
  [[noreturn]] void fail_expected(std::string_view what) const;

  /// A string token with its escapes resolved.
  std::string unescape(const Token& token) const;

 private:
  void advance();
  std::size_t space_end(std::size_t from) const noexcept;

  std::string_view text_;
  std::string_view file_;
  std::size_t at_ = 0;
  Token token_;
};

}  // namespace pome::ir
