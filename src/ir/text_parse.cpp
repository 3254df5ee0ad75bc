// Parser of MIL text: a recursive descent with depth caps.
#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <unordered_map>
#include <unordered_set>

#include "base/checked.h"
#include "base/half.h"
#include "base/text.h"
#include "ir/text.h"
#include "ir/text_lexer.h"
#include "ir/text_names.h"
#include "pome/error.h"

namespace pome::ir {
namespace {

using base::cat;

constexpr int max_depth = 32;  // of types and literals
constexpr std::size_t max_rank = 64;
constexpr std::size_t max_parameters = 1024;  // of an operation; also its attributes

class Parser {
 public:
  Parser(std::string_view text, std::string_view file, base::Budget& budget)
      : lexer_(text, file), budget_(budget) {}

  std::unique_ptr<Program> run() {
    auto program = std::make_unique<Program>();
    keyword("program");
    lexer_.expect("(");
    const auto version = lexer_.take();
    if (version.kind != Token::Kind::number)
      lexer_.fail("a program's version is a number", version.offset);
    program->version = 1;
    if (version.text != "1" && !version.text.starts_with("1.")) {
      lexer_.fail(cat("program version ", base::quoted(version.text), " is not known, expected 1"),
                  version.offset);
    }
    lexer_.expect(")");
    program->attributes = attributes();
    lexer_.expect("{");
    while (!lexer_.accept("}")) program->functions.push_back(function());
    if (lexer_.peek().kind != Token::Kind::end) lexer_.fail_expected("the end of the text");
    if (program->functions.empty()) lexer_.fail("the program has no functions", 0);
    return program;
  }

 private:
  using Scope = std::vector<std::string_view>;

  void keyword(std::string_view word) {
    if (lexer_.peek().kind != Token::Kind::identifier || lexer_.peek().text != word) {
      lexer_.fail_expected(base::quoted(word));
    }
    lexer_.take();
  }

  std::string identifier(std::string_view what) {
    const auto token = lexer_.peek();
    if (token.kind == Token::Kind::identifier) return std::string(lexer_.take().text);
    if (token.kind == Token::Kind::string) return lexer_.unescape(lexer_.take());
    lexer_.fail_expected(what);
  }

  // --- types ---

  Type type(int depth = 0) {
    if (depth > max_depth) lexer_.fail("types are nested too deep", lexer_.peek().offset);
    const auto token = lexer_.peek();
    if (token.kind != Token::Kind::identifier) lexer_.fail_expected("a type");
    lexer_.take();
    if (token.text == "tensor") return tensor_type();
    if (token.text == "list") return list_type(depth);
    if (token.text == "state") {
      lexer_.expect("<");
      const auto wrapped = type(depth + 1);
      if (!wrapped.is_tensor()) lexer_.fail("a state wraps a tensor", token.offset);
      lexer_.expect(">");
      return Type::state(wrapped);
    }
    if (token.text == "tuple" || token.text == "dict") return compound_type(token, depth);
    return Type::scalar(data_type(token));
  }

  DataType data_type(const Token& token) {
    const auto found = parse_data_type(token.text);
    if (!found) lexer_.fail(cat("unknown type ", base::quoted(token.text)), token.offset);
    return *found;
  }

  Type tensor_type() {
    lexer_.expect("<");
    const auto dtype = data_type(lexer_.take());
    lexer_.expect(",");
    if (lexer_.accept("?")) {
      lexer_.expect(">");
      return Type::unranked(dtype);
    }
    lexer_.expect("[");
    if (lexer_.accept(".")) lexer_.fail_expected("a dimension");
    if (lexer_.peek().kind == Token::Kind::number && lexer_.peek().text == "...") {
      lexer_.take();
      lexer_.expect("]");
      lexer_.expect(">");
      return Type::unranked(dtype);
    }
    Dims dims;
    while (!lexer_.at("]")) {
      if (!dims.empty()) lexer_.expect(",");
      if (dims.size() == max_rank) {
        lexer_.fail(cat("a tensor has more than ", max_rank, " dimensions"), lexer_.peek().offset);
      }
      dims.push_back(dimension());
    }
    lexer_.expect("]");
    lexer_.expect(">");
    return Type::tensor(dtype, std::move(dims));
  }

  std::int64_t dimension() {
    if (lexer_.accept("?")) return unknown_dim;
    const auto token = lexer_.peek();
    std::int64_t value = 0;
    if (token.kind != Token::Kind::number || !parse_integer(token.text, value) || value < 0) {
      lexer_.fail_expected("a dimension (a number or '?')");
    }
    lexer_.take();
    return value;
  }

  Type list_type(int depth) {
    lexer_.expect("<");
    const auto at = lexer_.peek().offset;
    const auto element = type(depth + 1);
    if (!element.is_tensor()) lexer_.fail("a list holds tensors", at);
    lexer_.expect(",");
    const auto length = dimension();
    lexer_.expect(">");
    return Type::list(element, length);
  }

  Type compound_type(const Token& token, int depth) {
    Type out;
    out.kind = token.text == "tuple" ? Type::Kind::tuple : Type::Kind::dictionary;
    lexer_.expect("<");
    while (!lexer_.at(">")) {
      if (!out.parameters.empty()) lexer_.expect(",");
      out.parameters.push_back(type(depth + 1));
    }
    lexer_.expect(">");
    if (out.kind == Type::Kind::dictionary && out.parameters.size() != 2) {
      lexer_.fail("a dictionary has a key type and a value type", token.offset);
    }
    return out;
  }

  // --- constants ---

  ConstantPtr constant() {
    auto t = type();
    lexer_.expect("(");
    ConstantPtr out;
    if (lexer_.peek().kind == Token::Kind::identifier && lexer_.peek().text == "BLOBFILE") {
      out = blob(std::move(t));
    } else {
      out = literal(t, 0);
    }
    lexer_.expect(")");
    return out;
  }

  ConstantPtr blob(Type t) {
    const auto at = lexer_.take().offset;
    auto out = std::make_shared<Constant>();
    BlobReference reference;
    lexer_.expect("(");
    keyword("path");
    lexer_.expect("=");
    const auto path = constant();
    if (path->strings().size() != 1) lexer_.fail("a blob's path is a string", at);
    reference.file = path->strings().front();
    lexer_.expect(",");
    keyword("offset");
    lexer_.expect("=");
    const auto offset = constant();
    if (offset->bytes().size() != sizeof reference.offset) {
      lexer_.fail("a blob's offset is a uint64", at);
    }
    std::memcpy(&reference.offset, offset->bytes().data(), sizeof reference.offset);
    lexer_.expect(")");
    if (!t.is_tensor() || !t.is_static()) {
      lexer_.fail("a weight in a file is a tensor of known size", at);
    }
    out->type = std::move(t);
    out->data = std::move(reference);
    return out;
  }

  ConstantPtr literal(const Type& t, int depth) {
    if (depth > max_depth) lexer_.fail("values are nested too deep", lexer_.peek().offset);
    if (t.kind == Type::Kind::tensor) return tensor_literal(t);
    auto out = std::make_shared<Constant>();
    out->type = t;
    const auto at = lexer_.peek().offset;
    if (t.kind == Type::Kind::dictionary) {
      Constant::Entries entries;
      lexer_.expect("{");
      while (!lexer_.at("}")) {
        if (!entries.empty()) lexer_.expect(",");
        lexer_.expect("{");
        auto key = literal(t.parameters[0], depth + 1);
        lexer_.expect(",");
        auto value = literal(t.parameters[1], depth + 1);
        lexer_.expect("}");
        entries.emplace_back(std::move(key), std::move(value));
      }
      lexer_.expect("}");
      out->data = std::move(entries);
      return out;
    }
    if (t.kind == Type::Kind::list) return list_literal(t, depth);
    if (t.kind != Type::Kind::tuple) lexer_.fail(cat("no value of ", text(t)), at);
    Constant::Items items;
    lexer_.expect("(");
    while (!lexer_.at(")")) {
      if (!items.empty()) lexer_.expect(",");
      if (items.size() == t.parameters.size()) lexer_.fail("a tuple has too many parts", at);
      items.push_back(literal(t.parameters[items.size()], depth + 1));
    }
    lexer_.expect(")");
    if (items.size() != t.parameters.size()) lexer_.fail("a tuple has too few parts", at);
    out->data = std::move(items);
    return out;
  }

  ConstantPtr list_literal(const Type& t, int depth) {
    const auto at = lexer_.peek().offset;
    auto out = std::make_shared<Constant>();
    out->type = t;
    Constant::Items items;
    lexer_.expect("[");
    while (!lexer_.at("]")) {
      if (!items.empty()) lexer_.expect(",");
      budget_.take(sizeof(Constant), "immediate values");
      items.push_back(literal(t.element(), depth + 1));
    }
    lexer_.expect("]");
    if (is_known(t.length) && static_cast<std::size_t>(t.length) != items.size()) {
      lexer_.fail(cat("a value of type ", text(t), " is written with ", items.size(), " elements"),
                  at);
    }
    out->data = std::move(items);
    return out;
  }

  /// Elements of a tensor being read.
  struct Elements {
    DataType dtype;
    std::vector<std::byte> bytes;
    std::vector<std::string> strings;
    std::size_t bit = 0;
    std::int64_t count = 0;
  };

  /// Books the memory of an element before the arrays grow for it, in blocks that keep the count
  /// cheap.
  void book(const Elements& elements) {
    constexpr std::int64_t block = 4096;
    if (elements.count % block != 0) return;
    const auto bytes = elements.dtype == DataType::string
                           ? static_cast<std::int64_t>(sizeof(std::string))
                           : (bits(elements.dtype) + 7) / 8;
    budget_.take(block * bytes, "immediate values");
  }

  ConstantPtr tensor_literal(const Type& t) {
    const auto at = lexer_.peek().offset;
    Elements elements{t.dtype, {}, {}, 0, 0};
    Dims dims(t.dims.size(), unknown_dim);
    if (t.ranked) {
      nested(elements, dims, 0);
    } else {
      lexer_.fail("a value's rank must be known", at);
    }
    for (std::size_t i = 0; i < dims.size(); ++i) {
      if (dims[i] == unknown_dim) dims[i] = 0;  // below an empty list nothing was seen
      if (dims[i] == 0 && is_known(t.dims[i]) && elements.count == 0) dims[i] = t.dims[i];
      if (is_known(t.dims[i]) && t.dims[i] != dims[i]) {
        lexer_.fail(
            cat("a value of type ", text(t), " is written with shape ", base::shape_text(dims)),
            at);
      }
    }
    if (t.dtype == DataType::string) {
      auto out = std::make_shared<Constant>();
      out->type = Type::tensor(t.dtype, dims);
      out->data = std::move(elements.strings);
      return out;
    }
    return make_tensor(Type::tensor(t.dtype, dims), std::move(elements.bytes));
  }

  void nested(Elements& elements, Dims& dims, std::size_t axis) {
    if (axis == dims.size()) {
      element(elements);
      return;
    }
    const auto at = lexer_.peek().offset;
    lexer_.expect("[");
    std::int64_t n = 0;
    while (!lexer_.at("]")) {
      if (n != 0) lexer_.expect(",");
      nested(elements, dims, axis + 1);
      ++n;
    }
    lexer_.expect("]");
    if (dims[axis] != unknown_dim && dims[axis] != n) {
      lexer_.fail("rows of a value have different lengths", at);
    }
    dims[axis] = n;
  }

  template <typename T>
  static void put(Elements& elements, T value) {
    const auto* raw = reinterpret_cast<const std::byte*>(&value);
    elements.bytes.insert(elements.bytes.end(), raw, raw + sizeof value);
  }

  void element(Elements& elements) {
    const auto token = lexer_.take();
    book(elements);
    ++elements.count;
    if (elements.dtype == DataType::string) {
      if (token.kind != Token::Kind::string) lexer_.fail("expected a string", token.offset);
      elements.strings.push_back(lexer_.unescape(token));
    } else if (elements.dtype == DataType::boolean) {
      if (token.text != "true" && token.text != "false") {
        lexer_.fail("expected true or false", token.offset);
      }
      put(elements, static_cast<std::uint8_t>(token.text == "true"));
    } else if (is_float(elements.dtype) && bits(elements.dtype) > 8) {
      put_float(elements, token);
    } else {
      put_integer(elements, token);
    }
  }

  /// The bits of an element as a hexadecimal number: `nan(0x7e01)` is the NaN of that pattern.
  std::uint64_t bit_pattern(const Token& nan, DataType dtype) {
    lexer_.expect("(");
    const auto token = lexer_.take();
    std::uint64_t pattern = 0;
    const auto digits = token.text.starts_with("0x") ? token.text.substr(2) : std::string_view();
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), pattern, 16);
    const bool whole = !digits.empty() && error == std::errc() &&
                       end == digits.data() + digits.size() &&
                       (bits(dtype) == 64 || (pattern >> bits(dtype)) == 0);
    if (!whole) {
      lexer_.fail(cat("found ", base::quoted(token.text, 40), ", expected the bits of a ",
                      name(dtype), " as 0x..."),
                  nan.offset);
    }
    lexer_.expect(")");
    return pattern;
  }

  void put_float(Elements& elements, const Token& token) {
    if (token.text == "nan" && lexer_.at("(")) {
      const auto pattern = bit_pattern(token, elements.dtype);
      const auto* raw = reinterpret_cast<const std::byte*>(&pattern);
      elements.bytes.insert(elements.bytes.end(), raw, raw + bits(elements.dtype) / 8);
      return;
    }
    switch (elements.dtype) {
      case DataType::fp16: return put(elements, base::f16_from_f32(to_odd(number<double>(token))));
      case DataType::bf16: return put(elements, base::bf16_from_f32(to_odd(number<double>(token))));
      case DataType::fp32: return put(elements, number<float>(token));
      default: return put(elements, number<double>(token));
    }
  }

  /// A double as a float, rounded so that rounding the float again to half precision gives what
  /// rounding the double at once would (inexact results get an odd last bit).
  static float to_odd(double value) noexcept {
    const auto nearest = static_cast<float>(value);
    if (static_cast<double>(nearest) == value || std::isnan(value) || std::isinf(nearest)) {
      return nearest;
    }
    auto pattern = std::bit_cast<std::uint32_t>(nearest);
    if (std::abs(static_cast<double>(nearest)) > std::abs(value)) --pattern;  // towards zero
    return std::bit_cast<float>(pattern | 1U);
  }

  /// A number in decimal or hexadecimal, or inf or nan with a sign; independent of the locale.
  template <typename T>
  T number(const Token& token) const {
    auto digits = token.text;
    const bool negative = digits.starts_with('-');
    if (negative || digits.starts_with('+')) digits.remove_prefix(1);
    const bool hex = digits.starts_with("0x") || digits.starts_with("0X");
    if (hex) digits.remove_prefix(2);
    T value{};
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value,
                        hex ? std::chars_format::hex : std::chars_format::general);
    const bool spelled = token.kind == Token::Kind::number || digits == "inf" || digits == "nan";
    if (token.kind == Token::Kind::string || !spelled || error == std::errc::invalid_argument ||
        end != digits.data() + digits.size() || digits.starts_with('-')) {
      lexer_.fail(cat("found ", base::quoted(token.text, 40), ", expected a number"), token.offset);
    }
    if (error == std::errc::result_out_of_range) {
      lexer_.fail(cat("the number ", base::quoted(token.text, 40), " is out of range"),
                  token.offset);
    }
    return negative ? -value : value;
  }

  static bool parse_integer(std::string_view text, std::int64_t& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
  }

  void put_integer(Elements& elements, const Token& token) {
    const int width = bits(elements.dtype);
    std::int64_t value = 0;
    bool fits = parse_integer(token.text, value);
    if (elements.dtype == DataType::uint64) {
      std::uint64_t wide = 0;
      const auto* last = token.text.data() + token.text.size();
      const auto [end, error] = std::from_chars(token.text.data(), last, wide);
      fits = error == std::errc() && end == last;
      value = static_cast<std::int64_t>(wide);
    } else if (fits && width < 64) {
      const bool is_signed = elements.dtype == DataType::int4 || elements.dtype == DataType::int8 ||
                             elements.dtype == DataType::int16 || elements.dtype == DataType::int32;
      const std::int64_t high = (std::int64_t{1} << (width - (is_signed ? 1 : 0))) - 1;
      fits = value <= high && value >= (is_signed ? -high - 1 : 0);
    }
    if (!fits) {
      lexer_.fail(cat("found ", base::quoted(token.text, 40), ", expected a value of ",
                      name(elements.dtype)),
                  token.offset);
    }
    if (width < 8) {
      for (int b = 0; b < width; ++b, ++elements.bit) {
        if (elements.bit % 8 == 0) elements.bytes.push_back(std::byte{0});
        if (((value >> b) & 1) != 0) {
          elements.bytes.back() |= static_cast<std::byte>(1U << (elements.bit % 8));
        }
      }
      return;
    }
    const auto* raw = reinterpret_cast<const std::byte*>(&value);
    elements.bytes.insert(elements.bytes.end(), raw, raw + width / 8);
  }

  std::vector<Attribute> attributes() {
    std::vector<Attribute> out;
    if (!lexer_.accept("[")) return out;
    while (!lexer_.at("]")) {
      if (!out.empty()) lexer_.expect(",");
      const auto at = lexer_.peek().offset;
      auto attribute = identifier("an attribute's name");
      if (out.size() == max_parameters) {
        lexer_.fail(cat("there are more than ", max_parameters, " attributes"), at);
      }
      if (std::ranges::find(out, attribute, &Attribute::first) != out.end()) {
        lexer_.fail(cat("the attribute ", base::quoted(attribute), " is given twice"), at);
      }
      lexer_.expect("=");
      out.emplace_back(std::move(attribute), constant());
    }
    lexer_.expect("]");
    return out;
  }

  // --- functions, blocks, operations ---

  std::unique_ptr<Function> function() {
    keyword("func");
    const auto name_at = lexer_.peek().offset;
    auto function_name = identifier("a function's name");
    if (!functions_.insert(function_name).second) {
      lexer_.fail(cat("the function ", base::quoted(function_name), " is there twice"), name_at);
    }
    lexer_.expect("<");
    const auto opset = identifier("an opset");
    lexer_.expect(">");
    auto out = std::make_unique<Function>(std::move(function_name), std::string(spec_opset(opset)));
    Scope scope;
    lexer_.expect("(");
    parameters(*out->body, scope);
    out->attributes = attributes();
    block(*out->body, scope, 0);
    lexer_.expect(";");
    leave(scope);
    return out;
  }

  void parameters(Block& into, Scope& scope) {
    bool first = true;
    while (!lexer_.accept(")")) {
      if (!first) lexer_.expect(",");
      first = false;
      auto t = type();
      const auto at = lexer_.peek().offset;
      define(into.add_input(identifier("a name"), std::move(t)), scope, at);
    }
  }

  void define(Value& value, Scope& scope, std::size_t at) {
    if (!values_.try_emplace(value.name, &value).second) {
      lexer_.fail(cat("the name ", base::quoted(value.name), " is given twice"), at);
    }
    scope.push_back(value.name);
  }

  void leave(Scope& scope) {
    for (const auto defined : scope) values_.erase(defined);
    scope.clear();
  }

  Value* use() {
    const auto at = lexer_.peek().offset;
    const auto used = identifier("a value's name");
    const auto found = values_.find(used);
    if (found == values_.end()) {
      lexer_.fail(cat(base::quoted(used), " is not defined before its use"), at);
    }
    return found->second;
  }

  /// "{ statements } -> (outputs)", with attributes of the block after them where it has some
  void block(Block& into, Scope& scope, int depth) {
    if (depth > max_block_depth) {
      lexer_.fail("blocks are nested too deep", lexer_.peek().offset);
    }
    lexer_.expect("{");
    while (!lexer_.accept("}")) statement(into, scope, depth);
    lexer_.expect("->");
    lexer_.expect("(");
    std::vector<Value*> outputs;
    while (!lexer_.at(")")) {
      if (!outputs.empty()) lexer_.expect(",");
      outputs.push_back(use());
    }
    lexer_.expect(")");
    into.set_outputs(std::move(outputs));
    into.attributes = attributes();
  }

  struct Result {
    Type type;
    std::string name;
    std::size_t at;
  };

  void statement(Block& into, Scope& scope, int depth) {
    budget_.take(sizeof(Op), "operations");
    const auto results = left_side();
    const auto at = lexer_.peek().offset;
    auto owned = std::make_unique<Op>(identifier("an operation"), "");
    auto& op = into.append(std::move(owned));
    lexer_.expect("(");
    arguments(op);
    for (auto& [attribute, value] : attributes()) {
      if (attribute == "name" && value->strings().size() == 1) op.set_name(value->strings()[0]);
      op.set_attribute(attribute, std::move(value));
    }
    if (op.name().empty() && !results.empty()) op.set_name(results.front().name);
    op.source = {op.name(), op.type()};
    blocks(op, depth);
    lexer_.expect(";");
    for (const auto& r : results) define(op.add_result(r.name, r.type), scope, r.at);
    check_const(op, at);
  }

  /// "type name, type name =", or nothing before an operation without results.
  std::vector<Result> left_side() {
    std::vector<Result> results;
    // Only an operation is followed by its arguments: a type is by '<' or by the value's name.
    if (lexer_.after_next() == '(') return results;
    do {
      if (results.size() == max_parameters) {
        lexer_.fail(cat("there are more than ", max_parameters, " results"), lexer_.peek().offset);
      }
      budget_.take(sizeof(Value), "operations");
      auto t = type();
      const auto at = lexer_.peek().offset;
      results.push_back({std::move(t), identifier("a value's name"), at});
    } while (lexer_.accept(","));
    lexer_.expect("=");
    return results;
  }

  void check_const(const Op& op, std::size_t at) const {
    if (op.type() != "const") return;
    const auto* value = op.attribute("val");
    if (!value) lexer_.fail("a const has no attribute 'val'", at);
    if (op.result_count() != 1 || !compatible(op.result().type, value->type)) {
      lexer_.fail(
          cat("a const declares ", text(op.result().type), ", its value is ", text(value->type)),
          at);
    }
  }

  void blocks(Op& op, int depth) {
    while (lexer_.at("{") || lexer_.at("(")) {
      Scope scope;
      auto& nested_block = op.add_block();
      if (lexer_.accept("(")) parameters(nested_block, scope);
      block(nested_block, scope, depth + 1);
      leave(scope);
      if (!lexer_.accept(",")) return;
    }
  }

  void arguments(Op& op) {
    bool first = true;
    while (!lexer_.accept(")")) {
      if (!first) lexer_.expect(",");
      first = false;
      const auto at = lexer_.peek().offset;
      const auto param = identifier("a parameter's name");
      if (op.arguments().size() == max_parameters) {
        lexer_.fail(cat("an operation has more than ", max_parameters, " parameters"), at);
      }
      if (op.argument(param)) {
        lexer_.fail(cat("the parameter ", base::quoted(param), " is given twice"), at);
      }
      lexer_.expect("=");
      std::vector<Binding> bindings;
      if (lexer_.accept("(")) {
        while (!lexer_.accept(")")) {
          if (!bindings.empty()) lexer_.expect(",");
          bindings.push_back(binding());
        }
      } else {
        bindings.push_back(binding());
      }
      op.set_argument(param, std::move(bindings));
    }
  }

  Binding binding() {
    budget_.take(sizeof(Binding), "operations");
    // A constant begins with its type, `tensor<...>(...)` or `int32(...)`; a value's name, which
    // may be the same word, is followed by neither.
    const char after = lexer_.after_next();
    if (lexer_.peek().kind == Token::Kind::identifier && (after == '<' || after == '(')) {
      return constant();
    }
    return use();
  }

  Lexer lexer_;
  base::Budget& budget_;
  // Keys are the names in the values, which stay where they are.
  std::unordered_map<std::string_view, Value*> values_;
  std::unordered_set<std::string> functions_;
};

}  // namespace

std::unique_ptr<Program> parse_program(std::string_view text, std::string_view file,
                                       base::Budget& budget) {
  if (!base::is_utf8(text)) {
    throw Error(ErrorCode::io, cat(file, ": is not UTF-8 text"));
  }
  auto program = Parser(text, file, budget).run();
  try {
    verify(*program);
  } catch (Error& error) {
    throw error.within(file);
  }
  return program;
}

}  // namespace pome::ir
