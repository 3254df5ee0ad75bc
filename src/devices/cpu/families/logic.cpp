// Comparisons, logical operations and select: results that are true or false, or chosen by such.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "devices/cpu/families/broadcast.h"
#include "ops/call.h"

namespace pome::devices::cpu {
namespace {

constexpr std::int64_t grain = 16384;

enum class Op : std::uint8_t {
  equal,
  greater,
  greater_equal,
  less,
  less_equal,
  logical_and,
  logical_or,
  logical_xor,
  not_equal
};
// In the order of Op.
constexpr std::string_view operations[] = {"equal",      "greater",     "greater_equal",
                                           "less",       "less_equal",  "logical_and",
                                           "logical_or", "logical_xor", "not_equal"};
constexpr std::string_view select_operations[] = {"select"};

struct Params {
  Broadcast<2> walk;
  std::int16_t x, y;
  Op op;
  DataType dtype;
};

template <typename T, typename F>
void pairs(const T* a, std::int64_t a_step, const T* b, std::int64_t b_step, bool* out,
           std::int64_t n, F f) noexcept {
  if (a_step == 1 && b_step == 1) {
    for (std::int64_t i = 0; i < n; ++i) out[i] = f(a[i], b[i]);
  } else {
    for (std::int64_t i = 0; i < n; ++i) out[i] = f(a[i * a_step], b[i * b_step]);
  }
}

template <typename T>
void compare(Op op, const T* a, std::int64_t a_step, const T* b, std::int64_t b_step, bool* out,
             std::int64_t n) noexcept {
  const auto each = [&](auto f) { pairs(a, a_step, b, b_step, out, n, f); };
  switch (op) {
    case Op::equal: return each([](T x, T y) { return x == y; });
    case Op::not_equal:
    case Op::logical_xor: return each([](T x, T y) { return x != y; });
    case Op::greater: return each([](T x, T y) { return x > y; });
    case Op::greater_equal: return each([](T x, T y) { return x >= y; });
    case Op::less: return each([](T x, T y) { return x < y; });
    case Op::less_equal: return each([](T x, T y) { return x <= y; });
    case Op::logical_and: return each([](T x, T y) { return x != T{} && y != T{}; });
    case Op::logical_or: return each([](T x, T y) { return x != T{} || y != T{}; });
  }
}

Status run(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  const auto each = [&](auto type) {
    using T = decltype(type);
    const T* a = args[p.x].as<T>();
    const T* b = args[p.y].as<T>();
    bool* out = args[0].as<bool>();
    return run_broadcast(task, p.walk, grain, [&](std::int64_t to, const auto& at, std::int64_t n) {
      compare(p.op, a + at[0], p.walk.inner_step[0], b + at[1], p.walk.inner_step[1], out + to, n);
    });
  };
  switch (p.dtype) {
    case DataType::boolean: return each(bool{});
    case DataType::int32: return each(std::int32_t{});
    default: return each(float{});
  }
}

class LogicKernel final : public CpuKernel {
 public:
  LogicKernel(const Kernels& kernels, const Site& site, Op op)
      : CpuKernel(kernels), op_(op), x_(site.arg("x")), y_(site.arg("y")) {
    read(x_);
    read(y_);
  }
  PlannedKernel plan(const PlanCall& call) const override {
    const auto& x = call.facts->types[call.call->args[x_]];
    const auto& y = call.facts->types[call.call->args[y_]];
    const auto& out = call.result_type().dims;
    const Params p{make_broadcast<2>(out, {ops::broadcast_strides(x.dims, out),
                                           ops::broadcast_strides(y.dims, out)}),
                   static_cast<std::int16_t>(1 + x_), static_cast<std::int16_t>(1 + y_), op_,
                   base::storage_type(x.dtype)};
    PlannedKernel planned;
    planned.run = run;
    planned.set_params(p);
    return planned;
  }

 private:
  Op op_;
  std::size_t x_, y_;
};

Support require_rank(const CallSite& call) {
  const auto& out = call.result_type();
  if (out.ranked && out.rank() <= most_broadcast_dims) return {};
  return Support::no(base::cat("the result is ", ir::text(out), "; the kernel takes up to ",
                               most_broadcast_dims, " dimensions"));
}

Support supports(const CallSite& call) {
  const Site site(call);
  const auto& x = site.type("x");
  const auto held = base::storage_type(x.dtype);
  if (!x.is_tensor() || !x.ranked || base::storage_type(site.type("y").dtype) != held ||
      (held != DataType::boolean && held != DataType::int32 && held != DataType::fp32)) {
    return Support::no(
        base::cat("x is ", ir::text(x), "; the kernel takes fp16, fp32, int32, bool"));
  }
  return require_rank(call);
}

std::unique_ptr<exec::OpKernel> prepare(const CallSite& call, const Kernels& k) {
  const auto at = std::ranges::find(operations, call.call->def->name) - operations;
  return std::make_unique<LogicKernel>(k, Site(call), static_cast<Op>(at));
}

// --- select ---

struct SelectParams {
  Broadcast<3> walk;
  std::int16_t cond, a, b, width;
};

Status run_select(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const SelectParams*>(raw);
  const auto each = [&](auto type) {
    using T = decltype(type);
    const bool* cond = args[p.cond].as<bool>();
    const T* a = args[p.a].as<T>();
    const T* b = args[p.b].as<T>();
    T* out = args[0].as<T>();
    const auto& step = p.walk.inner_step;
    return run_broadcast(task, p.walk, grain, [&](std::int64_t to, const auto& at, std::int64_t n) {
      for (std::int64_t i = 0; i < n; ++i) {
        out[to + i] = cond[at[0] + i * step[0]] ? a[at[1] + i * step[1]] : b[at[2] + i * step[2]];
      }
    });
  };
  return p.width == 1 ? each(std::uint8_t{}) : each(std::uint32_t{});
}

class SelectKernel final : public CpuKernel {
 public:
  SelectKernel(const Kernels& kernels, const Site& site)
      : CpuKernel(kernels), cond_(site.arg("cond")), a_(site.arg("a")), b_(site.arg("b")) {
    read(cond_);
    read(a_);
    read(b_);
  }
  PlannedKernel plan(const PlanCall& call) const override {
    const auto& types = call.facts->types;
    const auto& out = call.result_type();
    const auto strides = [&](std::size_t arg) {
      return ops::broadcast_strides(types[call.call->args[arg]].dims, out.dims);
    };
    const SelectParams p{make_broadcast<3>(out.dims, {strides(cond_), strides(a_), strides(b_)}),
                         static_cast<std::int16_t>(1 + cond_), static_cast<std::int16_t>(1 + a_),
                         static_cast<std::int16_t>(1 + b_),
                         static_cast<std::int16_t>(bits(base::storage_type(out.dtype)) / 8)};
    PlannedKernel planned;
    planned.run = run_select;
    planned.set_params(p);
    return planned;
  }

 private:
  std::size_t cond_, a_, b_;
};

Support supports_select(const CallSite& call) {
  const Site site(call);
  const int width = bits(base::storage_type(site.type("a").dtype));
  if (width != 8 && width != 32) {
    return Support::no(base::cat("a is ", ir::text(site.type("a")),
                                 "; the kernel takes elements of 8 and 32 bits"));
  }
  for (const auto* param : {"cond", "a", "b"}) {
    if (!site.type(param).ranked) return Support::no(base::cat(param, " has no known rank"));
  }
  return require_rank(call);
}

std::unique_ptr<exec::OpKernel> prepare_select(const CallSite& call, const Kernels& k) {
  return std::make_unique<SelectKernel>(k, Site(call));
}

}  // namespace

const Family logic_family{operations, supports, streaming_cost, prepare};
const Family select_family{select_operations, supports_select, streaming_cost, prepare_select};

}  // namespace pome::devices::cpu
