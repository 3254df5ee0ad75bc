// float16 and bfloat16 conversions, exact, one element at a time (bulk ones are kernels).
#pragma once

#include <bit>
#include <cstdint>

namespace pome::base {

/// IEEE 754 binary16 to binary32; exact for every value, NaN payloads kept.
constexpr float f32_from_f16(std::uint16_t h) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(h & 0x8000U) << 16;
  const std::uint32_t exponent = (h >> 10) & 0x1FU;
  std::uint32_t mantissa = h & 0x3FFU;
  if (exponent == 0x1F) return std::bit_cast<float>(sign | 0x7F800000U | (mantissa << 13));
  if (exponent == 0) {
    if (mantissa == 0) return std::bit_cast<float>(sign);
    // Subnormal: shift the leading one up to the implicit position.
    const int shift = std::countl_zero(mantissa) - 21;
    mantissa = (mantissa << shift) & 0x3FFU;
    return std::bit_cast<float>(sign | (static_cast<std::uint32_t>(113 - shift) << 23) |
                                (mantissa << 13));
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

/// binary32 to binary16, round to nearest even, overflow to infinity, NaN stays NaN.
constexpr std::uint16_t f16_from_f32(float f) noexcept {
  const std::uint32_t x = std::bit_cast<std::uint32_t>(f);
  const std::uint16_t sign = static_cast<std::uint16_t>((x >> 16) & 0x8000U);
  const std::uint32_t magnitude = x & 0x7FFFFFFFU;
  if (magnitude > 0x7F800000U) {
    return static_cast<std::uint16_t>(sign | 0x7E00U | ((magnitude >> 13) & 0x1FFU));
  }
  if (magnitude >= 0x477FF000U) return static_cast<std::uint16_t>(sign | 0x7C00U);
  if (magnitude < 0x38800000U) {  // subnormal or zero in binary16
    if (magnitude < 0x33000000U) return sign;
    const std::uint32_t exponent = magnitude >> 23;
    const std::uint32_t mantissa = (magnitude & 0x7FFFFFU) | 0x800000U;
    const std::uint32_t shift = 126 - exponent;  // 14..24
    const std::uint32_t kept = mantissa >> shift;
    const std::uint32_t rest = mantissa & ((1U << shift) - 1);
    const std::uint32_t half = 1U << (shift - 1);
    const std::uint32_t up = (rest > half || (rest == half && (kept & 1U))) ? 1U : 0U;
    return static_cast<std::uint16_t>(sign | (kept + up));
  }
  const std::uint32_t rebased = magnitude - (112U << 23);
  const std::uint32_t rounded = rebased + 0xFFFU + ((rebased >> 13) & 1U);
  return static_cast<std::uint16_t>(sign | (rounded >> 13));
}

/// The float nearest to `f` that float16 can hold (as a cast to fp16 and back).
/// Without branches, so that loops over it become vectors.
constexpr float round_to_f16(float f) noexcept {
  const std::uint32_t x = std::bit_cast<std::uint32_t>(f);
  const std::uint32_t sign = x & 0x80000000U;
  const std::uint32_t magnitude = x & 0x7FFFFFFFU;
  const std::uint32_t normal = (magnitude + 0xFFFU + ((magnitude >> 13) & 1U)) & 0xFFFFE000U;
  // Below 2^-14 the last place is 2^-24, which is that of 0.5 in binary32.
  const float shifted = std::bit_cast<float>(magnitude < 0x38800000U ? magnitude : 0) + 0.5F;
  const std::uint32_t small = std::bit_cast<std::uint32_t>(shifted - 0.5F);
  const std::uint32_t finite = magnitude < 0x38800000U ? small : normal;
  const std::uint32_t large = magnitude >= 0x477FF000U ? 0x7F800000U : finite;
  const std::uint32_t nan = (magnitude | 0x400000U) & 0xFFFFE000U;
  return std::bit_cast<float>(sign | (magnitude > 0x7F800000U ? nan : large));
}

constexpr float f32_from_bf16(std::uint16_t b) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(b) << 16);
}

/// binary32 to bfloat16, round to nearest even, NaN stays NaN.
constexpr std::uint16_t bf16_from_f32(float f) noexcept {
  const std::uint32_t x = std::bit_cast<std::uint32_t>(f);
  if ((x & 0x7FFFFFFFU) > 0x7F800000U) return static_cast<std::uint16_t>((x >> 16) | 0x40U);
  return static_cast<std::uint16_t>((x + 0x7FFFU + ((x >> 16) & 1U)) >> 16);
}

}  // namespace pome::base
