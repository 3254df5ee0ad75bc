// IEEE 754 binary16, the element type `fp16`.
#pragma once

#include <cstdint>

#include "pome/export.h"

namespace pome {

/// A half-precision number as it lies in memory. Arithmetic is done in float; this type only
/// stores and converts. Comparison is of the bits.
struct POME_API Float16 {
  std::uint16_t bits = 0;

  constexpr Float16() noexcept = default;
  /// Rounds to nearest even; overflows to infinity; NaN stays NaN.
  explicit Float16(float value) noexcept;
  explicit operator float() const noexcept;

  static constexpr Float16 from_bits(std::uint16_t bits) noexcept {
    Float16 out;
    out.bits = bits;
    return out;
  }
  friend constexpr bool operator==(Float16, Float16) noexcept = default;
};

}  // namespace pome
