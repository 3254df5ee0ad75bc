#include "frontend/program/values.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "base/checked.h"
#include "base/text.h"
#include "frontend/program/element_types.h"
#include "pome/error.h"

namespace pome::frontend {
namespace {

using base::cat;
namespace mil = proto::mil;

constexpr int max_value_depth = 16;
constexpr std::size_t max_rank = 64;

[[noreturn]] void fail(std::string message) {
  throw Error(ErrorCode::io, std::move(message));
}

DataType element_type(mil::DataType code) {
  const auto type = element_type_of(code);
  if (!type) fail(cat("element type ", static_cast<int>(code), " is not known"));
  return *type;
}

std::int64_t dimension(const mil::Dimension& message) {
  if (const auto* constant = message.constant()) {
    const auto size = base::checked_cast<std::int64_t>(constant->size);
    if (!size) fail(cat("a dimension of ", constant->size, " is too large"));
    return *size;
  }
  return ir::unknown_dim;
}

ir::Type tensor_type(const mil::TensorType& message) {
  const auto dtype = element_type(message.dataType);
  if (message.rank < 0) return ir::Type::unranked(dtype);
  if (static_cast<std::size_t>(message.rank) != message.dimensions.size()) {
    fail(cat("a tensor type of rank ", message.rank, " lists ", message.dimensions.size(),
             " dimensions"));
  }
  if (message.dimensions.size() > max_rank) {
    fail(cat("a tensor type has ", message.dimensions.size(), " dimensions, expected at most ",
             max_rank));
  }
  ir::Dims dims;
  for (const auto& d : message.dimensions) {
    const auto* unknown = d.unknown();
    if (unknown && unknown->variadic) return ir::Type::unranked(dtype);
    dims.push_back(dimension(d));
  }
  return ir::Type::tensor(dtype, std::move(dims));
}

ir::Type import_type(const mil::ValueType& message, int depth) {
  if (depth > max_value_depth) fail(cat("types are nested deeper than ", max_value_depth));
  if (const auto* tensor = message.tensorType()) return tensor_type(*tensor);
  if (const auto* list = message.listType()) {
    if (!list->type) fail("a list type has no element type");
    const auto element = import_type(*list->type, depth + 1);
    if (!element.is_tensor()) fail("a list type's elements are not tensors");
    return ir::Type::list(element, list->length ? dimension(*list->length) : ir::unknown_dim);
  }
  if (const auto* state = message.stateType()) {
    if (!state->wrappedType) fail("a state type wraps no type");
    const auto wrapped = import_type(*state->wrappedType, depth + 1);
    if (!wrapped.is_tensor()) fail("a state type does not wrap a tensor");
    return ir::Type::state(wrapped);
  }
  ir::Type out;
  if (const auto* tuple = message.tupleType()) {
    out.kind = ir::Type::Kind::tuple;
    for (const auto& part : tuple->types) out.parameters.push_back(import_type(part, depth + 1));
    return out;
  }
  if (const auto* dictionary = message.dictionaryType()) {
    out.kind = ir::Type::Kind::dictionary;
    if (!dictionary->keyType || !dictionary->valueType) fail("a dictionary type is incomplete");
    out.parameters.push_back(import_type(*dictionary->keyType, depth + 1));
    out.parameters.push_back(import_type(*dictionary->valueType, depth + 1));
    return out;
  }
  fail("a value has no type");
}

class ValueImporter {
 public:
  ValueImporter(const std::shared_ptr<const void>& owner, base::Budget& budget)
      : owner_(owner), budget_(budget) {}

  ir::ConstantPtr run(const mil::Value& message, int depth) {
    if (depth > max_value_depth) fail(cat("values are nested deeper than ", max_value_depth));
    if (!message.type) fail("a value has no type");
    auto out = std::make_shared<ir::Constant>();
    out->type = import_type(*message.type, 0);
    out->doc = std::string(message.docString);
    if (const auto* blob = message.blobFileValue()) {
      out->data = ir::BlobReference{std::string(blob->fileName), blob->offset};
      if (!out->type.is_tensor() || !out->type.is_static()) {
        fail(cat("a weight in a file has type ", ir::text(out->type),
                 ", expected a tensor of known size"));
      }
      return out;
    }
    const auto* immediate = message.immediateValue();
    if (!immediate) fail("a value holds nothing");
    if (const auto* tensor = immediate->tensor()) {
      read_tensor(*tensor, *out);
    } else if (const auto* tuple = immediate->tuple()) {
      expect(out->type.kind == ir::Type::Kind::tuple, out->type, "a tuple");
      expect_count(tuple->values.size(), std::ssize(out->type.parameters), out->type);
      out->data = tuple_items(tuple->values, out->type, depth);
    } else if (const auto* list = immediate->list()) {
      expect(out->type.kind == ir::Type::Kind::list, out->type, "a list");
      if (ir::is_known(out->type.length)) {
        expect_count(list->values.size(), out->type.length, out->type);
      }
      out->data = list_items(list->values, out->type.element(), depth);
    } else if (const auto* dictionary = immediate->dictionary()) {
      expect(out->type.kind == ir::Type::Kind::dictionary, out->type, "a dictionary");
      out->data = entries(*dictionary, out->type, depth);
    } else {
      fail("an immediate value holds nothing");
    }
    return out;
  }

 private:
  /// A value inside another one, of the type that the outer one says.
  ir::ConstantPtr part(const mil::Value& message, const ir::Type& declared, int depth) {
    budget_.take(sizeof(ir::Constant), "immediate values");
    auto out = run(message, depth + 1);
    if (!ir::compatible(declared, out->type)) {
      fail(cat("a part of a value has type ", ir::text(out->type), ", expected ",
               ir::text(declared)));
    }
    if (out->is_blob()) fail("a part of a value lies in a weight file, expected it in place");
    return out;
  }

  ir::Constant::Items tuple_items(const std::vector<mil::Value>& values, const ir::Type& type,
                                  int depth) {
    ir::Constant::Items out;
    for (std::size_t i = 0; i < values.size(); ++i) {
      out.push_back(part(values[i], type.parameters[i], depth));
    }
    return out;
  }

  ir::Constant::Items list_items(const std::vector<mil::Value>& values, const ir::Type& element,
                                 int depth) {
    ir::Constant::Items out;
    for (const auto& value : values) out.push_back(part(value, element, depth));
    return out;
  }

  ir::Constant::Entries entries(const mil::DictionaryValue& message, const ir::Type& type,
                                int depth) {
    ir::Constant::Entries out;
    for (const auto& pair : message.values) {
      if (!pair.key || !pair.value) fail("a dictionary's entry is incomplete");
      auto key = part(*pair.key, type.parameters[0], depth);
      out.emplace_back(std::move(key), part(*pair.value, type.parameters[1], depth));
    }
    return out;
  }

  void read_tensor(const mil::TensorValue& message, ir::Constant& out) {
    const auto count = out.type.is_tensor() && out.type.is_static()
                           ? base::element_count(out.type.dims)
                           : std::nullopt;
    if (!count) {
      fail(cat("an immediate value has type ", ir::text(out.type),
               ", expected a tensor of known size"));
    }
    const auto dtype = out.type.dtype;
    if (const auto* strings = message.strings()) {
      expect(dtype == DataType::string, out.type, "strings");
      expect_count(strings->values.size(), *count, out.type);
      out.data = ir::Constant::Strings(strings->values.begin(), strings->values.end());
    } else if (const auto* floats = message.floats()) {
      expect(dtype == DataType::fp32, out.type, "floats");
      expect_count(floats->values.size(), *count, out.type);
      view(floats->values, out);
    } else if (const auto* doubles = message.doubles()) {
      expect(dtype == DataType::fp64, out.type, "doubles");
      expect_count(doubles->values.size(), *count, out.type);
      view(doubles->values, out);
    } else if (const auto* bytes = message.bytes()) {
      expect(dtype != DataType::string, out.type, "bytes");
      const auto need = base::byte_count(*count, dtype);
      if (!need || static_cast<std::size_t>(*need) != bytes->values.size()) {
        fail(cat("a value of type ", ir::text(out.type), " has ", bytes->values.size(),
                 " bytes, expected ", need.value_or(-1)));
      }
      if (dtype == DataType::boolean &&
          std::ranges::any_of(bytes->values, [](std::byte b) { return b > std::byte{1}; })) {
        fail(cat("a value of type ", ir::text(out.type), " has a byte that is not 0 or 1"));
      }
      out.data = ir::ImmediateBytes{bytes->values, owner_};
    } else if (const auto* ints = message.ints()) {
      expect_count(ints->values.size(), *count, out.type);
      narrow<std::int32_t>(ints->values, out);
    } else if (const auto* longs = message.longInts()) {
      expect_count(longs->values.size(), *count, out.type);
      narrow<std::int64_t>(longs->values, out);
    } else if (const auto* bools = message.bools()) {
      expect(dtype == DataType::boolean, out.type, "bools");
      expect_count(bools->values.size(), *count, out.type);
      std::vector<std::byte> raw;
      for (const auto b : bools->values) raw.push_back(static_cast<std::byte>(b != 0));
      take(std::move(raw), out);
    } else {
      fail("a tensor value holds nothing");
    }
  }

  static void expect(bool agrees, const ir::Type& type, std::string_view found) {
    if (!agrees) fail(cat("a value of type ", ir::text(type), " is given as ", found));
  }

  static void expect_count(std::size_t found, std::int64_t expected, const ir::Type& type) {
    if (found != static_cast<std::size_t>(expected)) {
      fail(cat("a value of type ", ir::text(type), " has ", found, " elements, expected ",
               expected));
    }
  }

  /// A view into the file's buffer; arrays that came in pieces live in the message and are copied.
  template <typename T>
  void view(const proto::PackedView<T>& values, ir::Constant& out) {
    const auto bytes = values.bytes();
    if (values.is_copy()) {
      take({bytes.begin(), bytes.end()}, out);
    } else {
      out.data = ir::ImmediateBytes{bytes, owner_};
    }
  }

  void take(std::vector<std::byte> raw, ir::Constant& out) {
    budget_.take(static_cast<std::int64_t>(raw.size()), "immediate values");
    auto kept = std::make_shared<const std::vector<std::byte>>(std::move(raw));
    out.data = ir::ImmediateBytes{*kept, kept};
  }

  template <typename From, typename Values>
  void narrow(const Values& values, ir::Constant& out) {
    const auto dtype = out.type.dtype;
    expect(is_integer(dtype) && bits(dtype) >= 8, out.type, "integers");
    const auto width = static_cast<std::size_t>(bits(dtype) / 8);
    const bool is_signed = dtype == DataType::int8 || dtype == DataType::int16 ||
                           dtype == DataType::int32 || dtype == DataType::int64;
    std::vector<std::byte> raw(values.size() * width);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::int64_t value = values[i];
      const std::int64_t high = width == 8
                                    ? std::numeric_limits<std::int64_t>::max()
                                    : (std::int64_t{1} << (width * 8 - (is_signed ? 1 : 0))) - 1;
      const std::int64_t low = is_signed ? -high - 1 : 0;
      // Messages carry uint64 in the bits of int64.
      if (dtype != DataType::uint64 && (value < low || value > high)) {
        fail(cat("the element ", value, " does not fit ", name(dtype)));
      }
      std::memcpy(raw.data() + i * width, &value, width);
    }
    take(std::move(raw), out);
  }

  const std::shared_ptr<const void>& owner_;
  base::Budget& budget_;
};

}  // namespace

ir::Type import_type(const mil::ValueType& message) {
  return import_type(message, 0);
}

ir::ConstantPtr import_value(const mil::Value& message, const std::shared_ptr<const void>& owner,
                             base::Budget& budget) {
  return ValueImporter(owner, budget).run(message, 0);
}

}  // namespace pome::frontend
