// Convolutions by 3 x 3 as products of transformed tiles (Winograd; Lavin and Gray): an input tile
// of edge x edge pixels gives (edge - 2)^2 outputs with edge^2 multiplications instead of 9 for
// each output. A task takes a block of tiles: transforms them, multiplies the edge^2 matrices
// [tiles, in] * [in, out], transforms the sums back.
//
// Every output is a fixed sequence of operations on its own tile, so results depend neither on the
// blocks nor on the batch. Error bound: that of the products, amplified by the transforms (docs of
// numerics; tests/devices/cpu/winograd_test.cpp computes it).
#include <algorithm>
#include <array>
#include <vector>

#include "base/text.h"
#include "devices/cpu/families/conv.h"
#include "devices/cpu/families/product.h"

namespace pome::devices::cpu {
namespace {

constexpr int most_edge = 6;
constexpr std::size_t most_places = std::size_t{most_edge} * most_edge;
constexpr std::int64_t wanted_tasks = 4;
constexpr std::int64_t block_bytes =
    std::int64_t{768} * 1024;  ///< of transformed tiles and sums in a task
constexpr std::int64_t least_tiles = 24, most_tiles = 96;

struct Params {
  ConvCommon c;
  PanelView filters;  ///< groups: elements of a tile
  int edge;
  std::int64_t tile_rows, tile_cols;  ///< of an image
  std::int64_t part_panels;
};

struct Tile {
  std::int64_t image, row, col;  ///< of its first output pixel
};

Tile tile_at(const Params& p, std::int64_t index) noexcept {
  const std::int64_t out = p.edge - 2;
  const std::int64_t in_image = index % (p.tile_rows * p.tile_cols);
  return {index / (p.tile_rows * p.tile_cols), in_image / p.tile_cols * out,
          in_image % p.tile_cols * out};
}

/// Transforms `count` tiles from `first` on to v[element][tile][channel].
void transform_tiles(const Params& p, const float* in, std::int64_t first, std::int64_t count,
                     float* v) noexcept {
  const auto& g = p.c.g;
  const std::int64_t width = round_up(g.in_channels, p.c.k->lanes);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto tile = tile_at(p, first + i);
    const float* const image = in + tile.image * g.rows.in * g.cols.in * g.in_channels;
    std::array<const float*, most_places> pixels;
    auto* to = pixels.data();
    for (std::int64_t r = 0; r < p.edge; ++r) {
      const std::int64_t y = tile.row + r - g.rows.before;
      const bool inside = y >= 0 && y < g.rows.in;
      for (std::int64_t c = 0; c < p.edge; ++c) {
        const std::int64_t x = tile.col + c - g.cols.before;
        *to++ = inside && x >= 0 && x < g.cols.in ? image + (y * g.cols.in + x) * g.in_channels
                                                  : p.c.zeros;
      }
    }
    p.c.k->winograd_in({pixels.data(), v + i * width, count * width, g.in_channels, p.edge});
  }
}

/// m[element][tile][out] = v[element][tile][in] * filters, for outputs from `panel` on.
void multiply_tiles(const Params& p, const float* v, float* m, std::int64_t count,
                    std::int64_t panel, std::int64_t panels) noexcept {
  const auto& k = *p.c.k;
  const std::int64_t lanes = k.lanes;
  const std::int64_t width = round_up(p.filters.depth, lanes);
  GemmBlock block{};
  block.a_row = width;
  block.a_depth = 1;
  block.b_depth = lanes;
  block.b_panel = p.filters.depth * lanes;
  block.c_row = panels * lanes;
  block.rows = count;
  block.cols = panels * lanes;
  for (std::int64_t element = 0; element < std::int64_t{p.edge} * p.edge; ++element) {
    const auto* const b = reinterpret_cast<const float*>(p.filters.panel(element, panel));
    block.c = m + element * count * block.c_row;
    block.init = GemmInit::zero;
    for (std::int64_t d = 0; d < p.filters.depth; d += depth_block) {
      block.a = v + element * count * width + d;
      block.b = b + d * lanes;
      block.depth = std::min(depth_block, p.filters.depth - d);
      k.gemm_f32(block);
      block.init = GemmInit::accumulate;
    }
  }
}

void finish_tiles(const Params& p, TensorRef* args, const float* m, std::int64_t first,
                  std::int64_t count, std::int64_t panel, std::int64_t panels) noexcept {
  const auto& g = p.c.g;
  const std::int64_t lanes = p.c.k->lanes;
  const std::int64_t outputs = p.filters.outputs;
  const std::int64_t channel = panel * lanes;
  const std::int64_t channels = std::min(panels * lanes, outputs - channel);
  const std::int64_t out = p.edge - 2;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto tile = tile_at(p, first + i);
    const std::int64_t rows = std::min(out, g.rows.out - tile.row);
    const std::int64_t cols = std::min(out, g.cols.out - tile.col);
    const std::int64_t pixel = tile.image * g.out_pixels + tile.row * g.cols.out + tile.col;
    const std::int64_t at = pixel * outputs + channel;
    float* const y = args[0].as<float>() + at;
    p.c.k->winograd_out({m + i * panels * lanes, count * panels * lanes, channels,
                         p.c.bias + channel, y, g.cols.out * outputs, outputs,
                         static_cast<int>(rows), static_cast<int>(cols), p.edge});
    if (!p.c.epilogue) continue;
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t c = 0; c < cols; ++c) {
        const std::int64_t offset = (r * g.cols.out + c) * outputs;
        p.c.epilogue.apply(args, y + offset, at + offset, channel, 1, channels);
      }
    }
  }
}

std::int64_t tiles_of(const Params& p, std::int64_t images) noexcept {
  return images * p.tile_rows * p.tile_cols;
}

Status run(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  const std::int64_t tiles = tiles_of(p, args[p.c.x].dims[0]);
  const std::int64_t parts = ceil_div(p.filters.panels, p.part_panels);
  return run_tasks(task, ceil_div(tiles, p.c.block) * parts, [&](std::int64_t i, int worker) {
    const std::int64_t first = i / parts * p.c.block;
    const std::int64_t count = std::min(p.c.block, tiles - first);
    const std::int64_t panel = i % parts * p.part_panels;
    const std::int64_t panels = std::min(p.part_panels, p.filters.panels - panel);
    auto* const v = reinterpret_cast<float*>(task.scratch_of(worker));
    float* const m =
        v + std::int64_t{p.edge} * p.edge * p.c.block * round_up(p.c.g.in_channels, p.c.k->lanes);
    transform_tiles(p, args[p.c.x].as<const float>(), first, count, v);
    multiply_tiles(p, v, m, count, panel, panels);
    finish_tiles(p, args, m, first, count, panel, panels);
  });
}

/// G of edge x 3: the transform of filters.
std::array<std::array<double, 3>, most_edge> filter_transform(int edge) noexcept {
  if (edge == 4) return {{{-1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}}};
  const double a = winograd_a;
  const double b = winograd_b;
  const auto at = [](double p, double by) {
    return std::array<double, 3>{1 / by, p / by, p * p / by};
  };
  const double by_a = 2 * a * a * (a * a - b * b);
  const double by_b = 2 * b * b * (b * b - a * a);
  return {{{1 / (a * a * b * b), 0, 0},
           at(a, by_a),
           at(-a, by_a),
           at(b, by_b),
           at(-b, by_b),
           {0, 0, 1}}};
}

/// The transforms of one filter of 9 elements to to[element * step].
void transform_filter(const float* filter, int edge, float* to, std::int64_t step) {
  const auto g = filter_transform(edge);
  for (std::size_t r = 0; r < static_cast<std::size_t>(edge); ++r) {
    std::array<double, 3> row{};
    for (std::size_t c = 0; c < 3; ++c) {
      row[c] = g[r][0] * filter[c] + g[r][1] * filter[3 + c] + g[r][2] * filter[6 + c];
    }
    for (std::size_t c = 0; c < static_cast<std::size_t>(edge); ++c, to += step) {
      *to = static_cast<float>(row[0] * g[c][0] + row[1] * g[c][1] + row[2] * g[c][2]);
    }
  }
}

}  // namespace

int winograd_edge(std::int64_t in_channels, std::int64_t out_channels, std::int64_t out_rows,
                  std::int64_t out_cols) noexcept {
  // Below, the transforms cost more than the products.
  constexpr std::int64_t least_channels = 16;
  if (in_channels < least_channels || out_channels < least_channels) return 0;
  const auto in = static_cast<double>(in_channels);
  const auto out = static_cast<double>(out_channels);
  // In multiply-adds: what reading one fp32 of the filters from memory costs, and transforming one
  // channel of a tile.
  constexpr double read = 8;
  constexpr double transform_6 = 250, transform_4 = 80;
  const auto cost = [&](int edge, double transform) {
    const auto tiles = static_cast<double>(ceil_div(out_rows, edge - 2)) *
                       static_cast<double>(ceil_div(out_cols, edge - 2));
    return edge * edge * in * out * (tiles + read) + transform * tiles * (in + out);
  };
  const double plain =
      9 * in * out * (static_cast<double>(out_rows) * static_cast<double>(out_cols) + read);
  const double six = cost(6, transform_6);
  const double four = cost(4, transform_4);
  if (std::min(six, four) > 0.9 * plain) return 0;
  return six < four ? 6 : 4;
}

PackedPanels pack_winograd(exec::WeightStore& store, const Kernels& k, const exec::Weight& weight,
                           int edge) {
  PackedPanels packed;
  auto& view = packed.view;
  const std::int64_t lanes = k.lanes;
  view.outputs = weight.dims()[0];
  view.depth = weight.dims()[1];
  view.panels = ceil_div(view.outputs, lanes);
  view.panel_bytes = 4 * lanes * view.depth;
  const std::int64_t element_step = view.panels * view.depth * lanes;
  const auto bytes = static_cast<std::size_t>(std::int64_t{4} * edge * edge * element_step);
  packed.data =
      store.pack(weight, base::cat("winograd", edge, "_f32_w", lanes), bytes, [&](exec::Pack& out) {
        std::fill_n(out.as<float>(), bytes / 4, 0.0F);
        std::vector<float> filters(static_cast<std::size_t>(9 * view.depth));
        for (std::int64_t o = 0; o < view.outputs; ++o) {
          weight.read(o * 9 * view.depth, filters);
          float* const to = out.as<float>() + o / lanes * view.depth * lanes + o % lanes;
          for (std::int64_t c = 0; c < view.depth; ++c) {
            transform_filter(filters.data() + 9 * c, edge, to + c * lanes, element_step);
          }
        }
      });
  view.data = packed.data->bytes().data();
  return packed;
}

PlannedKernel plan_winograd(const ConvCommon& common, const PanelView& filters, int edge,
                            std::int64_t images) {
  Params p{common, filters, edge, 0, 0, 0};
  p.tile_rows = ceil_div(common.g.rows.out, edge - 2);
  p.tile_cols = ceil_div(common.g.cols.out, edge - 2);
  const auto& k = *common.k;
  const std::int64_t tiles = std::max<std::int64_t>(1, tiles_of(p, images));
  const std::int64_t in_width = round_up(filters.depth, k.lanes);
  const std::int64_t elements = std::int64_t{edge} * edge;
  const std::int64_t tile_bytes = 4 * elements * (in_width + filters.panels * k.lanes);
  p.c.block = round_up(std::clamp(block_bytes / tile_bytes, least_tiles, most_tiles), k.tile_rows);
  p.c.block = std::min(p.c.block, tiles);
  const std::int64_t blocks = ceil_div(tiles, p.c.block);
  const std::int64_t parts = ceil_div(wanted_tasks, blocks);
  const std::int64_t tile_panels = k.tile_cols / k.lanes;
  p.part_panels = round_up(ceil_div(filters.panels, parts), tile_panels);
  PlannedKernel planned;
  planned.run = run;
  planned.set_params(p);
  planned.worker_scratch_bytes = static_cast<std::size_t>(
      4 * elements * p.c.block * (in_width + std::min(p.part_panels, filters.panels) * k.lanes));
  return planned;
}

}  // namespace pome::devices::cpu
