// reduce_argmax and reduce_argmin. Ties go to the lowest index; the first NaN wins.
#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "devices/cpu/families/rows.h"
#include "pome/error.h"

namespace pome::devices::cpu {
namespace {

constexpr std::string_view operations[] = {"reduce_argmax", "reduce_argmin"};
/// Columns that are searched together.
constexpr std::int64_t block = 64;

struct Params {
  Rows rows;
  std::int32_t x;
  DataType from, to;  ///< as they are held
  bool greatest;
};

bool beats(float a, float b, bool greatest) noexcept {
  if (std::isnan(b)) return false;
  if (std::isnan(a)) return true;
  return greatest ? a > b : a < b;
}
bool beats(std::int32_t a, std::int32_t b, bool greatest) noexcept {
  return greatest ? a > b : a < b;
}

template <typename T, typename Index>
void search_row(const T* in, std::int64_t n, bool greatest, Index* out) noexcept {
  T best = in[0];
  std::int64_t at = 0;
  for (std::int64_t i = 1; i < n; ++i) {
    if (beats(in[i], best, greatest)) {
      best = in[i];
      at = i;
    }
  }
  *out = static_cast<Index>(at);
}

template <typename T, typename Index>
void search_columns(const T* in, std::int64_t length, std::int64_t step, std::int64_t columns,
                    bool greatest, Index* out) noexcept {
  T best[block];
  for (std::int64_t c = 0; c < columns; c += block) {
    const std::int64_t n = std::min(block, columns - c);
    std::copy_n(in + c, n, best);
    std::fill_n(out + c, n, Index{});
    for (std::int64_t k = 1; k < length; ++k) {
      const T* row = in + k * step + c;
      for (std::int64_t i = 0; i < n; ++i) {
        const bool better = beats(row[i], best[i], greatest);
        best[i] = better ? row[i] : best[i];
        out[c + i] = better ? static_cast<Index>(k) : out[c + i];
      }
    }
  }
}

template <typename T, typename Index>
Status search(const Params& p, TensorRef* args, TaskContext& task) noexcept {
  const auto& r = p.rows;
  return run_rows(task, r, [&](const RowsPart& part, int) {
    for (std::int64_t o = part.outer; o < part.outer + part.outers; ++o) {
      const T* in = args[p.x].as<T>() + o * r.length * r.inner + part.column;
      Index* out = args[0].as<Index>() + o * r.inner + part.column;
      if (r.inner == 1) {
        search_row(in, r.length, p.greatest, out);
      } else {
        search_columns(in, r.length, r.inner, part.columns, p.greatest, out);
      }
    }
  });
}

Status run(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  if (p.from == DataType::int32) {
    return p.to == DataType::int32 ? search<std::int32_t, std::int32_t>(p, args, task)
                                   : search<std::int32_t, std::uint16_t>(p, args, task);
  }
  return p.to == DataType::int32 ? search<float, std::int32_t>(p, args, task)
                                 : search<float, std::uint16_t>(p, args, task);
}

class ArgKernel final : public CpuKernel {
 public:
  ArgKernel(const Kernels& kernels, const Site& site)
      : CpuKernel(kernels),
        x_(site.arg("x")),
        axis_(site.integer("axis", -1)),
        greatest_(site.call().call->def->name == "reduce_argmax") {
    read(x_);
  }
  PlannedKernel plan(const PlanCall& call) const override {
    const auto& x = call.facts->types[call.call->args[x_]];
    const auto at =
        static_cast<std::size_t>(axis_ < 0 ? axis_ + static_cast<std::int64_t>(x.rank()) : axis_);
    const Rows rows = rows_of(x.dims, {at, at + 1});
    if (rows.length == 0 && rows.outer * rows.inner != 0) {
      throw Error(ErrorCode::parameters,
                  base::cat(call.call->op->place(), ": parameter 'x': has no elements along axis ",
                            at, ", expected at least one"));
    }
    PlannedKernel planned;
    planned.run = run;
    planned.set_params(Params{rows, static_cast<std::int32_t>(1 + x_), base::storage_type(x.dtype),
                              base::storage_type(call.result_type().dtype), greatest_});
    return planned;
  }

 private:
  std::size_t x_;
  std::int64_t axis_;
  bool greatest_;
};

Support supports(const CallSite& call) {
  const Site site(call);
  const auto& x = site.type("x");
  if (x.is_tensor() && x.ranked && x.dtype == DataType::int32) return {};
  return require_float(site, "x");
}

std::unique_ptr<exec::OpKernel> prepare(const CallSite& call, const Kernels& k) {
  return std::make_unique<ArgKernel>(k, Site(call));
}

}  // namespace

const Family arg_family{operations, supports, streaming_cost, prepare};

}  // namespace pome::devices::cpu
