// Printing of MIL text, in the spelling of Apple's compiler.
//
// From opset iOS18 on, and in programs of several functions, scalars are spelt `int32(1)`; before,
// `tensor<int32, []>(1)`. Apple publishes no form for nested blocks; here they follow their
// operation's attributes:  = cond(pred = p)[name = ...] { ... } -> (a), { ... } -> (b);
// and the inputs of a block stand before it in parentheses. An operation without results is its
// call alone: `write_state(data = x, input = s)[name = ...];`. Attributes of a block, which no
// known file has, follow its outputs.
#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/checked.h"
#include "base/half.h"
#include "base/text.h"
#include "ir/text.h"
#include "ir/text_names.h"
#include "pome/error.h"

namespace pome::ir {
namespace {

using base::append;

class Printer {
 public:
  explicit Printer(const Program& program) : program_(program) {
    bare_scalars_ = program.functions.size() > 1;
    for (const auto& f : program.functions) {
      if (f->opset == "CoreML8" || f->opset == "CoreML9") bare_scalars_ = true;
    }
  }

  std::string run() {
    out_ += bare_scalars_ ? "program(1.3)\n" : "program(1.0)\n";
    attributes(program_.attributes);
    out_ += program_.attributes.empty() ? "{\n" : "\n{\n";
    for (const auto& function : program_.functions) print_function(*function);
    out_ += "}";
    return std::move(out_);
  }

 private:
  void print_function(const Function& function) {
    out_ += "    func ";
    identifier(function.name);
    out_ += '<';
    identifier(text_opset(function.opset));
    out_ += '>';
    parameters(function.body->inputs());
    out_ += ' ';
    attributes(function.attributes);
    out_ += function.attributes.empty() ? "{\n" : " {\n";
    body(*function.body, 12);
    out_ += "        } -> ";
    outputs(*function.body);
    attributes(function.body->attributes);
    out_ += ";\n";
  }

  void parameters(const std::vector<std::unique_ptr<Value>>& inputs) {
    out_ += '(';
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (i != 0) out_ += ", ";
      type(inputs[i]->type);
      out_ += ' ';
      identifier(inputs[i]->name);
    }
    out_ += ')';
  }

  void outputs(const Block& block) {
    out_ += '(';
    for (std::size_t i = 0; i < block.outputs().size(); ++i) {
      if (i != 0) out_ += ", ";
      identifier(block.outputs()[i]->name);
    }
    out_ += ')';
  }

  // Recursive over nested blocks; programs that verify are nested at most max_block_depth deep.
  void body(const Block& block, std::size_t indent) {
    for (const auto& op : block.operations()) {
      out_.append(indent, ' ');
      statement(*op, indent);
    }
  }

  void statement(const Op& op, std::size_t indent) {
    for (std::size_t i = 0; i < op.result_count(); ++i) {
      if (i != 0) out_ += ", ";
      type(op.result(i).type);
      out_ += ' ';
      identifier(op.result(i).name);
    }
    if (op.result_count() != 0) out_ += " = ";
    identifier(op.type());
    out_ += '(';
    for (std::size_t i = 0; i < op.arguments().size(); ++i) {
      if (i != 0) out_ += ", ";
      argument(op.arguments()[i]);
    }
    out_ += ')';
    attributes(op.attributes());
    for (std::size_t i = 0; i < op.blocks().size(); ++i) {
      if (i != 0) out_ += ',';
      out_ += ' ';
      const auto& block = *op.blocks()[i];
      if (!block.inputs().empty()) {
        parameters(block.inputs());
        out_ += ' ';
      }
      out_ += "{\n";
      body(block, indent + 4);
      out_.append(indent, ' ');
      out_ += "} -> ";
      outputs(block);
      attributes(block.attributes);
    }
    out_ += ";\n";
  }

  void argument(const Argument& argument) {
    identifier(argument.name);
    out_ += " = ";
    const bool several = argument.bindings.size() != 1;
    if (several) out_ += '(';
    for (std::size_t i = 0; i < argument.bindings.size(); ++i) {
      if (i != 0) out_ += ", ";
      const auto& binding = argument.bindings[i];
      if (binding.value) {
        identifier(binding.value->name);
      } else {
        constant(*binding.literal);
      }
    }
    if (several) out_ += ')';
  }

  void attributes(const std::vector<Attribute>& list) {
    if (list.empty()) return;
    out_ += '[';
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (i != 0) out_ += ", ";
      identifier(list[i].first);
      out_ += " = ";
      constant(*list[i].second);
    }
    out_ += ']';
  }

  void identifier(std::string_view name) {
    if (is_identifier(name)) {
      out_ += name;
    } else {
      string(name);
    }
  }

  void string(std::string_view text) {
    out_ += '"';
    for (const char c : text) {
      switch (c) {
        case '"': out_ += "\\\""; break;
        case '\\': out_ += "\\\\"; break;
        case '\n': out_ += "\\n"; break;
        case '\t': out_ += "\\t"; break;
        case '\r': out_ += "\\r"; break;
        case '\0': out_ += "\\0"; break;
        default: out_ += c;
      }
    }
    out_ += '"';
  }

  void type(const Type& t, int depth = 0) {
    switch (t.kind) {
      case Type::Kind::tensor:
        if (bare_scalars_ && t.ranked && t.dims.empty()) {
          out_ += name(t.dtype);
        } else {
          tensor_type(t);
        }
        return;
      case Type::Kind::list:
        out_ += "list<";
        type(t.element(), depth + 1);
        out_ += ", ";
        append(out_, is_known(t.length) ? base::cat(t.length) : std::string("?"));
        out_ += '>';
        return;
      case Type::Kind::state:
        out_ += "state<";
        type(t.element(), depth + 1);
        out_ += '>';
        return;
      case Type::Kind::tuple:
      case Type::Kind::dictionary:
        out_ += t.kind == Type::Kind::tuple ? "tuple<" : "dict<";
        for (std::size_t i = 0; i < t.parameters.size(); ++i) {
          if (i != 0) out_ += ", ";
          type(t.parameters[i], depth + 1);
        }
        out_ += '>';
        return;
      case Type::Kind::none: out_ += "none"; return;
    }
  }

  void tensor_type(const Type& t) {
    out_ += "tensor<";
    out_ += name(t.dtype);
    out_ += ", ";
    out_ += t.ranked ? base::shape_text(t.dims) : std::string("[...]");
    out_ += '>';
  }

  void constant(const Constant& c) {
    type(c.type);
    out_ += '(';
    if (const auto* blob = std::get_if<BlobReference>(&c.data)) {
      const bool bare = bare_scalars_;
      out_ += bare ? "BLOBFILE(path = string(" : "BLOBFILE(path = tensor<string, []>(";
      string(blob->file);
      out_ += bare ? "), offset = uint64(" : "), offset = tensor<uint64, []>(";
      append(out_, blob->offset);
      out_ += "))";
    } else {
      literal(c);
    }
    out_ += ')';
  }

  void literal(const Constant& c) {
    if (const auto* items = std::get_if<Constant::Items>(&c.data)) {
      const bool list = c.type.kind == Type::Kind::list;
      out_ += list ? '[' : '(';
      for (std::size_t i = 0; i < items->size(); ++i) {
        if (i != 0) out_ += ", ";
        literal(*(*items)[i]);
      }
      out_ += list ? ']' : ')';
    } else if (const auto* entries = std::get_if<Constant::Entries>(&c.data)) {
      out_ += '{';
      for (std::size_t i = 0; i < entries->size(); ++i) {
        if (i != 0) out_ += ", ";
        out_ += '{';
        literal(*(*entries)[i].first);
        out_ += ", ";
        literal(*(*entries)[i].second);
        out_ += '}';
      }
      out_ += '}';
    } else {
      std::int64_t next = 0;
      // Without elements the shape stands in the type alone: rows of nothing may be very many.
      if (std::ranges::find(c.type.dims, 0) != c.type.dims.end()) {
        out_ += "[]";
      } else {
        elements(c, 0, next);
      }
    }
  }

  void elements(const Constant& c, std::size_t axis, std::int64_t& next) {
    if (axis == c.type.dims.size()) {
      element(c, next++);
      return;
    }
    out_ += '[';
    for (std::int64_t i = 0; i < c.type.dims[axis]; ++i) {
      if (i != 0) out_ += ", ";
      elements(c, axis + 1, next);
    }
    out_ += ']';
  }

  template <typename T>
  static T load(const Constant& c, std::int64_t i) {
    T value{};
    std::memcpy(&value, c.bytes().data() + static_cast<std::size_t>(i) * sizeof(T), sizeof(T));
    return value;
  }

  /// Hexadecimal, which is exact. A NaN that is not the usual one is printed with its bits.
  void number(double value, std::uint64_t pattern, std::uint64_t usual_nan) {
    char buffer[40];
    if (std::isnan(value)) {
      out_ += "nan";
      if (pattern == usual_nan) return;
      const auto end = std::to_chars(buffer, buffer + sizeof buffer, pattern, 16).ptr;
      out_ += "(0x";
      out_.append(buffer, end);
      out_ += ')';
    } else if (std::isinf(value)) {
      out_ += value < 0 ? "-inf" : "inf";
    } else {
      const auto end =
          std::to_chars(buffer, buffer + sizeof buffer, std::abs(value), std::chars_format::hex)
              .ptr;
      out_ += std::signbit(value) ? "-0x" : "0x";
      out_.append(buffer, end);
    }
  }

  void floating(const Constant& c, std::int64_t i) {
    if (c.type.dtype == DataType::fp64) {
      const auto pattern = load<std::uint64_t>(c, i);
      number(std::bit_cast<double>(pattern), pattern, 0x7FF8000000000000U);
    } else if (c.type.dtype == DataType::fp32) {
      const auto pattern = load<std::uint32_t>(c, i);
      number(std::bit_cast<float>(pattern), pattern, 0x7FC00000U);
    } else {
      const auto pattern = load<std::uint16_t>(c, i);
      const bool half = c.type.dtype == DataType::fp16;
      number(half ? base::f32_from_f16(pattern) : base::f32_from_bf16(pattern), pattern,
             half ? 0x7E00U : 0x7FC0U);
    }
  }

  void element(const Constant& c, std::int64_t i) {
    switch (c.type.dtype) {
      case DataType::string: return string(c.strings()[static_cast<std::size_t>(i)]);
      case DataType::boolean: return append(out_, load<std::uint8_t>(c, i) != 0);
      case DataType::fp16:
      case DataType::bf16:
      case DataType::fp32:
      case DataType::fp64: return floating(c, i);
      case DataType::int8: return append(out_, static_cast<int>(load<std::int8_t>(c, i)));
      case DataType::int16: return append(out_, load<std::int16_t>(c, i));
      case DataType::int32: return append(out_, load<std::int32_t>(c, i));
      case DataType::int64: return append(out_, load<std::int64_t>(c, i));
      case DataType::uint8:
      case DataType::fp8e4m3fn:
      case DataType::fp8e5m2: return append(out_, static_cast<int>(load<std::uint8_t>(c, i)));
      case DataType::uint16: return append(out_, load<std::uint16_t>(c, i));
      case DataType::uint32: return append(out_, load<std::uint32_t>(c, i));
      case DataType::uint64: return append(out_, load<std::uint64_t>(c, i));
      case DataType::int4:
      case DataType::uint1:
      case DataType::uint2:
      case DataType::uint3:
      case DataType::uint4:
      case DataType::uint6: return append(out_, sub_byte(c, i));
      case DataType::invalid: return;
    }
  }

  static int sub_byte(const Constant& c, std::int64_t i) {
    const int width = bits(c.type.dtype);
    int value = 0;
    for (int b = 0; b < width; ++b) {
      const std::int64_t bit = i * width + b;
      const auto byte = std::to_integer<int>(c.bytes()[static_cast<std::size_t>(bit / 8)]);
      value |= ((byte >> (bit % 8)) & 1) << b;
    }
    return c.type.dtype == DataType::int4 && value > 7 ? value - 16 : value;
  }

  const Program& program_;
  bool bare_scalars_ = false;
  std::string out_;
};

}  // namespace

std::string print(const Program& program) {
  return Printer(program).run();
}

}  // namespace pome::ir
