// Reductions over neighbouring dimensions.
//
// Floats are summed in fp32, rows by blocks that are joined in double, columns by blocks of 64
// (kernels/sums.h): an error below (K + 2) * 2^-24 * the sum of the sizes, K = 70 for rows and
// 64 + length / 64 for columns. Partial sums beyond the range of fp32 become infinite. Integers
// wrap at 32 bits, which gives what wrapping at the end gives.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "base/text.h"
#include "devices/cpu/families/rows.h"

namespace pome::devices::cpu {
namespace {

/// What is done to the reduced value.
enum class After : std::uint8_t { nothing, root, log, log_sum_exp };

struct Entry {
  std::string_view name;
  ReduceOp op;
  After after = After::nothing;
  bool integers = true;
};
constexpr Entry entries[] = {
    {"reduce_l1_norm", ReduceOp::sum_abs},
    {"reduce_l2_norm", ReduceOp::sum_square, After::root, false},
    {"reduce_log_sum", ReduceOp::sum, After::log, false},
    {"reduce_log_sum_exp", ReduceOp::max, After::log_sum_exp, false},
    {"reduce_max", ReduceOp::max},
    {"reduce_mean", ReduceOp::mean, After::nothing, false},
    {"reduce_min", ReduceOp::min},
    {"reduce_prod", ReduceOp::prod},
    {"reduce_sum", ReduceOp::sum},
    {"reduce_sum_square", ReduceOp::sum_square},
};
constexpr auto operations = [] {
  std::array<std::string_view, std::size(entries)> names{};
  std::ranges::transform(entries, names.begin(), &Entry::name);
  return names;
}();

const Entry& entry_of(const CallSite& call) {
  return *std::ranges::find(entries, call.call->def->name, &Entry::name);
}

struct Params {
  Rows rows;
  const Kernels* k;
  std::int32_t x;
  ReduceOp op;
  After after;
};

// --- log of a sum of exponentials ---

/// Columns, or elements of a row, that are looked at together.
constexpr std::int64_t exp_block = 1024;

float finish_log_sum_exp(float top, double sum) noexcept {
  // Shifting by an infinity would give NaN where the infinity itself is right.
  if (std::isinf(top)) return top;
  return static_cast<float>(static_cast<double>(top) + std::log(sum));
}

/// `out` holds the maxima and gets the results.
void log_sum_exp_row(const Kernels& k, const float* in, std::int64_t n, float* out,
                     float* scratch) noexcept {
  double sum = 0;
  for (std::int64_t i = 0; i < n; i += exp_block) {
    const std::int64_t count = std::min(exp_block, n - i);
    k.binary[static_cast<int>(BinaryOp::sub)](in + i, 1, out, 0, scratch, count);
    k.unary[static_cast<int>(UnaryOp::exp)](scratch, scratch, count, 0, 0);
    float part = 0;
    k.reduce(ReduceOp::sum, {scratch, &part, 1, count, 1, 1});
    sum += static_cast<double>(part);
  }
  *out = finish_log_sum_exp(*out, sum);
}

void log_sum_exp_columns(const Kernels& k, const float* in, const Rows& r, std::int64_t columns,
                         float* out, float* scratch) noexcept {
  float* const sums = scratch + exp_block;
  for (std::int64_t c = 0; c < columns; c += exp_block) {
    const std::int64_t count = std::min(exp_block, columns - c);
    std::fill_n(sums, count, 0.0F);
    for (std::int64_t i = 0; i < r.length; ++i) {
      k.binary[static_cast<int>(BinaryOp::sub)](in + i * r.inner + c, 1, out + c, 1, scratch,
                                                count);
      k.unary[static_cast<int>(UnaryOp::exp)](scratch, scratch, count, 0, 0);
      k.binary[static_cast<int>(BinaryOp::add)](sums, 1, scratch, 1, sums, count);
    }
    for (std::int64_t i = 0; i < count; ++i) {
      out[c + i] = finish_log_sum_exp(out[c + i], static_cast<double>(sums[i]));
    }
  }
}

void log_sum_exp(const Params& p, const float* in, float* out, const RowsPart& part,
                 float* scratch) noexcept {
  for (std::int64_t o = 0; o < part.outers; ++o) {
    const float* from = in + o * p.rows.length * p.rows.inner;
    if (p.rows.inner == 1) {
      log_sum_exp_row(*p.k, from, p.rows.length, out + o, scratch);
    } else {
      log_sum_exp_columns(*p.k, from, p.rows, part.columns, out + o * p.rows.inner, scratch);
    }
  }
}

// --- floats ---

Status run(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  const auto& r = p.rows;
  return run_rows(task, r, [&](const RowsPart& part, int worker) {
    const float* in = args[p.x].as<float>() + part.outer * r.length * r.inner + part.column;
    float* out = args[0].as<float>() + part.outer * r.inner + part.column;
    p.k->reduce(p.op, {in, out, part.outers, r.length, part.columns, r.inner});
    if (p.after == After::nothing) return;
    if (p.after == After::log_sum_exp) {
      log_sum_exp(p, in, out, part, reinterpret_cast<float*>(task.scratch_of(worker)));
      return;
    }
    const auto op = p.after == After::root ? UnaryOp::sqrt : UnaryOp::log;
    const auto after = p.k->unary[static_cast<int>(op)];
    // Whole outer blocks are consecutive; a part of the columns comes with one outer block.
    after(out, out, part.outers * part.columns, 0, 0);
  });
}

// --- integers ---

// Unsigned, so that overflow wraps instead of being undefined.
std::int32_t fold_int(ReduceOp op, std::int32_t so_far, std::int32_t value) noexcept {
  const auto a = static_cast<std::uint32_t>(so_far);
  const auto b = static_cast<std::uint32_t>(value);
  switch (op) {
    case ReduceOp::max: return std::max(so_far, value);
    case ReduceOp::min: return std::min(so_far, value);
    case ReduceOp::prod: return static_cast<std::int32_t>(a * b);
    case ReduceOp::sum_square: return static_cast<std::int32_t>(a + b * b);
    case ReduceOp::sum_abs: return static_cast<std::int32_t>(a + (value < 0 ? 0 - b : b));
    default: return static_cast<std::int32_t>(a + b);
  }
}

std::int32_t first_int(ReduceOp op) noexcept {
  switch (op) {
    case ReduceOp::max: return INT32_MIN;
    case ReduceOp::min: return INT32_MAX;
    case ReduceOp::prod: return 1;
    default: return 0;
  }
}

Status run_int(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  const auto& r = p.rows;
  return run_rows(task, r, [&](const RowsPart& part, int) {
    for (std::int64_t o = part.outer; o < part.outer + part.outers; ++o) {
      std::int32_t* out = args[0].as<std::int32_t>() + o * r.inner + part.column;
      std::fill_n(out, part.columns, first_int(p.op));
      for (std::int64_t i = 0; i < r.length; ++i) {
        const auto* in = args[p.x].as<std::int32_t>() + (o * r.length + i) * r.inner + part.column;
        for (std::int64_t c = 0; c < part.columns; ++c) out[c] = fold_int(p.op, out[c], in[c]);
      }
    }
  });
}

Dims axes_of(const Site& site) {
  return site.ints("axes", all_axes(site.type("x").rank()));
}

/// The axes in channels-last memory.
Dims channels_last_axes(const Dims& axes, std::size_t rank) {
  Dims out;
  for (const auto axis : axes) {
    const auto at = axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis;
    out.push_back(
        static_cast<std::int64_t>(channels_last_axis(static_cast<std::size_t>(at), rank)));
  }
  return out;
}

/// Channels-last where the axes are neighbours there too. Of a result without the reduced
/// dimensions the order must be that of a dense one: without channels, or with nothing else.
exec::LayoutRule layout_rule(const CallSite& call) {
  const Site site(call);
  const auto& x = site.type("x");
  const std::size_t rank = x.rank();
  if (rank < 3) return exec::LayoutRule::dense;
  const Dims axes = channels_last_axes(axes_of(site), rank);
  const Dims dims(rank, ir::unknown_dim);
  const auto span = axis_span(dims, axes);
  if (!span || span->first == span->last) return exec::LayoutRule::dense;
  if (site.flag("keep_dims", false)) return either_rule(call);
  const bool ordered = span->last == rank || (span->first <= 1 && span->last == rank - 1);
  return ordered ? any_rule(call) : exec::LayoutRule::dense;
}

class ReductionKernel final : public CpuKernel {
 public:
  ReductionKernel(const Kernels& kernels, const Site& site, const Entry& entry)
      : CpuKernel(kernels), entry_(entry), x_(site.arg("x")), axes_(axes_of(site)) {
    read(x_);
    if (site.call().arg_layout(0) == exec::Layout::channels_last) {
      channels_last_ = true;
      axes_ = channels_last_axes(axes_, site.type("x").rank());
    }
  }
  PlannedKernel plan(const PlanCall& call) const override {
    const auto& x = call.facts->types[call.call->args[x_]];
    const Dims dims = channels_last_ ? channels_last_order(x.dims) : x.dims;
    PlannedKernel planned;
    planned.run = x.dtype == DataType::int32 ? run_int : run;
    planned.set_params(Params{rows_of(dims, axis_span(dims, axes_).value_or(AxisSpan{})), &k(),
                              static_cast<std::int32_t>(1 + x_), entry_.op, entry_.after});
    if (entry_.after == After::log_sum_exp)
      planned.worker_scratch_bytes = sizeof(float) * 2 * exp_block;
    return planned;
  }

 private:
  const Entry& entry_;
  std::size_t x_;
  Dims axes_;
  bool channels_last_ = false;
};

Support supports(const CallSite& call) {
  const Site site(call);
  const auto& x = site.type("x");
  if (x.dtype == DataType::int32 && x.is_tensor() && x.ranked) {
    if (!entry_of(call).integers) return Support::no("x is of integers; the kernel takes floats");
  } else if (auto s = require_float(site, "x"); !s.yes) {
    return s;
  }
  if (!axis_span(x.dims, axes_of(site))) return Support::no("the axes are not neighbours");
  return {};
}

std::unique_ptr<exec::OpKernel> prepare(const CallSite& call, const Kernels& k) {
  return std::make_unique<ReductionKernel>(k, Site(call), entry_of(call));
}

}  // namespace

const Family reduction_family{operations, supports,    streaming_cost,
                              prepare,    Tails::none, layout_rule};

}  // namespace pome::devices::cpu
