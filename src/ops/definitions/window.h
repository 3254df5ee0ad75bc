// Sliding windows of convolutions: padding and output sizes.
#pragma once

#include <cstdint>

#include "ops/call.h"

namespace pome::ops::definitions {

/// One spatial dimension of a sliding window.
struct WindowAxis {
  std::int64_t kernel = 1, stride = 1, dilation = 1;
  std::int64_t before = 0, after = 0;  ///< padding
  std::int64_t extent() const noexcept { return (kernel - 1) * dilation + 1; }
};

/// Output size for an input size; `ir::unknown_dim` for an unknown one. Negative results mean that
/// the kernel is larger than the padded input.
std::int64_t window_output(const WindowAxis& axis, std::int64_t input) noexcept;

/// Reads `strides`, `dilations`, `pad_type` and `pad` (positions given) for `kernel` sizes over
/// `input` sizes and works out the padding: "valid" none, "custom" as in `pad`, "same" so that the
/// output is ceil(input / stride), the odd one behind, "same_lower" before. Fails on values of the
/// wrong count or below their minimum.
struct WindowParams {
  int strides, pad_type, pad, dilations;
};
base::InlineVector<WindowAxis, 3> window_axes(const Call& call, const WindowParams& params,
                                              std::span<const std::int64_t> kernel,
                                              std::span<const std::int64_t> input);

}  // namespace pome::ops::definitions
