// Arithmetic of two tensors with broadcasting, prelu, and pow with small whole constant exponents.
#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"
#include "devices/cpu/families/broadcast.h"
#include "devices/cpu/families/epilogue.h"
#include "ops/call.h"

namespace pome::devices::cpu {

std::unique_ptr<exec::OpKernel> prepare_unary(const CallSite& call, const Kernels& k,
                                              const UnaryStep& step);

namespace {

constexpr std::int64_t grain = 16384;

struct Entry {
  std::string_view name;
  BinaryOp op;
};
constexpr Entry entries[] = {
    {"add", BinaryOp::add},      {"maximum", BinaryOp::maximum}, {"minimum", BinaryOp::minimum},
    {"mul", BinaryOp::mul},      {"pow", BinaryOp::count},       {"prelu", BinaryOp::prelu},
    {"real_div", BinaryOp::div}, {"sub", BinaryOp::sub},
};
constexpr auto operations = [] {
  std::array<std::string_view, std::size(entries)> names{};
  std::ranges::transform(entries, names.begin(), &Entry::name);
  return names;
}();

BinaryOp op_of(const CallSite& call) {
  return std::ranges::find(entries, call.call->def->name, &Entry::name)->op;
}

struct Params {
  Broadcast<2> walk;
  std::int16_t x, y;
  std::int16_t op;
  bool integers;
  const Kernels* k;
  Epilogue epilogue;
};

Status run(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  const auto each = [&](auto kernel, auto type) {
    using T = decltype(type);
    const T* a = args[p.x].as<T>();
    const T* b = args[p.y].as<T>();
    T* out = args[0].as<T>();
    return run_broadcast(task, p.walk, grain, [&](std::int64_t to, const auto& at, std::int64_t n) {
      kernel(a + at[0], p.walk.inner_step[0], b + at[1], p.walk.inner_step[1], out + to, n);
      if constexpr (std::is_same_v<T, float>) p.epilogue.apply(args, out + to, to, 0, 0, n);
    });
  };
  if (p.integers) return each(p.k->binary_int[p.op], std::int32_t{});
  return each(p.k->binary[p.op], float{});
}

/// Strides of the vector over channels, which is dimension 1 of `rank`.
Dims channel_strides(std::size_t rank) {
  Dims strides(rank, 0);
  strides[1] = 1;
  return strides;
}

class BinaryOpKernel final : public CpuKernel {
 public:
  BinaryOpKernel(const Kernels& kernels, const Site& site, BinaryOp op)
      : CpuKernel(kernels),
        op_(op),
        x_(site.arg("x")),
        y_(site.arg(op == BinaryOp::prelu ? "alpha" : "y")),
        channels_last_(site.call().result_layout() == exec::Layout::channels_last),
        tails_(*this, site.call(), Tails::flat) {
    read(x_);
    read(y_);
  }
  PlannedKernel plan(const PlanCall& call) const override {
    const auto& types = call.facts->types;
    const auto& x = types[call.call->args[x_]];
    const auto& out = call.result_type().dims;
    Params p{};
    const Dims order = channels_last_ ? channels_last_order(out) : out;
    Dims right = channel_strides(out.size());
    if (op_ != BinaryOp::prelu) {
      right = strides(types[call.call->args[y_]].dims, out);
    } else if (channels_last_) {
      right = channels_last_order(right);
    }
    p.walk = make_broadcast<2>(order, {strides(x.dims, out), right});
    p.x = static_cast<std::int16_t>(1 + x_);
    p.y = static_cast<std::int16_t>(1 + y_);
    p.op = static_cast<std::int16_t>(op_);
    p.integers = x.dtype == DataType::int32;
    p.k = &k();
    p.epilogue = tails_.view();
    PlannedKernel planned;
    planned.run = run;
    planned.set_params(p);
    planned.in_place = x_ == 0;
    return planned;
  }

 private:
  BinaryOp op_;
  /// Strides of an operand in memory, in the order of the result's memory where both are
  /// channels-last.
  Dims strides(const Dims& dims, const Dims& out) const {
    if (!channels_last_) return ops::broadcast_strides(dims, out);
    Dims all(out.size() - dims.size(), 1);
    for (const auto d : dims) all.push_back(d);
    return ops::broadcast_strides(channels_last_order(all), channels_last_order(out));
  }

  std::size_t x_, y_;
  bool channels_last_;
  EpilogueSteps tails_;
};

/// The elementwise function for x to a constant power; nothing when there is none.
std::optional<UnaryOp> power_of(const Site& site) {
  if (!site.type("x").is_tensor() || !site.settled("y") || site.type("y").rank() != 0)
    return std::nullopt;
  const double y = site.number("y", 0);
  if (y == 2) return UnaryOp::power_2;
  if (y == 3) return UnaryOp::power_3;
  if (y == 4) return UnaryOp::power_4;
  return std::nullopt;
}

Support supports(const CallSite& call) {
  const Site site(call);
  const auto op = op_of(call);
  const auto& x = site.type("x");
  const bool integers = x.is_tensor() && x.ranked && x.dtype == DataType::int32;
  if (integers && (op == BinaryOp::div || op == BinaryOp::count || op == BinaryOp::prelu)) {
    return Support::no("x is of integers; the kernel takes fp16 and fp32");
  }
  if (!integers) {
    if (auto s = require_float(site, "x"); !s.yes) return s;
  }
  if (op == BinaryOp::count && !power_of(site)) {
    return Support::no("the exponent is not the constant 2, 3 or 4");
  }
  if (!call.result_type().ranked || call.result_type().rank() > most_broadcast_dims) {
    return Support::no(base::cat("the result is ", ir::text(call.result_type()),
                                 "; the kernel takes up to ", most_broadcast_dims, " dimensions"));
  }
  return {};
}

std::unique_ptr<exec::OpKernel> prepare(const CallSite& call, const Kernels& k) {
  const Site site(call);
  if (const auto op = op_of(call); op != BinaryOp::count) {
    return std::make_unique<BinaryOpKernel>(k, site, op);
  }
  return prepare_unary(call, k, {*power_of(site)});
}

}  // namespace

std::optional<UnaryStep> power_step(const CallSite& call) {
  if (call.call->def->name != "pow") return std::nullopt;
  const auto op = power_of(Site(call));
  return op ? std::optional(UnaryStep{*op}) : std::nullopt;
}

std::optional<BinaryOp> binary_step(const CallSite& call) {
  const auto* found = std::ranges::find(entries, call.call->def->name, &Entry::name);
  if (found == std::end(entries)) return std::nullopt;
  if (found->op == BinaryOp::count || found->op == BinaryOp::prelu) return std::nullopt;
  return found->op;
}

const Family binary_family{operations, supports, streaming_cost, prepare, Tails::flat, follow_rule};

}  // namespace pome::devices::cpu
