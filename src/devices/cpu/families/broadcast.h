// Numpy broadcasting of up to three operands, cut to an inner run and an outer walk.
#pragma once

#include <algorithm>
#include <array>
#include <span>

#include "devices/cpu/families/site.h"

namespace pome::devices::cpu {

/// Result dimensions with neighbours merged wherever every operand allows it. The last dimension
/// is the inner run, in which each operand stands still (step 0) or walks densely (step 1).
template <int N>
struct Broadcast {
  static constexpr int most_dims = 6;
  std::int32_t rank = 0;  ///< of the outer dimensions
  std::int64_t inner = 1;
  std::int64_t inner_step[N] = {};
  std::int64_t outer[most_dims] = {};
  std::int64_t step[N][most_dims] = {};  ///< in inner runs or elements, by outer dimension

  /// Elements of the result.
  std::int64_t size() const noexcept {
    std::int64_t n = inner;
    for (int i = 0; i < rank; ++i) n *= outer[i];
    return n;
  }
  /// First elements of the operands for outer run `index`.
  std::array<std::int64_t, N> offsets(std::int64_t index) const noexcept {
    std::array<std::int64_t, N> at{};
    for (int i = rank; i-- > 0;) {
      const std::int64_t here = index % outer[i];
      index /= outer[i];
      for (int o = 0; o < N; ++o) at[static_cast<std::size_t>(o)] += here * step[o][i];
    }
    return at;
  }
};

/// Largest number of dimensions that `Broadcast` takes.
inline constexpr std::size_t most_broadcast_dims = 6;

template <int N>
Broadcast<N> make_broadcast(const Dims& result, const std::array<Dims, N>& strides) {
  Broadcast<N> b;
  // Dimensions from the last to the first; merged ones keep the strides of the innermost.
  base::InlineVector<std::int64_t, 6> dims;
  std::array<Dims, N> merged;
  for (std::size_t i = result.size(); i-- > 0;) {
    if (result[i] == 1) continue;
    bool fits = !dims.empty();
    for (std::size_t o = 0; o < N && fits; ++o) {
      fits = strides[o][i] == merged[o].back() * dims.back();
    }
    if (fits) {
      dims.back() *= result[i];
      continue;
    }
    dims.push_back(result[i]);
    for (std::size_t o = 0; o < N; ++o) merged[o].push_back(strides[o][i]);
  }
  std::size_t first_outer = 0;
  bool dense = !dims.empty();
  for (std::size_t o = 0; o < N && dense; ++o) dense = merged[o][0] <= 1;
  if (dense) {
    first_outer = 1;
    b.inner = dims[0];
    for (std::size_t o = 0; o < N; ++o) b.inner_step[o] = merged[o][0];
  }
  for (std::size_t i = dims.size(); i-- > first_outer;) {
    b.outer[b.rank] = dims[i];
    for (std::size_t o = 0; o < N; ++o) {
      b.step[o][b.rank] = merged[o][i];
    }
    ++b.rank;
  }
  return b;
}

/// Calls `body(result offset, operand offsets, count)` for runs that together cover the result, in
/// tasks of about `grain` elements.
template <int N, typename Body>
Status run_broadcast(TaskContext& task, const Broadcast<N>& b, std::int64_t grain, Body&& body) {
  const std::int64_t runs = b.inner == 0 ? 0 : b.size() / b.inner;
  if (runs == 1) {
    return run_chunks(task, b.inner, grain, [&](std::int64_t first, std::int64_t n) {
      std::array<std::int64_t, N> at{};
      for (std::size_t o = 0; o < N; ++o) at[o] = first * b.inner_step[o];
      body(first, at, n);
    });
  }
  const std::int64_t group = std::max<std::int64_t>(1, grain / std::max<std::int64_t>(1, b.inner));
  return run_chunks(task, runs, group, [&](std::int64_t first, std::int64_t n) {
    for (std::int64_t i = first; i < first + n; ++i) body(i * b.inner, b.offsets(i), b.inner);
  });
}

}  // namespace pome::devices::cpu
