// Parser of MIL text: a recursive descent with depth caps.
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <unordered_map>

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
    program->version = version.text.starts_with("1") ? 1 : 0;
    if (program->version != 1) {
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

  /// Elements of a tensor being read.
  struct Elements {
    DataType dtype;
    std::vector<std::byte> bytes;
    std::vector<std::string> strings;
    std::size_t bit = 0;
    std::int64_t count = 0;
  };

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
    budget_.take(static_cast<std::int64_t>(elements.bytes.size()), "immediate values");
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

  void put_float(Elements& elements, const Token& token) {
    const std::string spelling(token.text);
    char* end = nullptr;
    const double value = std::strtod(spelling.c_str(), &end);
    const bool word = token.kind == Token::Kind::identifier;
    if (spelling.empty() || *end != '\0' || token.kind == Token::Kind::string ||
        (word && spelling != "inf" && spelling != "nan")) {
      lexer_.fail(cat("found ", base::quoted(token.text, 40), ", expected a number"), token.offset);
    }
    switch (elements.dtype) {
      case DataType::fp16: return put(elements, base::f16_from_f32(static_cast<float>(value)));
      case DataType::bf16: return put(elements, base::bf16_from_f32(static_cast<float>(value)));
      case DataType::fp32: return put(elements, static_cast<float>(value));
      default: return put(elements, value);
    }
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
      auto attribute = identifier("an attribute's name");
      lexer_.expect("=");
      out.emplace_back(std::move(attribute), constant());
    }
    lexer_.expect("]");
    return out;
  }

  // --- functions, blocks, operations ---

  std::unique_ptr<Function> function() {
    keyword("func");
    auto function_name = identifier("a function's name");
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
    for (const auto& defined : scope) values_.erase(std::string(defined));
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

  /// "{ statements } -> (outputs)"
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
  }

  struct Result {
    Type type;
    std::string name;
    std::size_t at;
  };

  void statement(Block& into, Scope& scope, int depth) {
    budget_.take(sizeof(Op) + sizeof(Value), "operations");
    std::vector<Result> results;
    do {
      auto t = type();
      const auto at = lexer_.peek().offset;
      results.push_back({std::move(t), identifier("a value's name"), at});
    } while (lexer_.accept(","));
    lexer_.expect("=");
    const auto at = lexer_.peek().offset;
    auto owned = std::make_unique<Op>(identifier("an operation"), "");
    auto& op = into.append(std::move(owned));
    lexer_.expect("(");
    arguments(op);
    for (auto& [attribute, value] : attributes()) {
      if (attribute == "name" && value->strings().size() == 1) op.set_name(value->strings()[0]);
      op.set_attribute(attribute, std::move(value));
    }
    if (op.name().empty()) op.set_name(results.front().name);
    op.source = {op.name(), op.type()};
    blocks(op, depth);
    lexer_.expect(";");
    for (auto& r : results) define(op.add_result(r.name, std::move(r.type)), scope, r.at);
    check_const(op, at);
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
      const auto param = identifier("a parameter's name");
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
    // A name is a value unless it begins a type: `tensor<...>(...)` or `int32(...)`.
    const auto token = lexer_.peek();
    if (token.kind == Token::Kind::identifier && !values_.contains(std::string(token.text)) &&
        (token.text == "tensor" || token.text == "tuple" || token.text == "dict" ||
         parse_data_type(token.text))) {
      return constant();
    }
    return use();
  }

  Lexer lexer_;
  base::Budget& budget_;
  std::unordered_map<std::string, Value*> values_;
};

}  // namespace

std::unique_ptr<Program> parse_program(std::string_view text, std::string_view file,
                                       base::Budget& budget) {
  auto program = Parser(text, file, budget).run();
  try {
    verify(*program);
  } catch (Error& error) {
    throw error.within(file);
  }
  return program;
}

}  // namespace pome::ir
