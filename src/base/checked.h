// Arithmetic on sizes that come from a file: never wraps, never passes through floating point.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#include "pome/data_type.h"

namespace pome::base {

/// a + b, or nothing when the sum does not fit.
template <std::integral T>
constexpr std::optional<T> checked_add(T a, T b) noexcept {
  T out{};
  if (__builtin_add_overflow(a, b, &out)) return std::nullopt;
  return out;
}

/// a * b, or nothing when the product does not fit.
template <std::integral T>
constexpr std::optional<T> checked_mul(T a, T b) noexcept {
  T out{};
  if (__builtin_mul_overflow(a, b, &out)) return std::nullopt;
  return out;
}

/// Number of elements of a tensor of these dimensions; nothing when a dimension is negative or the
/// product of the dimensions that are not zero exceeds 2^62 (so that strides can be computed for
/// empty tensors too).
std::optional<std::int64_t> element_count(std::span<const std::int64_t> dims) noexcept;

/// Bytes that `count` packed elements take (sub-byte types are rounded up to whole bytes at the
/// end); nothing on overflow, for a negative count, and for `string`.
std::optional<std::int64_t> byte_count(std::int64_t count, DataType type) noexcept;

/// Value conversion that fails instead of truncating.
template <std::integral To, std::integral From>
constexpr std::optional<To> checked_cast(From value) noexcept {
  if (!std::in_range<To>(value)) return std::nullopt;
  return static_cast<To>(value);
}

/// `value` rounded up to a multiple of `alignment` (a power of two); nothing on overflow.
template <std::integral T>
constexpr std::optional<T> align_up(T value, T alignment) noexcept {
  const auto sum = checked_add<T>(value, static_cast<T>(alignment - 1));
  if (!sum) return std::nullopt;
  return static_cast<T>(*sum & ~static_cast<T>(alignment - 1));
}

}  // namespace pome::base
