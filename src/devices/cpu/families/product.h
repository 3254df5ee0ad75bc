// Products with packed weights on the right: what linear layers, recurrent layers and convolutions
// of one output pixel share.
#pragma once

#include <algorithm>

#include "devices/cpu/families/epilogue.h"
#include "devices/cpu/families/site.h"
#include "devices/cpu/families/weights.h"

namespace pome::devices::cpu {

/// Depth that is summed at once, so that the operands of a block stay in the nearest caches. A
/// constant, although results do not depend on it (kernels.h).
inline constexpr std::int64_t depth_block = 256;

/// y[rows, outputs] = x[rows, depth] * W^T + bias.
struct RightProduct {
  const Kernels* k;
  PanelView weights;
  const float* bias;  ///< padded to whole vectors
  const float* x;
  std::int64_t x_row, x_depth;  ///< element strides of x
  float* y;
  std::int64_t y_row;
  std::int64_t rows;
  Epilogue epilogue;
  const TensorRef* args;  ///< of the step, for the epilogue
};

/// Worker scratch that `multiply` needs.
std::size_t multiply_scratch(const Kernels& k, const PanelView& weights) noexcept;

/// Rows [row, row + rows) of outputs [panel * lanes, (panel + panels) * lanes).
void multiply(const RightProduct& p, std::int64_t row, std::int64_t rows, std::int64_t panel,
              std::int64_t panels, std::byte* scratch) noexcept;

/// The whole product, on all workers, in a grid that depends on its shape alone.
Status multiply_all(const RightProduct& p, TaskContext& task) noexcept;

}  // namespace pome::devices::cpu
