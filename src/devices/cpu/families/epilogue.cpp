#include "devices/cpu/families/epilogue.h"

#include <algorithm>
#include <optional>

namespace pome::devices::cpu {
namespace {

using Other = EpilogueStep::Other;

CallSite site_of(const CallSite& head, const ops::FlatCall& call) {
  CallSite site = head;
  site.call = &call;
  site.tails = {};
  return site;
}

/// Equal for certain: sizes that are known, or the same symbol.
bool is_same(std::int64_t a, std::int64_t b) noexcept {
  return a == b && a != ir::unknown_dim;
}

bool is_same(const Dims& a, const Dims& b) noexcept {
  return std::ranges::equal(a, b, [](auto x, auto y) { return is_same(x, y); });
}

/// How an operand of type `type` meets a result of dimensions `result`; nothing when it would need
/// a walk of its own.
std::optional<Other> other_of(const ir::Type& type, const Dims& result, Tails tails) {
  if (!is_float_tensor(type) || type.rank() > result.size()) return std::nullopt;
  if (is_same(type.dims, result)) return Other::same;
  const std::size_t missing = result.size() - type.rank();
  std::optional<std::size_t> along;
  for (std::size_t i = 0; i < type.rank(); ++i) {
    if (type.dims[i] == 1) continue;
    if (along || !is_same(type.dims[i], result[missing + i])) return std::nullopt;
    along = missing + i;
  }
  if (!along) return Other::scalar;
  if (tails == Tails::channels && *along == 1) return Other::indexed;
  if (tails == Tails::last && *along == result.size() - 1) return Other::indexed;
  return std::nullopt;
}

std::optional<UnaryStep> step_of_one(const CallSite& call) {
  if (auto step = unary_step(call)) return step;
  if (auto step = power_step(call)) return step;
  return cast_step(call);
}

/// The other operand's position in `call.args`.
std::size_t other_arg(const ops::FlatCall& call, std::size_t through) {
  const auto x = call.params[static_cast<std::size_t>(param_index(*call.def, "x"))].first;
  const auto y = call.params[static_cast<std::size_t>(param_index(*call.def, "y"))].first;
  return through == x ? y : x;
}

}  // namespace

bool is_epilogue_step(const CallSite& site, const exec::Tail& next, Tails tails) {
  // As-declared rounding comes behind every operation.
  if (site.numerics == exec::Numerics::as_declared || tails == Tails::none) return false;
  const auto call = site_of(site, *next.call);
  const auto& result = call.result_type();
  const auto& from = site.result_type();
  if (!is_float_tensor(from) || !is_float_tensor(result)) return false;
  if (!is_same(from.dims, result.dims)) return false;
  if (step_of_one(call)) {
    return next.call->params[static_cast<std::size_t>(param_index(*next.call->def, "x"))].first ==
           next.through;
  }
  if (!binary_step(call)) return false;
  const auto other = next.call->args[other_arg(*next.call, next.through)];
  return other_of(site.facts->types[other], result.dims, tails).has_value();
}

GemmTail gemm_tail(std::span<const EpilogueStep> steps, const Kernels& kernels) noexcept {
  GemmTail tail;
  std::size_t i = 0;
  if (i < steps.size() && steps[i].other == Other::same &&
      steps[i].binary == kernels.binary[static_cast<int>(BinaryOp::add)]) {
    tail.addend = steps[i++].arg;
  }
  if (i < steps.size() && steps[i].other == Other::none) {
    const auto is = [&](UnaryOp op) {
      return steps[i].unary == kernels.unary[static_cast<int>(op)];
    };
    if (is(UnaryOp::relu)) tail.finish = GemmFinish::relu;
    if (is(UnaryOp::relu6)) tail.finish = GemmFinish::relu6;
    if (is(UnaryOp::clip)) tail.finish = GemmFinish::clip;
    tail.low = steps[i].a;
    tail.high = steps[i].b;
    if (tail.finish != GemmFinish::none) ++i;
  }
  if (steps.empty() || i != steps.size()) return {};
  tail.whole = true;
  return tail;
}

std::vector<EpilogueStep> make_epilogue(const CallSite& site, const Kernels& kernels, Tails tails,
                                        std::vector<std::size_t>& reads) {
  std::vector<EpilogueStep> steps;
  std::size_t first = site.call->args.size();
  for (const auto& tail : site.tails) {
    const auto call = site_of(site, *tail.call);
    EpilogueStep step;
    if (const auto unary = step_of_one(call)) {
      if (unary->op != UnaryOp::count) step.unary = kernels.unary[static_cast<int>(unary->op)];
      step.a = unary->a;
      step.b = unary->b;
    } else {
      const auto other = other_arg(*tail.call, tail.through);
      const auto& type = site.facts->types[tail.call->args[other]];
      step.binary = kernels.binary[static_cast<int>(*binary_step(call))];
      step.other = *other_of(type, call.result_type().dims, tails);
      step.reversed = other < tail.through;
      const std::size_t position = first + other - (other > tail.through ? 1 : 0);
      step.arg = static_cast<std::int32_t>(1 + position);
      reads.push_back(position);
    }
    if (step.unary != nullptr || step.binary != nullptr) steps.push_back(step);
    first += tail.call->args.size() - 1;
  }
  return steps;
}

}  // namespace pome::devices::cpu
