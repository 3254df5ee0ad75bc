// Trees over blocks of rows: what is compiled once for each instruction set.
//
// Before trees are walked, each feature of a block of rows is replaced by its bin: how many of the
// ensemble's thresholds on this feature it reaches. A branch then compares small integers, which is
// exact (x reaches threshold k if and only if its bin is above k) and lets one vector hold 32 rows
// or more. The bins of one feature lie side by side, a column. Near the root, where nodes are few,
// all nodes of a level are compared for a vector of rows and the result that counts is picked;
// below, each row looks up its own nodes.
//
// Bins are signed so that vectors compare them directly: a bin of n is stored as n + least of Bin.
#pragma once

#include <cstdint>
#include <string_view>

namespace pome::classical {

/// Rows of a block, at most; columns of bins are this long.
inline constexpr std::int64_t block_rows = 256;
/// Most levels of a tree that are compared in vectors, and that follow them in a heap.
inline constexpr int most_top_levels = 6;
inline constexpr int most_rest_levels = 4;
/// Pivots are found in groups of this many.
inline constexpr std::uint32_t pivot_group = 16;

/// One feature of a block.
template <typename Number, typename Bin>
struct BinColumn {
  const Number* numbers;  // block_rows
  std::int64_t rows;
  /// Level by level from the coarsest: the thresholds in ascending order, of which a level has
  /// every 16 ^ (levels - 1 - level)th, in groups of pivot_group filled up with NaN.
  const Number* const* pivots;
  int levels;
  std::uint32_t thresholds;
  Bin* low;   // NaN is in the lowest bin here; may be null
  Bin* high;  // and in the highest one here; may be null
};

/// A node of a tree that is too deep for heaps. A leaf leads to itself.
template <typename Bin>
struct DeepNode {
  std::uint32_t column;  // where the column of bins begins
  std::uint32_t child;   // where bins up to `bin` go; those above go to child + 1
  Bin bin;
};

/// One tree and a block of rows. The first `top_levels` levels are a heap in the order of the
/// levels. What follows is as many heaps, level by level (the 2 ^ top_levels nodes of the first
/// level, twice as many of the next ...), or deep nodes, in which case `entries` says where each of
/// the 2 ^ top_levels ways goes on.
template <typename Bin>
struct TreeBlock {
  const Bin* bins;  // columns
  std::int64_t rows;
  int top_levels;
  int rest_levels;
  const std::uint32_t* top_columns;  // where the column of a node begins
  const Bin* top_bins;
  const std::uint32_t* rest_columns;
  const Bin* rest_bins;
  const DeepNode<Bin>* deep;  // null where there are none
  const std::uint32_t* entries;
  /// Each row adds the number of its leaf to its sum ...
  const double* values;
  double* sums;
  std::int64_t sum_step;
  /// ... or, where there are no values, says which leaf it came to.
  std::uint32_t* leaves;
};

struct TreeKernels {
  std::string_view name;
  void (*bins_f32_u8)(const BinColumn<float, std::int8_t>&) noexcept;
  void (*bins_f32_u16)(const BinColumn<float, std::int16_t>&) noexcept;
  void (*bins_f64_u8)(const BinColumn<double, std::int8_t>&) noexcept;
  void (*bins_f64_u16)(const BinColumn<double, std::int16_t>&) noexcept;
  void (*walk_u8)(const TreeBlock<std::int8_t>&) noexcept;
  void (*walk_u16)(const TreeBlock<std::int16_t>&) noexcept;
};

/// The kernels of an instruction set by name ("avx2", ...), or null where this machine cannot run
/// them or they were not built.
const TreeKernels* find_tree_kernels(std::string_view isa) noexcept;

/// Those to use: of the instruction set that the CPU device has chosen. Null: none.
const TreeKernels* chosen_tree_kernels() noexcept;

}  // namespace pome::classical
