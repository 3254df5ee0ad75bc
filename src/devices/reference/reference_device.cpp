#include "devices/reference/reference_device.h"

#include <vector>

#include "pome/error.h"

namespace pome::devices {
namespace {

using exec::TaskContext;
using exec::TensorRef;

/// What a reference step needs: the call and the types of this plan. Both outlive the step.
struct Params {
  const ops::FlatCall* call;
  const ops::Facts* facts;
};

void evaluate(const Params& params, TensorRef* args, TaskContext& task) {
  const auto& call = *params.call;
  std::vector<ops::EvalContext::Result> results;
  results.reserve(call.results.size());
  const auto list_of = [&](const TensorRef& ref) {
    return ref.slot < 0 ? nullptr : &task.slots->lists[static_cast<std::size_t>(ref.slot)];
  };
  for (std::size_t i = 0; i < call.results.size(); ++i) {
    const auto& ref = args[i];
    results.push_back(
        {&params.facts->types[call.results[i]], {ref.data, ref.dtype, ref.shape()}, list_of(ref)});
  }
  ops::EvalContext context(*call.def, call.op, results, {});
  const TensorRef* inputs = args + call.results.size();
  for (std::size_t p = 0; p < call.params.size(); ++p) {
    base::InlineVector<ops::Call::Arg, 4> values;
    const auto range = call.params[p];
    for (std::size_t i = range.first; i < std::size_t{range.first} + range.count; ++i) {
      const auto& ref = inputs[i];
      values.push_back(
          {&params.facts->types[call.args[i]], {ref.data, ref.dtype, ref.shape()}, list_of(ref)});
    }
    context.push_param(values);
  }
  call.def->evaluate(context);
}

exec::Status run(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  try {
    evaluate(*static_cast<const Params*>(raw), args, task);
    return {};
  } catch (...) {
    task.error = std::current_exception();
    return {.code = exec::Code::failed};
  }
}

class ReferenceKernel final : public exec::OpKernel {
 public:
  exec::PlannedKernel plan(const exec::PlanCall& call) const override {
    exec::PlannedKernel planned;
    planned.run = run;
    planned.set_params(Params{call.call, call.facts});
    planned.in_place = call.call->def->alias == ops::Alias::in_place;
    return planned;
  }
  bool takes_over(std::size_t) const noexcept override { return false; }
};

class ReferenceDevice final : public exec::Device {
 public:
  std::string_view name() const noexcept override { return "reference"; }

  exec::Support supports(const exec::CallSite& site) const override {
    if (site.call->def->evaluate) return {};
    return exec::Support::no("the operation has no evaluation of its own");
  }

  double cost(const exec::CallSite& site) const override {
    // About 10 ns an element of the result: plain loops with type dispatch.
    double elements = 1;
    for (const auto d : site.result_type().dims) {
      elements *= static_cast<double>(ir::is_known(d) ? d : assumed_dim);
    }
    return 1e-6 + elements * 1e-8;
  }

  std::unique_ptr<exec::OpKernel> prepare(const exec::CallSite&) const override {
    return std::make_unique<ReferenceKernel>();
  }
};

}  // namespace

const exec::Device& reference_device() noexcept {
  static const ReferenceDevice device;
  return device;
}

}  // namespace pome::devices
