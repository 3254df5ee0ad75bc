// conv over one or two spatial dimensions, channels first.
//
// Three ways: a product with packed weights on the right where there is one output pixel that sees
// the whole input; direct sums over the taps of one plane where each group has one input channel
// (depthwise); else products of the weights with the columns of the input, block by block.
#include <algorithm>
#include <vector>

#include "base/half.h"
#include "base/text.h"
#include "devices/cpu/families/product.h"
#include "devices/cpu/families/window.h"

namespace pome::devices::cpu {
namespace {

constexpr std::string_view operations[] = {"conv"};
constexpr std::int64_t block_tiles = 4;  ///< register tiles of pixels in a block
constexpr std::int64_t least_outputs = 64;
constexpr std::int64_t wanted_tasks = 16;

struct Common {
  const Kernels* k;
  const float* bias;
  WindowDim rows, cols;
  std::int32_t x;
  Epilogue epilogue;
};

// --- products with columns ---

struct ColumnParams {
  Common c;
  PanelView weights;
  std::int32_t groups, task_panels;
};

/// Columns of `pixels` pixels, the row from which they are copied, one expanded panel.
std::int64_t column_elements(const Kernels& k, std::int64_t depth) {
  const std::int64_t pixels = k.tile_cols * block_tiles;
  return (std::min(depth, depth_block) + 1) * pixels + std::min(depth, depth_block) * k.lanes;
}

/// A part of the result: pixels of the outputs of a group, from `panel` on.
struct ColumnBlock {
  std::int64_t image, group, panel, first_pixel;
};

/// The epilogue of `rows` outputs from `row` of a group on, `pixels` of each.
void finish_rows(const ColumnParams& p, TensorRef* args, const ColumnBlock& block, std::int64_t row,
                 std::int64_t rows, std::int64_t pixels) noexcept {
  const std::int64_t all_pixels = p.c.rows.out * p.c.cols.out;
  float* const out = args[0].as<float>();
  for (std::int64_t r = row; r < row + rows; ++r) {
    const std::int64_t channel = block.group * p.weights.outputs + r;
    const std::int64_t at =
        (block.image * p.groups * p.weights.outputs + channel) * all_pixels + block.first_pixel;
    p.c.epilogue.apply(args, out + at, at, channel, 0, pixels);
  }
}

void column_block(const ColumnParams& p, TensorRef* args, const ColumnBlock& part,
                  float* scratch) noexcept {
  const auto& c = p.c;
  const auto& w = p.weights;
  const std::int64_t lanes = c.k->lanes;
  const std::int64_t all_pixels = c.rows.out * c.cols.out;
  const std::int64_t block = c.k->tile_cols * block_tiles;
  const TensorRef& x = args[c.x];
  const auto [image, group, panel, first_pixel] = part;
  const std::int64_t image_group = image * p.groups + group;
  float* const out = args[0].as<float>() + image_group * w.outputs * all_pixels;
  ConvColumns columns{};
  columns.in = x.as<const float>() + image_group * (x.dims[1] / p.groups) * c.rows.in * c.cols.in;
  columns.in_rows = c.rows.in;
  columns.in_cols = c.cols.in;
  columns.kernel_rows = c.rows.kernel;
  columns.kernel_cols = c.cols.kernel;
  columns.stride_rows = c.rows.stride;
  columns.stride_cols = c.cols.stride;
  columns.dilation_rows = c.rows.dilation;
  columns.dilation_cols = c.cols.dilation;
  columns.before_rows = c.rows.before;
  columns.before_cols = c.cols.before;
  columns.out_cols = c.cols.out;
  columns.first_pixel = first_pixel;
  columns.pixels = std::min(block, all_pixels - first_pixel);
  columns.row = scratch;
  columns.out = scratch + block;
  float* const expanded = columns.out + std::min(w.depth, depth_block) * block;
  GemmBlock g{};
  g.a_row = 1;
  g.a_depth = lanes;
  g.b = columns.out;
  g.b_depth = lanes;
  g.c_row = all_pixels;
  g.cols = columns.pixels;
  g.init = GemmInit::bias_rows;
  const std::int64_t end = std::min(w.panels, panel + p.task_panels);
  for (std::int64_t d = 0; d < w.depth; d += depth_block) {
    columns.first_depth = d;
    columns.depth = g.depth = std::min(depth_block, w.depth - d);
    c.k->conv_columns(columns);
    g.b_panel = g.depth * lanes;
    for (std::int64_t i = panel; i < end; ++i) {
      if (w.form == PanelView::Form::f32) {
        g.a = reinterpret_cast<const float*>(w.panel(group, i)) + d * lanes;
      } else {
        expand_panel(*c.k, w, group, i, d, g.depth, expanded);
        g.a = expanded;
      }
      g.rows = std::min(lanes, w.outputs - i * lanes);
      g.bias = c.bias + group * w.outputs + i * lanes;
      g.c = out + i * lanes * all_pixels + first_pixel;
      c.k->gemm_f32(g);
      if (c.epilogue && d + depth_block >= w.depth) {
        finish_rows(p, args, part, i * lanes, g.rows, columns.pixels);
      }
    }
    g.init = GemmInit::accumulate;
  }
}

Status run_columns(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const ColumnParams*>(raw);
  const TensorRef& x = args[p.c.x];
  const std::int64_t batch = x.dims[0];
  const std::int64_t pixels = p.c.rows.out * p.c.cols.out;
  const std::int64_t block = p.c.k->tile_cols * block_tiles;
  const std::int64_t blocks = ceil_div(pixels, block);
  const std::int64_t parts = ceil_div(p.weights.panels, p.task_panels);
  return run_tasks(task, batch * p.groups * blocks * parts, [&](std::int64_t i, int worker) {
    const std::int64_t part = i % parts;
    const std::int64_t pixel_block = i / parts % blocks;
    const std::int64_t image_group = i / parts / blocks;  // batch and group together
    column_block(
        p, args,
        {image_group / p.groups, image_group % p.groups, part * p.task_panels, pixel_block * block},
        reinterpret_cast<float*>(task.scratch_of(worker)));
  });
}

// --- one output pixel that sees the whole input ---

struct PointParams {
  RightProduct product;
  std::int32_t x;
};

Status run_point(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const PointParams*>(raw);
  auto product = p.product;
  product.x = args[p.x].as<float>();
  product.y = args[0].as<float>();
  product.args = args;
  return multiply_all(product, task);
}

// --- one input channel a group ---

struct DepthwiseParams {
  Common c;
  WindowBands bands;
  const void* weights;
  std::int32_t multiplier;  ///< outputs of a group
  bool f16;
};

Status run_depthwise(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const DepthwiseParams*>(raw);
  const TensorRef& x = args[p.c.x];
  const std::int64_t groups = x.dims[1];
  const std::int64_t in_plane = p.c.rows.in * p.c.cols.in;
  const std::int64_t out_plane = p.c.rows.out * p.c.cols.out;
  const std::int64_t taps = p.c.rows.kernel * p.c.cols.kernel;
  // Planes of a task: about 16 Ki output elements.
  const std::int64_t planes = x.dims[0] * groups;
  const std::int64_t grain =
      std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, out_plane));
  const std::int64_t chunks = ceil_div(planes, grain);
  return run_tasks(task, chunks * p.bands.count, [&](std::int64_t i, int worker) {
    const std::int64_t first = i / p.bands.count * grain;
    for (std::int64_t plane = first; plane < std::min(planes, first + grain); ++plane) {
      const Band band =
          make_band(*p.c.k, p.bands, p.c.rows, p.c.cols, x.as<float>() + plane * in_plane,
                    i % p.bands.count, 0, task.scratch_of(worker));
      for (std::int64_t m = 0; m < p.multiplier; ++m) {
        const std::int64_t channel = plane % groups * p.multiplier + m;
        auto window = band_plane(band, p.bands, p.c.rows, p.c.cols,
                                 args[0].as<float>() + (plane * p.multiplier + m) * out_plane);
        if (p.f16) {
          p.c.k->expand_f16(static_cast<const std::uint16_t*>(p.weights) + channel * taps,
                            band.weights, taps);
        } else {
          window.weights = static_cast<const float*>(p.weights) + channel * taps;
        }
        window.bias = p.c.bias[channel];
        p.c.k->window_sum(window);
        const std::int64_t at =
            (plane * p.multiplier + m) * out_plane + band.first_row * p.c.cols.out;
        p.c.epilogue.apply(args, args[0].as<float>() + at, at, channel, 0,
                           band.rows * p.c.cols.out);
      }
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
    const MatrixShape shape{groups_, dims[0] / groups_, product(dims, 1, dims.size())};
    bias_ = pack_vector(store, kernels, site.weight("bias").get(), dims[0]);
    depthwise_ = dims[1] == 1 && groups_ > 1;
    if (depthwise_) {
      outputs_ = shape.outputs;
      f16_ = is_f16_valued(*weight);
      taps_ = pack_taps(store, *weight, f16_);
    } else {
      panels_ = pack_panels(store, kernels, *weight, shape);
    }
  }

  PlannedKernel plan(const PlanCall& call) const override {
    const auto& in = call.facts->types[call.call->args[x_]];
    Common c{&k(), bias_->as<float>(), {}, {}, static_cast<std::int32_t>(1 + x_), tails_.view()};
    spec_.geometry(in, call.result_type(), c.rows, c.cols);
    if (depthwise_) return plan_depthwise(c);
    const auto sees_all = [](const WindowDim& d) {
      return d.out == 1 && d.in == d.kernel && d.before == 0 && (d.dilation == 1 || d.kernel == 1);
    };
    if (groups_ == 1 && sees_all(c.rows) && sees_all(c.cols)) return plan_point(c, in.dims[0]);
    return plan_columns(c, in.dims[0]);
  }

 private:
  static Dims kernel_sizes(const exec::Weight& weight) {
    return Dims(std::span<const std::int64_t>(weight.dims()).subspan(2));
  }

  static std::shared_ptr<const exec::Pack> pack_taps(exec::WeightStore& store,
                                                     const exec::Weight& weight, bool f16) {
    if (!f16) return store.dense(weight);
    const auto n = static_cast<std::size_t>(weight.size());
    return store.pack(weight, "taps_f16", 2 * n, [&](exec::Pack& out) {
      if (weight.encoding() == exec::Weight::Encoding::dense) {
        weight.read_raw(0, out.bytes());
        return;
      }
      std::vector<float> values(n);
      weight.read(0, values);
      for (std::size_t i = 0; i < n; ++i) {
        out.as<std::uint16_t>()[i] = base::f16_from_f32(values[i]);
      }
    });
  }

  PlannedKernel plan_columns(const Common& c, std::int64_t batch) const {
    ColumnParams p{c, panels_.view, static_cast<std::int32_t>(groups_), 0};
    // Outputs are cut only where pixels, groups and images alone make few tasks.
    const std::int64_t pixels = c.rows.out * c.cols.out;
    const std::int64_t blocks =
        std::max<std::int64_t>(1, batch * groups_ * ceil_div(pixels, k().tile_cols * block_tiles));
    const std::int64_t parts = ceil_div(wanted_tasks, blocks);
    const std::int64_t least = ceil_div(least_outputs, k().lanes);
    p.task_panels =
        static_cast<std::int32_t>(std::max(least, ceil_div(panels_.view.panels, parts)));
    PlannedKernel planned;
    planned.run = run_columns;
    planned.set_params(p);
    planned.worker_scratch_bytes =
        static_cast<std::size_t>(4 * column_elements(k(), panels_.view.depth));
    return planned;
  }

  PlannedKernel plan_point(const Common& c, std::int64_t batch) const {
    const auto& view = panels_.view;
    const PointParams p{{&k(), view, c.bias, nullptr, view.depth, 1, nullptr, view.outputs, batch,
                         c.epilogue, nullptr},
                        c.x};
    PlannedKernel planned;
    planned.run = run_point;
    planned.set_params(p);
    planned.worker_scratch_bytes = multiply_scratch(k(), view);
    return planned;
  }

  PlannedKernel plan_depthwise(const Common& c) const {
    DepthwiseParams p{c, window_bands(c.rows, c.cols, k().lanes), taps_->bytes().data(),
                      static_cast<std::int32_t>(outputs_), f16_};
    PlannedKernel planned;
    planned.run = run_depthwise;
    planned.set_params(p);
    planned.worker_scratch_bytes = band_scratch(p.bands, c.rows, c.cols);
    return planned;
  }

  std::size_t x_;
  WindowSpec spec_;
  std::int64_t groups_ = 1;
  std::int64_t outputs_ = 0;  ///< depthwise: of a group
  bool depthwise_ = false, f16_ = false;
  PackedPanels panels_;
  std::shared_ptr<const exec::Pack> bias_, taps_;
  EpilogueSteps tails_;
};

Support supports(const CallSite& call) {
  const Site site(call);
  if (auto s = require_float(site, "x"); !s.yes) return s;
  if (site.type("x").rank() > 4) {
    return Support::no("has 3 spatial dimensions; the kernel takes 1 and 2");
  }
  if (auto s = require_constant(site, "weight"); !s.yes) return s;
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

}  // namespace

const Family conv_family{operations, supports, cost, prepare, Tails::channels};

}  // namespace pome::devices::cpu
