#include "frontend/program/export.h"

#include <cstring>
#include <utility>
#include <vector>

#include "base/text.h"
#include "frontend/program/element_types.h"
#include "pome/error.h"

namespace pome::frontend {
namespace {

using base::cat;
namespace mil = proto::mil;

void export_dimension(std::int64_t dim, mil::Dimension& out) {
  if (ir::is_known(dim)) {
    out.make_constant().size = static_cast<std::uint64_t>(dim);
  } else {
    out.make_unknown().variadic = false;
  }
}

void export_tensor_type(const ir::Type& type, mil::TensorType& out) {
  const auto code = code_of(type.dtype);
  if (!code) {
    throw Error(ErrorCode::unsupported,
                cat("messages have no code for the element type of ", ir::text(type)));
  }
  out.dataType = *code;
  out.rank = type.ranked ? std::ssize(type.dims) : -1;
  for (const auto dim : type.dims) export_dimension(dim, out.dimensions.emplace_back());
}

// Recursive over tuples and dictionaries, which nest as deep as their reader let them.
void export_type(const ir::Type& type, mil::ValueType& out) {
  switch (type.kind) {
    case ir::Type::Kind::tensor: return export_tensor_type(type, out.make_tensorType());
    case ir::Type::Kind::list: {
      auto& list = out.make_listType();
      export_type(type.element(), list.type.make());
      export_dimension(type.length, list.length.make());
      return;
    }
    case ir::Type::Kind::state:
      return export_type(type.element(), out.make_stateType().wrappedType.make());
    case ir::Type::Kind::tuple:
      for (auto& tuple = out.make_tupleType(); const auto& part : type.parameters) {
        export_type(part, tuple.types.emplace_back());
      }
      return;
    case ir::Type::Kind::dictionary: {
      auto& dictionary = out.make_dictionaryType();
      export_type(type.parameters[0], dictionary.keyType.make());
      export_type(type.parameters[1], dictionary.valueType.make());
      return;
    }
    case ir::Type::Kind::none: break;
  }
  throw Error(ErrorCode::unsupported, "a value has no type");
}

/// Elements of an immediate, widened to the type of the message's field.
template <typename Stored, typename Wide>
void widen(std::span<const std::byte> bytes, std::vector<Wide>& out) {
  out.resize(bytes.size() / sizeof(Stored));
  for (std::size_t i = 0; i < out.size(); ++i) {
    Stored value;
    std::memcpy(&value, bytes.data() + i * sizeof value, sizeof value);
    out[i] = static_cast<Wide>(value);
  }
}

void export_elements(const ir::Constant& value, mil::TensorValue& out) {
  const auto bytes = value.bytes();
  switch (value.type.dtype) {
    case DataType::string:
      out.make_strings().values.assign(value.strings().begin(), value.strings().end());
      return;
    case DataType::boolean: return widen<std::uint8_t>(bytes, out.make_bools().values);
    case DataType::fp32: return out.make_floats().values.append(bytes);
    case DataType::fp64: return out.make_doubles().values.append(bytes);
    case DataType::int16: return widen<std::int16_t>(bytes, out.make_ints().values);
    case DataType::uint16: return widen<std::uint16_t>(bytes, out.make_ints().values);
    case DataType::int32: return widen<std::int32_t>(bytes, out.make_ints().values);
    case DataType::int64: return widen<std::int64_t>(bytes, out.make_longInts().values);
    case DataType::uint64: return widen<std::uint64_t>(bytes, out.make_longInts().values);
    default: out.make_bytes().values = bytes;
  }
}

// Recursive over tuples, lists and dictionaries, as export_type.
void export_value(const ir::Constant& value, mil::Value& out) {
  export_type(value.type, out.type.make());
  out.docString = value.doc;
  if (const auto* blob = std::get_if<ir::BlobReference>(&value.data)) {
    auto& reference = out.make_blobFileValue();
    reference.fileName = blob->file;
    reference.offset = blob->offset;
    return;
  }
  auto& immediate = out.make_immediateValue();
  if (const auto* items = std::get_if<ir::Constant::Items>(&value.data)) {
    auto& values = value.type.kind == ir::Type::Kind::list ? immediate.make_list().values
                                                           : immediate.make_tuple().values;
    for (const auto& item : *items) export_value(*item, values.emplace_back());
  } else if (const auto* entries = std::get_if<ir::Constant::Entries>(&value.data)) {
    auto& values = immediate.make_dictionary().values;
    for (const auto& [key, entry] : *entries) {
      auto& pair = values.emplace_back();
      export_value(*key, pair.key.make());
      export_value(*entry, pair.value.make());
    }
  } else {
    export_elements(value, immediate.make_tensor());
  }
}

void export_attributes(const std::vector<ir::Attribute>& attributes,
                       proto::Map<std::string_view, mil::Value>& out) {
  for (const auto& [name, value] : attributes) {
    out.emplace_back(name, mil::Value{});
    export_value(*value, out.back().second);
  }
}

void export_named(const ir::Value& value, mil::NamedValueType& out) {
  out.name = value.name;
  export_type(value.type, out.type.make());
}

void export_argument(const ir::Argument& argument, mil::Argument& out) {
  for (const auto& binding : argument.bindings) {
    auto& message = out.arguments.emplace_back();
    if (binding.value) {
      message.set_name(binding.value->name);
    } else {
      export_value(*binding.literal, message.make_value());
    }
  }
}

void export_block(const ir::Block& block, mil::Block& out);

void export_op(const ir::Op& op, mil::Operation& out) {
  out.type = op.type();
  for (const auto& argument : op.arguments()) {
    out.inputs.emplace_back(argument.name, mil::Argument{});
    export_argument(argument, out.inputs.back().second);
  }
  for (std::size_t i = 0; i < op.result_count(); ++i) {
    export_named(op.result(i), out.outputs.emplace_back());
  }
  export_attributes(op.attributes(), out.attributes);
  for (const auto& nested : op.blocks()) export_block(*nested, out.blocks.emplace_back());
}

// Recursive over nested blocks; programs that verify are nested at most max_block_depth deep.
void export_block(const ir::Block& block, mil::Block& out) {
  // The inputs of a function's block are the function's and stand there alone.
  if (block.owner()) {
    for (const auto& input : block.inputs()) export_named(*input, out.inputs.emplace_back());
  }
  for (const auto& op : block.operations()) {
    try {
      export_op(*op, out.operations.emplace_back());
    } catch (Error& error) {
      throw error.within(op->place());
    }
  }
  for (const auto* value : block.outputs()) out.outputs.emplace_back(value->name);
  export_attributes(block.attributes, out.attributes);
}

void export_function(const ir::Function& function, mil::Function& out) {
  out.opset = function.opset;
  for (const auto& input : function.body->inputs()) {
    export_named(*input, out.inputs.emplace_back());
  }
  export_attributes(function.attributes, out.attributes);
  out.block_specializations.emplace_back(function.opset, mil::Block{});
  export_block(*function.body, out.block_specializations.back().second);
}

}  // namespace

mil::Program export_program(const ir::Program& program) {
  mil::Program out;
  out.version = program.version;
  out.docString = program.doc;
  export_attributes(program.attributes, out.attributes);
  for (const auto& function : program.functions) {
    out.functions.emplace_back(function->name, mil::Function{});
    try {
      export_function(*function, out.functions.back().second);
    } catch (Error& error) {
      throw error.within(cat("function ", base::quoted(function->name)));
    }
  }
  return out;
}

}  // namespace pome::frontend
