// cast: the values of a tensor in another element type.
//
// To an integer a float is truncated toward zero and saturates at the type's range (NaN gives 0);
// a wider integer keeps its low bits. To fp16 a value is rounded to nearest even, and overflows to
// infinity, although the result is held as fp32: this is where f16 precision enters a program. To
// bool everything but zero is true.
#include <algorithm>
#include <cstdint>
#include <limits>

#include "base/half.h"
#include "base/text.h"
#include "ops/call.h"

namespace pome::ops::definitions {
namespace {

enum : int { x, dtype };

constexpr std::string_view names[] = {"fp16",  "fp32",   "int8",  "uint8",
                                      "int16", "uint16", "int32", "bool"};

DataType target(const Call& call) {
  const auto text = call.string_or(dtype, {});
  const auto type = parse_data_type(text);
  if (!type || std::ranges::find(names, name(*type)) == std::end(names)) {
    call.fail_choice(dtype, text, names);
  }
  return *type;
}

void infer(InferContext& call) {
  auto type = call.type(x);
  type.dtype = target(call);
  call.set_result(std::move(type));
}

struct Range {
  double low, high;
};

Range range_of(DataType type) noexcept {
  switch (type) {
    case DataType::int8: return {-128, 127};
    case DataType::uint8: return {0, 255};
    case DataType::int16: return {-32768, 32767};
    case DataType::uint16: return {0, 65535};
    default: return {-2147483648.0, 2147483647.0};
  }
}

void evaluate(EvalContext& call) {
  const auto& in = call.in(x);
  const auto to = target(call);
  const auto out = call.out(0, Dims(in.dims));
  const auto n = in.size();
  const bool from_float = is_float(in.dtype);
  const auto range = range_of(to);
  for (std::int64_t i = 0; i < n; ++i) {
    if (to == DataType::fp16) {
      store_f(out, i, base::round_to_f16(static_cast<float>(load_f(in, i))));
    } else if (to == DataType::fp32) {
      store_f(out, i, load_f(in, i));
    } else if (to == DataType::boolean) {
      store_i(out, i, from_float ? load_f(in, i) != 0 : load_i(in, i) != 0);
    } else if (from_float) {
      // The clamp keeps NaN, which becomes 0.
      store_i(out, i, saturating_int(std::clamp(load_f(in, i), range.low, range.high)));
    } else {
      store_i(out, i, load_i(in, i));
    }
  }
}

constexpr Param params_15[] = {
    {.name = "x", .types = t::numbers | t::boolean},
    {.name = "dtype", .types = t::string, .form = Form::constant},
};
constexpr Param params_17[] = {
    {.name = "x", .types = t::all},
    {.name = "dtype", .types = t::string, .form = Form::constant},
};
constexpr OpVersion versions[] = {{Opset::ios15, params_15}, {Opset::ios17, params_17}};

}  // namespace

extern const OpDef op_cast;
const OpDef op_cast{.name = "cast",
                    .versions = versions,
                    .infer = infer,
                    .evaluate = evaluate,
                    .alias = Alias::in_place};

}  // namespace pome::ops::definitions
