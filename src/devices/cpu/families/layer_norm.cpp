// layer_norm over neighbouring dimensions. Mean and variance are formed in two passes; sums of rows
// end in double precision (kernels/sums.h). With s = sqrt(variance + epsilon), A the greatest |x|
// and K the terms of the longest chain of additions (row: 70, column: 64 + length / 64), the error
// of a normalized value v is below 2^-24 * ((K + 1) * A / s + (K + 8) * |v|).
#include "devices/cpu/families/rows.h"
#include "devices/cpu/families/weights.h"

namespace pome::devices::cpu {
namespace {

constexpr std::string_view operations[] = {"layer_norm"};

struct Params {
  Rows rows;
  const Kernels* k;
  const float *gamma, *beta;
  float epsilon;
  std::int32_t x;
};

Status run(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  const auto& r = p.rows;
  return run_rows(task, r, [&](const RowsPart& part, int) {
    const std::int64_t first = part.outer * r.length * r.inner + part.column;
    p.k->normalize({args[p.x].as<float>() + first, args[0].as<float>() + first, p.gamma, p.beta,
                    part.outers, r.length, part.columns, r.inner, p.epsilon});
  });
}

Dims axes_of(const Site& site) {
  return site.ints("axes", all_axes(site.type("x").rank()));
}

class LayerNormKernel final : public CpuKernel {
 public:
  LayerNormKernel(const Kernels& kernels, const Site& site)
      : CpuKernel(kernels), x_(site.arg("x")), axes_(axes_of(site)) {
    read(x_);
    const auto vector = [&](std::string_view param) -> std::shared_ptr<const exec::Pack> {
      const auto weight = site.weight(param);
      return weight ? pack_vector(*site.call().weights, kernels, weight.get(), weight->size())
                    : nullptr;
    };
    gamma_ = vector("gamma");
    beta_ = vector("beta");
    epsilon_ = static_cast<float>(site.number("epsilon", 1e-5));
  }
  PlannedKernel plan(const PlanCall& call) const override {
    const auto& dims = call.facts->types[call.call->args[x_]].dims;
    Params p{};
    p.rows = rows_of(dims, axis_span(dims, axes_).value_or(AxisSpan{}));
    p.k = &k();
    p.gamma = gamma_ ? gamma_->as<float>() : nullptr;
    p.beta = beta_ ? beta_->as<float>() : nullptr;
    p.epsilon = epsilon_;
    p.x = static_cast<std::int32_t>(1 + x_);
    PlannedKernel planned;
    planned.run = run;
    planned.set_params(p);
    planned.in_place = x_ == 0;
    return planned;
  }

 private:
  std::size_t x_;
  Dims axes_;
  std::shared_ptr<const exec::Pack> gamma_, beta_;
  float epsilon_ = 0;
};

Support supports(const CallSite& call) {
  const Site site(call);
  if (auto s = require_float(site, "x"); !s.yes) return s;
  if (!axis_span(site.type("x").dims, axes_of(site))) {
    return Support::no("the axes are not neighbours");
  }
  if (auto s = require_constant(site, "gamma"); !s.yes) return s;
  return require_constant(site, "beta");
}

double cost(const CallSite& call) {
  const double elements = assumed_size(call.result_type());
  return estimated_cost(8 * elements, 4 * elements);
}

std::unique_ptr<exec::OpKernel> prepare(const CallSite& call, const Kernels& k) {
  return std::make_unique<LayerNormKernel>(k, Site(call));
}

}  // namespace

const Family layer_norm_family{operations, supports, cost, prepare};

}  // namespace pome::devices::cpu
