// gather, gather_along_axis and gather_nd. Constant fp16 tables (embeddings) stay fp16; the rows
// that are asked for are expanded.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <vector>

#include "base/half.h"
#include "base/text.h"
#include "devices/cpu/families/strided.h"
#include "devices/cpu/families/weights.h"
#include "ops/call.h"

namespace pome::devices::cpu {
namespace {

constexpr std::string_view operations[] = {"gather", "gather_along_axis", "gather_nd"};
constexpr std::int64_t grain = 16384;  ///< elements of a task

struct Params {
  const Kernels* k;
  const void* table;  ///< fp16 rows; null: x is a tensor of the step
  std::int64_t batches, outer, size, inner, picks;
  std::int32_t x, indices;
  std::int32_t width;
  bool validate;
};

/// The index of an element from 0 on, or -1 when it is outside.
std::int64_t wrapped(std::int64_t index, std::int64_t size, bool validate) noexcept {
  if (index < 0 && !validate) index += size;
  return index < 0 || index >= size ? -1 : index;
}

base::TensorView view_of(const TensorRef& ref) noexcept {
  return {ref.data, ref.dtype, ref.shape()};
}

Status outside(std::int64_t index, std::int64_t size) noexcept {
  return {.code = exec::Code::bad_index, .payload = {index, size}, .param = "indices"};
}

void copy_row(const Params& p, const void* from, std::int64_t at, void* to,
              std::int64_t i) noexcept {
  if (p.table) {
    p.k->expand_f16(static_cast<const std::uint16_t*>(from) + at, static_cast<float*>(to) + i,
                    p.inner);
    return;
  }
  std::memcpy(static_cast<std::byte*>(to) + i * p.width,
              static_cast<const std::byte*>(from) + at * p.width,
              static_cast<std::size_t>(p.inner * p.width));
}

/// Result [batches][outer][picks][inner] from x [batches][outer][size][inner].
Status run_gather(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  const auto indices = view_of(args[p.indices]);
  // All indices are looked at first, so that the error that is reported is always the same.
  auto* const at = reinterpret_cast<std::int64_t*>(task.scratch);
  const bool any = p.outer * p.inner != 0;
  for (std::int64_t i = 0; i < p.batches * p.picks; ++i) {
    const std::int64_t index = ops::load_i(indices, i);
    at[i] = wrapped(index, p.size, p.validate);
    if (at[i] < 0 && p.outer != 0) return outside(index, p.size);
  }
  if (!any) return {};
  const void* from = p.table ? p.table : args[p.x].data;
  void* to = args[0].data;
  const std::int64_t group = std::max<std::int64_t>(1, grain / p.inner);
  return run_chunks(task, p.batches * p.outer * p.picks, group,
                    [&](std::int64_t first, std::int64_t n) {
                      for (std::int64_t i = first; i < first + n; ++i) {
                        const std::int64_t block = i / p.picks;  // batch and outer together
                        const std::int64_t index = at[block / p.outer * p.picks + i % p.picks];
                        copy_row(p, from, (block * p.size + index) * p.inner, to, i * p.inner);
                      }
                    });
}

template <typename T>
std::int64_t pick_along(const Params& p, TensorRef* args, std::int64_t first,
                        std::int64_t n) noexcept {
  const auto indices = view_of(args[p.indices]);
  const T* from = args[p.x].as<T>();
  T* to = args[0].as<T>();
  for (std::int64_t i = first; i < first + n; ++i) {
    const std::int64_t index = wrapped(ops::load_i(indices, i), p.size, p.validate);
    if (index < 0) return i;
    const std::int64_t outer = i / (p.picks * p.inner);
    to[i] = from[(outer * p.size + index) * p.inner + i % p.inner];
  }
  return -1;
}

/// Result and indices [outer][picks][inner] from x [outer][size][inner].
Status run_along(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  const std::int64_t count = p.outer * p.picks * p.inner;
  std::atomic<std::int64_t> bad{count};  // the first element whose index is outside
  const auto status = run_chunks(task, count, grain, [&](std::int64_t first, std::int64_t n) {
    std::int64_t at = -1;
    switch (p.width) {
      case 1: at = pick_along<std::uint8_t>(p, args, first, n); break;
      case 2: at = pick_along<std::uint16_t>(p, args, first, n); break;
      case 4: at = pick_along<std::uint32_t>(p, args, first, n); break;
      default: at = pick_along<std::uint64_t>(p, args, first, n);
    }
    if (at < 0) return;
    std::int64_t seen = bad.load();
    while (at < seen && !bad.compare_exchange_weak(seen, at)) {
    }
  });
  if (!status.ok() || bad == count) return status;
  return outside(ops::load_i(view_of(args[p.indices]), bad), p.size);
}

constexpr std::int64_t most_depth = 8;

struct NdParams {
  std::int64_t batches, picks, depth, inner;
  std::int64_t sizes[most_depth];  ///< of the addressed dimensions
  std::int32_t x, indices;
  std::int32_t width;
  bool validate;
};

/// Result [batches][picks][inner] from x [batches][sizes...][inner].
Status run_nd(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const NdParams*>(raw);
  const auto indices = view_of(args[p.indices]);
  auto* const rows = reinterpret_cast<std::int64_t*>(task.scratch);
  for (std::int64_t i = 0; i < p.batches * p.picks; ++i) {
    std::int64_t row = i / p.picks;
    for (std::int64_t d = 0; d < p.depth; ++d) {
      const std::int64_t index = ops::load_i(indices, i * p.depth + d);
      const std::int64_t at = wrapped(index, p.sizes[d], p.validate);
      if (at < 0) return outside(index, p.sizes[d]);
      row = row * p.sizes[d] + at;
    }
    rows[i] = row;
  }
  if (p.inner == 0) return {};
  const std::int64_t bytes = p.inner * p.width;
  return run_chunks(task, p.batches * p.picks, std::max<std::int64_t>(1, grain / p.inner),
                    [&](std::int64_t first, std::int64_t n) {
                      for (std::int64_t i = first; i < first + n; ++i) {
                        std::memcpy(args[0].as<std::byte>() + i * bytes,
                                    args[p.x].as<std::byte>() + rows[i] * bytes,
                                    static_cast<std::size_t>(bytes));
                      }
                    });
}

/// The fp16 elements of a weight as they are.
std::shared_ptr<const exec::Pack> pack_rows(exec::WeightStore& store, const exec::Weight& weight) {
  const auto n = static_cast<std::size_t>(weight.size());
  return store.pack(weight, "rows_f16", 2 * n, [&](exec::Pack& out) {
    if (weight.encoding() == exec::Weight::Encoding::dense) {
      weight.read_raw(0, out.bytes());
      return;
    }
    constexpr std::size_t block = 65536;
    std::vector<float> values(std::min(n, block));
    for (std::size_t first = 0; first < n; first += block) {
      const auto part = std::span<float>(values).first(std::min(block, n - first));
      weight.read(static_cast<std::int64_t>(first), part);
      for (std::size_t i = 0; i < part.size(); ++i) {
        out.as<std::uint16_t>()[first + i] = base::f16_from_f32(part[i]);
      }
    }
  });
}

class GatherKernel final : public CpuKernel {
 public:
  GatherKernel(const Kernels& kernels, const Site& site)
      : CpuKernel(kernels),
        x_(site.arg("x")),
        indices_(site.arg("indices")),
        along_(site.call().call->def->name == "gather_along_axis"),
        axis_(site.integer("axis", 0)),
        batch_(site.integer("batch_dims", 0)),
        validate_(site.flag("validate_indices", false)) {
    const auto weight = site.weight("x");
    if (!along_ && weight && site.type("x").dtype == DataType::fp16 && is_f16_valued(*weight)) {
      table_ = pack_rows(*site.call().weights, *weight);
    } else {
      read(x_);
    }
    read(indices_);
  }

  PlannedKernel plan(const PlanCall& call) const override {
    const auto& x = call.facts->types[call.call->args[x_]];
    const auto& at = call.facts->types[call.call->args[indices_]].dims;
    const auto axis =
        static_cast<std::size_t>(axis_ < 0 ? axis_ + static_cast<std::int64_t>(x.rank()) : axis_);
    const auto batch = static_cast<std::size_t>(batch_);
    Params p{};
    p.k = &k();
    p.table = table_ ? table_->bytes().data() : nullptr;
    p.batches = product(x.dims, 0, batch);
    p.outer = product(x.dims, batch, axis);
    p.size = x.dims[axis];
    p.inner = product(x.dims, axis + 1, x.rank());
    p.picks = along_ ? at[axis] : product(at, batch, at.size());
    p.x = static_cast<std::int32_t>(1 + x_);
    p.indices = static_cast<std::int32_t>(1 + indices_);
    p.width = element_width(x.dtype);
    p.validate = validate_;
    PlannedKernel planned;
    planned.run = along_ ? run_along : run_gather;
    planned.set_params(p);
    if (!along_) planned.scratch_bytes = static_cast<std::size_t>(8 * p.batches * p.picks);
    return planned;
  }

 private:
  std::size_t x_, indices_;
  bool along_;
  std::int64_t axis_, batch_;
  bool validate_;
  std::shared_ptr<const exec::Pack> table_;
};

class GatherNdKernel final : public CpuKernel {
 public:
  GatherNdKernel(const Kernels& kernels, const Site& site)
      : CpuKernel(kernels),
        x_(site.arg("x")),
        indices_(site.arg("indices")),
        batch_(site.integer("batch_dims", 0)),
        validate_(site.flag("validate_indices", false)) {
    read(x_);
    read(indices_);
  }

  PlannedKernel plan(const PlanCall& call) const override {
    const auto& x = call.facts->types[call.call->args[x_]];
    const auto& at = call.facts->types[call.call->args[indices_]].dims;
    const auto batch = static_cast<std::size_t>(batch_);
    NdParams p{};
    p.depth = at.back();
    p.batches = product(x.dims, 0, batch);
    p.picks = product(at, batch, at.size() - 1);
    const auto end = batch + static_cast<std::size_t>(p.depth);
    std::copy_n(x.dims.begin() + batch, p.depth, p.sizes);
    p.inner = product(x.dims, end, x.rank());
    p.x = static_cast<std::int32_t>(1 + x_);
    p.indices = static_cast<std::int32_t>(1 + indices_);
    p.width = element_width(x.dtype);
    p.validate = validate_;
    PlannedKernel planned;
    planned.run = run_nd;
    planned.set_params(p);
    planned.scratch_bytes = static_cast<std::size_t>(8 * p.batches * p.picks);
    return planned;
  }

 private:
  std::size_t x_, indices_;
  std::int64_t batch_;
  bool validate_;
};

Support supports(const CallSite& call) {
  const Site site(call);
  const bool nd = call.call->def->name == "gather_nd";
  if (auto s = require_copyable(site, "x", nd ? most_depth : SIZE_MAX); !s.yes) return s;
  return require_copyable(site, "indices", SIZE_MAX);
}

double cost(const CallSite& call) {
  return estimated_cost(8 * assumed_size(call.result_type()), 0);
}

std::unique_ptr<exec::OpKernel> prepare(const CallSite& call, const Kernels& k) {
  const Site site(call);
  if (call.call->def->name == "gather_nd") return std::make_unique<GatherNdKernel>(k, site);
  return std::make_unique<GatherKernel>(k, site);
}

}  // namespace

const Family gather_family{operations, supports, cost, prepare};

}  // namespace pome::devices::cpu
