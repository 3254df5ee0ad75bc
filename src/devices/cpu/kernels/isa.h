// What every kernel file begins with: Highway's primitives for the one instruction set that this
// compilation is for, and the namespace that keeps its functions apart from the other ones.
//
// Rules of these files: no templates of the standard library and no inline functions with external
// linkage (the linker would keep any instruction set's copy); everything but the functions of
// internal.h is in anonymous namespaces.
#pragma once

#include <cstddef>
#include <cstdint>

#include "devices/cpu/kernels/kernels.h"
#include "hwy/highway.h"

namespace pome::devices::cpu::POME_ISA {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::ScalableTag<float>;
using Float = hn::Vec<FloatTag>;
using IntTag = hn::ScalableTag<std::int32_t>;
using Int = hn::Vec<IntTag>;
using Half = hn::Rebind<hwy::float16_t, FloatTag>;

inline constexpr FloatTag f32{};
inline constexpr IntTag i32{};
inline constexpr std::int64_t lanes = static_cast<std::int64_t>(hn::MaxLanes(FloatTag()));

HWY_API std::int64_t lesser(std::int64_t a, std::int64_t b) {
  return a < b ? a : b;
}
HWY_API std::int64_t greater(std::int64_t a, std::int64_t b) {
  return a < b ? b : a;
}

/// Greater (smaller) of each pair; NaN where one is NaN.
HWY_API Float max_or_nan(Float a, Float b) {
  const auto either = hn::Or(hn::IsNaN(a), hn::IsNaN(b));
  return hn::IfThenElse(either, hn::Add(a, b), hn::Max(a, b));
}
HWY_API Float min_or_nan(Float a, Float b) {
  const auto either = hn::Or(hn::IsNaN(a), hn::IsNaN(b));
  return hn::IfThenElse(either, hn::Add(a, b), hn::Min(a, b));
}

}  // namespace
}  // namespace pome::devices::cpu::POME_ISA
