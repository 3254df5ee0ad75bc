// Numbers in files: little endian, at any alignment.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <vector>

namespace pome::format {

/// Reads a number at the start of `bytes`, which must hold it.
template <std::unsigned_integral T>
T load(std::span<const std::byte> bytes) noexcept {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(value | (std::to_integer<T>(bytes[i]) << (8 * i)));
  }
  return value;
}

/// Writes a number to the start of `bytes`, which must have room for it.
template <std::unsigned_integral T>
void store(std::span<std::byte> bytes, T value) noexcept {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    bytes[i] = static_cast<std::byte>((value >> (8 * i)) & 0xFFU);
  }
}

template <std::unsigned_integral T>
void append(std::vector<std::byte>& out, T value) {
  const std::size_t at = out.size();
  out.resize(at + sizeof(T));
  store<T>(std::span(out).subspan(at), value);
}

}  // namespace pome::format
