// slice_by_index and slice_by_size. Where a slice begins may be known at run time only, as long as
// its size is known before.
#include <algorithm>

#include "base/text.h"
#include "devices/cpu/families/strided.h"
#include "ops/call.h"

namespace pome::devices::cpu {
namespace {

constexpr std::string_view operations[] = {"slice_by_index", "slice_by_size"};
constexpr std::size_t most_rank = 8;

/// A dimension whose first element is read at run time.
struct LateStart {
  std::int64_t dim, size, stride, count;
};

struct Params {
  StridedCopy copy;
  std::int32_t x, begin;
  std::int32_t late_count;
  LateStart late[most_rank];
};

Status run(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  StridedCopy copy = p.copy;
  for (std::int32_t i = 0; i < p.late_count; ++i) {
    const auto& late = p.late[i];
    const auto& begin = args[p.begin];
    std::int64_t at = ops::load_i({begin.data, begin.dtype, begin.shape()}, late.dim);
    if (at < 0) at += late.size;
    if (at < 0 || at > late.size - late.count) {
      return {.code = exec::Code::bad_index,
              .payload = {at < 0 ? at : at + late.count - 1, late.size},
              .param = "begin"};
    }
    copy.first += at * late.stride;
  }
  return copy_strided(copy, args[p.x].data, args[0].data, task);
}

/// What a slice of one dimension is; `first` is absent when it is read at run time.
struct Range {
  std::int64_t first = 0, step = 1, count = 0;
  bool late = false;
};

class SliceKernel final : public CpuKernel {
 public:
  SliceKernel(const Kernels& kernels, const Site& site)
      : CpuKernel(kernels),
        x_(site.arg("x")),
        begin_(site.arg("begin")),
        by_size_(site.call().call->def->name == "slice_by_size"),
        channels_last_(site.call().result_layout() == exec::Layout::channels_last) {
    read(x_);
    read(begin_);
    const auto rank = site.type("x").rank();
    stride_ = site.ints("stride", Dims(rank, 1));
    begin_mask_ = site.ints("begin_mask", Dims(rank, 0));
    squeeze_mask_ = site.ints("squeeze_mask", Dims(rank, 0));
  }

  PlannedKernel plan(const PlanCall& call) const override {
    const auto& x = call.facts->types[call.call->args[x_]];
    const auto& known = call.facts->known[call.call->args[begin_]];
    const auto& out = call.result_type().dims;
    const Dims strides =
        channels_last_ ? channels_last_strides(x.dims) : ops::dense_strides(x.dims);
    Params p{};
    p.x = static_cast<std::int32_t>(1 + x_);
    p.begin = static_cast<std::int32_t>(1 + begin_);
    Dims dims, steps;
    std::int64_t first = 0;
    std::size_t result = 0;  // squeezed dimensions have no place in it
    for (std::size_t i = 0; i < x.rank(); ++i) {
      const std::int64_t count = squeeze_mask_[i] != 0 ? 1 : out[result++];
      const auto view = known ? known->view() : base::TensorView{};
      const Range r = range(view, i, x.dims[i], count);
      if (r.late) {
        p.late[p.late_count++] = {static_cast<std::int64_t>(i), x.dims[i], strides[i], count};
      }
      first += r.first * strides[i];
      dims.push_back(count);
      // A single step is never taken; its product with a huge stride might not fit.
      steps.push_back(count > 1 ? strides[i] * r.step : 0);
    }
    if (channels_last_) {  // nothing is squeezed
      dims = channels_last_order(dims);
      steps = channels_last_order(steps);
    }
    p.copy = make_strided_copy(dims, steps, first, x.dtype);
    PlannedKernel planned;
    planned.run = run;
    planned.set_params(p);
    return planned;
  }

 private:
  Range range(const base::TensorView& begin, std::size_t i, std::int64_t size,
              std::int64_t count) const {
    Range r{.step = stride_[i], .count = count};
    const bool squeezed = squeeze_mask_[i] != 0;
    if (begin_mask_[i] != 0) {
      r.first = r.step > 0 || squeezed ? 0 : size - 1;
      return r;
    }
    if (!begin) {
      r.late = true;
      return r;
    }
    r.first = ops::load_i(begin, static_cast<std::int64_t>(i));
    if (r.first < 0) r.first += size;
    if (!squeezed && !by_size_) {
      r.first = r.step > 0 ? std::clamp<std::int64_t>(r.first, 0, size)
                           : std::clamp<std::int64_t>(r.first, -1, size - 1);
    }
    return r;
  }

  std::size_t x_, begin_;
  bool by_size_, channels_last_;
  Dims stride_, begin_mask_, squeeze_mask_;
};

Support supports(const CallSite& call) {
  return require_copyable(Site(call), "x", most_rank);
}

double cost(const CallSite& call) {
  return estimated_cost(8 * assumed_size(call.result_type()), 0);
}

std::unique_ptr<exec::OpKernel> prepare(const CallSite& call, const Kernels& k) {
  return std::make_unique<SliceKernel>(k, Site(call));
}

}  // namespace

// A slice that squeezes gives another rank, which either_rule keeps dense.
const Family slice_family{operations, supports, cost, prepare, Tails::none, either_rule};

}  // namespace pome::devices::cpu
