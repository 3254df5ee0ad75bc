// pad: elements before and after the last dimensions of a tensor.
#include <algorithm>
#include <cstdint>

#include "base/checked.h"
#include "base/text.h"
#include "ops/call.h"
#include "ops/definitions/support.h"

namespace pome::ops::definitions {
namespace {

enum : int { x, pad, mode, constant_val };

constexpr std::string_view modes[] = {"constant", "reflect", "replicate"};
enum class Mode : std::uint8_t { constant, reflect, replicate };

using base::cat;

struct Padding {
  Dims before, out;
};

Padding padding(const Call& call, const Dims& dims, const Dims& amounts) {
  if (amounts.size() % 2 != 0 || amounts.size() > 2 * dims.size()) {
    call.fail(pad, cat("has ", amounts.size(), " entries, expected two for each padded dimension ",
                       "of shape ", base::shape_text(dims)));
  }
  const auto how = static_cast<Mode>(call.choice_or(mode, 0, modes));
  Padding p{.before = Dims(dims.size(), 0), .out = dims};
  const auto lead = dims.size() - amounts.size() / 2;
  for (std::size_t i = 0; i < amounts.size(); ++i) {
    const auto d = lead + i / 2;
    const auto size = dims[d];
    if (amounts[i] < 0) call.fail(pad, cat("found ", amounts[i], ", expected at least 0"));
    if (i % 2 == 0) p.before[d] = amounts[i];
    if (!ir::is_known(size)) {
      if (amounts[i] != 0) p.out[d] = ir::unknown_dim;
      continue;
    }
    if (amounts[i] != 0 &&
        ((how == Mode::reflect && amounts[i] >= size) || (how == Mode::replicate && size == 0))) {
      call.fail(pad, cat("cannot ", modes[static_cast<std::size_t>(how)], " ", amounts[i],
                         " elements of dimension ", d, ", which has ", size));
    }
    const auto sum = base::checked_add(p.out[d], amounts[i]);
    if (!sum) call.fail(pad, cat("dimension ", d, " does not fit 64 bits"));
    p.out[d] = *sum;
  }
  return p;
}

void infer(InferContext& call) {
  const auto& in = call.type(x);
  call.choice_or(mode, 0, modes);
  call.expect_one(constant_val);
  if (!in.ranked) {
    call.set_result(in);
    return;
  }
  bool found = false;
  const Dims amounts = ints_if_known(call, pad, found);
  if (found) {
    call.set_result(Type::tensor(in.dtype, padding(call, in.dims, amounts).out));
    return;
  }
  const auto& length = call.type(pad);
  const auto expected = static_cast<std::int64_t>(2 * in.rank());
  if (length.ranked && !ir::compatible(Type::tensor(length.dtype, {expected}), length)) {
    call.fail(pad, cat("found shape ", base::shape_text(length.dims), ", expected [", expected,
                       "], two entries for each dimension of x"));
  }
  call.set_result(Type::tensor(in.dtype, Dims(in.rank(), ir::unknown_dim)));
}

/// The source index for `at` (which may be outside), or -1 for the constant.
std::int64_t source(Mode how, std::int64_t at, std::int64_t size) {
  if (at >= 0 && at < size) return at;
  switch (how) {
    case Mode::constant: return -1;
    case Mode::reflect: return at < 0 ? -at : 2 * (size - 1) - at;
    case Mode::replicate: return std::clamp<std::int64_t>(at, 0, size - 1);
  }
  return -1;
}

void evaluate(EvalContext& call) {
  const auto& in = call.in(x);
  const auto p = padding(call, Dims(in.dims), call.ints_or(pad, {}));
  const auto out = call.out(0, p.out);
  const auto how = static_cast<Mode>(call.choice_or(mode, 0, modes));
  const double fill = call.float_or(constant_val, 0);
  const Dims strides = dense_strides(in.dims);
  std::int64_t o = 0;
  for (IndexWalk walk(p.out, {}); !walk.done(); walk.next(), ++o) {
    std::int64_t from = 0;
    for (std::size_t i = 0; i < strides.size() && from >= 0; ++i) {
      const auto at = source(how, walk.index()[i] - p.before[i], in.dims[i]);
      from = at < 0 ? -1 : from + at * strides[i];
    }
    if (from < 0) {
      store_f(out, o, fill);
    } else {
      copy_element(in, from, out, o);
    }
  }
}

constexpr Param params[] = {
    {.name = "x", .types = t::floats, .group = 'T'},
    {.name = "pad", .types = t::i32},
    {.name = "mode", .types = t::string, .form = Form::constant, .required = false},
    {.name = "constant_val",
     .types = t::floats,
     .form = Form::constant,
     .required = false,
     .group = 'T'},
};
constexpr OpVersion versions[] = {{Opset::ios15, params}};

}  // namespace

extern const OpDef op_pad;
const OpDef op_pad{.name = "pad", .versions = versions, .infer = infer, .evaluate = evaluate};

}  // namespace pome::ops::definitions
