// max_pool and avg_pool over one or two spatial dimensions.
//
// Planes are padded and split by phase like those of depthwise convolutions (window.h), with -inf
// or 0 for what lies outside. Averages are sums times the rounded reciprocal of the window's size:
// an error below (n + 3) * 2^-24 * mean |x| for windows of n elements. Channels-last windows find
// their pixels through a table of pointers, with the same operations in the same order. Pools over
// whole planes are reductions.
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
  std::int64_t images, channels;  ///< planes = images * channels
  std::int32_t x;
  bool average, channels_last;
};

// --- the whole plane ---

Status run_whole(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  const std::int64_t inner = p.rows.in * p.cols.in;
  const auto op = p.average ? ReduceOp::mean : ReduceOp::max;
  const Rows r = p.channels_last ? Rows{p.images, inner, p.channels} : Rows{p.planes, inner, 1};
  return run_rows(task, r, [&](const RowsPart& part, int) {
    p.k->reduce(op, {args[p.x].as<float>() + part.outer * inner * r.inner + part.column,
                     args[0].as<float>() + part.outer * r.inner + part.column, part.outers, inner,
                     part.columns, r.inner});
  });
}

// --- windows of channels-last pixels ---

/// Worker scratch of a row of outputs: the table, factors, and a pixel that stands for all outside.
struct PixelScratch {
  std::int64_t entries, factors, outside;  ///< bytes, from the begin

  explicit PixelScratch(const Params& p) noexcept
      : entries(0),
        factors(round_up(8 * p.rows.kernel * p.cols.kernel * p.cols.out, 64)),
        outside(factors + round_up(4 * p.cols.out, 64)) {}
  std::int64_t size(const Params& p) const noexcept { return outside + 4 * p.channels; }
};

void fill_table(const Params& p, const float* image, std::int64_t row, const float* outside,
                const float** table) noexcept {
  for (std::int64_t r = 0; r < p.rows.kernel; ++r) {
    const std::int64_t y = row * p.rows.stride - p.rows.before + r * p.rows.dilation;
    const bool row_inside = y >= 0 && y < p.rows.in;
    for (std::int64_t c = 0; c < p.cols.kernel; ++c) {
      for (std::int64_t i = 0; i < p.cols.out; ++i) {
        const std::int64_t x = i * p.cols.stride - p.cols.before + c * p.cols.dilation;
        const bool inside = row_inside && x >= 0 && x < p.cols.in;
        *table++ = inside ? image + (y * p.cols.in + x) * p.channels : outside;
      }
    }
  }
}

void pool_pixels(const Params& p, const float* image, float* out, std::int64_t row,
                 std::byte* scratch) noexcept {
  const PixelScratch at(p);
  const auto** table = reinterpret_cast<const float**>(scratch);
  auto* factors = reinterpret_cast<float*>(scratch + at.factors);
  auto* outside = reinterpret_cast<float*>(scratch + at.outside);
  std::fill_n(outside, p.channels, p.average ? 0 : -std::numeric_limits<float>::infinity());
  fill_table(p, image, row, outside, table);
  PixelWindows w{table,      p.cols.out, p.rows.kernel * p.cols.kernel, out, nullptr,
                 p.cols.out, p.channels};
  if (!p.average) return p.k->pixel_max(w);
  const std::int64_t rows = p.counted_rows.of(p.rows, row);
  for (std::int64_t c = 0; c < p.cols.out; ++c) {
    const std::int64_t n = rows * p.counted_cols.of(p.cols, c);
    factors[c] = n > 0 ? 1 / static_cast<float>(n) : 0;
  }
  w.scale = factors;
  p.k->pixel_sum(w);
}

Status run_pixels(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  const std::int64_t in_image = p.rows.in * p.cols.in * p.channels;
  const std::int64_t out_row = p.cols.out * p.channels;
  const std::int64_t group =
      std::max<std::int64_t>(1, row_grain / std::max<std::int64_t>(1, out_row));
  const std::int64_t chunks = ceil_div(p.rows.out, group);
  if (out_row == 0) return {};
  return run_tasks(task, p.images * chunks, [&](std::int64_t i, int worker) {
    const std::int64_t image = i / chunks;
    const std::int64_t first = i % chunks * group;
    for (std::int64_t row = first; row < std::min(p.rows.out, first + group); ++row) {
      pool_pixels(p, args[p.x].as<const float>() + image * in_image,
                  args[0].as<float>() + (image * p.rows.out + row) * out_row, row,
                  task.scratch_of(worker));
    }
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
        channels_last_(site.call().result_layout() == exec::Layout::channels_last),
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
    p.images = in.dims[0];
    p.channels = in.dims[1];
    p.planes = p.images * p.channels;
    p.channels_last = channels_last_;
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
    } else if (channels_last_) {
      planned.run = run_pixels;
      planned.worker_scratch_bytes = static_cast<std::size_t>(PixelScratch(p).size(p));
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
  bool average_, channels_last_, exclude_padding_;
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

const Family pool_family{operations, supports, cost, prepare, Tails::none, either_rule};

}  // namespace pome::devices::cpu
