// select: element by element from `a` where `cond` is true, else from `b`; all three broadcast.
#include "ops/call.h"
#include "ops/definitions/support.h"

namespace pome::ops::definitions {
namespace {

enum : int { cond, a, b };

Dims common_dims(const Call& call, const Dims& of_cond, const Dims& of_a, const Dims& of_b) {
  Dims values;
  Dims out;
  if (!broadcast(of_a, of_b, values)) fail_broadcast(call, a, b);
  if (!broadcast(of_cond, values, out))
    fail_broadcast(call, cond, broadcast(of_cond, of_a, out) ? b : a);
  return out;
}

void infer(InferContext& call) {
  const auto dtype = call.type(a).dtype;
  if (any_unranked(call, {cond, a, b})) {
    call.set_result(Type::unranked(dtype));
    return;
  }
  call.set_result(Type::tensor(
      dtype, common_dims(call, call.type(cond).dims, call.type(a).dims, call.type(b).dims)));
}

void evaluate(EvalContext& call) {
  const auto& c = call.in(cond);
  const auto& yes = call.in(a);
  const auto& no = call.in(b);
  const Dims dims = common_dims(call, Dims(c.dims), Dims(yes.dims), Dims(no.dims));
  const auto out = call.out(0, dims);
  const Dims strides[] = {broadcast_strides(c.dims, dims), broadcast_strides(yes.dims, dims),
                          broadcast_strides(no.dims, dims)};
  std::int64_t i = 0;
  for (IndexWalk walk(dims, strides); !walk.done(); walk.next(), ++i) {
    if (load_i(c, walk.offset(0)) != 0) {
      copy_element(yes, walk.offset(1), out, i);
    } else {
      copy_element(no, walk.offset(2), out, i);
    }
  }
}

constexpr Param params[] = {
    {.name = "cond", .types = t::boolean},
    {.name = "a", .types = t::numbers | t::boolean, .group = 'T'},
    {.name = "b", .types = t::numbers | t::boolean, .group = 'T'},
};
constexpr OpVersion versions[] = {{Opset::ios15, params}};

}  // namespace

extern const OpDef op_select;
const OpDef op_select{.name = "select", .versions = versions, .infer = infer, .evaluate = evaluate};

}  // namespace pome::ops::definitions
