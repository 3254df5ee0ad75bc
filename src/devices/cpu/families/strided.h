// Copies between dense tensors in another order: transposes, slices, repetitions.
#pragma once

#include <cstdint>
#include <span>

#include "devices/cpu/families/site.h"

namespace pome::devices::cpu {

/// A dense result, each dimension of which walks the source with a stride of its own (negative:
/// backwards, 0: the same again). Neighbouring dimensions are merged where they can be.
/// Trivially copyable.
struct StridedCopy {
  static constexpr std::size_t most_dims = 12;
  std::int32_t rank = 0;
  std::int32_t width = 0;                ///< bytes of an element: 1, 2, 4 or 8
  std::int64_t dims[most_dims] = {};     ///< of the result, without those of one element
  std::int64_t strides[most_dims] = {};  ///< of the source, in elements
  std::int64_t first = 0;                ///< element of the source that is element 0 of the result

  std::int64_t size() const noexcept {
    std::int64_t n = 1;
    for (std::int32_t i = 0; i < rank; ++i) n *= dims[i];
    return n;
  }
};

/// `dims` and `strides` have at most StridedCopy::most_dims entries.
StridedCopy make_strided_copy(std::span<const std::int64_t> dims,
                              std::span<const std::int64_t> strides, std::int64_t first,
                              DataType dtype);

/// Bytes of an element as it is held.
std::int32_t element_width(DataType declared) noexcept;

/// True for tensors of known rank up to `most_rank` whose elements are plain bytes (no strings).
bool is_copyable(const ir::Type& type, std::size_t most_rank) noexcept;
/// Refusal where `is_copyable` says no.
Support require_copyable(const Site& site, std::string_view param, std::size_t most_rank);

/// Copies all elements on all workers.
Status copy_strided(const StridedCopy& copy, const void* in, void* out, TaskContext& task) noexcept;

}  // namespace pome::devices::cpu
