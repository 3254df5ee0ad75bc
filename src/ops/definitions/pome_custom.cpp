// pome.custom: an operation of the program's own (a custom layer). Its code hangs on the operation.
#include <algorithm>
#include <vector>

#include "ops/call.h"
#include "ops/custom.h"

namespace pome::ops::definitions {
namespace {

enum { values };

const CustomOperation& code_of(const Call& call) {
  if (call.op() == nullptr || call.op()->custom == nullptr)
    call.fail("there is no code for it in this program");
  return *call.op()->custom;
}

// Shapes come from code that wants whole ones. With an unknown dimension it is asked all the same,
// with one that stands for it, and believed in nothing but the number of dimensions.
void infer(InferContext& call) {
  constexpr std::int64_t stand_in = 64;
  const CustomOperation& code = code_of(call);
  std::vector<Dims> inputs;
  bool whole = true;
  for (int i = 0; i < call.count(values); ++i) {
    const Type& type = call.type(values, i);
    if (!type.ranked) {
      for (std::size_t r = 0; r < call.result_count(); ++r)
        call.set_result(r, Type::unranked(DataType::fp32));
      return;
    }
    Dims& dims = inputs.emplace_back(type.dims);
    for (std::int64_t& dim : dims) {
      whole = whole && ir::is_known(dim);
      if (!ir::is_known(dim)) dim = stand_in;
    }
  }
  const std::vector<Dims> shapes = code.infer(inputs, call.result_count());
  for (std::size_t r = 0; r < call.result_count(); ++r) {
    Dims dims = shapes[r];
    if (!whole) std::fill(dims.begin(), dims.end(), ir::unknown_dim);
    call.set_result(r, Type::tensor(DataType::fp32, std::move(dims)));
  }
}

void evaluate(EvalContext& call) {
  const CustomOperation& code = code_of(call);
  std::vector<TensorView> inputs;
  inputs.reserve(static_cast<std::size_t>(call.count(values)));
  for (int i = 0; i < call.count(values); ++i) inputs.push_back(call.in(values, i));
  std::vector<MutableTensorView> outputs;
  for (std::size_t r = 0; r < call.result_count(); ++r) outputs.push_back(call.out(r));
  code.evaluate(inputs, outputs);
}

constexpr Param params[] = {{.name = "values", .types = t::fp32, .variadic = true}};
constexpr OpVersion versions[] = {{Opset::ios15, params}};

}  // namespace

extern const OpDef op_pome_custom;
const OpDef op_pome_custom{.name = "pome.custom",
                           .versions = versions,
                           .min_results = 1,
                           .max_results = 255,
                           .infer = infer,
                           .evaluate = evaluate};

}  // namespace pome::ops::definitions
