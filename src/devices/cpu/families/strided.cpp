#include "devices/cpu/families/strided.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace pome::devices::cpu {
namespace {

constexpr std::int64_t grain = 16384;  ///< elements of a task
/// Side of the squares in which planes are transposed: two of them fit the nearest cache.
constexpr std::int64_t tile = 32;

/// Offset in the source of `index` counted over the dimensions [0, rank).
std::int64_t offset_of(const StridedCopy& c, std::int32_t rank, std::int64_t index) noexcept {
  std::int64_t at = c.first;
  for (std::int32_t i = rank; i-- > 0;) {
    at += index % c.dims[i] * c.strides[i];
    index /= c.dims[i];
  }
  return at;
}

/// Walks the source over all dimensions but the last.
class Walk {
 public:
  Walk(const StridedCopy& c, std::int64_t index) noexcept
      : c_(c), at_(offset_of(c, c.rank - 1, index)) {
    for (std::int32_t i = c.rank - 1; i-- > 0;) {
      index_[i] = index % c.dims[i];
      index /= c.dims[i];
    }
  }
  std::int64_t offset() const noexcept { return at_; }
  void next() noexcept {
    for (std::int32_t i = c_.rank - 1; i-- > 0;) {
      at_ += c_.strides[i];
      if (++index_[i] < c_.dims[i]) return;
      at_ -= c_.strides[i] * c_.dims[i];
      index_[i] = 0;
    }
  }

 private:
  const StridedCopy& c_;
  std::int64_t at_;
  std::int64_t index_[StridedCopy::most_dims] = {};
};

/// One run of the last dimension.
template <typename T>
void copy_run(const T* in, std::int64_t stride, T* out, std::int64_t n) noexcept {
  if (stride == 1) {
    std::memcpy(out, in, static_cast<std::size_t>(n) * sizeof(T));
  } else if (stride == 0) {
    std::fill_n(out, n, *in);
  } else {
    for (std::int64_t i = 0; i < n; ++i) out[i] = in[i * stride];
  }
}

template <typename T>
Status copy_runs(const StridedCopy& c, const T* in, T* out, TaskContext& task) noexcept {
  const std::int64_t n = c.dims[c.rank - 1];
  const std::int64_t stride = c.strides[c.rank - 1];
  const std::int64_t runs = c.size() / n;
  if (runs == 1) {
    return run_chunks(task, n, grain, [&](std::int64_t first, std::int64_t count) {
      copy_run(in + c.first + first * stride, stride, out + first, count);
    });
  }
  const std::int64_t group = std::max<std::int64_t>(1, grain / n);
  return run_chunks(task, runs, group, [&](std::int64_t first, std::int64_t count) {
    Walk walk(c, first);
    for (std::int64_t i = first; i < first + count; ++i, walk.next()) {
      copy_run(in + walk.offset(), stride, out + i * n, n);
    }
  });
}

/// The last two dimensions change places: rows of the source are columns of the result.
template <typename T>
void transpose_tile(const T* in, std::int64_t in_row, T* out, std::int64_t out_row,
                    std::int64_t rows, std::int64_t cols) noexcept {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < cols; ++c) out[r * out_row + c] = in[c * in_row + r];
  }
}

template <typename T>
Status transpose_planes(const StridedCopy& c, const T* in, T* out, TaskContext& task) noexcept {
  const std::int64_t rows = c.dims[c.rank - 2];
  const std::int64_t cols = c.dims[c.rank - 1];
  const std::int64_t in_row = c.strides[c.rank - 1];
  const std::int64_t planes = c.size() / (rows * cols);
  const std::int64_t bands = ceil_div(rows, tile);
  return run_chunks(task, planes * bands, std::max<std::int64_t>(1, grain / (tile * cols)),
                    [&](std::int64_t first, std::int64_t count) {
                      for (std::int64_t i = first; i < first + count; ++i) {
                        const std::int64_t row = i % bands * tile;
                        const T* from = in + offset_of(c, c.rank - 2, i / bands) + row;
                        T* to = out + (i / bands * rows + row) * cols;
                        for (std::int64_t col = 0; col < cols; col += tile) {
                          transpose_tile(from + col * in_row, in_row, to + col, cols,
                                         std::min(tile, rows - row), std::min(tile, cols - col));
                        }
                      }
                    });
}

template <typename T>
Status copy_all(const StridedCopy& c, const void* in, void* out, TaskContext& task) noexcept {
  const T* from = static_cast<const T*>(in);
  T* to = static_cast<T*>(out);
  const bool planes = c.rank >= 2 && c.strides[c.rank - 2] == 1 && c.strides[c.rank - 1] > 1 &&
                      c.dims[c.rank - 1] > 1;
  return planes ? transpose_planes(c, from, to, task) : copy_runs(c, from, to, task);
}

}  // namespace

StridedCopy make_strided_copy(std::span<const std::int64_t> dims,
                              std::span<const std::int64_t> strides, std::int64_t first,
                              DataType dtype) {
  StridedCopy c;
  c.first = first;
  c.width = element_width(dtype);
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 1) continue;
    // Checked for fitting before it is multiplied: a dimension of 0 may come with any stride.
    if (c.rank > 0 && dims[i] != 0 && strides[i] * dims[i] == c.strides[c.rank - 1]) {
      c.dims[c.rank - 1] *= dims[i];
      c.strides[c.rank - 1] = strides[i];
      continue;
    }
    c.dims[c.rank] = dims[i];
    c.strides[c.rank] = strides[i];
    ++c.rank;
  }
  if (c.rank == 0) {
    c.dims[0] = c.strides[0] = 1;
    c.rank = 1;
  }
  return c;
}

std::int32_t element_width(DataType declared) noexcept {
  return static_cast<std::int32_t>(bits(base::storage_type(declared)) / 8);
}

bool is_copyable(const ir::Type& type, std::size_t most_rank) noexcept {
  if (!type.is_tensor() || !type.ranked || type.rank() > most_rank) return false;
  if (type.dtype == DataType::string || type.dtype == DataType::invalid) return false;
  const auto width = element_width(type.dtype);
  return width == 1 || width == 2 || width == 4 || width == 8;
}

Support require_copyable(const Site& site, std::string_view param, std::size_t most_rank) {
  const auto& type = site.type(param);
  if (is_copyable(type, most_rank)) return {};
  return Support::no(base::cat(param, " is ", ir::text(type),
                               "; the kernel takes numbers and bools in up to ", most_rank,
                               " dimensions"));
}

Status copy_strided(const StridedCopy& copy, const void* in, void* out,
                    TaskContext& task) noexcept {
  if (copy.size() == 0) return {};
  switch (copy.width) {
    case 1: return copy_all<std::uint8_t>(copy, in, out, task);
    case 2: return copy_all<std::uint16_t>(copy, in, out, task);
    case 4: return copy_all<std::uint32_t>(copy, in, out, task);
    default: return copy_all<std::uint64_t>(copy, in, out, task);
  }
}

}  // namespace pome::devices::cpu
