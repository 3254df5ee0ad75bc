#include "devices/cpu/families/product.h"

#include <algorithm>

namespace pome::devices::cpu {
namespace {

constexpr std::int64_t task_rows = 128;
constexpr std::int64_t few_rows = 32;  ///< below, rows are not gathered
constexpr std::int64_t wanted_tasks = 16;
constexpr std::int64_t most_task_tiles = 16;  ///< register tiles of columns in a task
constexpr std::int64_t row_panels = 16;       ///< panels of a task of one row

/// Panels whose expansion fits the scratch: one register tile.
std::int64_t tile_panels(const Kernels& k) noexcept {
  return k.tile_cols / k.lanes;
}

void multiply_block(const RightProduct& p, GemmBlock block, std::int64_t first_panel,
                    std::int64_t panels, std::int64_t depth_first, float* expanded) noexcept {
  const auto& k = *p.k;
  const auto& w = p.weights;
  const std::int64_t lanes = k.lanes;
  const float* const addend = block.addend;
  const auto run = [&](std::int64_t from, std::int64_t n) {
    block.c = p.y + (from * lanes);
    block.cols = std::min(n * lanes, w.outputs - from * lanes);
    block.bias = p.bias + from * lanes;
    if (block.addend) block.addend = addend + from * lanes;
  };
  if (w.expands(block.rows)) {
    for (std::int64_t done = 0; done < panels; done += tile_panels(k)) {
      const std::int64_t n = std::min(tile_panels(k), panels - done);
      for (std::int64_t i = 0; i < n; ++i) {
        expand_panel(k, w, 0, first_panel + done + i, depth_first, block.depth,
                     expanded + i * block.depth * lanes);
      }
      run(first_panel + done, n);
      block.b = expanded;
      block.b_panel = block.depth * lanes;
      k.gemm_f32(block);
    }
    return;
  }
  run(first_panel, panels);
  const std::int64_t width = w.form == PanelView::Form::f16 ? 2 : 4;
  block.b = w.panel(0, first_panel) + depth_first * lanes * width;
  block.b_panel = w.panel_bytes / width;
  const bool half = w.form == PanelView::Form::f16;
  if (block.rows == 1) {
    (half ? k.gemv_f16 : k.gemv_f32)(block);
  } else {
    (half ? k.gemm_f16 : k.gemm_f32)(block);
  }
}

}  // namespace

std::size_t multiply_scratch(const Kernels& k, const PanelView& weights) noexcept {
  const std::int64_t depth = std::min(depth_block, weights.depth);
  const std::int64_t rows = weights.depth > depth_block ? task_rows : 0;
  return static_cast<std::size_t>(4 * depth * (k.tile_cols + rows));
}

void multiply(const RightProduct& p, std::int64_t row, std::int64_t rows, std::int64_t panel,
              std::int64_t panels, std::byte* scratch) noexcept {
  RightProduct part = p;
  part.y += row * p.y_row;
  const std::int64_t depth = p.weights.depth;
  GemmBlock block{};
  block.a_depth = p.x_depth;
  block.b_depth = p.k->lanes;
  block.c_row = p.y_row;
  block.rows = rows;
  block.init = GemmInit::bias_cols;
  auto* const expanded = reinterpret_cast<float*>(scratch);
  float* const gathered = expanded + std::min(depth_block, depth) * p.k->tile_cols;
  // Rows that lie far apart would drive each other out of the caches.
  const bool gathers =
      depth > depth_block && p.x_depth == 1 && rows >= few_rows && rows <= task_rows;
  // One row reads its panels once whatever the block; expanded ones must fit the scratch.
  const std::int64_t step =
      rows == 1 && !p.weights.expands(1) ? std::max(depth_block, depth) : depth_block;
  const bool finishes = rows > 1 && p.epilogue.in_registers.whole;
  std::int64_t d = 0;
  do {  // once for a depth of 0, which leaves the bias
    block.depth = std::min(step, depth - d);
    block.a = p.x + row * p.x_row + d * p.x_depth;
    block.a_row = p.x_row;
    if (gathers) {
      for (std::int64_t r = 0; r < rows; ++r) {
        std::copy_n(block.a + r * p.x_row, block.depth, gathered + r * block.depth);
      }
      block.a = gathered;
      block.a_row = block.depth;
    }
    if (finishes && d + step >= depth) p.epilogue.in_registers.set(block, p.args, row * p.y_row);
    multiply_block(part, block, panel, panels, d, expanded);
    block.init = GemmInit::accumulate;
    d += step;
  } while (d < depth);
  if (!p.epilogue || finishes) return;
  const std::int64_t col = panel * p.k->lanes;
  const std::int64_t cols = std::min(panels * p.k->lanes, p.weights.outputs - col);
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t at = (row + r) * p.y_row + col;
    p.epilogue.apply(p.args, p.y + at, at, col, 1, cols);
  }
}

Status multiply_all(const RightProduct& p, TaskContext& task) noexcept {
  // Columns are cut only where rows alone make few tasks.
  const std::int64_t down = ceil_div(p.rows, task_rows);
  const std::int64_t tiles = ceil_div(p.weights.panels, tile_panels(*p.k));
  const std::int64_t parts = ceil_div(wanted_tasks, std::max<std::int64_t>(1, down));
  const std::int64_t most =
      tile_panels(*p.k) * std::clamp<std::int64_t>(ceil_div(tiles, parts), 1, most_task_tiles);
  const std::int64_t panels = p.rows == 1 ? row_panels : most;
  const std::int64_t across = ceil_div(p.weights.panels, panels);
  return run_tasks(task, across * down, [&](std::int64_t i, int worker) {
    const std::int64_t panel = i % across * panels;
    const std::int64_t row = i / across * task_rows;
    multiply(p, row, std::min(task_rows, p.rows - row), panel,
             std::min(panels, p.weights.panels - panel), task.scratch_of(worker));
  });
}

}  // namespace pome::devices::cpu
