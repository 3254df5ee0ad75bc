// Runs of bytes that go from several tensors into one, or from one into several.
#pragma once

#include <cstdint>
#include <span>

#include "devices/cpu/families/site.h"

namespace pome::devices::cpu {

/// Where one of the tensors lies in the joined one: `count` runs of `bytes`, dense in the tensor,
/// `step` bytes apart from `first` on in the joined one.
struct Piece {
  std::int64_t count, bytes, first, step;
};

/// A step that copies the tensors from `first_part` on (a position among the step's tensors, one
/// for each piece) into tensor 0: concat.
PlannedKernel plan_join(std::span<const Piece> pieces, std::int32_t first_part);
/// A step that copies tensor `joined` into the first tensors: split.
PlannedKernel plan_split(std::span<const Piece> pieces, std::int32_t joined);

}  // namespace pome::devices::cpu
