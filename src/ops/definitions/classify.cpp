// classify: names the class of the highest probability. The runtime takes this operation out of a
// function and gives label and probabilities itself (src/runtime/classifier.cpp); the definition is
// there so that a program with it resolves.
#include "ops/call.h"

namespace pome::ops::definitions {
namespace {

// Label and dictionary are not tensors of the program: their types are what the program declares.
void infer(InferContext& call) {
  for (std::size_t i = 0; i < call.result_count(); ++i) call.set_result(i, call.declared(i));
}

constexpr Param params[] = {
    {.name = "probabilities", .types = t::floats},
    {.name = "classes", .form = Form::any},
};
constexpr OpVersion versions[] = {{Opset::ios15, params}};

}  // namespace

extern const OpDef op_classify;
const OpDef op_classify{
    .name = "classify", .versions = versions, .min_results = 2, .max_results = 2, .infer = infer};

}  // namespace pome::ops::definitions
