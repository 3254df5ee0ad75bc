// conv over one or two spatial dimensions, on channels-last tensors.
//
// Products of pixels with packed weights: where each pixel sees just itself, its channels are the
// rows of one product; else a table says, for each tap and each output pixel, where the channels of
// the input pixel lie (a row of zeros for the padding), so that no matrix of columns is ever
// written. Where each group has one input channel (depthwise), sums over the taps, channel by
// channel. Filters of 3 x 3 with many channels go through Winograd's transforms (winograd.cpp).
#include "devices/cpu/families/conv.h"

#include <algorithm>
#include <vector>

#include "base/half.h"
#include "base/text.h"
#include "devices/cpu/families/product.h"

namespace pome::devices::cpu {
namespace {

constexpr std::string_view operations[] = {"conv"};
constexpr std::int64_t most_rows = 128;  ///< output pixels of a task
constexpr std::int64_t wanted_tasks = 16;
constexpr std::int64_t task_panels = 12;  ///< panels whose part of a depth block stays near

// --- where pixels lie ---

/// table[tap * count + i]: the input pixel of output pixel `first + i`, counted over all images.
void fill_table(const ConvGeometry& g, const float* in, const float* zeros, std::int64_t first,
                std::int64_t count, const float** table) noexcept {
  const std::int64_t in_image = g.rows.in * g.cols.in * g.in_channels;
  std::int64_t image = first / g.out_pixels;
  std::int64_t row = first % g.out_pixels / g.cols.out;
  std::int64_t col = first % g.cols.out;
  for (std::int64_t i = 0; i < count; ++i) {
    const float* const from = in + image * in_image;
    const float** to = table + i;
    for (std::int64_t r = 0; r < g.rows.kernel; ++r) {
      const std::int64_t y = row * g.rows.stride + r * g.rows.dilation - g.rows.before;
      const bool inside = y >= 0 && y < g.rows.in;
      for (std::int64_t c = 0; c < g.cols.kernel; ++c, to += count) {
        const std::int64_t x = col * g.cols.stride + c * g.cols.dilation - g.cols.before;
        *to =
            inside && x >= 0 && x < g.cols.in ? from + (y * g.cols.in + x) * g.in_channels : zeros;
      }
    }
    if (++col != g.cols.out) continue;
    col = 0;
    if (++row != g.rows.out) continue;
    row = 0;
    ++image;
  }
}

std::int64_t table_bytes(const ConvGeometry& g, std::int64_t block) noexcept {
  return round_up(g.taps() * block * static_cast<std::int64_t>(sizeof(float*)), 64);
}

// --- products ---

struct ProductParams {
  ConvCommon c;
  PanelView weights;
  std::int32_t groups, part_panels;
};

/// What one task computes: outputs [panel, panel + panels) of a group for some pixels.
struct Part {
  std::int64_t group, panel, panels, first, pixels;
};

/// One block of the depth for up to `task_panels` panels.
void multiply_part(const ProductParams& p, const Part& part, GemmBlock block, std::int64_t tap,
                   std::int64_t taps, std::int64_t from, float* expanded) noexcept {
  const auto& w = p.weights;
  const std::int64_t lanes = p.c.k->lanes;
  const std::int64_t channels = w.depth / p.c.g.taps();
  const std::int64_t depth_first = tap * channels + from;
  block.a_table += tap * block.table_row;
  block.taps = taps;
  block.a_offset = part.group * channels + from;
  if (w.form == PanelView::Form::f32 || w.form == PanelView::Form::f16) {
    const std::int64_t width = w.form == PanelView::Form::f16 ? 2 : 4;
    block.b = w.panel(part.group, part.panel) + depth_first * lanes * width;
    block.b_panel = w.panel_bytes / width;
    (w.form == PanelView::Form::f16 ? p.c.k->gemm_f16 : p.c.k->gemm_f32)(block);
    return;
  }
  const std::int64_t depth = taps * block.depth;
  const std::int64_t cols = block.cols;
  const std::int64_t step = p.c.k->tile_cols / lanes;
  for (std::int64_t done = 0; done < part.panels; done += step) {
    const std::int64_t n = std::min(step, part.panels - done);
    for (std::int64_t i = 0; i < n; ++i) {
      expand_panel(*p.c.k, w, part.group, part.panel + done + i, depth_first, depth,
                   expanded + i * depth * lanes);
    }
    block.b = expanded;
    block.b_panel = depth * lanes;
    block.cols = std::min(n * lanes, cols - done * lanes);
    p.c.k->gemm_f32(block);
    block.c += n * lanes;
    block.bias += n * lanes;
  }
}

/// The product of a part, by blocks of depth that stay in the nearest caches.
void multiply_blocks(const ProductParams& p, TensorRef* args, const Part& part,
                     const float* const* table, float* expanded) noexcept {
  const auto& w = p.weights;
  const std::int64_t lanes = p.c.k->lanes;
  const std::int64_t out_channels = p.groups * w.outputs;
  const std::int64_t first = part.group * w.outputs + part.panel * lanes;
  GemmBlock block{};
  block.a_table = table;
  block.table_row = part.pixels;
  block.a_depth = 1;
  block.b_depth = lanes;
  block.c = args[0].as<float>() + part.first * out_channels + first;
  block.c_row = out_channels;
  block.bias = p.c.bias + (part.group * w.panels + part.panel) * lanes;
  block.rows = part.pixels;
  block.cols = std::min(part.panels * lanes, w.outputs - part.panel * lanes);
  block.init = GemmInit::bias_cols;
  const std::int64_t taps = p.c.g.taps();
  const std::int64_t channels = w.depth / taps;
  const std::int64_t tap_step =
      std::max<std::int64_t>(1, depth_block / std::max<std::int64_t>(1, channels));
  for (std::int64_t tap = 0; tap < taps; tap += tap_step) {
    for (std::int64_t from = 0; from < channels; from += depth_block) {
      block.depth = std::min(depth_block, channels - from);
      multiply_part(p, part, block, tap, std::min(tap_step, taps - tap), from, expanded);
      block.init = GemmInit::accumulate;
    }
  }
  if (!p.c.epilogue) return;
  for (std::int64_t i = 0; i < part.pixels; ++i) {
    const std::int64_t at = (part.first + i) * out_channels + first;
    p.c.epilogue.apply(args, args[0].as<float>() + at, at, first, 1, block.cols);
  }
}

Status run_product(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const ProductParams*>(raw);
  const std::int64_t pixels = args[p.c.x].dims[0] * p.c.g.out_pixels;
  const std::int64_t blocks = ceil_div(pixels, p.c.block);
  const std::int64_t parts = ceil_div(p.weights.panels, p.part_panels);
  return run_tasks(task, p.groups * parts * blocks, [&](std::int64_t i, int worker) {
    const std::int64_t group = i / blocks / parts;
    const std::int64_t first_panel = i / blocks % parts * p.part_panels;
    const std::int64_t end = std::min<std::int64_t>(p.weights.panels, first_panel + p.part_panels);
    const std::int64_t first = i % blocks * p.c.block;
    const std::int64_t count = std::min(p.c.block, pixels - first);
    auto* const table = reinterpret_cast<const float**>(task.scratch_of(worker));
    auto* const expanded =
        reinterpret_cast<float*>(task.scratch_of(worker) + table_bytes(p.c.g, p.c.block));
    fill_table(p.c.g, args[p.c.x].as<const float>(), p.c.zeros, first, count, table);
    for (std::int64_t panel = first_panel; panel < end; panel += task_panels) {
      multiply_blocks(p, args, {group, panel, std::min(task_panels, end - panel), first, count},
                      table, expanded);
    }
  });
}

// --- one product ---

struct PointParams {
  RightProduct product;
  std::int64_t pixels;  ///< of an image
  std::int32_t x;
};

Status run_point(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const PointParams*>(raw);
  auto product = p.product;
  product.rows = args[p.x].dims[0] * p.pixels;
  product.x = args[p.x].as<float>();
  product.y = args[0].as<float>();
  product.args = args;
  return multiply_all(product, task);
}

// --- one input channel a group ---

struct DepthwiseParams {
  ConvCommon c;
  const float* weights;
  std::int32_t channels, multiplier;  ///< outputs in all, and of a group
};

Status run_depthwise(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const DepthwiseParams*>(raw);
  const std::int64_t pixels = args[p.c.x].dims[0] * p.c.g.out_pixels;
  return run_tasks(task, ceil_div(pixels, p.c.block), [&](std::int64_t task_index, int worker) {
    const std::int64_t first = task_index * p.c.block;
    const std::int64_t n = std::min(p.c.block, pixels - first);
    auto* const table = reinterpret_cast<const float**>(task.scratch_of(worker));
    fill_table(p.c.g, args[p.c.x].as<const float>(), p.c.zeros, first, n, table);
    float* const out = args[0].as<float>() + first * p.channels;
    p.c.k->depthwise({table, n, p.c.g.taps(), p.weights, round_up(p.channels, p.c.k->lanes),
                      p.c.bias, out, n, p.channels, p.multiplier});
    if (!p.c.epilogue) return;
    for (std::int64_t i = 0; i < n; ++i) {
      p.c.epilogue.apply(args, out + i * p.channels, (first + i) * p.channels, 0, 1, p.channels);
    }
  });
}

class ConvKernel final : public CpuKernel {
 public:
  ConvKernel(const Site& site, const Kernels& kernels)
      : CpuKernel(kernels),
        x_(site.arg("x")),
        spec_(site, kernel_sizes(*site.weight("weight"))),
        tails_(*this, site.call(), Tails::channels) {
    read(x_);
    const auto weight = site.weight("weight");
    auto& store = *site.call().weights;
    groups_ = site.integer("groups", 1);
    const auto& dims = weight->dims();
    const std::int64_t depth = product(dims, 1, dims.size());
    const MatrixShape shape{groups_, dims[0] / groups_, depth, false, depth / dims[1]};
    outputs_ = dims[0];
    in_channels_ = dims[1] * groups_;
    depthwise_ = dims[1] == 1 && groups_ > 1;
    if (depthwise_) {
      bias_ = pack_vector(store, kernels, site.weight("bias").get(), dims[0]);
      taps_ = pack_taps(store, *weight, kernels.lanes);
    } else {
      bias_ = pack_vector(store, kernels, site.weight("bias").get(), shape.outputs, groups_);
      edge_ = edge_for(site, *weight);
    }
    if (edge_ != 0) {
      panels_ = pack_winograd(store, kernels, *weight, edge_);
    } else if (!depthwise_) {
      panels_ = pack_panels(store, kernels, *weight, shape);
    }
    zeros_ = std::make_shared<const std::vector<float>>(static_cast<std::size_t>(in_channels_), 0);
  }

  PlannedKernel plan(const PlanCall& call) const override {
    const auto& in = call.facts->types[call.call->args[x_]];
    ConvCommon c{&k(), bias_->as<float>(), zeros_->data(), {}, static_cast<std::int32_t>(1 + x_),
                 1,    tails_.view()};
    spec_.geometry(in, call.result_type(), c.g.rows, c.g.cols);
    c.g.in_channels = in_channels_;
    c.g.out_pixels = c.g.rows.out * c.g.cols.out;
    if (depthwise_) return plan_depthwise(c);
    if (edge_ != 0) return plan_winograd(c, panels_.view, edge_, in.dims[0]);
    const auto sees_itself = [](const WindowDim& d) {
      return d.kernel == 1 && d.stride == 1 && d.before == 0 && d.in == d.out;
    };
    if (groups_ == 1 && sees_itself(c.g.rows) && sees_itself(c.g.cols)) return plan_point(c);
    return plan_product(c, in.dims[0]);
  }

 private:
  static Dims kernel_sizes(const exec::Weight& weight) {
    return Dims(std::span<const std::int64_t>(weight.dims()).subspan(2));
  }

  /// The edge of Winograd's tiles, 0 for plain products. Chosen by the declared sizes, since the
  /// weights are packed for it; open ones count as large. Compressed weights stay compressed.
  int edge_for(const Site& site, const exec::Weight& weight) const {
    const auto& dims = weight.dims();
    if (groups_ != 1 || dims.size() != 4 || dims[2] != 3 || dims[3] != 3) return 0;
    if (site.call().numerics == exec::Numerics::as_declared || !spec_.is_plain()) return 0;
    if (weight.encoding() != exec::Weight::Encoding::dense) return 0;
    const auto& out = site.call().result_type().dims;
    const auto size = [](std::int64_t d) { return d < 0 ? exec::Device::assumed_dim : d; };
    return winograd_edge(dims[1], dims[0], size(out[2]), size(out[3]));
  }

  /// Weights [channels][taps] as [taps][channels], channels padded to whole vectors.
  static std::shared_ptr<const exec::Pack> pack_taps(exec::WeightStore& store,
                                                     const exec::Weight& weight,
                                                     std::int64_t lanes) {
    const std::int64_t channels = weight.dims()[0];
    const std::int64_t taps = weight.size() / std::max<std::int64_t>(1, channels);
    const std::int64_t row = round_up(channels, lanes);
    return store.pack(weight, base::cat("taps_f32_w", lanes),
                      static_cast<std::size_t>(4 * taps * row), [&](exec::Pack& out) {
                        std::vector<float> values(static_cast<std::size_t>(weight.size()));
                        weight.read(0, values);
                        float* to = out.as<float>();
                        std::fill_n(to, taps * row, 0.0F);
                        for (std::int64_t i = 0; i < weight.size(); ++i) {
                          to[i % taps * row + i / taps] = values[static_cast<std::size_t>(i)];
                        }
                      });
  }

  PlannedKernel plan_product(const ConvCommon& common, std::int64_t images) const {
    ProductParams p{common, panels_.view, static_cast<std::int32_t>(groups_), 0};
    const std::int64_t pixels = images * p.c.g.out_pixels;
    p.c.block = std::clamp<std::int64_t>(pixels, 1, most_rows);
    // Outputs are cut only where pixels and groups alone make few tasks.
    const std::int64_t blocks = std::max<std::int64_t>(1, groups_ * ceil_div(pixels, p.c.block));
    const std::int64_t parts = ceil_div(wanted_tasks, blocks);
    const std::int64_t tile = k().tile_cols / k().lanes;
    p.part_panels = static_cast<std::int32_t>(round_up(ceil_div(panels_.view.panels, parts), tile));
    PlannedKernel planned;
    planned.run = run_product;
    planned.set_params(p);
    planned.worker_scratch_bytes = static_cast<std::size_t>(
        table_bytes(p.c.g, p.c.block) +
        std::int64_t{4} * k().tile_cols * std::min(depth_block, panels_.view.depth));
    return planned;
  }

  PlannedKernel plan_point(const ConvCommon& c) const {
    const auto& view = panels_.view;
    const PointParams p{
        {&k(), view, c.bias, nullptr, view.depth, 1, nullptr, view.outputs, 0, c.epilogue, nullptr},
        c.g.out_pixels,
        c.x};
    PlannedKernel planned;
    planned.run = run_point;
    planned.set_params(p);
    planned.worker_scratch_bytes = multiply_scratch(k(), view);
    return planned;
  }

  PlannedKernel plan_depthwise(const ConvCommon& common) const {
    DepthwiseParams p{common, taps_->as<float>(), static_cast<std::int32_t>(outputs_),
                      static_cast<std::int32_t>(outputs_ / groups_)};
    // About 16 Ki elements a task.
    p.c.block = std::clamp<std::int64_t>(16384 / std::max<std::int64_t>(1, outputs_), 16, 1024);
    PlannedKernel planned;
    planned.run = run_depthwise;
    planned.set_params(p);
    planned.worker_scratch_bytes = static_cast<std::size_t>(table_bytes(p.c.g, p.c.block));
    return planned;
  }

  std::size_t x_;
  WindowSpec spec_;
  std::int64_t groups_ = 1;
  std::int64_t outputs_ = 0, in_channels_ = 0;
  bool depthwise_ = false;
  int edge_ = 0;
  PackedPanels panels_;
  std::shared_ptr<const exec::Pack> bias_, taps_;
  std::shared_ptr<const std::vector<float>> zeros_;
  EpilogueSteps tails_;
};

Support supports(const CallSite& call) {
  const Site site(call);
  if (auto s = require_float(site, "x"); !s.yes) return s;
  if (site.type("x").rank() > 4) {
    return Support::no("has 3 spatial dimensions; the kernel takes 1 and 2");
  }
  if (auto s = require_constant(site, "weight"); !s.yes) return s;
  if (assumed_size(site.type("weight")) == 0) {
    return Support::no("the weight is empty; there is nothing to pack");
  }
  return require_constant(site, "bias");
}

double cost(const CallSite& call) {
  const Site site(call);
  const double outputs = assumed_size(call.result_type());
  const auto& w = site.type("weight");
  return estimated_cost(
      4 * (outputs + assumed_size(site.type("x"))) + 2 * assumed_size(w),
      outputs * assumed_size(w) / static_cast<double>(std::max<std::int64_t>(1, w.dims[0])));
}

std::unique_ptr<exec::OpKernel> prepare(const CallSite& call, const Kernels& k) {
  return std::make_unique<ConvKernel>(Site(call), k);
}

exec::LayoutRule layout_rule(const CallSite&) {
  return exec::LayoutRule::channels_last;
}

}  // namespace

const Family conv_family{operations, supports, cost, prepare, Tails::channels, layout_rule};

}  // namespace pome::devices::cpu
