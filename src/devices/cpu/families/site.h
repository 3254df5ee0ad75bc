// What families share: parameters by name, checks with reasons, and the base of prepared kernels.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/inline_vector.h"
#include "devices/cpu/families/family.h"
#include "exec/device.h"

namespace pome::devices::cpu {

using base::Dims;
using exec::CallSite;
using exec::PlanCall;
using exec::PlannedKernel;
using exec::Status;
using exec::Support;
using exec::TaskContext;
using exec::TensorRef;

/// Position of a parameter in the canonical signature, -1 when the operation has none of the name.
int param_index(const ops::OpDef& def, std::string_view name) noexcept;

/// A call with its parameters by name. Reads constants; meant for preparing, not for planning.
class Site {
 public:
  explicit Site(const CallSite& call) : call_(call) {}

  bool has(std::string_view param) const noexcept;
  /// True when the parameter is absent or a constant that is known now.
  bool settled(std::string_view param) const noexcept;
  /// Position of the (first) argument of a present parameter in FlatCall::args.
  std::size_t arg(std::string_view param) const noexcept;
  const ir::Type& type(std::string_view param) const noexcept;
  Dims ints(std::string_view param, Dims otherwise) const;
  std::int64_t integer(std::string_view param, std::int64_t otherwise) const;
  double number(std::string_view param, double otherwise) const;
  bool flag(std::string_view param, bool otherwise) const;
  std::string_view text(std::string_view param, std::string_view otherwise) const;
  /// Null when absent or computed at run time.
  std::shared_ptr<const exec::Weight> weight(std::string_view param) const;
  const CallSite& call() const noexcept { return call_; }

 private:
  base::TensorView known(std::string_view param) const noexcept;
  const CallSite& call_;
};

/// True for tensors of known rank whose elements are held as fp32.
bool is_float_tensor(const ir::Type& type) noexcept;

/// Refusals that many families share; `yes` when there is nothing to refuse.
Support require_float(const Site& site, std::string_view param);
Support require_constant(const Site& site, std::string_view param);

/// Elements of a type, unknown dimensions taken as `exec::Device::assumed_dim`.
double assumed_size(const ir::Type& type) noexcept;
/// Seconds for moving `bytes` through memory and for `operations` multiply-adds, plus the start.
double estimated_cost(double bytes, double operations) noexcept;
/// Cost of reading the first argument and writing the first result once.
double streaming_cost(const CallSite& call) noexcept;

/// Base of prepared kernels: hands over only the arguments that the kernel reads as tensors.
class CpuKernel : public exec::OpKernel {
 public:
  bool takes_over(std::size_t arg) const noexcept override;
  void read(std::size_t arg) { reads_.push_back(static_cast<std::uint32_t>(arg)); }
  const Kernels& k() const noexcept { return *k_; }

 protected:
  explicit CpuKernel(const Kernels& kernels) : k_(&kernels) {}

 private:
  const Kernels* k_;
  base::InlineVector<std::uint32_t, 4> reads_;
};

/// Layout rule of elementwise families: what has elements of 4 bytes may have any layout.
exec::LayoutRule follow_rule(const CallSite& call);

/// Layout rule of families that work in either layout: `either` when parameter 0 and the results
/// are of one rank, with channels, and have elements of 4 bytes; else dense.
exec::LayoutRule either_rule(const CallSite& call);

/// `any` when parameter 0 has channels and elements of 4 bytes; else dense.
exec::LayoutRule any_rule(const CallSite& call);

/// Dimensions, or strides, in the order of channels-last memory.
Dims channels_last_order(const Dims& dims);
/// Strides, by dimension, of a channels-last tensor.
Dims channels_last_strides(const Dims& dims);
/// Where dimension `axis` of `rank` lies in channels-last memory.
std::size_t channels_last_axis(std::size_t axis, std::size_t rank) noexcept;

/// Product of dims[first, last).
std::int64_t product(std::span<const std::int64_t> dims, std::size_t first, std::size_t last);
inline std::int64_t product(std::span<const std::int64_t> dims) {
  return product(dims, 0, dims.size());
}
constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) noexcept {
  return (a + b - 1) / b;
}
constexpr std::int64_t round_up(std::int64_t a, std::int64_t b) noexcept {
  return ceil_div(a, b) * b;
}

/// Runs `body(task, worker)` for tasks 0..n-1. Each task first looks at the stop token.
template <typename Body>
Status run_tasks(TaskContext& task, std::int64_t n, Body&& body) noexcept {
  task.parallel(n, [&](std::int64_t i, int worker) noexcept {
    if (!task.stop.stop_requested()) body(i, worker);
  });
  if (task.stop.stop_requested()) return {.code = exec::Code::cancelled};
  return {};
}

/// Cuts [0, n) into tasks of `grain` elements: `body(first, count)`.
template <typename Body>
Status run_chunks(TaskContext& task, std::int64_t n, std::int64_t grain, Body&& body) noexcept {
  return run_tasks(task, ceil_div(n, grain), [&](std::int64_t i, int) {
    const std::int64_t first = i * grain;
    body(first, std::min(grain, n - first));
  });
}

}  // namespace pome::devices::cpu
