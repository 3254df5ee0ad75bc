// The interface that every device implements: what it can run, at what cost, and how.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "exec/task.h"
#include "exec/weights.h"
#include "ops/flat.h"

namespace pome::exec {

/// How results are rounded (design, section 5).
enum class Numerics : std::uint8_t { exact, as_declared, fast };

/// An elementwise call that a kernel does at the end of its own work, while the values are near.
struct Tail {
  const ops::FlatCall* call = nullptr;
  std::size_t through = 0;  ///< position in call->args of the value that is handed on
};

/// What a kernel asks of the layouts of its tensors.
enum class LayoutRule : std::uint8_t {
  dense,          ///< all dense
  channels_last,  ///< parameter 0 and the result channels-last, all else dense
  follow,         ///< elementwise: any layout, the same for all that have one (see has_layout)
  either,         ///< parameter 0 (all its arguments) and all results in one layout, else dense
  any,            ///< parameter 0 in the layout it comes in, all else dense
};

/// False for a tensor that is the same in every layout when it meets tensors of `rank` dimensions:
/// one channel, or one element a channel, for certain.
bool has_layout(const ir::Type& type, std::size_t rank) noexcept;

/// One call, with what is known of it whatever the input shapes are.
struct CallSite {
  const ops::FlatFunction* flat = nullptr;
  const ops::FlatCall* call = nullptr;
  const ops::Facts* facts = nullptr;  ///< for the declared input types: open dimensions unknown
  WeightStore* weights = nullptr;
  Numerics numerics = Numerics::exact;
  /// Calls to do behind `call`, each on the result of the one before. A kernel that is prepared
  /// with them gives the last one's result; its arguments are call->args, then those of each tail
  /// in order, without the one that is handed on.
  std::span<const Tail> tails;
  std::span<const Layout> layouts;  ///< by ValueId; empty: all dense

  const ir::Type& type(int param, int i = 0) const noexcept {
    return facts->types[call->param(param)[static_cast<std::size_t>(i)]];
  }
  const ir::Type& result_type(std::size_t i = 0) const noexcept {
    return facts->types[call->results[i]];
  }
  Layout result_layout() const noexcept {
    return layouts.empty() ? Layout::dense : layouts[call->results[0]];
  }
  Layout arg_layout(int param, std::size_t i = 0) const noexcept {
    return layouts.empty() ? Layout::dense : layouts[call->param(param)[i]];
  }
  bool has(int param) const noexcept { return call->has(param); }
  /// The value of a small constant argument, or an empty view.
  base::TensorView known(int param, int i = 0) const noexcept;
  /// The weight behind an argument, or null when it is computed at run time.
  std::shared_ptr<const Weight> weight(int param, int i = 0) const;
};

/// Whether a device can run a call, and if not, why, in words for a person.
struct Support {
  bool yes = true;
  std::string reason;
  static Support no(std::string why) { return {false, std::move(why)}; }
};

/// One call with all dimensions known.
struct PlanCall {
  const ops::FlatCall* call = nullptr;
  const ops::Facts* facts = nullptr;
  int workers = 1;

  const ir::Type& type(int param, int i = 0) const noexcept {
    return facts->types[call->param(param)[static_cast<std::size_t>(i)]];
  }
  const ir::Type& result_type(std::size_t i = 0) const noexcept {
    return facts->types[call->results[i]];
  }
  bool has(int param) const noexcept { return call->has(param); }
  base::TensorView known(int param, int i = 0) const noexcept;
};

/// What to run for one call in one plan.
struct PlannedKernel {
  Kernel run = nullptr;
  base::InlineVector<std::byte, 192> params;  ///< trivially copyable parameter block
  std::size_t scratch_bytes = 0;              ///< shared by the step's tasks
  std::size_t worker_scratch_bytes = 0;       ///< for each worker
  bool in_place = false;  ///< result 0 may share the memory of argument 0 when their sizes agree

  template <typename Params>
  void set_params(const Params& value) {
    static_assert(std::is_trivially_copyable_v<Params>);
    const auto* bytes = reinterpret_cast<const std::byte*>(&value);
    params.assign(bytes, bytes + sizeof value);
  }
};

/// A call prepared for a device when the model is loaded: weights packed, constant parameters read.
/// Independent of input shapes; immutable, used from many threads.
class OpKernel {
 public:
  virtual ~OpKernel() = default;
  /// Parameters and kernel for concrete dimensions. Cheap: a few hundred nanoseconds.
  virtual PlannedKernel plan(const PlanCall& call) const = 0;
  /// True when the kernel reads this argument (its position, see CallSite) from its own pack or
  /// parameters, so that no tensor needs to be handed over.
  virtual bool takes_over(std::size_t arg) const noexcept = 0;
};

/// A device. Immutable, thread-safe; lives as long as the process.
class Device {
 public:
  virtual ~Device() = default;
  virtual std::string_view name() const noexcept = 0;  ///< "cpu", "reference"
  virtual Support supports(const CallSite& site) const = 0;
  /// Estimated seconds of one run, from a model of the machine, not from a clock. Unknown
  /// dimensions count as `assumed_dim`.
  virtual double cost(const CallSite& site) const = 0;
  /// The layouts that the kernel for a supported call wants. Its tensors have elements of 4 bytes
  /// where it asks for another than dense.
  virtual LayoutRule layout_rule(const CallSite& /*site*/) const { return LayoutRule::dense; }
  /// Whether `next` may be one more tail of a call that this device supports. What the program
  /// computes stays the same to the last bit.
  virtual bool absorbs(const CallSite& /*site*/, const Tail& /*next*/) const { return false; }
  /// Called only after `supports` said yes, with tails that `absorbs` took.
  virtual std::unique_ptr<OpKernel> prepare(const CallSite& site) const = 0;

  static constexpr std::int64_t assumed_dim = 128;
};

}  // namespace pome::exec
