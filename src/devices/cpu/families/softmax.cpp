// softmax over one dimension. The relative error of a result y is below
// 2^-24 * (|log y| + 2 * length + 16): the distance from the maximum, at most |log y|, is rounded
// once, exp adds 2 ulp, the sum at most one rounding a term. Below 2^-126 comes a unit of the
// subnormals.
#include "devices/cpu/families/rows.h"

namespace pome::devices::cpu {
namespace {

constexpr std::string_view operations[] = {"softmax"};

struct Params {
  Rows rows;
  const Kernels* k;
  std::int32_t x;
};

Status run(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  const auto& r = p.rows;
  return run_rows(task, r, [&](const RowsPart& part, int) {
    const std::int64_t first = part.outer * r.length * r.inner + part.column;
    p.k->softmax({args[p.x].as<float>() + first, args[0].as<float>() + first, part.outers, r.length,
                  part.columns, r.inner});
  });
}

class SoftmaxKernel final : public CpuKernel {
 public:
  SoftmaxKernel(const Kernels& kernels, const Site& site)
      : CpuKernel(kernels),
        x_(site.arg("x")),
        axis_(site.integer("axis", -1)),
        channels_last_(site.call().result_layout() == exec::Layout::channels_last) {
    read(x_);
  }
  PlannedKernel plan(const PlanCall& call) const override {
    Dims dims = call.facts->types[call.call->args[x_]].dims;
    auto at = static_cast<std::size_t>(axis_ < 0 ? axis_ + static_cast<std::int64_t>(dims.size())
                                                 : axis_);
    if (channels_last_) {
      at = channels_last_axis(at, dims.size());
      dims = channels_last_order(dims);
    }
    PlannedKernel planned;
    planned.run = run;
    planned.set_params(
        Params{rows_of(dims, {at, at + 1}), &k(), static_cast<std::int32_t>(1 + x_)});
    planned.in_place = x_ == 0;
    return planned;
  }

 private:
  std::size_t x_;
  std::int64_t axis_;
  bool channels_last_;
};

Support supports(const CallSite& call) {
  return require_float(Site(call), "x");
}

double cost(const CallSite& call) {
  const double elements = assumed_size(call.result_type());
  return estimated_cost(8 * elements, 20 * elements);
}

std::unique_ptr<exec::OpKernel> prepare(const CallSite& call, const Kernels& k) {
  return std::make_unique<SoftmaxKernel>(k, Site(call));
}

}  // namespace

const Family softmax_family{operations, supports, cost, prepare, Tails::none, either_rule};

}  // namespace pome::devices::cpu
