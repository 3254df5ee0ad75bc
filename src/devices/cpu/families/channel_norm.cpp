// batch_norm, which is a factor and an offset for each channel, and instance_norm, whose planes are
// normalized by themselves. Channels are dimension 1.
//
// batch_norm folds its vectors in double precision and rounds factor f and offset o once: an error
// below 2^-24 * (2 |f x| + 2 |o| + |y|). instance_norm: dense planes as rows of layer_norm; pixels
// get mean and variance from blocks of 16384 elements that are joined in double precision, then a
// factor and an offset as batch_norm.
#include <cmath>
#include <vector>

#include "devices/cpu/families/epilogue.h"
#include "devices/cpu/families/rows.h"
#include "devices/cpu/families/weights.h"

namespace pome::devices::cpu {
namespace {

constexpr std::string_view operations[] = {"batch_norm", "instance_norm"};

struct Params {
  const Kernels* k;
  const float *factor, *offset;  ///< by channel; null: 1 and 0
  std::int64_t images, channels, inner;
  float epsilon;
  std::int32_t x;
  Epilogue epilogue;
};

// --- dense: planes ---

/// Calls `body(in, out, offset, channel)` for each plane, and the tails behind it.
template <typename Body>
Status run_planes(const Params& p, TensorRef* args, TaskContext& task, const Body& body) noexcept {
  const std::int64_t group =
      std::max<std::int64_t>(1, row_grain / std::max<std::int64_t>(1, p.inner));
  return run_chunks(task, p.images * p.channels, group, [&](std::int64_t first, std::int64_t n) {
    for (std::int64_t plane = first; plane < first + n; ++plane) {
      const std::int64_t at = plane * p.inner;
      float* out = args[0].as<float>() + at;
      body(args[p.x].as<const float>() + at, out, plane % p.channels);
      p.epilogue.apply(args, out, at, plane % p.channels, 0, p.inner);
    }
  });
}

Status run_batch(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  const auto linear = p.k->unary[static_cast<int>(UnaryOp::linear)];
  return run_planes(p, args, task, [&](const float* in, float* out, std::int64_t channel) {
    linear(in, out, p.inner, p.factor[channel], p.offset[channel]);
  });
}

Status run_instance(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  const auto linear = p.k->unary[static_cast<int>(UnaryOp::linear)];
  return run_planes(p, args, task, [&](const float* in, float* out, std::int64_t channel) {
    p.k->normalize({in, out, nullptr, nullptr, 1, p.inner, 1, 1, p.epsilon});
    if (p.factor) linear(out, out, p.inner, p.factor[channel], p.offset[channel]);
  });
}

// --- channels-last: pixels ---

/// Pixels of a task.
std::int64_t pixel_group(const Params& p) noexcept {
  return std::max<std::int64_t>(1, row_grain / std::max<std::int64_t>(1, p.channels));
}

void scale(const Params& p, const PixelScale& s, const TensorRef* args,
           std::int64_t offset) noexcept {
  p.k->scale_pixels(s);
  p.epilogue.apply_pixels(args, s.out, offset, s.pixels, s.channels);
}

Status run_batch_pixels(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  return run_chunks(task, p.images * p.inner, pixel_group(p),
                    [&](std::int64_t first, std::int64_t n) {
                      const std::int64_t at = first * p.channels;
                      scale(p,
                            {args[p.x].as<const float>() + at, p.factor, p.offset,
                             args[0].as<float>() + at, n, p.channels},
                            args, at);
                    });
}

/// What the pixels of one task come to: their mean and the sum of squared distances from it, by
/// channel. Behind those of all tasks, the factor and the offset of each image.
struct Moments {
  float* data;
  std::int64_t channels, parts;

  float* mean(std::int64_t part) const noexcept { return data + 2 * part * channels; }
  float* squares(std::int64_t part) const noexcept { return mean(part) + channels; }
  float* factor(std::int64_t image) const noexcept { return mean(parts + image); }
  float* offset(std::int64_t image) const noexcept { return squares(parts + image); }
};

/// Joins the moments of an image's parts in their order (Chan, Golub and LeVeque).
void join_moments(const Params& p, const Moments& m, std::int64_t image, std::int64_t parts,
                  std::int64_t group) noexcept {
  for (std::int64_t c = 0; c < p.channels; ++c) {
    double mean = 0;
    double squares = 0;
    double count = 0;
    for (std::int64_t i = 0; i < parts; ++i) {
      const auto n = static_cast<double>(std::min(group, p.inner - i * group));
      const double delta = static_cast<double>(m.mean(image * parts + i)[c]) - mean;
      count += n;
      mean += delta * n / count;
      squares += static_cast<double>(m.squares(image * parts + i)[c]) +
                 delta * delta * n * (count - n) / count;
    }
    const double gamma = p.factor ? static_cast<double>(p.factor[c]) : 1;
    const double beta = p.offset ? static_cast<double>(p.offset[c]) : 0;
    const double factor = gamma / std::sqrt(squares / count + static_cast<double>(p.epsilon));
    m.factor(image)[c] = static_cast<float>(factor);
    m.offset(image)[c] = static_cast<float>(beta - mean * factor);
  }
}

Status run_instance_pixels(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  const std::int64_t group = pixel_group(p);
  const std::int64_t parts = ceil_div(p.inner, group);
  const Moments m{reinterpret_cast<float*>(task.scratch), p.channels, p.images * parts};
  const auto* in = args[p.x].as<const float>();
  auto* out = args[0].as<float>();
  const auto place = [&](std::int64_t i, std::int64_t& pixels) {
    const std::int64_t first = i % parts * group;
    pixels = std::min(group, p.inner - first);
    return (i / parts * p.inner + first) * p.channels;
  };
  const auto linear = p.k->unary[static_cast<int>(UnaryOp::linear)];
  const Status summed = run_tasks(task, p.images * parts, [&](std::int64_t i, int) {
    std::int64_t pixels = 0;
    const float* from = in + place(i, pixels);
    p.k->pixel_sums({from, nullptr, m.mean(i), pixels, p.channels});
    linear(m.mean(i), m.mean(i), p.channels, 1 / static_cast<float>(pixels), 0);
    p.k->pixel_sums({from, m.mean(i), m.squares(i), pixels, p.channels});
  });
  if (summed.code != exec::Code::ok) return summed;
  for (std::int64_t image = 0; image < p.images; ++image) join_moments(p, m, image, parts, group);
  return run_tasks(task, p.images * parts, [&](std::int64_t i, int) {
    std::int64_t pixels = 0;
    const std::int64_t at = place(i, pixels);
    const std::int64_t image = i / parts;
    scale(p, {in + at, m.factor(image), m.offset(image), out + at, pixels, p.channels}, args, at);
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
        channels_last_(site.call().result_layout() == exec::Layout::channels_last),
        epsilon_(site.number("epsilon", 1e-5)),
        tails_(*this, site.call(), Tails::channels) {
    read(x_);
    for (const auto* param : {"gamma", "beta", "mean", "variance"}) {
      if (const auto weight = site.weight(param)) channels_ = weight->size();
    }
    fold(site);
  }

  PlannedKernel plan(const PlanCall& call) const override {
    const auto& dims = call.facts->types[call.call->args[x_]].dims;
    const bool scaled = !factor_.empty();
    Params p{&k(),
             scaled ? factor_.data() : nullptr,
             scaled ? offset_.data() : nullptr,
             dims[0],
             dims[1],
             product(dims, 2, dims.size()),
             static_cast<float>(epsilon_),
             static_cast<std::int32_t>(1 + x_),
             tails_.view()};
    // Of one element a channel both layouts are the same, and rows of channels are longer.
    const bool pixels = channels_last_ || (batch_ && p.inner == 1);
    PlannedKernel planned;
    if (pixels) {
      planned.run = batch_ ? run_batch_pixels : run_instance_pixels;
      const std::int64_t parts = p.images * (ceil_div(p.inner, pixel_group(p)) + 1);
      if (!batch_)
        planned.scratch_bytes = static_cast<std::size_t>(parts * 2 * p.channels) * sizeof(float);
    } else {
      planned.run = batch_ ? run_batch : run_instance;
    }
    planned.set_params(p);
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
  bool batch_, channels_last_;
  double epsilon_;
  EpilogueSteps tails_;
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

const Family channel_norm_family{operations, supports,        streaming_cost,
                                 prepare,    Tails::channels, either_rule};

}  // namespace pome::devices::cpu
