// cast between the element types that programs compute in.
#include <cmath>
#include <cstring>

#include "base/text.h"
#include "devices/cpu/families/epilogue.h"

namespace pome::devices::cpu {
namespace {

constexpr std::string_view operations[] = {"cast"};
constexpr std::int64_t grain = 16384;

struct Params {
  std::int32_t x;
  DataType from;  ///< storage type
  DataType to;    ///< declared type
  UnaryKernel round_f16;
};

/// Truncated toward zero, saturated; NaN gives 0.
std::int32_t to_int(float v) noexcept {
  if (!(v == v)) return 0;
  if (v >= 2147483648.0F) return INT32_MAX;
  if (v < -2147483648.0F) return INT32_MIN;
  return static_cast<std::int32_t>(v);
}

template <typename From, typename To, typename F>
void each(const void* in, void* out, std::int64_t first, std::int64_t n, F f) noexcept {
  const From* from = static_cast<const From*>(in) + first;
  To* to = static_cast<To*>(out) + first;
  for (std::int64_t i = 0; i < n; ++i) to[i] = f(from[i]);
}

void convert_from_float(const Params& p, const void* in, void* out, std::int64_t first,
                        std::int64_t n) noexcept {
  switch (p.to) {
    case DataType::fp16:
      p.round_f16(static_cast<const float*>(in) + first, static_cast<float*>(out) + first, n, 0, 0);
      return;
    case DataType::int32: return each<float, std::int32_t>(in, out, first, n, to_int);
    case DataType::boolean:
      return each<float, bool>(in, out, first, n, [](float v) { return v != 0; });
    default:
      std::memmove(static_cast<float*>(out) + first, static_cast<const float*>(in) + first,
                   static_cast<std::size_t>(4 * n));
  }
}

template <typename From>
void convert_from_whole(const Params& p, const void* in, void* out, std::int64_t first,
                        std::int64_t n) noexcept {
  switch (p.to) {
    case DataType::fp16:
    case DataType::fp32:
      each<From, float>(in, out, first, n, [](From v) { return static_cast<float>(v); });
      if (p.to == DataType::fp16) {
        float* to = static_cast<float*>(out) + first;
        p.round_f16(to, to, n, 0, 0);
      }
      return;
    case DataType::boolean:
      return each<From, bool>(in, out, first, n, [](From v) { return v != From{}; });
    default:
      return each<From, std::int32_t>(in, out, first, n,
                                      [](From v) { return static_cast<std::int32_t>(v); });
  }
}

Status run(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  const void* in = args[p.x].data;
  void* out = args[0].data;
  return run_chunks(task, args[0].size(), grain, [&](std::int64_t first, std::int64_t n) {
    switch (p.from) {
      case DataType::int32: return convert_from_whole<std::int32_t>(p, in, out, first, n);
      case DataType::boolean: return convert_from_whole<bool>(p, in, out, first, n);
      default: return convert_from_float(p, in, out, first, n);
    }
  });
}

class CastKernel final : public CpuKernel {
 public:
  CastKernel(const Kernels& kernels, const Site& site, DataType to)
      : CpuKernel(kernels),
        params_{static_cast<std::int32_t>(1 + site.arg("x")),
                base::storage_type(site.type("x").dtype), to,
                kernels.unary[static_cast<int>(UnaryOp::round_f16)]} {
    read(site.arg("x"));
  }
  PlannedKernel plan(const PlanCall&) const override {
    PlannedKernel planned;
    planned.run = run;
    planned.set_params(params_);
    planned.in_place = params_.x == 1;
    return planned;
  }

 private:
  Params params_;
};

bool is_taken(DataType type) {
  return type == DataType::fp16 || type == DataType::fp32 || type == DataType::int32 ||
         type == DataType::boolean;
}

Support supports(const CallSite& call) {
  const auto& from = Site(call).type("x");
  const auto& to = call.result_type();
  if (from.is_tensor() && is_taken(from.dtype) && is_taken(to.dtype)) return {};
  return Support::no(base::cat("from ", name(from.dtype), " to ", name(to.dtype),
                               "; the kernel takes fp16, fp32, int32 and bool"));
}

std::unique_ptr<exec::OpKernel> prepare(const CallSite& call, const Kernels& k) {
  return std::make_unique<CastKernel>(k, Site(call), call.result_type().dtype);
}

}  // namespace

std::optional<UnaryStep> cast_step(const CallSite& call) {
  if (call.call->def->name != "cast" || !is_float_tensor(Site(call).type("x"))) return std::nullopt;
  if (!is_float_tensor(call.result_type())) return std::nullopt;
  UnaryStep step;
  if (call.result_type().dtype == DataType::fp16) step.op = UnaryOp::round_f16;
  return step;
}

const Family cast_family{operations, supports, streaming_cost, prepare, Tails::none, follow_rule};

}  // namespace pome::devices::cpu
