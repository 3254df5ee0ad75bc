// batch_norm, which is a factor and an offset for each channel, and instance_norm, whose planes are
// normalized by themselves. Channels are dimension 1.
//
// batch_norm folds its vectors in double precision and rounds factor f and offset o once: an error
// below 2^-24 * (2 |f x| + 2 |o| + |y|). instance_norm: as rows of layer_norm.
#include <cmath>
#include <vector>

#include "devices/cpu/families/rows.h"
#include "devices/cpu/families/weights.h"

namespace pome::devices::cpu {
namespace {

constexpr std::string_view operations[] = {"batch_norm", "instance_norm"};

struct Params {
  const Kernels* k;
  const float *factor, *offset;  ///< by channel; null: 1 and 0
  std::int64_t planes, channels, inner;
  float epsilon;
  std::int32_t x;
};

/// Planes of a task.
std::int64_t plane_group(std::int64_t inner) noexcept {
  return std::max<std::int64_t>(1, row_grain / std::max<std::int64_t>(1, inner));
}

/// One element a channel: whole rows of channels at once.
void scale_rows(const Params& p, const float* in, float* out, std::int64_t first,
                std::int64_t rows) noexcept {
  for (std::int64_t i = first; i < first + rows; ++i) {
    float* to = out + i * p.channels;
    p.k->binary[static_cast<int>(BinaryOp::mul)](in + i * p.channels, 1, p.factor, 1, to,
                                                 p.channels);
    p.k->binary[static_cast<int>(BinaryOp::add)](to, 1, p.offset, 1, to, p.channels);
  }
}

Status run_batch(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  const float* in = args[p.x].as<float>();
  float* out = args[0].as<float>();
  if (p.inner == 1) {
    return run_chunks(
        task, p.planes / std::max<std::int64_t>(1, p.channels), plane_group(p.channels),
        [&](std::int64_t first, std::int64_t n) { scale_rows(p, in, out, first, n); });
  }
  const auto linear = p.k->unary[static_cast<int>(UnaryOp::linear)];
  return run_chunks(task, p.planes, plane_group(p.inner), [&](std::int64_t first, std::int64_t n) {
    for (std::int64_t plane = first; plane < first + n; ++plane) {
      const std::int64_t at = plane * p.inner;
      const std::int64_t channel = plane % p.channels;
      linear(in + at, out + at, p.inner, p.factor[channel], p.offset[channel]);
    }
  });
}

Status run_instance(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  const float* in = args[p.x].as<float>();
  float* out = args[0].as<float>();
  const auto linear = p.k->unary[static_cast<int>(UnaryOp::linear)];
  return run_chunks(task, p.planes, plane_group(p.inner), [&](std::int64_t first, std::int64_t n) {
    for (std::int64_t plane = first; plane < first + n; ++plane) {
      const std::int64_t at = plane * p.inner;
      p.k->normalize({in + at, out + at, nullptr, nullptr, 1, p.inner, 1, 1, p.epsilon});
      if (!p.factor) continue;
      const std::int64_t channel = plane % p.channels;
      linear(out + at, out + at, p.inner, p.factor[channel], p.offset[channel]);
    }
  });
}

/// The elements of a vector over the channels; `otherwise` when there is none.
std::vector<float> elements(const exec::Weight* weight, std::int64_t channels, float otherwise) {
  std::vector<float> values(static_cast<std::size_t>(channels), otherwise);
  if (weight) weight->read(0, values);
  return values;
}

class ChannelNormKernel final : public CpuKernel {
 public:
  ChannelNormKernel(const Kernels& kernels, const Site& site)
      : CpuKernel(kernels),
        x_(site.arg("x")),
        batch_(site.call().call->def->name == "batch_norm"),
        epsilon_(site.number("epsilon", 1e-5)) {
    read(x_);
    for (const auto* param : {"gamma", "beta", "mean", "variance"}) {
      if (const auto weight = site.weight(param)) channels_ = weight->size();
    }
    fold(site);
  }

  PlannedKernel plan(const PlanCall& call) const override {
    const auto& dims = call.facts->types[call.call->args[x_]].dims;
    PlannedKernel planned;
    planned.run = batch_ ? run_batch : run_instance;
    const bool scaled = !factor_.empty();
    planned.set_params(Params{&k(), scaled ? factor_.data() : nullptr,
                              scaled ? offset_.data() : nullptr, dims[0] * dims[1], dims[1],
                              product(dims, 2, dims.size()), static_cast<float>(epsilon_),
                              static_cast<std::int32_t>(1 + x_)});
    planned.in_place = x_ == 0;
    return planned;
  }

 private:
  void fold(const Site& site) {
    factor_ = elements(site.weight("gamma").get(), channels_, 1);
    offset_ = elements(site.weight("beta").get(), channels_, 0);
    if (!batch_) return;
    const auto mean = elements(site.weight("mean").get(), channels_, 0);
    const auto variance = elements(site.weight("variance").get(), channels_, 1);
    for (std::size_t i = 0; i < factor_.size(); ++i) {
      const double factor =
          static_cast<double>(factor_[i]) / std::sqrt(static_cast<double>(variance[i]) + epsilon_);
      offset_[i] = static_cast<float>(static_cast<double>(offset_[i]) -
                                      static_cast<double>(mean[i]) * factor);
      factor_[i] = static_cast<float>(factor);
    }
  }

  std::size_t x_;
  bool batch_;
  double epsilon_;
  std::int64_t channels_ = 0;
  std::vector<float> factor_, offset_;
};

Support supports(const CallSite& call) {
  const Site site(call);
  if (auto s = require_float(site, "x"); !s.yes) return s;
  for (const auto* param : {"gamma", "beta", "mean", "variance"}) {
    if (auto s = require_constant(site, param); !s.yes) return s;
  }
  return {};
}

std::unique_ptr<exec::OpKernel> prepare(const CallSite& call, const Kernels& k) {
  return std::make_unique<ChannelNormKernel>(k, Site(call));
}

}  // namespace

const Family channel_norm_family{operations, supports, streaming_cost, prepare};

}  // namespace pome::devices::cpu
