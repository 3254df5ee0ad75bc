// Resizing of the last two dimensions: resize, resize_bilinear, resize_nearest_neighbor,
// upsample_bilinear, upsample_nearest_neighbor.
//
// Which elements a row or a column reads is worked out per axis when a plan is made. Linear ones go
// through rows of the right width first, of which two at a time are blended to a row of the result;
// rows that one task needs again are kept. Weights are rounded once: an error below
// 8 * 2^-24 * the sum of |weight * element|. Nearest ones only copy.
#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.h"
#include "devices/cpu/families/epilogue.h"
#include "devices/cpu/families/site.h"
#include "ops/definitions/sampling.h"
#include "pome/error.h"

namespace pome::devices::cpu {
namespace {

using ops::definitions::GridMode;

constexpr std::string_view operations[] = {"resize", "resize_bilinear", "resize_nearest_neighbor",
                                           "upsample_bilinear", "upsample_nearest_neighbor"};
constexpr std::int64_t grain = 32768;  ///< elements of a task

/// What the places of one axis read: `low` and, with a weight above 0, `high`.
struct AxisTable {
  std::int64_t n;  ///< entries of each array
  const std::int32_t *low, *high;
  const float *weight_low, *weight_high;

  static std::size_t bytes(std::int64_t n) noexcept { return static_cast<std::size_t>(16 * n); }
  static AxisTable at(const std::byte* data, std::int64_t n) noexcept {
    const auto* ints = reinterpret_cast<const std::int32_t*>(data);
    const auto* floats = reinterpret_cast<const float*>(data + 8 * n);
    return {n, ints, ints + n, floats, floats + n};
  }
};

/// Head of the parameters; the tables of rows and columns follow.
struct Params {
  const Kernels* k;
  std::int64_t images;    ///< planes, or channels-last images
  std::int64_t channels;  ///< elements of a pixel: 1 when dense
  std::int64_t in_rows, in_cols, out_rows, out_cols;
  std::int64_t group;  ///< rows of a task
  /// Dense: where dimension 1, over which the tails' vectors go, is among the images. There may be
  /// too few dimensions before: then it is the rows or the columns.
  std::int64_t dim_1, dim_1_step;
  enum class Dim1 : std::uint8_t { pixels, images, rows, columns } dim_1_is;
  Epilogue epilogue;
  std::int32_t x;
  bool linear, same_cols;

  AxisTable rows() const noexcept {
    return AxisTable::at(reinterpret_cast<const std::byte*>(this + 1), out_rows);
  }
  AxisTable cols() const noexcept {
    return AxisTable::at(reinterpret_cast<const std::byte*>(this + 1) + AxisTable::bytes(out_rows),
                         out_cols);
  }
  std::int64_t in_row() const noexcept { return in_cols * channels; }
  std::int64_t out_row() const noexcept { return out_cols * channels; }
};

void copy(const float* from, float* to, std::int64_t n) noexcept {
  std::memcpy(to, from, static_cast<std::size_t>(4 * n));
}

/// An input row brought to the width of the result.
void widen(const Params& p, const AxisTable& cols, const float* in, float* out) noexcept {
  if (p.channels == 1) {
    if (p.linear) {
      p.k->blend_columns(in, cols.low, cols.high, cols.weight_low, cols.weight_high, out,
                         p.out_cols);
    } else {
      for (std::int64_t i = 0; i < p.out_cols; ++i) out[i] = in[cols.low[i]];
    }
    return;
  }
  for (std::int64_t i = 0; i < p.out_cols; ++i, out += p.channels) {
    const float* low = in + cols.low[i] * p.channels;
    if (!p.linear || cols.weight_high[i] == 0) {
      copy(low, out, p.channels);
    } else {
      p.k->blend(low, in + cols.high[i] * p.channels, cols.weight_low[i], cols.weight_high[i], out,
                 p.channels);
    }
  }
}

/// Input rows of one image at the width of the result: the two that were asked for last.
class WideRows {
 public:
  WideRows(const Params& p, const AxisTable& cols, const float* image, float* scratch) noexcept
      : p_(p), cols_(cols), image_(image), rows_{scratch, scratch + p.out_row()} {}

  /// Row `index`; what was returned for `kept` stays as it is.
  const float* get(std::int64_t index, std::int64_t kept) noexcept {
    const float* in = image_ + index * p_.in_row();
    if (p_.same_cols) return in;
    for (int i = 0; i < 2; ++i) {
      if (held_[i] == index) return rows_[i];
    }
    const int slot = held_[0] == kept ? 1 : 0;
    widen(p_, cols_, in, rows_[slot]);
    held_[slot] = index;
    return rows_[slot];
  }

 private:
  const Params& p_;
  const AxisTable& cols_;
  const float* image_;
  float* rows_[2];
  std::int64_t held_[2] = {-1, -1};
};

void resize_rows(const Params& p, const float* image, float* out, std::int64_t first,
                 std::int64_t count, float* scratch) noexcept {
  const AxisTable rows = p.rows();
  const AxisTable cols = p.cols();
  WideRows wide(p, cols, image, scratch);
  for (std::int64_t r = first; r < first + count; ++r) {
    float* to = out + r * p.out_row();
    const std::int64_t low = rows.low[r];
    const std::int64_t high = rows.high[r];
    if (!p.linear || rows.weight_high[r] == 0) {
      if (r > first && !p.linear && rows.low[r - 1] == low) {
        copy(to - p.out_row(), to, p.out_row());
      } else if (p.linear || p.same_cols) {
        copy(wide.get(low, -1), to, p.out_row());
      } else {
        widen(p, cols, image + low * p.in_row(), to);
      }
      continue;
    }
    const float* a = wide.get(low, high);
    const float* b = wide.get(high, low);
    p.k->blend(a, b, rows.weight_low[r], rows.weight_high[r], to, p.out_row());
  }
}

/// The tails of rows [first, first + count) of an image, which begin at `part`.
void apply_tails(const Params& p, const TensorRef* args, std::int64_t image, std::int64_t first,
                 std::int64_t count, float* part) noexcept {
  const std::int64_t row = p.out_row();
  const std::int64_t offset = (image * p.out_rows + first) * row;
  switch (p.dim_1_is) {
    case Params::Dim1::pixels:
      return p.epilogue.apply_pixels(args, part, offset, count * p.out_cols, p.channels);
    case Params::Dim1::images:
      return p.epilogue.apply(args, part, offset, image / p.dim_1_step % p.dim_1, 0, count * row);
    case Params::Dim1::rows:
    case Params::Dim1::columns: break;
  }
  const bool rows = p.dim_1_is == Params::Dim1::rows;
  for (std::int64_t i = 0; i < count; ++i) {
    p.epilogue.apply(args, part + i * row, offset + i * row, rows ? first + i : 0, rows ? 0 : 1,
                     row);
  }
}

Status run(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  const std::int64_t out_image = p.out_rows * p.out_row();
  if (out_image == 0) return {};
  const std::int64_t chunks = ceil_div(p.out_rows, p.group);
  return run_tasks(task, p.images * chunks, [&](std::int64_t i, int worker) {
    const std::int64_t image = i / chunks;
    const std::int64_t first = i % chunks * p.group;
    const std::int64_t count = std::min(p.group, p.out_rows - first);
    float* out = args[0].as<float>() + image * out_image;
    resize_rows(p, args[p.x].as<const float>() + image * p.in_rows * p.in_row(), out, first, count,
                reinterpret_cast<float*>(task.scratch_of(worker)));
    if (p.epilogue) apply_tails(p, args, image, first, count, out + first * p.out_row());
  });
}

/// Of a size for which there are no tables, where there was memory for the result all the same.
Status refuse(const void*, TensorRef*, TaskContext& task) noexcept {
  try {
    throw Error(ErrorCode::unsupported, "it has more rows or columns than resizing can count");
  } catch (...) {
    task.error = std::current_exception();
  }
  return {exec::Code::failed};
}

PlannedKernel refused() {
  PlannedKernel planned;
  planned.run = refuse;
  return planned;
}

/// How a call places its points.
struct Sampling {
  bool linear = true;
  bool by_factor = false;  ///< upsample_nearest_neighbor: floor(i * in / out)
  GridMode mode = GridMode::normal;
};

Sampling sampling_of(const Site& site) {
  const std::string_view name = site.call().call->def->name;
  Sampling s;
  if (name == "upsample_nearest_neighbor") return {false, true, GridMode::normal};
  if (name == "resize_nearest_neighbor") return {false, false, GridMode::normal};
  if (name == "upsample_bilinear") {
    const bool align = site.flag("align_corners", true);
    const bool centers = site.flag("half_pixel_centers", !align);
    s.mode = align ? GridMode::strict_align : centers ? GridMode::unalign : GridMode::normal;
    return s;
  }
  if (name == "resize") s.linear = site.text("interpolation_mode", "LINEAR") == "LINEAR";
  s.mode =
      ops::definitions::grid_mode(site.text("sampling_mode", "DEFAULT")).value_or(GridMode::normal);
  return s;
}

void fill_axis(const Sampling& s, std::int64_t in, std::int64_t out, std::byte* data) noexcept {
  auto* ints = reinterpret_cast<std::int32_t*>(data);
  auto* floats = reinterpret_cast<float*>(data + 8 * out);
  for (std::int64_t i = 0; i < out; ++i) {
    ops::definitions::Taps taps;
    if (in == out && (s.mode == GridMode::normal || s.by_factor)) {
      taps.low = taps.high = i;
    } else if (s.by_factor) {
      taps.low = taps.high = i * in / out;
    } else if (s.linear) {
      taps = ops::definitions::taps(ops::definitions::grid_point(s.mode, i, in, out), in);
    } else {
      taps.low = taps.high = ops::definitions::nearest_point(s.mode, i, in, out);
    }
    ints[i] = static_cast<std::int32_t>(taps.low);
    ints[out + i] = static_cast<std::int32_t>(taps.high);
    floats[i] = static_cast<float>(1 - taps.weight);
    floats[out + i] = static_cast<float>(taps.weight);
  }
}

class ResizeKernel final : public CpuKernel {
 public:
  ResizeKernel(const Kernels& kernels, const Site& site)
      : CpuKernel(kernels),
        x_(site.arg("x")),
        channels_last_(site.call().result_layout() == exec::Layout::channels_last),
        sampling_(sampling_of(site)),
        tails_(*this, site.call(), Tails::channels) {
    read(x_);
    const bool all = site.call().call->def->name != "resize";
    resized_ = all ? 2 : static_cast<std::size_t>(site.integer("resized_dims", 0));
  }

  PlannedKernel plan(const PlanCall& call) const override {
    const auto& in = call.facts->types[call.call->args[x_]].dims;
    const auto& out = call.result_type().dims;
    const std::size_t rank = in.size();
    Params p{};
    p.k = &k();
    p.x = static_cast<std::int32_t>(1 + x_);
    p.linear = sampling_.linear;
    p.epilogue = tails_.view();
    p.in_rows = rank > 1 ? in[rank - 2] : 1;
    p.out_rows = rank > 1 ? out[rank - 2] : 1;
    p.in_cols = rank > 0 ? in[rank - 1] : 1;
    p.out_cols = rank > 0 ? out[rank - 1] : 1;
    p.images = channels_last_ ? in[0] : product(in, 0, rank > 2 ? rank - 2 : 0);
    p.channels = channels_last_ ? in[1] : 1;
    using Dim1 = Params::Dim1;
    p.dim_1_is = channels_last_ ? Dim1::pixels
                 : rank > 3     ? Dim1::images
                 : rank == 3    ? Dim1::rows
                                : Dim1::columns;
    p.dim_1 = rank > 3 ? std::max<std::int64_t>(1, in[1]) : 1;
    p.dim_1_step = rank > 3 ? std::max<std::int64_t>(1, product(in, 2, rank - 2)) : 1;
    if ((p.in_rows == 0 && p.out_rows != 0) || (p.in_cols == 0 && p.out_cols != 0)) {
      throw Error(ErrorCode::parameters,
                  base::cat(call.call->op->place(), ": parameter 'x': shape ", base::shape_text(in),
                            " has nothing to resize to ", base::shape_text(out)));
    }
    // Sizes that no memory holds are refused when it is asked for, behind this, in words that tell
    // how much; tables for them would be too large themselves.
    constexpr std::int64_t most_places = std::int64_t{1} << 26;
    if (p.out_rows > most_places || p.out_cols > most_places) return refused();
    const std::int64_t row = std::max<std::int64_t>(1, p.out_row());
    p.group = std::max<std::int64_t>(8, grain / row);
    PlannedKernel planned;
    planned.run = run;
    planned.worker_scratch_bytes = static_cast<std::size_t>(8 * row);
    const std::size_t tables = AxisTable::bytes(p.out_rows) + AxisTable::bytes(p.out_cols);
    planned.params.resize(sizeof p + tables);
    std::byte* data = planned.params.data() + sizeof p;
    fill_axis(of_axis(2), p.in_rows, p.out_rows, data);
    fill_axis(of_axis(1), p.in_cols, p.out_cols, data + AxisTable::bytes(p.out_rows));
    p.same_cols =
        is_identity(AxisTable::at(data + AxisTable::bytes(p.out_rows), p.out_cols), p.in_cols);
    std::memcpy(planned.params.data(), &p, sizeof p);
    return planned;
  }

 private:
  /// How the axis `from_end` (1: columns) is sampled; one that keeps its size is copied.
  Sampling of_axis(std::size_t from_end) const noexcept {
    return from_end <= resized_ ? sampling_ : Sampling{.linear = sampling_.linear};
  }

  static bool is_identity(const AxisTable& t, std::int64_t in) noexcept {
    if (t.n != in) return false;
    for (std::int64_t i = 0; i < t.n; ++i) {
      if (t.low[i] != i || t.weight_high[i] != 0) return false;
    }
    return true;
  }

  std::size_t x_;
  std::size_t resized_ = 2;  ///< dimensions, counted from the last
  bool channels_last_;
  Sampling sampling_;
  EpilogueSteps tails_;
};

Support supports(const CallSite& call) {
  const Site site(call);
  const auto& x = site.type("x");
  const bool whole =
      x.is_tensor() && x.ranked && x.dtype == DataType::int32 && !sampling_of(site).linear;
  if (!whole) {
    if (auto s = require_float(site, "x"); !s.yes) return s;
  }
  const bool is_resize = call.call->def->name == "resize";
  if (is_resize && site.integer("resized_dims", 0) > 2) {
    return Support::no(base::cat("resizes ", site.integer("resized_dims", 0),
                                 " dimensions; the kernel takes up to 2"));
  }
  // Names that do not exist are the reference's to refuse.
  const auto interpolation = site.text("interpolation_mode", "LINEAR");
  if (is_resize && interpolation != "LINEAR" && interpolation != "NEAREST_NEIGHBOR") {
    return Support::no("its interpolation mode is not known");
  }
  if (!ops::definitions::grid_mode(site.text("sampling_mode", "DEFAULT"))) {
    return Support::no("its sampling mode is not known");
  }
  return {};
}

/// Channels-last images have four dimensions.
exec::LayoutRule layout_rule(const CallSite& call) {
  return call.result_type().rank() == 4 ? either_rule(call) : exec::LayoutRule::dense;
}

std::unique_ptr<exec::OpKernel> prepare(const CallSite& call, const Kernels& k) {
  return std::make_unique<ResizeKernel>(k, Site(call));
}

}  // namespace

const Family resize_family{operations, supports,        streaming_cost,
                           prepare,    Tails::channels, layout_rule};

}  // namespace pome::devices::cpu
