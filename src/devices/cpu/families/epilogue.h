// Elementwise work at the end of other kernels: on each part of the result as it is written, while
// it is in the nearest cache. The same element functions as the families of their own, so results
// are the same to the last bit.
#pragma once

#include <optional>
#include <vector>

#include "devices/cpu/families/family.h"
#include "devices/cpu/families/site.h"

namespace pome::devices::cpu {

/// One elementwise function applied to the result in place.
struct EpilogueStep {
  /// Where the other operand of a function of two stands.
  enum class Other : std::uint8_t {
    none,     ///< a function of one
    scalar,   ///< one element for all
    same,     ///< a tensor of the result's shape
    indexed,  ///< a vector over one dimension: channels, or columns of a product
  };
  Other other = Other::none;
  bool reversed = false;  ///< the running value is the second operand
  std::int32_t arg = 0;   ///< position of the other operand among the step's tensors
  float a = 0, b = 0;     ///< scalars of a function of one
  UnaryKernel unary = nullptr;
  BinaryKernel binary = nullptr;
};

/// The part of an epilogue that a product does in registers: an addend, then a bounded function.
struct GemmTail {
  GemmFinish finish = GemmFinish::none;
  float low = 0, high = 0;
  std::int32_t addend = -1;  ///< position among the step's tensors
  bool whole = false;        ///< it is all of the epilogue

  /// For the block that writes the result's elements from `offset` on.
  void set(GemmBlock& block, const TensorRef* args, std::int64_t offset) const noexcept {
    block.finish = finish;
    block.low = low;
    block.high = high;
    block.addend = addend < 0 ? nullptr : args[addend].as<const float>() + offset;
  }
};

/// The steps as kernels see them. Trivially copyable; the vector that made it outlives it.
struct Epilogue {
  const EpilogueStep* steps = nullptr;
  std::int32_t count = 0;
  GemmTail in_registers;  ///< `whole` where that is possible for all steps

  /// Applies all steps to `n` neighbouring elements of the result at `out`. `offset`: of the first
  /// among the whole result. `index`: its position in vectors, which is the position of all
  /// (`index_step` 0) or grows with the elements (1).
  void apply(const TensorRef* args, float* out, std::int64_t offset, std::int64_t index,
             std::int64_t index_step, std::int64_t n) const noexcept {
    for (std::int32_t i = 0; i < count; ++i) {
      const EpilogueStep& s = steps[i];
      if (s.other == EpilogueStep::Other::none) {
        s.unary(out, out, n, s.a, s.b);
        continue;
      }
      const float* other = args[s.arg].as<const float>();
      std::int64_t step = 0;
      if (s.other == EpilogueStep::Other::same) {
        other += offset;
        step = 1;
      } else if (s.other == EpilogueStep::Other::indexed) {
        other += index;
        step = index_step;
      }
      if (s.reversed) {
        s.binary(other, step, out, 1, out, n);
      } else {
        s.binary(out, 1, other, step, out, n);
      }
    }
  }
  /// Applies all steps to channels-last pixels at `out`, the first of them `offset` elements
  /// behind the result's begin.
  void apply_pixels(const TensorRef* args, float* out, std::int64_t offset, std::int64_t pixels,
                    std::int64_t channels) const noexcept {
    bool by_channel = false;
    for (std::int32_t i = 0; i < count; ++i) {
      by_channel = by_channel || steps[i].other == EpilogueStep::Other::indexed;
    }
    if (!by_channel) return apply(args, out, offset, 0, 0, pixels * channels);
    for (std::int64_t i = 0; i < pixels; ++i) {
      apply(args, out + i * channels, offset + i * channels, 0, 1, channels);
    }
  }
  explicit operator bool() const noexcept { return count != 0; }
};

/// Whether `next` can be a step behind `site` (and its tails so far).
bool is_epilogue_step(const CallSite& site, const exec::Tail& next, Tails tails);

/// The steps for the tails of a site. `reads` receives the positions of the arguments they read.
std::vector<EpilogueStep> make_epilogue(const CallSite& site, const Kernels& kernels, Tails tails,
                                        std::vector<std::size_t>& reads);

/// These steps as a product does them in registers; not `whole` when it cannot.
GemmTail gemm_tail(std::span<const EpilogueStep> steps, const Kernels& kernels) noexcept;

/// The steps of one prepared kernel, whose reads they add to.
class EpilogueSteps {
 public:
  EpilogueSteps(CpuKernel& kernel, const CallSite& site, Tails tails) {
    std::vector<std::size_t> reads;
    steps_ = make_epilogue(site, kernel.k(), tails, reads);
    in_registers_ = gemm_tail(steps_, kernel.k());
    for (const auto arg : reads) kernel.read(arg);
  }
  Epilogue view() const noexcept {
    return {steps_.data(), static_cast<std::int32_t>(steps_.size()), in_registers_};
  }

 private:
  std::vector<EpilogueStep> steps_;
  GemmTail in_registers_;
};

// The element functions of single calls (unary.cpp, binary.cpp, cast.cpp); nothing when the call is
// none.

/// A function of one tensor with its scalars; `count` for one that changes nothing.
struct UnaryStep {
  UnaryOp op = UnaryOp::count;
  float a = 0, b = 0;
};
std::optional<UnaryStep> unary_step(const CallSite& call);
std::optional<UnaryStep> power_step(const CallSite& call);
std::optional<UnaryStep> cast_step(const CallSite& call);
/// A function of two float tensors, "x" and "y".
std::optional<BinaryOp> binary_step(const CallSite& call);

}  // namespace pome::devices::cpu
