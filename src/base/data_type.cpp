#include "pome/data_type.h"

#include <array>
#include <utility>

namespace pome {
namespace {

using Entry = std::pair<std::string_view, DataType>;

// The first spelling of a type is the one that is printed.
constexpr std::array spellings{
    Entry{"bool", DataType::boolean},        Entry{"string", DataType::string},
    Entry{"fp16", DataType::fp16},           Entry{"fp32", DataType::fp32},
    Entry{"fp64", DataType::fp64},           Entry{"bf16", DataType::bf16},
    Entry{"fp8e4m3fn", DataType::fp8e4m3fn}, Entry{"fp8e5m2", DataType::fp8e5m2},
    Entry{"int4", DataType::int4},           Entry{"int8", DataType::int8},
    Entry{"int16", DataType::int16},         Entry{"int32", DataType::int32},
    Entry{"int64", DataType::int64},         Entry{"uint1", DataType::uint1},
    Entry{"uint2", DataType::uint2},         Entry{"uint3", DataType::uint3},
    Entry{"uint4", DataType::uint4},         Entry{"uint6", DataType::uint6},
    Entry{"uint8", DataType::uint8},         Entry{"uint16", DataType::uint16},
    Entry{"uint32", DataType::uint32},       Entry{"uint64", DataType::uint64},
    Entry{"float16", DataType::fp16},        Entry{"float32", DataType::fp32},
    Entry{"float64", DataType::fp64},        Entry{"double", DataType::fp64},
    Entry{"bfloat16", DataType::bf16},
};

}  // namespace

std::string_view name(DataType type) noexcept {
  for (const auto& [text, candidate] : spellings) {
    if (candidate == type) return text;
  }
  return "invalid";
}

std::optional<DataType> parse_data_type(std::string_view text) noexcept {
  for (const auto& [candidate, type] : spellings) {
    if (candidate == text) return type;
  }
  return std::nullopt;
}

}  // namespace pome
