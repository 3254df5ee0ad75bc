// pad: constant, reflected and replicated borders.
#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "devices/cpu/families/site.h"
#include "ops/call.h"

namespace pome::devices::cpu {
namespace {

constexpr std::string_view operations[] = {"pad"};
constexpr std::size_t most_rank = 8;
constexpr std::int64_t grain = 16384;  ///< elements of a task

enum class Mode : std::uint8_t { constant, reflect, replicate };

struct Params {
  std::int32_t x;
  std::int32_t rank;
  /// Dimensions; a place of the last one is `unit` elements, which are not padded.
  std::int64_t in[most_rank], out[most_rank], before[most_rank];
  std::int64_t unit;
  float fill;
  Mode mode;
};

/// The source index for `at` (which may be outside), or -1 for the constant.
std::int64_t source(Mode mode, std::int64_t at, std::int64_t size) noexcept {
  if (at >= 0 && at < size) return at;
  switch (mode) {
    case Mode::constant: return -1;
    case Mode::reflect: return at < 0 ? -at : 2 * (size - 1) - at;
    case Mode::replicate: return at < 0 ? 0 : size - 1;
  }
  return -1;
}

/// Source row of a row of the result, or -1 when it is filled.
std::int64_t source_row(const Params& p, std::int64_t row) noexcept {
  std::int64_t from = 0;
  std::int64_t step = 1;
  for (std::int32_t i = p.rank - 1; i-- > 0;) {
    const std::int64_t at = source(p.mode, row % p.out[i] - p.before[i], p.in[i]);
    if (at < 0) return -1;
    row /= p.out[i];
    from += at * step;
    step *= p.in[i];
  }
  return from;
}

void copy(const float* from, float* to, std::int64_t n) noexcept {
  if (n != 0) std::memcpy(to, from, static_cast<std::size_t>(4 * n));
}

void pad_row(const Params& p, const float* in, float* out) noexcept {
  const std::int64_t n = p.in[p.rank - 1];
  const std::int64_t before = p.before[p.rank - 1];
  const std::int64_t end = p.out[p.rank - 1];
  const auto border = [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t i = from; i < to; ++i) {
      const std::int64_t at = source(p.mode, i - before, n);
      if (at < 0) {
        std::fill_n(out + i * p.unit, p.unit, p.fill);
      } else {
        copy(in + at * p.unit, out + i * p.unit, p.unit);
      }
    }
  };
  border(0, before);
  copy(in, out + before * p.unit, n * p.unit);
  border(before + n, end);
}

Status run(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  const float* in = args[p.x].as<float>();
  float* out = args[0].as<float>();
  const std::int64_t length = p.out[p.rank - 1] * p.unit;
  const std::int64_t size = args[0].size();
  if (size == 0) return {};
  const std::int64_t group = std::max<std::int64_t>(1, grain / length);
  return run_chunks(task, size / length, group, [&](std::int64_t first, std::int64_t n) {
    for (std::int64_t row = first; row < first + n; ++row) {
      const std::int64_t from = source_row(p, row);
      if (from < 0) {
        std::fill_n(out + row * length, length, p.fill);
      } else {
        pad_row(p, in + from * p.in[p.rank - 1] * p.unit, out + row * length);
      }
    }
  });
}

class PadKernel final : public CpuKernel {
 public:
  PadKernel(const Kernels& kernels, const Site& site)
      : CpuKernel(kernels),
        x_(site.arg("x")),
        pad_(site.arg("pad")),
        fill_(static_cast<float>(site.number("constant_val", 0))),
        channels_last_(site.call().result_layout() == exec::Layout::channels_last) {
    read(x_);
    const auto mode = site.text("mode", "constant");
    mode_ = mode == "reflect"     ? Mode::reflect
            : mode == "replicate" ? Mode::replicate
                                  : Mode::constant;
  }

  PlannedKernel plan(const PlanCall& call) const override {
    const auto& in = call.facts->types[call.call->args[x_]].dims;
    const auto& out = call.result_type().dims;
    // The amounts are known where the result's dimensions are.
    const auto& amounts = call.facts->known[call.call->args[pad_]];
    Params p{};
    p.x = static_cast<std::int32_t>(1 + x_);
    p.fill = fill_;
    p.mode = mode_;
    const auto padded = amounts ? static_cast<std::size_t>(amounts->size() / 2) : 0;
    const std::size_t lead = in.size() - padded;
    const auto before = [&](std::size_t i) {
      return i < lead ? 0 : ops::load_i(amounts->view(), static_cast<std::int64_t>(2 * (i - lead)));
    };
    for (std::size_t i = 0; i < in.size(); ++i) {  // in the order of memory
      std::size_t d = i;
      if (channels_last_ && i > 0) d = i + 1 == in.size() ? 1 : i + 1;
      append(p, in[d], out[d], before(d));
    }
    if (p.rank == 0) append(p, 1, 1, 0);
    p.unit = 1;
    const auto last = static_cast<std::size_t>(p.rank - 1);
    if (p.rank > 1 && p.in[last] == p.out[last]) {
      p.unit = p.in[last];
      --p.rank;
    }
    PlannedKernel planned;
    planned.run = run;
    planned.set_params(p);
    return planned;
  }

 private:
  /// Adds a dimension; ones that are not padded become part of the one before.
  static void append(Params& p, std::int64_t in, std::int64_t out, std::int64_t before) {
    const auto last = static_cast<std::size_t>(p.rank - 1);
    if (p.rank > 0 && in == out && p.in[last] == p.out[last]) {
      p.in[last] *= in;
      p.out[last] *= in;
      return;
    }
    const auto at = static_cast<std::size_t>(p.rank++);
    p.in[at] = in;
    p.out[at] = out;
    p.before[at] = before;
  }

  std::size_t x_, pad_;
  float fill_;
  bool channels_last_;
  Mode mode_ = Mode::constant;
};

Support supports(const CallSite& call) {
  const Site site(call);
  if (auto s = require_float(site, "x"); !s.yes) return s;
  if (site.type("x").rank() > most_rank) {
    return Support::no(base::cat("x has ", site.type("x").rank(),
                                 " dimensions; the kernel takes up to ", most_rank));
  }
  return {};
}

std::unique_ptr<exec::OpKernel> prepare(const CallSite& call, const Kernels& k) {
  return std::make_unique<PadKernel>(k, Site(call));
}

}  // namespace

const Family pad_family{operations, supports, streaming_cost, prepare, Tails::none, either_rule};

}  // namespace pome::devices::cpu
