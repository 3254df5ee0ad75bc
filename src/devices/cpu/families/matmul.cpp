// matmul of two tensors that are both computed at run time; a constant matrix on the right is
// packed (linear.cpp).
#include <algorithm>

#include "base/text.h"
#include "devices/cpu/families/product.h"
#include "ops/call.h"

namespace pome::devices::cpu {

std::unique_ptr<exec::OpKernel> prepare_constant_matmul(const CallSite& call, const Kernels& k);

namespace {

constexpr std::string_view operations[] = {"matmul"};
constexpr std::int64_t task_rows = 128;
constexpr std::size_t most_batch_dims = 6;

struct Params {
  const Kernels* k;
  std::int64_t rows, cols, depth;
  std::int64_t a_row, a_depth;  ///< element strides of x
  std::int64_t b_col, b_depth;  ///< of y
  std::int32_t x, y;            ///< positions among the step's tensors
  std::int32_t batch_rank;
  bool packs;  ///< y is copied to panels first
  Epilogue epilogue;
  std::int64_t batch[most_batch_dims];
  std::int64_t a_batch[most_batch_dims], b_batch[most_batch_dims];  ///< in matrices
};

struct Offsets {
  std::int64_t a, b;
};

/// First elements of the matrices of batch `index`.
Offsets batch_offsets(const Params& p, std::int64_t index) noexcept {
  Offsets o{0, 0};
  for (int i = p.batch_rank; i-- > 0;) {
    const std::int64_t at = index % p.batch[i];
    index /= p.batch[i];
    o.a += at * p.a_batch[i];
    o.b += at * p.b_batch[i];
  }
  return {o.a * p.rows * p.depth, o.b * p.depth * p.cols};
}

/// y[first.., cols] as panels of `depth` rows.
void pack(const Params& p, const float* y, std::int64_t first, std::int64_t depth,
          float* out) noexcept {
  const std::int64_t lanes = p.k->lanes;
  for (std::int64_t c = 0; c < p.cols; c += lanes, out += depth * lanes) {
    const std::int64_t n = std::min(lanes, p.cols - c);
    const float* from = y + c * p.b_col + first * p.b_depth;
    if (p.b_depth == 1) {
      p.k->pack_columns(from, p.b_col, n, depth, out);
      continue;
    }
    for (std::int64_t d = 0; d < depth; ++d) {
      std::copy_n(from + d * p.b_depth, n, out + d * lanes);
      std::fill(out + d * lanes + n, out + (d + 1) * lanes, 0.0F);
    }
  }
}

void multiply_rows(const Params& p, const float* x, const float* y, float* out, std::int64_t row,
                   float* scratch) noexcept {
  GemmBlock block{};
  block.a_row = p.a_row;
  block.a_depth = p.a_depth;
  block.c = out + row * p.cols;
  block.c_row = p.cols;
  block.rows = std::min(task_rows, p.rows - row);
  block.cols = p.cols;
  block.init = GemmInit::zero;
  std::int64_t d = 0;
  do {
    block.depth = std::min(depth_block, p.depth - d);
    block.a = x + row * p.a_row + d * p.a_depth;
    if (p.packs) {
      pack(p, y, d, block.depth, scratch);
      block.b = scratch;
      block.b_depth = p.k->lanes;
      block.b_panel = block.depth * p.k->lanes;
    } else {
      block.b = y + d * p.b_depth;
      block.b_depth = p.b_depth;
      block.b_panel = p.k->lanes;
    }
    p.k->gemm_f32(block);
    block.init = GemmInit::accumulate;
    d += depth_block;
  } while (d < p.depth);
}

Status run(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  const std::int64_t batches = product({p.batch, static_cast<std::size_t>(p.batch_rank)});
  const std::int64_t parts = ceil_div(p.rows, task_rows);
  return run_tasks(task, batches * parts, [&](std::int64_t i, int worker) {
    const auto at = batch_offsets(p, i / parts);
    const std::int64_t row = i % parts * task_rows;
    multiply_rows(p, args[p.x].as<float>() + at.a, args[p.y].as<float>() + at.b,
                  args[0].as<float>() + i / parts * p.rows * p.cols, row,
                  reinterpret_cast<float*>(task.scratch_of(worker)));
    if (!p.epilogue) return;
    for (std::int64_t r = row; r < std::min(row + task_rows, p.rows); ++r) {
      const std::int64_t to = (i / parts * p.rows + r) * p.cols;
      p.epilogue.apply(args, args[0].as<float>() + to, to, 0, 1, p.cols);
    }
  });
}

class MatmulKernel final : public CpuKernel {
 public:
  MatmulKernel(const Site& site, const Kernels& kernels)
      : CpuKernel(kernels),
        x_(site.arg("x")),
        y_(site.arg("y")),
        transpose_x_(site.flag("transpose_x", false)),
        transpose_y_(site.flag("transpose_y", false)),
        tails_(*this, site.call(), Tails::last) {
    read(x_);
    read(y_);
  }

  PlannedKernel plan(const PlanCall& call) const override {
    Dims a = call.facts->types[call.call->args[x_]].dims;
    Dims b = call.facts->types[call.call->args[y_]].dims;
    const bool row = a.size() == 1;
    const bool column = b.size() == 1;
    if (row) a.insert(a.begin(), 1);
    if (column) b.push_back(1);
    const bool tx = transpose_x_ && !row;
    const bool ty = transpose_y_ && !column;
    Params p{};
    p.k = &k();
    p.rows = a[a.size() - (tx ? 1 : 2)];
    p.depth = a[a.size() - (tx ? 2 : 1)];
    p.cols = b[b.size() - (ty ? 2 : 1)];
    p.a_row = tx ? 1 : p.depth;
    p.a_depth = tx ? p.rows : 1;
    p.b_col = ty ? p.depth : 1;
    p.b_depth = ty ? 1 : p.cols;
    p.x = static_cast<std::int32_t>(1 + x_);
    p.y = static_cast<std::int32_t>(1 + y_);
    p.packs = ty || p.rows >= 16;
    p.epilogue = tails_.view();
    set_batch(p, a, b);
    PlannedKernel planned;
    planned.run = run;
    planned.set_params(p);
    if (p.packs) {
      planned.worker_scratch_bytes = static_cast<std::size_t>(4 * std::min(p.depth, depth_block) *
                                                              round_up(p.cols, k().lanes));
    }
    return planned;
  }

 private:
  static void set_batch(Params& p, const Dims& a, const Dims& b) {
    const Dims ba(std::span<const std::int64_t>(a).first(a.size() - 2));
    const Dims bb(std::span<const std::int64_t>(b).first(b.size() - 2));
    Dims out;
    ops::broadcast(ba, bb, out);
    const auto sa = ops::broadcast_strides(ba, out);
    const auto sb = ops::broadcast_strides(bb, out);
    p.batch_rank = static_cast<std::int32_t>(out.size());
    for (std::size_t i = 0; i < out.size(); ++i) {
      p.batch[i] = out[i];
      p.a_batch[i] = sa[i];
      p.b_batch[i] = sb[i];
    }
  }

  std::size_t x_, y_;
  bool transpose_x_, transpose_y_;
  EpilogueSteps tails_;
};

/// A right side that can be packed: a constant matrix.
bool has_constant_matrix(const Site& site) {
  return site.type("y").rank() == 2 && site.type("x").rank() >= 2 &&
         !site.flag("transpose_x", false) && site.weight("y") != nullptr;
}

Support supports(const CallSite& call) {
  const Site site(call);
  if (auto s = require_float(site, "x"); !s.yes) return s;
  if (auto s = require_float(site, "y"); !s.yes) return s;
  const auto rank = std::max(site.type("x").rank(), site.type("y").rank());
  if (rank > most_batch_dims + 2) {
    return Support::no(
        base::cat("has ", rank, " dimensions; the kernel takes up to ", most_batch_dims + 2));
  }
  return {};
}

double cost(const CallSite& call) {
  const Site site(call);
  const double outputs = assumed_size(call.result_type());
  const auto& x = site.type("x");
  const bool tx = site.flag("transpose_x", false) && x.rank() >= 2;
  const auto depth = x.dims[x.rank() - (tx ? 2 : 1)];
  return estimated_cost(
      4 * (outputs + assumed_size(x) + assumed_size(site.type("y"))),
      outputs * static_cast<double>(ir::is_known(depth) ? depth : exec::Device::assumed_dim));
}

std::unique_ptr<exec::OpKernel> prepare(const CallSite& call, const Kernels& k) {
  const Site site(call);
  if (has_constant_matrix(site)) return prepare_constant_matmul(call, k);
  return std::make_unique<MatmulKernel>(site, k);
}

}  // namespace

const Family matmul_family{operations, supports, cost, prepare, Tails::last};

}  // namespace pome::devices::cpu
