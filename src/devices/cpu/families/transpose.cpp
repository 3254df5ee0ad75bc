// transpose and reverse.
#include "devices/cpu/families/strided.h"
#include "ops/call.h"

namespace pome::devices::cpu {
namespace {

constexpr std::string_view operations[] = {"reverse", "transpose"};

struct Params {
  StridedCopy copy;
  std::int32_t x;
};

Status run(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  return copy_strided(p.copy, args[p.x].data, args[0].data, task);
}

class TransposeKernel final : public CpuKernel {
 public:
  TransposeKernel(const Kernels& kernels, const Site& site)
      : CpuKernel(kernels),
        x_(site.arg("x")),
        reverse_(site.call().call->def->name == "reverse"),
        all_(reverse_ && !site.has("axes")),
        channels_last_(site.call().arg_layout(0) == exec::Layout::channels_last),
        axes_(site.ints(reverse_ ? "axes" : "perm", {})) {
    read(x_);
    const auto rank = static_cast<std::int64_t>(site.type("x").rank());
    for (auto& a : axes_) a = a < 0 ? a + rank : a;
  }
  PlannedKernel plan(const PlanCall& call) const override {
    const auto& x = call.facts->types[call.call->args[x_]];
    const Dims strides =
        channels_last_ ? channels_last_strides(x.dims) : ops::dense_strides(x.dims);
    PlannedKernel planned;
    planned.run = run;
    planned.set_params(Params{reverse_ ? reversed(x, strides) : permuted(x, strides),
                              static_cast<std::int32_t>(1 + x_)});
    return planned;
  }

 private:
  StridedCopy permuted(const ir::Type& x, const Dims& strides) const {
    Dims dims, steps;
    for (const auto a : axes_) {
      dims.push_back(x.dims[static_cast<std::size_t>(a)]);
      steps.push_back(strides[static_cast<std::size_t>(a)]);
    }
    return make_strided_copy(dims, steps, 0, x.dtype);
  }
  StridedCopy reversed(const ir::Type& x, Dims strides) const {
    std::int64_t first = 0;
    for (std::size_t i = 0; i < strides.size(); ++i) {
      const bool named = std::ranges::find(axes_, static_cast<std::int64_t>(i)) != axes_.end();
      if (!named && !all_) continue;
      first += (x.dims[i] - 1) * strides[i];
      strides[i] = -strides[i];
    }
    return make_strided_copy(x.dims, strides, first, x.dtype);
  }

  std::size_t x_;
  bool reverse_, all_, channels_last_;
  Dims axes_;
};

Support supports(const CallSite& call) {
  return require_copyable(Site(call), "x", StridedCopy::most_dims);
}

std::unique_ptr<exec::OpKernel> prepare(const CallSite& call, const Kernels& k) {
  return std::make_unique<TransposeKernel>(k, Site(call));
}

}  // namespace

const Family transpose_family{operations, supports, streaming_cost, prepare, Tails::none, any_rule};

}  // namespace pome::devices::cpu
