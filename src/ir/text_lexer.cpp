#include "ir/text_lexer.h"

#include <algorithm>

#include "base/text.h"
#include "ir/text_names.h"
#include "pome/error.h"

namespace pome::ir {
namespace {

bool is_number_part(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
         c == '+' || c == '-';
}

}  // namespace

void Lexer::fail(std::string_view message, std::size_t offset) const {
  const auto before = text_.substr(0, std::min(offset, text_.size()));
  const auto line = 1 + std::ranges::count(before, '\n');
  const auto start = before.rfind('\n');
  const auto column = start == std::string_view::npos ? before.size() + 1 : before.size() - start;
  throw Error(ErrorCode::io, base::cat(file_, ":", line, ":", column, ": ", message));
}

void Lexer::fail_expected(std::string_view what) const {
  const auto found = token_.kind == Token::Kind::end ? std::string("the end of the text")
                                                     : base::quoted(token_.text, 40);
  fail(base::cat("found ", found, ", expected ", what), token_.offset);
}

void Lexer::expect(std::string_view punctuation) {
  if (!accept(punctuation)) fail_expected(base::quoted(punctuation));
}

std::size_t Lexer::space_end(std::size_t from) const noexcept {
  while (from < text_.size()) {
    const char c = text_[from];
    if (c == ' ' || c == '\n' || c == '\t' || c == '\r') {
      ++from;
    } else if (text_.compare(from, 2, "//") == 0) {
      from = std::min(text_.find('\n', from), text_.size());
    } else {
      break;
    }
  }
  return from;
}

void Lexer::advance() {
  at_ = space_end(at_);
  token_ = {Token::Kind::end, {}, at_};
  if (at_ >= text_.size()) return;
  const char c = text_[at_];
  std::size_t end = at_ + 1;
  if (is_identifier_start(c)) {
    while (end < text_.size() && is_identifier_part(text_[end])) ++end;
    token_.kind = Token::Kind::identifier;
  } else if (c == '"') {
    while (end < text_.size() && text_[end] != '"') end += text_[end] == '\\' ? 2 : 1;
    if (end >= text_.size()) fail("a string does not end", at_);
    token_ = {Token::Kind::string, text_.substr(at_ + 1, end - at_ - 1), at_};
    at_ = end + 1;
    return;
  } else if (c == '-' && text_.substr(at_, 2) == "->") {
    ++end;
    token_.kind = Token::Kind::punctuation;
  } else if ((c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.') {
    while (end < text_.size() && is_number_part(text_[end])) ++end;
    token_.kind = Token::Kind::number;
  } else {
    token_.kind = Token::Kind::punctuation;
  }
  token_.text = text_.substr(at_, end - at_);
  at_ = end;
}

std::string Lexer::unescape(const Token& token) const {
  std::string out;
  out.reserve(token.text.size());
  for (std::size_t i = 0; i < token.text.size(); ++i) {
    const char c = token.text[i];
    if (c != '\\' || i + 1 == token.text.size()) {
      out += c;
      continue;
    }
    switch (token.text[++i]) {
      case 'n': out += '\n'; break;
      case 't': out += '\t'; break;
      case 'r': out += '\r'; break;
      case '0': out += '\0'; break;
      case '"': out += '"'; break;
      case '\\': out += '\\'; break;
      case '\'': out += '\''; break;
      default:
        fail(base::cat("unknown escape ", base::quoted(token.text.substr(i - 1, 2))),
             token.offset + i);
    }
  }
  return out;
}

}  // namespace pome::ir
