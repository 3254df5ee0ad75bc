// cumsum along an axis, band_part of the innermost matrices, sliding_windows along an axis.
#include <cstdint>

#include "base/text.h"
#include "ops/call.h"
#include "ops/definitions/support.h"

namespace pome::ops::definitions {
namespace {

using base::cat;

namespace cumsum {

enum : int { x, axis, exclusive, reverse };

void infer(InferContext& call) {
  const auto& in = call.type(x);
  if (in.ranked) call.axis(axis, call.int_or(axis, 0), in.rank());
  infer_same(call);
}

void evaluate(EvalContext& call) {
  const auto& in = call.in(x);
  const Dims dims(in.dims);
  const auto out = call.out(0, dims);
  const auto at = static_cast<std::size_t>(call.axis(axis, call.int_or(axis, 0), dims.size()));
  const bool before = call.bool_or(exclusive, false);
  const bool backwards = call.bool_or(reverse, false);
  const auto length = dims[at];
  const auto outer = extent(dims, 0, at);
  const auto inner = extent(dims, at + 1, dims.size());
  for (std::int64_t line = 0; line < outer * inner; ++line) {
    const auto first = line / inner * length * inner + line % inner;
    double sum = 0;
    std::uint64_t whole = 0;  // wraps, of which the low bits are those of the true sum
    for (std::int64_t k = 0; k < length; ++k) {
      const auto i = first + (backwards ? length - 1 - k : k) * inner;
      const double sum_before = sum;
      const auto whole_before = whole;
      sum += load_f(in, i);
      whole += static_cast<std::uint64_t>(load_i(in, i));
      if (is_float(in.dtype)) {
        store_f(out, i, before ? sum_before : sum);
      } else {
        store_i(out, i, static_cast<std::int64_t>(before ? whole_before : whole));
      }
    }
  }
}

}  // namespace cumsum

namespace band {

enum : int { x, lower, upper };

void infer(InferContext& call) {
  const auto& in = call.type(x);
  if (in.ranked && in.rank() < 2) {
    call.fail(x, cat("expected at least 2 dimensions, found shape ", base::shape_text(in.dims)));
  }
  infer_same(call);
}

void evaluate(EvalContext& call) {
  const auto& in = call.in(x);
  const auto out = call.out(0, Dims(in.dims));
  const auto below = call.int_or(lower, -1);
  const auto above = call.int_or(upper, -1);
  const auto columns = in.dims.back();
  const auto rows = in.dims[in.dims.size() - 2];
  const auto n = in.size();
  for (std::int64_t i = 0; i < n; ++i) {
    const auto column = i % columns;
    const auto row = i / columns % rows;
    const bool kept = (below < 0 || row - column <= below) && (above < 0 || column - row <= above);
    if (kept) {
      copy_element(in, i, out, i);
    } else {
      store_i(out, i, 0);
    }
  }
}

}  // namespace band

namespace windows {

enum : int { x, axis, size, stride };

Dims result_dims(const Call& call, const Dims& dims, std::size_t at) {
  const auto length = call.int_or(size, 1);
  const auto step = call.int_or(stride, 1);
  if (length < 1) call.fail(size, cat("found ", length, ", expected at least 1"));
  if (step < 1) call.fail(stride, cat("found ", step, ", expected at least 1"));
  Dims out = dims;
  if (ir::is_known(dims[at])) {
    if (length > dims[at]) {
      call.fail(size, cat("a window of ", length, " does not fit dimension ", at, " of ", dims[at],
                          " elements"));
    }
    out[at] = (dims[at] - length) / step + 1;
  }
  out.insert(out.begin() + at + 1, length);
  return out;
}

void infer(InferContext& call) {
  const auto& in = call.type(x);
  if (!in.ranked) {
    call.set_result(in);
    return;
  }
  const auto at = static_cast<std::size_t>(call.axis(axis, call.int_or(axis, 0), in.rank()));
  Dims out = result_dims(call, in.dims, at);
  if (!ir::is_known(in.dims[at])) out[at] = ir::unknown_dim;
  call.set_result(Type::tensor(in.dtype, std::move(out)));
}

void evaluate(EvalContext& call) {
  const auto& in = call.in(x);
  const Dims dims(in.dims);
  const auto at = static_cast<std::size_t>(call.axis(axis, call.int_or(axis, 0), dims.size()));
  const Dims result = result_dims(call, dims, at);
  const auto out = call.out(0, result);
  const auto step = call.int_or(stride, 1);
  const auto outer = extent(dims, 0, at);
  const auto inner = extent(dims, at + 1, dims.size());
  std::int64_t o = 0;
  for (std::int64_t b = 0; b < outer; ++b) {
    for (std::int64_t w = 0; w < result[at]; ++w) {
      for (std::int64_t k = 0; k < result[at + 1]; ++k, o += inner) {
        copy_elements(in, (b * dims[at] + w * step + k) * inner, out, o, inner);
      }
    }
  }
}

}  // namespace windows

constexpr TypeSet basic = t::numbers | t::boolean;
constexpr Param constant_int(std::string_view name, bool required = false) {
  return {.name = name, .types = t::i32, .form = Form::constant, .required = required};
}
constexpr Param constant_bool(std::string_view name) {
  return {.name = name, .types = t::boolean, .form = Form::constant, .required = false};
}
constexpr Param cumsum_params[] = {{.name = "x", .types = t::numbers},
                                   constant_int("axis"),
                                   constant_bool("exclusive"),
                                   constant_bool("reverse")};
constexpr OpVersion cumsum_versions[] = {{Opset::ios15, cumsum_params}};
constexpr Param band_params[] = {
    {.name = "x", .types = basic}, constant_int("lower"), constant_int("upper")};
constexpr OpVersion band_versions[] = {{Opset::ios15, band_params}};
constexpr Param windows_15[] = {{.name = "x", .types = t::numbers},
                                constant_int("axis", true),
                                constant_int("size", true),
                                constant_int("stride")};
constexpr Param windows_17[] = {{.name = "x", .types = t::all},
                                constant_int("axis", true),
                                constant_int("size", true),
                                constant_int("stride")};
constexpr OpVersion windows_versions[] = {{Opset::ios15, windows_15}, {Opset::ios17, windows_17}};

}  // namespace

extern const OpDef op_band_part, op_cumsum, op_sliding_windows;
const OpDef op_band_part{.name = "band_part",
                         .versions = band_versions,
                         .infer = band::infer,
                         .evaluate = band::evaluate};
const OpDef op_cumsum{.name = "cumsum",
                      .versions = cumsum_versions,
                      .infer = cumsum::infer,
                      .evaluate = cumsum::evaluate};
const OpDef op_sliding_windows{.name = "sliding_windows",
                               .versions = windows_versions,
                               .infer = windows::infer,
                               .evaluate = windows::evaluate};

}  // namespace pome::ops::definitions
