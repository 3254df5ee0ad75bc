// A tensor as kernels see it.
#pragma once

#include <cstdint>
#include <span>

#include "base/inline_vector.h"
#include "pome/data_type.h"

namespace pome::exec {

/// How the elements of a tensor are arranged. `dense` is row-major in the order of `dims`;
/// `channels_last` is row-major with dimension 1 behind the others. Dims are always given in the
/// order of the program.
enum class Layout : std::uint8_t { dense, channels_last };

/// Data, shape and type; owns nothing. `dims` and `strides` (in elements) point into the plan.
/// Kernels know the layouts of their arguments from preparing (exec::LayoutRule).
struct TensorRef {
  void* data = nullptr;
  const std::int64_t* dims = nullptr;
  const std::int64_t* strides = nullptr;
  std::int32_t rank = 0;
  DataType dtype = DataType::invalid;
  std::int32_t slot = -1;  ///< lists and states: number in the prediction's `Slots`; data is null

  std::span<const std::int64_t> shape() const noexcept {
    return {dims, static_cast<std::size_t>(rank)};
  }
  std::int64_t size() const noexcept {
    std::int64_t n = 1;
    for (std::int32_t i = 0; i < rank; ++i) n *= dims[i];
    return n;
  }
  template <typename T>
  T* as() const noexcept {
    return static_cast<T*>(data);
  }
};

}  // namespace pome::exec
