// MultiArray: Core ML's MLMultiArray, the n-dimensional array of a feature value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "pome/data_type.h"
#include "pome/export.h"
#include "pome/float16.h"

namespace pome {

/// The element type that a C++ type stands for; DataType::invalid for all other types.
template <typename T>
constexpr DataType data_type_of() noexcept {
  if constexpr (std::is_same_v<T, bool>) return DataType::boolean;
  if constexpr (std::is_same_v<T, Float16>) return DataType::fp16;
  if constexpr (std::is_same_v<T, float>) return DataType::fp32;
  if constexpr (std::is_same_v<T, double>) return DataType::fp64;
  if constexpr (std::is_same_v<T, std::int8_t>) return DataType::int8;
  if constexpr (std::is_same_v<T, std::int16_t>) return DataType::int16;
  if constexpr (std::is_same_v<T, std::int32_t>) return DataType::int32;
  if constexpr (std::is_same_v<T, std::int64_t>) return DataType::int64;
  if constexpr (std::is_same_v<T, std::uint8_t>) return DataType::uint8;
  if constexpr (std::is_same_v<T, std::uint16_t>) return DataType::uint16;
  if constexpr (std::is_same_v<T, std::uint32_t>) return DataType::uint32;
  if constexpr (std::is_same_v<T, std::uint64_t>) return DataType::uint64;
  return DataType::invalid;
}

/// A C++ type that can be an element of a MultiArray.
template <typename T>
concept MultiArrayElement = data_type_of<std::remove_const_t<T>>()
!= DataType::invalid;

/// An n-dimensional array of numbers.
///
/// A handle, as MLMultiArray is: copying it shares the elements, `clone()` copies them. Element
/// types are fp16, fp32, fp64, bool and the integers of 8 to 64 bits. Shapes and strides are in
/// elements; a shape of no dimensions is a scalar (one element). Reading from several threads at
/// once is safe; writing while another thread reads or writes is not.
class POME_API MultiArray {
 public:
  /// No array at all: data type `invalid`, no elements.
  MultiArray() noexcept;

  /// Zero-filled and dense, aligned to 64 bytes.
  /// Throws Error{parameters} for an element type not listed above, a negative dimension or a size
  /// that does not fit; Error{out_of_memory} when the memory cannot be had.
  MultiArray(DataType type, std::span<const std::int64_t> shape);
  MultiArray(DataType type, std::initializer_list<std::int64_t> shape);

  /// A dense copy of `bytes`, row-major. Throws Error{parameters} when the number of bytes is not
  /// exactly what type and shape take.
  static MultiArray copy_of(std::span<const std::byte> bytes, DataType type,
                            std::span<const std::int64_t> shape);

  /// A dense copy of `values`, row-major. Throws Error{parameters} when their number is not the
  /// number of elements of `shape`.
  template <MultiArrayElement T>
  static MultiArray copy_of(std::span<const T> values, std::span<const std::int64_t> shape) {
    return copy_of(std::as_bytes(values), data_type_of<T>(), shape);
  }
  template <MultiArrayElement T>
  static MultiArray copy_of(std::initializer_list<T> values,
                            std::initializer_list<std::int64_t> shape) {
    return copy_of(std::span<const T>(values.begin(), values.size()),
                   std::span<const std::int64_t>(shape.begin(), shape.size()));
  }

  /// The caller's memory without a copy. `strides` are in elements, may be zero or negative, and
  /// empty means dense row-major; `data` is the address of element (0, ..., 0). `owner` is kept as
  /// long as any handle to this array lives (a custom deleter on it frees the memory); when it is
  /// null the caller keeps the memory alive. The memory must be aligned for the element type.
  /// Throws Error{parameters}: element type, shape, number of strides, null or misaligned data.
  static MultiArray wrap(void* data, DataType type, std::span<const std::int64_t> shape,
                         std::span<const std::int64_t> strides = {},
                         std::shared_ptr<const void> owner = nullptr);
  /// The same for memory that must not be written: `mutable_data()` and `mutable_elements()`
  /// throw on it.
  static MultiArray wrap_const(const void* data, DataType type, std::span<const std::int64_t> shape,
                               std::span<const std::int64_t> strides = {},
                               std::shared_ptr<const void> owner = nullptr);

  DataType data_type() const noexcept;
  std::span<const std::int64_t> shape() const noexcept;
  /// In elements, one a dimension.
  std::span<const std::int64_t> strides() const noexcept;
  /// Number of elements (the product of the shape); 0 for an array that was default-constructed.
  std::int64_t count() const noexcept;
  /// True when the elements lie row-major without gaps.
  bool is_dense() const noexcept;
  bool is_read_only() const noexcept;
  explicit operator bool() const noexcept { return data_type() != DataType::invalid; }

  /// Address of element (0, ..., 0).
  const void* data() const noexcept;
  /// Throws Error{parameters} for wrapped read-only memory.
  void* mutable_data();

  /// The elements in row-major order. Throws Error{feature_type} when the array holds another type
  /// than T, Error{parameters} when it is not dense.
  template <MultiArrayElement T>
  std::span<const T> elements() const {
    check_access(data_type_of<T>());
    return {static_cast<const T*>(data()), static_cast<std::size_t>(count())};
  }
  /// The same, for writing.
  template <MultiArrayElement T>
  std::span<T> mutable_elements() {
    check_access(data_type_of<T>());
    return {static_cast<T*>(mutable_data()), static_cast<std::size_t>(count())};
  }

  /// One element of any type as double (exact except for integers beyond 2^53).
  /// Throws Error{parameters} when the index has another rank or is out of range.
  double at(std::span<const std::int64_t> index) const;
  double at(std::initializer_list<std::int64_t> index) const;
  /// Sets one element, converted as `converted_to` does. Throws as `at`, and for read-only memory.
  void set(std::initializer_list<std::int64_t> index, double value);

  /// A dense copy of its own.
  MultiArray clone() const;
  /// A dense copy with another element type: floating point to integer truncates towards zero and
  /// saturates (NaN gives 0); to fp16 rounds to nearest even; to bool gives value != 0.
  MultiArray converted_to(DataType type) const;
  /// The same elements under another shape of the same count. Shares the elements where the array
  /// is dense, else copies. Throws Error{parameters} when the counts differ.
  MultiArray reshaped(std::span<const std::int64_t> shape) const;

  /// "MultiArray (fp32, 1 x 3 x 224 x 224)", for messages and logs.
  std::string text() const;

 private:
  struct Impl;
  void check_access(DataType wanted) const;

  std::shared_ptr<const Impl> impl_;
};

}  // namespace pome
