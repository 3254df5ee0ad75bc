// Codes of element types in MIL messages.
#pragma once

#include <array>
#include <optional>
#include <utility>

#include "pome/data_type.h"
#include "proto/MIL.pb.h"

namespace pome::frontend {

inline constexpr std::array element_types{
    std::pair{proto::mil::DataType::BOOL, DataType::boolean},
    std::pair{proto::mil::DataType::STRING, DataType::string},
    std::pair{proto::mil::DataType::FLOAT8E4M3FN, DataType::fp8e4m3fn},
    std::pair{proto::mil::DataType::FLOAT8E5M2, DataType::fp8e5m2},
    std::pair{proto::mil::DataType::FLOAT16, DataType::fp16},
    std::pair{proto::mil::DataType::FLOAT32, DataType::fp32},
    std::pair{proto::mil::DataType::FLOAT64, DataType::fp64},
    std::pair{proto::mil::DataType::BFLOAT16, DataType::bf16},
    std::pair{proto::mil::DataType::INT4, DataType::int4},
    std::pair{proto::mil::DataType::INT8, DataType::int8},
    std::pair{proto::mil::DataType::INT16, DataType::int16},
    std::pair{proto::mil::DataType::INT32, DataType::int32},
    std::pair{proto::mil::DataType::INT64, DataType::int64},
    std::pair{proto::mil::DataType::UINT1, DataType::uint1},
    std::pair{proto::mil::DataType::UINT2, DataType::uint2},
    std::pair{proto::mil::DataType::UINT3, DataType::uint3},
    std::pair{proto::mil::DataType::UINT4, DataType::uint4},
    std::pair{proto::mil::DataType::UINT6, DataType::uint6},
    std::pair{proto::mil::DataType::UINT8, DataType::uint8},
    std::pair{proto::mil::DataType::UINT16, DataType::uint16},
    std::pair{proto::mil::DataType::UINT32, DataType::uint32},
    std::pair{proto::mil::DataType::UINT64, DataType::uint64},
};

/// The element type of a code, or nothing.
constexpr std::optional<DataType> element_type_of(proto::mil::DataType code) noexcept {
  for (const auto& [candidate, type] : element_types) {
    if (candidate == code) return type;
  }
  return std::nullopt;
}

/// The code of an element type, or nothing.
constexpr std::optional<proto::mil::DataType> code_of(DataType type) noexcept {
  for (const auto& [code, candidate] : element_types) {
    if (candidate == type) return code;
  }
  return std::nullopt;
}

}  // namespace pome::frontend
