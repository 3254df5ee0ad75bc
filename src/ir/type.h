// Types of MIL values: tensors with known or unknown dimensions, lists, states, and the tuples and
// dictionaries that only attributes use.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/inline_vector.h"
#include "pome/data_type.h"

namespace pome::ir {

using base::Dims;

/// A dimension inside `Dims` is its size when not negative. `unknown_dim` is a dimension of which
/// nothing is known; every value below it is a named symbol: equal symbols are equal sizes.
inline constexpr std::int64_t unknown_dim = -1;
constexpr bool is_known(std::int64_t dim) noexcept {
  return dim >= 0;
}
constexpr bool is_symbol(std::int64_t dim) noexcept {
  return dim < unknown_dim;
}
constexpr std::int64_t symbol_dim(std::int64_t id) noexcept {
  return unknown_dim - 1 - id;
}

/// Type of a MIL value. A small value type; equality is structural.
struct Type {
  enum class Kind : std::uint8_t { none, tensor, list, tuple, dictionary, state };

  Kind kind = Kind::none;
  DataType dtype =
      DataType::invalid;  ///< element type: of the tensor, the list's elements, the state
  bool ranked = true;     ///< false: the number of dimensions is not known
  Dims dims;              ///< of the tensor, the list's elements, the state
  std::int64_t length = unknown_dim;  ///< lists: number of elements
  std::vector<Type> parameters;       ///< tuples: the parts; dictionaries: key and value type

  static Type tensor(DataType dtype, Dims dims) {
    Type type;
    type.kind = Kind::tensor;
    type.dtype = dtype;
    type.dims = std::move(dims);
    return type;
  }
  static Type unranked(DataType dtype) {
    Type type = tensor(dtype, {});
    type.ranked = false;
    return type;
  }
  static Type scalar(DataType dtype) { return tensor(dtype, {}); }
  static Type list(const Type& element, std::int64_t length = unknown_dim) {
    Type type = element;
    type.kind = Kind::list;
    type.length = length;
    return type;
  }
  static Type state(const Type& wrapped) {
    Type type = wrapped;
    type.kind = Kind::state;
    return type;
  }

  bool is_tensor() const noexcept { return kind == Kind::tensor; }
  std::size_t rank() const noexcept { return dims.size(); }
  /// The tensor type inside a list or state.
  Type element() const {
    Type type = *this;
    type.kind = Kind::tensor;
    type.length = unknown_dim;
    return type;
  }
  /// True when every dimension is known.
  bool is_static() const noexcept;

  friend bool operator==(const Type&, const Type&) = default;
};

/// MIL's spelling: "tensor<fp16, [1, ?, 4]>", "list<tensor<fp32, [2]>, 5>", "state<tensor<...>>".
std::string text(const Type& type);

/// True when a value of type `actual` may stand where `declared` is written: same kind and element
/// type, and no known dimension contradicts another. Unknown dimensions agree with everything.
bool compatible(const Type& declared, const Type& actual) noexcept;

/// What is known from both of two compatible types.
Type merge(const Type& a, const Type& b);

}  // namespace pome::ir
