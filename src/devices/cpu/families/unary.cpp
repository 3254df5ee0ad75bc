// Elementwise functions of one float tensor.
#include <algorithm>
#include <array>

#include "base/half.h"
#include "base/text.h"
#include "devices/cpu/families/epilogue.h"

namespace pome::devices::cpu {
namespace {

constexpr std::int64_t grain = 16384;

/// Where the scalars of an operation come from.
enum class Scalars : std::uint8_t { none, alpha, alpha_beta, epsilon };

struct Entry {
  std::string_view name;
  UnaryOp op;
  Scalars scalars = Scalars::none;
  float epsilon = 0;
};

constexpr Entry entries[] = {
    {"abs", UnaryOp::abs},
    {"ceil", UnaryOp::ceil},
    {"clamped_relu", UnaryOp::clamped_relu, Scalars::alpha_beta},
    {"clip", UnaryOp::clip, Scalars::alpha_beta},
    {"elu", UnaryOp::elu, Scalars::alpha},
    {"erf", UnaryOp::erf},
    {"exp", UnaryOp::exp},
    {"exp2", UnaryOp::exp2},
    {"floor", UnaryOp::floor},
    {"gelu", UnaryOp::gelu_exact},
    {"inverse", UnaryOp::inverse, Scalars::epsilon, 1e-4F},
    {"leaky_relu", UnaryOp::leaky_relu, Scalars::alpha},
    {"linear_activation", UnaryOp::linear, Scalars::alpha_beta},
    {"log", UnaryOp::log, Scalars::epsilon, 1e-45F},
    {"relu", UnaryOp::relu},
    {"relu6", UnaryOp::relu6},
    {"round", UnaryOp::round},
    {"rsqrt", UnaryOp::rsqrt, Scalars::epsilon, 1e-12F},
    {"scaled_tanh", UnaryOp::scaled_tanh, Scalars::alpha_beta},
    {"sigmoid", UnaryOp::sigmoid},
    {"sigmoid_hard", UnaryOp::sigmoid_hard, Scalars::alpha_beta},
    {"sign", UnaryOp::sign},
    {"silu", UnaryOp::silu},
    {"softplus", UnaryOp::softplus},
    {"softsign", UnaryOp::softsign},
    {"sqrt", UnaryOp::sqrt},
    {"square", UnaryOp::power_2},
    {"tanh", UnaryOp::tanh},
    {"threshold", UnaryOp::threshold, Scalars::alpha},
    {"thresholded_relu", UnaryOp::thresholded_relu, Scalars::alpha},
};
constexpr auto operations = [] {
  std::array<std::string_view, std::size(entries)> names{};
  std::ranges::transform(entries, names.begin(), &Entry::name);
  return names;
}();

/// Null when the operation is none of this family.
const Entry* entry_of(const CallSite& call) {
  const auto* found = std::ranges::find(entries, call.call->def->name, &Entry::name);
  return found == std::end(entries) ? nullptr : found;
}

struct Params {
  UnaryKernel kernel;
  std::int32_t x;
  float a, b;
  Epilogue epilogue;
};

Status run(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  const float* in = args[p.x].as<float>();
  float* out = args[0].as<float>();
  return run_chunks(task, args[0].size(), grain, [&](std::int64_t first, std::int64_t n) {
    p.kernel(in + first, out + first, n, p.a, p.b);
    p.epilogue.apply(args, out + first, first, 0, 0, n);
  });
}

class UnaryOpKernel final : public CpuKernel {
 public:
  UnaryOpKernel(const CallSite& call, const Kernels& kernels, const UnaryStep& step)
      : CpuKernel(kernels), tails_(*this, call, Tails::flat) {
    const std::size_t x = Site(call).arg("x");
    read(x);
    params_ = {kernels.unary[static_cast<int>(step.op)], static_cast<std::int32_t>(1 + x), step.a,
               step.b, tails_.view()};
  }
  PlannedKernel plan(const PlanCall&) const override {
    PlannedKernel planned;
    planned.run = run;
    planned.set_params(params_);
    planned.in_place = params_.x == 1;
    return planned;
  }

 private:
  EpilogueSteps tails_;
  Params params_{};
};

Support supports(const CallSite& call) {
  return require_float(Site(call), "x");
}

UnaryOp gelu_op(const Site& site) {
  const auto mode = site.text("mode", "EXACT");
  if (mode == "TANH_APPROXIMATION") return UnaryOp::gelu_tanh;
  return mode == "SIGMOID_APPROXIMATION" ? UnaryOp::gelu_sigmoid : UnaryOp::gelu_exact;
}

/// The default epsilon as a constant of x's type holds it.
double default_epsilon(const Site& site, float value) {
  return site.type("x").dtype == DataType::fp16 ? base::round_to_f16(value) : value;
}

std::unique_ptr<exec::OpKernel> prepare(const CallSite& call, const Kernels& k) {
  return std::make_unique<UnaryOpKernel>(call, k, *unary_step(call));
}

}  // namespace

std::optional<UnaryStep> unary_step(const CallSite& call) {
  const auto* entry = entry_of(call);
  if (entry == nullptr) return std::nullopt;
  const Site site(call);
  double a = 0;
  double b = 0;
  if (entry->scalars == Scalars::epsilon) {
    a = site.number("epsilon", default_epsilon(site, entry->epsilon));
  } else if (entry->scalars != Scalars::none) {
    a = site.number("alpha", 0);
    if (entry->scalars == Scalars::alpha_beta) b = site.number("beta", 0);
  }
  const auto op = entry->op == UnaryOp::gelu_exact ? gelu_op(site) : entry->op;
  return UnaryStep{op, static_cast<float>(a), static_cast<float>(b)};
}

const Family unary_family{operations, supports, streaming_cost, prepare, Tails::flat, follow_rule};

/// x to a small whole constant power as an elementwise function (binary.cpp).
std::unique_ptr<exec::OpKernel> prepare_unary(const CallSite& call, const Kernels& k,
                                              const UnaryStep& step) {
  return std::make_unique<UnaryOpKernel>(call, k, step);
}

}  // namespace pome::devices::cpu
