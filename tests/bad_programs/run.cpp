#include "run.h"

#include <cstddef>
#include <memory>

#include "compiler/executable.h"
#include "devices/cpu/cpu_device.h"
#include "ir/text.h"
#include "ops/call.h"
#include "pome/error.h"
#include "runtime/classifier.h"

namespace pome::test {
namespace {

constexpr std::int64_t budget_bytes = std::int64_t{64} << 20;

base::HostTensor tensor_of(const BadInput& input) {
  base::HostTensor out(base::storage_type(input.declared.dtype), input.run_dims);
  std::int64_t i = 0;
  for (const double v : input.values) {
    if (i == out.size()) break;
    ops::store_f(out.mutable_view(), i++, v);
  }
  return out;
}

void load_and_predict(const BadProgram& program, Placement placement) {
  base::Budget load_budget(budget_bytes);
  std::shared_ptr<ir::Program> parsed = ir::parse_program(program.mil, "case", load_budget);
  const auto classifier = runtime::take_classifier(*parsed->functions.front());
  auto weights = std::make_shared<exec::WeightStore>(
      [](const ir::BlobReference&, const ir::Type&) { return exec::BlobRange{}; },
      std::make_shared<base::Budget>(budget_bytes));
  compiler::CompileOptions options;
  if (placement == Placement::cpu) options.devices.push_back(&devices::cpu_device());
  const auto executable = compiler::compile(parsed, "main", std::move(weights), options);
  std::vector<base::HostTensor> tensors;
  std::vector<compiler::InputTensor> inputs;
  for (const auto& input : program.inputs) {
    if (input.declared.is_tensor()) tensors.push_back(tensor_of(input));
  }
  for (const auto& t : tensors) inputs.push_back({t.view().data, t.dtype(), t.dims(), {}});
  const auto state = executable->states().empty() ? nullptr : executable->make_state();
  base::Budget run_budget(budget_bytes);
  compiler::RunOptions run_options;
  run_options.budget = &run_budget;
  std::vector<base::HostTensor> outputs;
  executable->predict(inputs, outputs, state.get(), run_options);
}

}  // namespace

std::string run(const BadProgram& program, Placement placement) {
  try {
    load_and_predict(program, placement);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace pome::test
