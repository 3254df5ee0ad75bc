// Changes of layout: [n][channels][pixels] to [n][pixels][channels] and back, elements of 4 bytes.
#include "devices/cpu/families/site.h"

namespace pome::devices::cpu {
namespace {

constexpr std::string_view operations[] = {"pome.to_channels_last", "pome.to_dense"};
constexpr std::int64_t grain = 16384;  ///< elements of a task

struct Params {
  const Kernels* k;
  std::int64_t images, rows, cols;  ///< of the matrices that are transposed
  bool by_rows;                     ///< tasks are cut from the rows, else from the columns
};

Status run(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  const auto* in = args[1].as<const float>();
  auto* out = args[0].as<float>();
  const std::int64_t all = p.by_rows ? p.rows : p.cols;
  const std::int64_t other = p.by_rows ? p.cols : p.rows;
  const std::int64_t part =
      round_up(std::max<std::int64_t>(1, grain / std::max<std::int64_t>(1, other)), p.k->lanes);
  const std::int64_t parts = ceil_div(all, part);
  return run_tasks(task, p.images * parts, [&](std::int64_t i, int) {
    const std::int64_t base = i / parts * p.rows * p.cols;
    const std::int64_t first = i % parts * part;
    const std::int64_t n = std::min(part, all - first);
    if (p.by_rows) {
      p.k->transpose({in + base + first * p.cols, out + base + first, n, p.cols, p.cols, p.rows});
    } else {
      p.k->transpose({in + base + first, out + base + first * p.rows, p.rows, n, p.cols, p.rows});
    }
  });
}

class LayoutKernel final : public CpuKernel {
 public:
  LayoutKernel(const Kernels& kernels, bool to_dense) : CpuKernel(kernels), to_dense_(to_dense) {
    read(0);
  }
  PlannedKernel plan(const PlanCall& call) const override {
    const auto& dims = call.result_type().dims;
    Params p{&k(), dims[0], dims[1], product(dims, 2, dims.size()), false};
    if (to_dense_) std::swap(p.rows, p.cols);
    p.by_rows = p.rows > p.cols;
    PlannedKernel planned;
    planned.run = run;
    planned.set_params(p);
    return planned;
  }

 private:
  bool to_dense_;
};

Support supports(const CallSite&) {
  return {};
}

std::unique_ptr<exec::OpKernel> prepare(const CallSite& call, const Kernels& k) {
  return std::make_unique<LayoutKernel>(k, call.call->def->name == "pome.to_dense");
}

}  // namespace

const Family layout_family{operations, supports, streaming_cost, prepare};

}  // namespace pome::devices::cpu
