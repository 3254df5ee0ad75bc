// l2_norm: each block of the last three dimensions divided by its own length. Error bound:
// (75 / 2 + 3) * 2^-24 relative (a sum of rows, its root, two roundings).
#include <cmath>

#include "devices/cpu/families/rows.h"

namespace pome::devices::cpu {
namespace {

constexpr std::string_view operations[] = {"l2_norm"};

struct Params {
  const Kernels* k;
  std::int64_t blocks, inner;
  double epsilon;
  std::int32_t x;
};

/// Sum of squares; in double precision where fp32 has no room for it.
double sum_of_squares(const Params& p, const float* in) noexcept {
  float sum = 0;
  p.k->reduce(ReduceOp::sum_square, {in, &sum, 1, p.inner, 1, 1});
  if (std::isfinite(sum) && sum > 1e-30F) return static_cast<double>(sum);
  double exact = 0;
  for (std::int64_t i = 0; i < p.inner; ++i) {
    exact += static_cast<double>(in[i]) * static_cast<double>(in[i]);
  }
  return exact;
}

Status run(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  return run_rows(task, {p.blocks, p.inner, 1}, [&](const RowsPart& part, int) {
    for (std::int64_t b = part.outer; b < part.outer + part.outers; ++b) {
      const float* in = args[p.x].as<float>() + b * p.inner;
      const auto length = static_cast<float>(std::sqrt(sum_of_squares(p, in) + p.epsilon));
      p.k->binary[static_cast<int>(BinaryOp::div)](in, 1, &length, 0,
                                                   args[0].as<float>() + b * p.inner, p.inner);
    }
  });
}

class L2NormKernel final : public CpuKernel {
 public:
  L2NormKernel(const Kernels& kernels, const Site& site)
      : CpuKernel(kernels), x_(site.arg("x")), epsilon_(site.number("epsilon", 1e-6)) {
    read(x_);
  }
  PlannedKernel plan(const PlanCall& call) const override {
    const auto& dims = call.facts->types[call.call->args[x_]].dims;
    PlannedKernel planned;
    planned.run = run;
    planned.set_params(Params{&k(), product(dims, 0, dims.size() - 3),
                              product(dims, dims.size() - 3, dims.size()), epsilon_,
                              static_cast<std::int32_t>(1 + x_)});
    planned.in_place = x_ == 0;
    return planned;
  }

 private:
  std::size_t x_;
  double epsilon_;
};

Support supports(const CallSite& call) {
  return require_float(Site(call), "x");
}

std::unique_ptr<exec::OpKernel> prepare(const CallSite& call, const Kernels& k) {
  return std::make_unique<L2NormKernel>(k, Site(call));
}

}  // namespace

const Family l2_norm_family{operations, supports, streaming_cost, prepare};

}  // namespace pome::devices::cpu
