// const: a value known when the model is loaded. Its value is the attribute `val`.
#include "ops/call.h"

namespace pome::ops::definitions {
namespace {

// The declared type is the type of `val`; ir::verify compares them.
void infer(InferContext& call) {
  call.set_result(call.declared());
}

constexpr OpVersion versions[] = {{Opset::ios15, {}}};

}  // namespace

extern const OpDef op_const;
const OpDef op_const{.name = "const", .versions = versions, .infer = infer};

}  // namespace pome::ops::definitions
