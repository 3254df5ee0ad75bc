// concat and stack.
#include <vector>

#include "base/text.h"
#include "devices/cpu/families/pieces.h"
#include "devices/cpu/families/strided.h"

namespace pome::devices::cpu {
namespace {

constexpr std::string_view operations[] = {"concat", "stack"};

class JoinKernel final : public CpuKernel {
 public:
  JoinKernel(const Kernels& kernels, const Site& site)
      : CpuKernel(kernels),
        first_(site.arg("values")),
        count_(site.call().call->param(param_index(*site.call().call->def, "values")).size()),
        stack_(site.call().call->def->name == "stack"),
        interleave_(site.flag("interleave", false)),
        axis_(site.integer("axis", 0)),
        channels_last_(site.call().result_layout() == exec::Layout::channels_last) {
    for (std::size_t i = 0; i < count_; ++i) read(first_ + i);
  }

  PlannedKernel plan(const PlanCall& call) const override {
    const auto& out = call.result_type();
    const auto axis =
        static_cast<std::size_t>(axis_ < 0 ? axis_ + static_cast<std::int64_t>(out.rank()) : axis_);
    const Dims order = channels_last_ ? channels_last_order(out.dims) : out.dims;
    const std::size_t at = channels_last_ ? channels_last_axis(axis, out.rank()) : axis;
    const std::int64_t outer = product(order, 0, at);
    const std::int64_t inner = product(order, at + 1, order.size()) * element_width(out.dtype);
    const auto parts = static_cast<std::int64_t>(count_);
    std::vector<Piece> pieces;
    std::int64_t place = 0;  // along the axis
    for (std::size_t i = 0; i < count_; ++i) {
      const auto& dims = call.facts->types[call.call->args[first_ + i]].dims;
      // Scalars are joined as vectors of one element.
      const std::int64_t length = stack_ || dims.empty() ? 1 : dims[axis];
      if (interleave_) {
        pieces.push_back(
            {outer * length, inner, static_cast<std::int64_t>(i) * inner, parts * inner});
      } else {
        pieces.push_back({outer, length * inner, place * inner, out.dims[axis] * inner});
      }
      place += length;
    }
    return plan_join(pieces, static_cast<std::int32_t>(1 + first_));
  }

 private:
  std::size_t first_, count_;
  bool stack_, interleave_;
  std::int64_t axis_;
  bool channels_last_;
};

Support supports(const CallSite& call) {
  const int values = param_index(*call.call->def, "values");
  const auto count = static_cast<int>(call.call->param(values).size());
  for (int i = 0; i < count; ++i) {
    const auto& type = call.type(values, i);
    if (!is_copyable(type, SIZE_MAX)) {
      return Support::no(base::cat("value ", i, " is ", ir::text(type),
                                   "; the kernel takes numbers and bools of known rank"));
    }
  }
  return {};
}

double cost(const CallSite& call) {
  const double elements = assumed_size(call.result_type());
  return estimated_cost(8 * elements, 0);
}

std::unique_ptr<exec::OpKernel> prepare(const CallSite& call, const Kernels& k) {
  return std::make_unique<JoinKernel>(k, Site(call));
}

}  // namespace

const Family join_family{operations, supports, cost, prepare, Tails::none, either_rule};

}  // namespace pome::devices::cpu
