// Dense tensors in host memory: the plain form that references, constants and features share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/inline_vector.h"
#include "pome/data_type.h"

namespace pome::base {

/// Read-only dense (row-major, contiguous) tensor that someone else owns. For `string` tensors
/// `data` points to std::string elements.
struct TensorView {
  const void* data = nullptr;
  DataType dtype = DataType::invalid;
  std::span<const std::int64_t> dims;

  std::int64_t size() const noexcept {
    std::int64_t n = 1;
    for (const auto d : dims) n *= d;
    return n;
  }
  template <typename T>
  std::span<const T> as() const noexcept {
    return {static_cast<const T*>(data), static_cast<std::size_t>(size())};
  }
  explicit operator bool() const noexcept { return dtype != DataType::invalid; }
};

/// Writable counterpart of TensorView.
struct MutableTensorView {
  void* data = nullptr;
  DataType dtype = DataType::invalid;
  std::span<const std::int64_t> dims;

  std::int64_t size() const noexcept { return TensorView{data, dtype, dims}.size(); }
  template <typename T>
  std::span<T> as() const noexcept {
    return {static_cast<T*>(data), static_cast<std::size_t>(size())};
  }
  operator TensorView() const noexcept { return {data, dtype, dims}; }
};

/// A dense tensor that owns its elements. Sub-byte types are held unpacked, one element a byte
/// (int4 as int8, uint1..uint6 as uint8), so `dtype` is never a sub-byte type.
class HostTensor {
 public:
  HostTensor() = default;
  /// Zero-filled. The caller has checked and booked the size. `dtype` must not be sub-byte.
  HostTensor(DataType dtype, Dims dims);
  HostTensor(Dims dims, std::vector<std::string> strings);

  DataType dtype() const noexcept { return dtype_; }
  const Dims& dims() const noexcept { return dims_; }
  std::int64_t size() const noexcept { return view().size(); }
  std::size_t byte_size() const noexcept { return bytes_.size(); }
  TensorView view() const noexcept {
    return {dtype_ == DataType::string ? static_cast<const void*>(strings_.data()) : bytes_.data(),
            dtype_, dims_};
  }
  MutableTensorView mutable_view() noexcept {
    return {dtype_ == DataType::string ? static_cast<void*>(strings_.data()) : bytes_.data(),
            dtype_, dims_};
  }
  /// Same elements under other dimensions of the same count.
  void reshape(Dims dims) { dims_ = std::move(dims); }

 private:
  DataType dtype_ = DataType::invalid;
  Dims dims_;
  std::vector<std::byte> bytes_;
  std::vector<std::string> strings_;
};

/// The type in which a value of a declared type is held while a program runs in the exact class:
/// fp16 and bf16 as fp32, sub-byte integers as a byte each, everything else as itself.
constexpr DataType storage_type(DataType declared) noexcept {
  switch (declared) {
    case DataType::fp16:
    case DataType::bf16:
    case DataType::fp8e4m3fn:
    case DataType::fp8e5m2: return DataType::fp32;
    case DataType::int4: return DataType::int8;
    case DataType::uint1:
    case DataType::uint2:
    case DataType::uint3:
    case DataType::uint4:
    case DataType::uint6: return DataType::uint8;
    default: return declared;
  }
}

}  // namespace pome::base
