// What the kernels of convolutions share: where pixels lie, and what every one of them is given.
#pragma once

#include "devices/cpu/families/epilogue.h"
#include "devices/cpu/families/weights.h"
#include "devices/cpu/families/window.h"

namespace pome::devices::cpu {

struct ConvGeometry {
  WindowDim rows, cols;
  std::int64_t in_channels = 0;  ///< of the whole input: from one pixel to the next
  std::int64_t out_pixels = 0;   ///< of an image

  std::int64_t taps() const noexcept { return rows.kernel * cols.kernel; }
};

struct ConvCommon {
  const Kernels* k;
  const float* bias;
  const float* zeros;  ///< one pixel of padding
  ConvGeometry g;
  std::int32_t x;      ///< position of the input among the step's tensors
  std::int64_t block;  ///< output pixels of a task, or tiles of Winograd's
  Epilogue epilogue;
};

// --- Winograd's convolution by 3 x 3 (winograd.cpp) ---

/// The edge of input tiles that makes a convolution of these channels and output size cheapest: 6
/// or 4, or 0 where plain products are. A table's answer, from a count of operations.
int winograd_edge(std::int64_t in_channels, std::int64_t out_channels, std::int64_t out_rows,
                  std::int64_t out_cols) noexcept;

/// The transformed filters of a weight [out, in, 3, 3]: edge * edge groups of [out, in].
PackedPanels pack_winograd(exec::WeightStore& store, const Kernels& k, const exec::Weight& weight,
                           int edge);

/// A step for stride 1, dilation 1 and one group. `bias` is padded to whole vectors.
PlannedKernel plan_winograd(const ConvCommon& common, const PanelView& filters, int edge,
                            std::int64_t images);

}  // namespace pome::devices::cpu
