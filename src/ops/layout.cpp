#include "ops/layout.h"

#include "ops/call.h"

namespace pome::ops {
namespace {

constexpr Param params[] = {{"x", t::any}};
constexpr OpVersion versions[] = {{Opset::ios15, params}};

void infer(InferContext& call) {
  call.set_result(call.type(0));
}

constexpr OpDef defs[] = {
    {.name = "pome.to_channels_last", .versions = versions, .infer = infer},
    {.name = "pome.to_dense", .versions = versions, .infer = infer},
};

}  // namespace

const OpDef& to_channels_last() noexcept {
  return defs[0];
}

const OpDef& to_dense() noexcept {
  return defs[1];
}

}  // namespace pome::ops
