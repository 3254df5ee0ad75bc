// tile: each dimension repeated.
#include "devices/cpu/families/strided.h"
#include "ops/call.h"

namespace pome::devices::cpu {
namespace {

constexpr std::string_view operations[] = {"tile"};

struct Params {
  StridedCopy copy;
  std::int32_t x;
};

Status run(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  return copy_strided(p.copy, args[p.x].data, args[0].data, task);
}

class TileKernel final : public CpuKernel {
 public:
  TileKernel(const Kernels& kernels, const Site& site) : CpuKernel(kernels), x_(site.arg("x")) {
    read(x_);
  }
  PlannedKernel plan(const PlanCall& call) const override {
    const auto& x = call.facts->types[call.call->args[x_]];
    const auto& out = call.result_type().dims;
    const Dims strides = ops::dense_strides(x.dims);
    // Each dimension becomes two: the repetitions, which stand still, and the dimension itself.
    Dims dims, steps;
    for (std::size_t i = 0; i < x.rank(); ++i) {
      dims.push_back(x.dims[i] == 0 ? 0 : out[i] / x.dims[i]);
      steps.push_back(0);
      dims.push_back(x.dims[i]);
      steps.push_back(strides[i]);
    }
    PlannedKernel planned;
    planned.run = run;
    planned.set_params(
        Params{make_strided_copy(dims, steps, 0, x.dtype), static_cast<std::int32_t>(1 + x_)});
    return planned;
  }

 private:
  std::size_t x_;
};

Support supports(const CallSite& call) {
  return require_copyable(Site(call), "x", StridedCopy::most_dims / 2);
}

std::unique_ptr<exec::OpKernel> prepare(const CallSite& call, const Kernels& k) {
  return std::make_unique<TileKernel>(k, Site(call));
}

}  // namespace

const Family tile_family{operations, supports, streaming_cost, prepare};

}  // namespace pome::devices::cpu
