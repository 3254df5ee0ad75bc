// pad: `pad` holds (before, after) pairs for the last dimensions of x.
#include "base/text.h"
#include "ops/call.h"
#include "ops/definitions/support.h"

namespace pome::ops::definitions {
namespace {

using base::cat;

enum : int { x, amounts, mode, constant_val };
enum Mode : std::size_t { constant_mode, reflect, replicate };
constexpr std::string_view modes[] = {"constant", "reflect", "replicate"};

Dims padded(const Call& call, const Dims& from, Dims& before) {
  const auto pads = call.ints_or(amounts, {});
  if (pads.size() % 2 != 0 || pads.size() / 2 > from.size()) {
    call.fail(amounts, cat("has ", pads.size(), " values, expected two for each of up to ",
                           from.size(), " dimensions"));
  }
  const auto kind = call.choice_or(mode, constant_mode, modes);
  Dims dims = from;
  before = Dims(from.size(), 0);
  const auto lead = from.size() - pads.size() / 2;
  for (std::size_t i = lead; i < from.size(); ++i) {
    const auto front = pads[2 * (i - lead)];
    const auto back = pads[2 * (i - lead) + 1];
    before[i] = front;
    if (front < 0 || back < 0) call.fail(amounts, cat("found ", base::shape_text(pads),
                                                      ", expected 0 or more"));
    if (!ir::is_known(from[i])) {
      dims[i] = front + back == 0 ? from[i] : ir::unknown_dim;
      continue;
    }
    if (kind == reflect && (front >= from[i] || back >= from[i]) && front + back > 0) {
      call.fail(amounts, cat("cannot reflect ", front, " and ", back, " elements of a dimension of ",
                             from[i]));
    }
    if (kind == replicate && from[i] == 0 && front + back > 0) {
      call.fail(amounts, "cannot replicate the edge of an empty dimension");
    }
    dims[i] = from[i] + front + back;
  }
  return dims;
}

void infer(InferContext& call) {
  const auto& in = call.type(x);
  if (!in.ranked) return call.set_result(in);
  if (!call.known(amounts)) {
    return call.set_result(Type::tensor(in.dtype, Dims(in.rank(), ir::unknown_dim)));
  }
  Dims before;
  call.set_result(Type::tensor(in.dtype, padded(call, in.dims, before)));
}

/// Index in the source for a padded position; -1 for the constant.
std::int64_t source(std::int64_t at, std::int64_t size, std::size_t kind) {
  if (at >= 0 && at < size) return at;
  if (kind == reflect) return at < 0 ? -at : 2 * (size - 1) - at;
  if (kind == replicate) return at < 0 ? 0 : size - 1;
  return -1;
}

void evaluate(EvalContext& call) {
  const auto& in = call.in(x);
  Dims before;
  const auto dims = padded(call, Dims(in.dims), before);
  const auto kind = call.choice_or(mode, constant_mode, modes);
  const auto out = call.out(0, dims);
  const auto strides = dense_strides(in.dims);
  const double fill = call.float_or(constant_val, 0);
  std::int64_t i = 0;
  for (IndexWalk walk(dims, {}); !walk.done(); walk.next(), ++i) {
    std::int64_t at = 0;
    bool inside = true;
    for (std::size_t d = 0; d < dims.size(); ++d) {
      const auto from = source(walk.index()[d] - before[d], in.dims[d], kind);
      inside = inside && from >= 0;
      at += from * strides[d];
    }
    if (inside) {
      copy_element(in, at, out, i);
    } else {
      store_f(out, i, fill);
    }
  }
}

constexpr auto constant = Form::constant;
constexpr Param params[] = {
    {.name = "x", .types = t::all},
    {.name = "pad", .types = t::ints},
    {.name = "mode", .types = t::string, .form = constant, .required = false},
    {.name = "constant_val", .types = t::all, .form = constant, .required = false},
};
constexpr OpVersion versions[] = {{Opset::ios15, params}};

}  // namespace

extern const OpDef op_pad;
const OpDef op_pad{.name = "pad", .versions = versions, .infer = infer, .evaluate = evaluate};

}  // namespace pome::ops::definitions
