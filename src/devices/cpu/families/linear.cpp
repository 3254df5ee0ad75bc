// linear, and matmul by a constant matrix: products with packed weights.
#include "base/text.h"
#include "devices/cpu/families/product.h"

namespace pome::devices::cpu {
namespace {

constexpr std::string_view operations[] = {"linear"};

struct Params {
  RightProduct product;  ///< without addresses of tensors
  std::int32_t x;        ///< position among the step's tensors
};

Status run(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  auto product = static_cast<const Params*>(raw)->product;
  product.x = args[static_cast<const Params*>(raw)->x].as<float>();
  product.y = args[0].as<float>();
  product.args = args;
  return multiply_all(product, task);
}

/// x [..., depth] times a constant matrix.
class LinearKernel final : public CpuKernel {
 public:
  LinearKernel(const CallSite& call, const Kernels& kernels, PackedPanels panels,
               std::shared_ptr<const exec::Pack> bias)
      : CpuKernel(kernels),
        x_(Site(call).arg("x")),
        panels_(std::move(panels)),
        bias_(std::move(bias)),
        tails_(*this, call, Tails::last) {
    read(x_);
  }

  PlannedKernel plan(const PlanCall& call) const override {
    const auto& dims = call.facts->types[call.call->args[x_]].dims;
    Params params{};
    params.product.k = &k();
    params.product.weights = panels_.view;
    params.product.bias = bias_->as<float>();
    params.product.x_row = panels_.view.depth;
    params.product.x_depth = 1;
    params.product.y_row = panels_.view.outputs;
    params.product.rows = product(dims, 0, dims.size() - 1);
    params.product.epilogue = tails_.view();
    params.x = static_cast<std::int32_t>(1 + x_);
    PlannedKernel planned;
    planned.run = run;
    planned.set_params(params);
    planned.worker_scratch_bytes = multiply_scratch(k(), panels_.view);
    return planned;
  }

 private:
  std::size_t x_;
  PackedPanels panels_;
  std::shared_ptr<const exec::Pack> bias_;
  EpilogueSteps tails_;
};

Support supports(const CallSite& call) {
  const Site site(call);
  if (auto s = require_float(site, "x"); !s.yes) return s;
  if (auto s = require_constant(site, "weight"); !s.yes) return s;
  return require_constant(site, "bias");
}

double cost(const CallSite& call) {
  const Site site(call);
  const double outputs = assumed_size(call.result_type());
  const double weights = assumed_size(site.type("weight"));
  const auto depth = site.type("weight").dims.back();
  return estimated_cost(4 * outputs + 2 * weights, outputs * static_cast<double>(depth));
}

std::unique_ptr<exec::OpKernel> prepare(const CallSite& call, const Kernels& k) {
  const Site site(call);
  const auto weight = site.weight("weight");
  const MatrixShape shape{1, weight->dims()[0], weight->dims()[1]};
  return std::make_unique<LinearKernel>(
      call, k, pack_panels(*call.weights, k, *weight, shape),
      pack_vector(*call.weights, k, site.weight("bias").get(), shape.outputs));
}

}  // namespace

const Family linear_family{operations, supports, cost, prepare, Tails::last};

std::unique_ptr<exec::OpKernel> prepare_constant_matmul(const CallSite& call, const Kernels& k) {
  const Site site(call);
  const auto weight = site.weight("y");
  const bool transposed = site.flag("transpose_y", false);
  const auto& dims = weight->dims();
  const MatrixShape shape{1, transposed ? dims[0] : dims[1], transposed ? dims[1] : dims[0],
                          !transposed};
  return std::make_unique<LinearKernel>(call, k, pack_panels(*call.weights, k, *weight, shape),
                                        pack_vector(*call.weights, k, nullptr, shape.outputs));
}

}  // namespace pome::devices::cpu
