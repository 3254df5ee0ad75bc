// split.
#include <vector>

#include "devices/cpu/families/pieces.h"
#include "devices/cpu/families/strided.h"

namespace pome::devices::cpu {
namespace {

constexpr std::string_view operations[] = {"split"};

class SplitKernel final : public CpuKernel {
 public:
  SplitKernel(const Kernels& kernels, const Site& site)
      : CpuKernel(kernels),
        x_(site.arg("x")),
        axis_(site.integer("axis", 0)),
        channels_last_(site.call().result_layout() == exec::Layout::channels_last) {
    read(x_);
  }

  PlannedKernel plan(const PlanCall& call) const override {
    const auto& x = call.facts->types[call.call->args[x_]];
    const auto axis =
        static_cast<std::size_t>(axis_ < 0 ? axis_ + static_cast<std::int64_t>(x.rank()) : axis_);
    const Dims order = channels_last_ ? channels_last_order(x.dims) : x.dims;
    const std::size_t at = channels_last_ ? channels_last_axis(axis, x.rank()) : axis;
    const std::int64_t outer = product(order, 0, at);
    const std::int64_t inner = product(order, at + 1, order.size()) * element_width(x.dtype);
    std::vector<Piece> pieces;
    std::int64_t place = 0;
    for (const auto id : call.call->results) {
      const std::int64_t length = call.facts->types[id].dims[axis];
      pieces.push_back({outer, length * inner, place * inner, x.dims[axis] * inner});
      place += length;
    }
    return plan_split(pieces, static_cast<std::int32_t>(call.call->results.size() + x_));
  }

 private:
  std::size_t x_;
  std::int64_t axis_;
  bool channels_last_;
};

Support supports(const CallSite& call) {
  return require_copyable(Site(call), "x", SIZE_MAX);
}

double cost(const CallSite& call) {
  return estimated_cost(8 * assumed_size(Site(call).type("x")), 0);
}

std::unique_ptr<exec::OpKernel> prepare(const CallSite& call, const Kernels& k) {
  return std::make_unique<SplitKernel>(k, Site(call));
}

}  // namespace

const Family split_family{operations, supports, cost, prepare, Tails::none, either_rule};

}  // namespace pome::devices::cpu
