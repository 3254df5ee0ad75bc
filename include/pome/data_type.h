// Element types of tensors, named as MIL names them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "pome/export.h"

namespace pome {

/// Element type of a tensor or multi-array. The names are MIL's (`fp16`, `int4`, ...).
enum class DataType : std::uint8_t {
  invalid = 0,
  boolean,  ///< `bool`, one byte, 0 or 1
  string,   ///< UTF-8 text
  fp16,
  fp32,
  fp64,
  bf16,
  fp8e4m3fn,
  fp8e5m2,
  int4,  ///< two's complement, two elements a byte, the first in the low bits
  int8,
  int16,
  int32,
  int64,
  uint1,  ///< sub-byte types are packed with the first element in the low bits
  uint2,
  uint3,
  uint4,
  uint6,
  uint8,
  uint16,
  uint32,
  uint64,
};

/// Bits an element takes in memory or in a blob; 0 for `string` and `invalid`.
constexpr int bits(DataType type) noexcept {
  switch (type) {
    case DataType::uint1: return 1;
    case DataType::uint2: return 2;
    case DataType::uint3: return 3;
    case DataType::int4:
    case DataType::uint4: return 4;
    case DataType::uint6: return 6;
    case DataType::boolean:
    case DataType::fp8e4m3fn:
    case DataType::fp8e5m2:
    case DataType::int8:
    case DataType::uint8: return 8;
    case DataType::fp16:
    case DataType::bf16:
    case DataType::int16:
    case DataType::uint16: return 16;
    case DataType::fp32:
    case DataType::int32:
    case DataType::uint32: return 32;
    case DataType::fp64:
    case DataType::int64:
    case DataType::uint64: return 64;
    case DataType::invalid:
    case DataType::string: return 0;
  }
  return 0;
}

constexpr bool is_float(DataType type) noexcept {
  return type == DataType::fp16 || type == DataType::fp32 || type == DataType::fp64 ||
         type == DataType::bf16 || type == DataType::fp8e4m3fn || type == DataType::fp8e5m2;
}

/// True for signed and unsigned integers of every width; false for `bool`.
constexpr bool is_integer(DataType type) noexcept {
  return type >= DataType::int4 && type <= DataType::uint64;
}

/// MIL's spelling: "fp16", "int32", "bool", "string", "uint4", ...
POME_API std::string_view name(DataType type) noexcept;

/// The type that MIL spells so, or nothing. Also reads "float16/32/64", which descriptions use.
POME_API std::optional<DataType> parse_data_type(std::string_view text) noexcept;

}  // namespace pome
