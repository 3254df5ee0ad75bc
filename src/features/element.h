// From an element type at run time to a C++ type, and conversion between element types.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "base/half.h"
#include "pome/data_type.h"
#include "pome/float16.h"

namespace pome::features {

/// True for the element types that a MultiArray can hold.
constexpr bool is_array_type(DataType type) noexcept {
  switch (type) {
    case DataType::boolean:
    case DataType::fp16:
    case DataType::fp32:
    case DataType::fp64:
    case DataType::int8:
    case DataType::int16:
    case DataType::int32:
    case DataType::int64:
    case DataType::uint8:
    case DataType::uint16:
    case DataType::uint32:
    case DataType::uint64: return true;
    default: return false;
  }
}

/// Calls `visit` with a value-initialised element of the C++ type behind `type`, which must be one
/// that a MultiArray can hold.
template <typename Visit>
void visit_element_type(DataType type, Visit&& visit) {
  switch (type) {
    case DataType::boolean: return visit(bool{});
    case DataType::fp16: return visit(Float16{});
    case DataType::fp32: return visit(float{});
    case DataType::fp64: return visit(double{});
    case DataType::int8: return visit(std::int8_t{});
    case DataType::int16: return visit(std::int16_t{});
    case DataType::int32: return visit(std::int32_t{});
    case DataType::int64: return visit(std::int64_t{});
    case DataType::uint8: return visit(std::uint8_t{});
    case DataType::uint16: return visit(std::uint16_t{});
    case DataType::uint32: return visit(std::uint32_t{});
    case DataType::uint64: return visit(std::uint64_t{});
    default: return;
  }
}

/// Number in the type it is computed with: fp16 as float, everything else as itself.
template <typename T>
constexpr auto widen(T value) noexcept {
  if constexpr (std::is_same_v<T, Float16>) {
    return base::f32_from_f16(value.bits);
  } else {
    return value;
  }
}

/// A floating-point number towards zero into an integer type, held to its range; NaN gives 0.
template <typename To, typename From>
To truncate(From value) noexcept {
  if (std::isnan(value)) return 0;
  // Both limits are powers of two (or 0), so they are exact in every floating-point type here.
  const double whole = std::trunc(static_cast<double>(value));
  const double lowest = static_cast<double>(std::numeric_limits<To>::min());
  const double end = std::ldexp(1.0, std::numeric_limits<To>::digits);
  if (whole < lowest) return std::numeric_limits<To>::min();
  if (whole >= end) return std::numeric_limits<To>::max();
  return static_cast<To>(whole);
}

/// One element in another type, as MultiArray::converted_to documents. Integers never pass
/// through floating point.
template <typename To, typename From>
To convert_element(From raw) noexcept {
  const auto value = widen(raw);
  using Value = std::remove_const_t<decltype(value)>;
  if constexpr (std::is_same_v<To, bool>) {
    return value != Value{};
  } else if constexpr (std::is_same_v<To, Float16>) {
    // A double rounded to float first could be rounded twice; nudge it to odd in between.
    if constexpr (std::is_same_v<Value, double>) {
      float near = static_cast<float>(value);
      const double back = near;
      if (back != value && std::isfinite(near) && (std::bit_cast<std::uint32_t>(near) & 1U) == 0) {
        const bool towards_zero = std::fabs(back) > std::fabs(value);
        near = std::bit_cast<float>(std::bit_cast<std::uint32_t>(near) + (towards_zero ? -1U : 1U));
      }
      return Float16::from_bits(base::f16_from_f32(near));
    } else {
      return Float16::from_bits(base::f16_from_f32(static_cast<float>(value)));
    }
  } else if constexpr (std::is_floating_point_v<To>) {
    return static_cast<To>(value);
  } else if constexpr (std::is_floating_point_v<Value>) {
    return truncate<To>(value);
  } else if constexpr (std::is_same_v<Value, bool>) {
    return value ? To{1} : To{0};
  } else {
    if (std::cmp_less(value, std::numeric_limits<To>::min())) return std::numeric_limits<To>::min();
    if (std::cmp_greater(value, std::numeric_limits<To>::max()))
      return std::numeric_limits<To>::max();
    return static_cast<To>(value);
  }
}

}  // namespace pome::features
