#include "base/half.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace pome::base {
namespace {

struct Vector {
  std::uint32_t f32;
  std::uint16_t f16;
};

constexpr std::array vectors = std::to_array<Vector>({
#include "half_vectors.inc"
});

TEST(Half, RoundsAsNumpy) {
  for (const Vector& v : vectors) {
    EXPECT_EQ(f16_from_f32(std::bit_cast<float>(v.f32)), v.f16) << std::hex << v.f32;
  }
}

// The value of binary16 by its definition, in double arithmetic.
double by_definition(std::uint16_t h) {
  const int exponent = (h >> 10) & 31;
  const int mantissa = h & 1023;
  const double sign = (h & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  if (exponent == 31) return sign * std::numeric_limits<double>::infinity();
  return sign * std::ldexp(1024 + mantissa, exponent - 25);
}

TEST(Half, WidensEveryValueByDefinition) {
  for (std::uint32_t h = 0; h < 0x10000; ++h) {
    const auto bits = static_cast<std::uint16_t>(h);
    if ((h & 0x7FFFU) > 0x7C00U) continue;
    EXPECT_EQ(std::bit_cast<std::uint64_t>(static_cast<double>(f32_from_f16(bits))),
              std::bit_cast<std::uint64_t>(by_definition(bits)))
        << h;
  }
}

TEST(Half, EveryValueSurvivesThereAndBack) {
  for (std::uint32_t h = 0; h < 0x10000; ++h) {
    const auto bits = static_cast<std::uint16_t>(h);
    if ((h & 0x7FFFU) > 0x7C00U) continue;
    EXPECT_EQ(f16_from_f32(f32_from_f16(bits)), bits);
  }
}

TEST(Half, NanStaysNan) {
  for (std::uint32_t payload : {0x1U, 0x1FFFU, 0x2000U, 0x400000U, 0x7FFFFFU}) {
    const auto half = f16_from_f32(std::bit_cast<float>(0x7F800000U | payload));
    EXPECT_GT(half & 0x7FFF, 0x7C00) << payload;
    EXPECT_TRUE(std::isnan(f32_from_f16(half)));
  }
}

TEST(Bfloat, RoundsToNearestEven) {
  EXPECT_EQ(bf16_from_f32(1.0F), 0x3F80);
  EXPECT_EQ(bf16_from_f32(std::bit_cast<float>(0x3F808000U)), 0x3F80);  // tie, to even
  EXPECT_EQ(bf16_from_f32(std::bit_cast<float>(0x3F808001U)), 0x3F81);
  EXPECT_EQ(bf16_from_f32(std::bit_cast<float>(0x3F818000U)), 0x3F82);  // tie, to even
  EXPECT_EQ(bf16_from_f32(std::bit_cast<float>(0x7F7FFFFFU)), 0x7F80);  // overflow
  EXPECT_EQ(bf16_from_f32(-0.0F), 0x8000);
  EXPECT_TRUE(std::isnan(f32_from_bf16(bf16_from_f32(std::bit_cast<float>(0xFF800001U)))));
}

}  // namespace
}  // namespace pome::base
