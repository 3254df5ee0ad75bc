// max_pool and avg_pool over one or two spatial dimensions.
//
// Planes are padded and split by phase like those of depthwise convolutions (window.h), with -inf
// or 0 for what lies outside. Averages are sums times the rounded reciprocal of the window's size:
// an error below (n + 3) * 2^-24 * mean |x| for windows of n elements. Pools over whole planes are
// reductions.
#include <algorithm>
#include <limits>

#include "base/text.h"
#include "devices/cpu/families/rows.h"
#include "devices/cpu/families/window.h"

namespace pome::devices::cpu {
namespace {

constexpr std::string_view operations[] = {"avg_pool", "max_pool"};

/// One spatial dimension: which elements of a window count for the divisor.
struct Counted {
  std::int64_t low = 0, high = 0;  ///< positions in the input's coordinates

  std::int64_t of(const WindowDim& d, std::int64_t index) const noexcept {
    const std::int64_t start = index * d.stride - d.before;
    return std::max<std::int64_t>(0, std::min(start + d.kernel, high) - std::max(start, low));
  }
};

struct Params {
  const Kernels* k;
  WindowDim rows, cols;
  Counted counted_rows, counted_cols;
  WindowBands bands;
  std::int64_t planes;
  std::int32_t x;
  bool average;
};

// --- the whole plane ---

Status run_whole(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  const std::int64_t inner = p.rows.in * p.cols.in;
  const auto op = p.average ? ReduceOp::mean : ReduceOp::max;
  return run_rows(task, {p.planes, inner, 1}, [&](const RowsPart& part, int) {
    p.k->reduce(op, {args[p.x].as<float>() + part.outer * inner, args[0].as<float>() + part.outer,
                     part.outers, inner, 1, 1});
  });
}

// --- windows ---

/// Behind a band in worker scratch: a row of factors.
float* after_band(const Params& p, std::byte* scratch) noexcept {
  return reinterpret_cast<float*>(
      scratch + round_up(static_cast<std::int64_t>(band_scratch(p.bands, p.rows, p.cols)), 64));
}

/// Turns the sums of a band into averages.
void divide(const Params& p, const Band& band, float* out, float* factors) noexcept {
  std::int64_t last = -1;
  const auto mul = p.k->binary[static_cast<int>(BinaryOp::mul)];
  for (std::int64_t r = 0; r < band.rows; ++r) {
    const std::int64_t rows = p.counted_rows.of(p.rows, band.first_row + r);
    if (rows != last) {
      for (std::int64_t c = 0; c < p.cols.out; ++c) {
        const std::int64_t n = rows * p.counted_cols.of(p.cols, c);
        factors[c] = n > 0 ? 1 / static_cast<float>(n) : 0;
      }
      last = rows;
    }
    float* row = out + (band.first_row + r) * p.cols.out;
    mul(row, 1, factors, 1, row, p.cols.out);
  }
}

void pool_band(const Params& p, const float* in, float* out, std::int64_t index,
               std::byte* scratch) noexcept {
  const float fill = p.average ? 0 : -std::numeric_limits<float>::infinity();
  const Band band = make_band(*p.k, p.bands, p.rows, p.cols, in, index, fill, scratch);
  auto window = band_plane(band, p.bands, p.rows, p.cols, out);
  if (!p.average) {
    window.bias = fill;
    p.k->window_max(window);
    return;
  }
  std::fill_n(band.weights, window.tap_count, 1.0F);
  window.bias = 0;
  p.k->window_sum(window);
  divide(p, band, out, after_band(p, scratch));
}

Status run_windows(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  const std::int64_t in_plane = p.rows.in * p.cols.in;
  const std::int64_t out_plane = p.rows.out * p.cols.out;
  const std::int64_t group =
      std::max<std::int64_t>(1, row_grain / std::max<std::int64_t>(1, out_plane));
  const std::int64_t chunks = ceil_div(p.planes, group);
  return run_tasks(task, chunks * p.bands.count, [&](std::int64_t i, int worker) {
    const std::int64_t first = i / p.bands.count * group;
    for (std::int64_t plane = first; plane < std::min(p.planes, first + group); ++plane) {
      pool_band(p, args[p.x].as<float>() + plane * in_plane,
                args[0].as<float>() + plane * out_plane, i % p.bands.count,
                task.scratch_of(worker));
    }
  });
}

class PoolKernel final : public CpuKernel {
 public:
  PoolKernel(const Kernels& kernels, const Site& site)
      : CpuKernel(kernels),
        x_(site.arg("x")),
        average_(site.call().call->def->name == "avg_pool"),
        exclude_padding_(site.flag("exclude_padding_from_average", false)),
        kernel_(site.ints("kernel_sizes", {})),
        pad_(site.ints("pad", Dims(2 * kernel_.size(), 0))),
        custom_(site.text("pad_type", "valid") == "custom"),
        valid_(site.text("pad_type", "valid") == "valid"),
        spec_(site, kernel_) {
    read(x_);
  }

  PlannedKernel plan(const PlanCall& call) const override {
    const auto& in = call.facts->types[call.call->args[x_]];
    Params p{};
    p.k = &k();
    spec_.geometry(in, call.result_type(), p.rows, p.cols);
    p.planes = in.dims[0] * in.dims[1];
    p.x = static_cast<std::int32_t>(1 + x_);
    p.average = average_;
    const bool two = kernel_.size() == 2;
    p.counted_rows = two ? counted(p.rows, 0) : Counted{0, 1};
    p.counted_cols = counted(p.cols, two ? 1 : 0);
    PlannedKernel planned;
    const auto whole = [](const WindowDim& d, const Counted& c) {
      return d.out == 1 && d.before == 0 && d.kernel >= d.in && c.low == 0 && c.high <= d.in;
    };
    if (whole(p.rows, p.counted_rows) && whole(p.cols, p.counted_cols)) {
      planned.run = run_whole;
    } else {
      planned.run = run_windows;
      p.bands = window_bands(p.rows, p.cols, k().lanes);
      planned.worker_scratch_bytes =
          static_cast<std::size_t>(
              round_up(static_cast<std::int64_t>(band_scratch(p.bands, p.rows, p.cols)), 64)) +
          (average_ ? 4 * static_cast<std::size_t>(p.cols.out) : 0);
    }
    planned.set_params(p);
    return planned;
  }

 private:
  /// Windows of a ceil_mode pool may reach behind the padding; what lies there never counts.
  Counted counted(const WindowDim& d, std::size_t i) const {
    if (exclude_padding_) return {0, d.in};
    std::int64_t after = 0;
    if (custom_) {
      after = pad_[2 * i + 1];
    } else if (!valid_) {
      const auto out = ceil_div(d.in, d.stride);
      after = std::max<std::int64_t>(0, (out - 1) * d.stride + d.kernel - d.in) - d.before;
    }
    return {-d.before, d.in + after};
  }

  std::size_t x_;
  bool average_, exclude_padding_;
  Dims kernel_, pad_;
  bool custom_, valid_;
  WindowSpec spec_;
};

Support supports(const CallSite& call) {
  const Site site(call);
  if (auto s = require_float(site, "x"); !s.yes) return s;
  if (site.type("x").rank() > 4) {
    return Support::no("has 3 spatial dimensions; the kernel takes 1 and 2");
  }
  return {};
}

double cost(const CallSite& call) {
  const Site site(call);
  const double outputs = assumed_size(call.result_type());
  double window = 1;
  for (const auto n : site.ints("kernel_sizes", {})) window *= static_cast<double>(n);
  return estimated_cost(4 * (assumed_size(site.type("x")) + outputs), outputs * window);
}

std::unique_ptr<exec::OpKernel> prepare(const CallSite& call, const Kernels& k) {
  return std::make_unique<PoolKernel>(k, Site(call));
}

}  // namespace

const Family pool_family{operations, supports, cost, prepare};

}  // namespace pome::devices::cpu
