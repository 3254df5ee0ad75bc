// Elements that move between channels and pixels: depth_to_space, space_to_depth, pixel_shuffle,
// pixel_unshuffle. Copies of six dimensions: image, channel, row, row within a block, column,
// column within a block.
#include <algorithm>
#include <array>

#include "devices/cpu/families/strided.h"
#include "ops/call.h"

namespace pome::devices::cpu {
namespace {

/// `to_space`: channels become pixels. `channel_first`: the channel counts slower than the place
/// within its block.
struct Entry {
  std::string_view name;
  std::string_view factor;
  bool to_space, channel_first;
};
constexpr Entry entries[] = {
    {"depth_to_space", "block_size", true, false},
    {"pixel_shuffle", "upscale_factor", true, true},
    {"pixel_unshuffle", "downscale_factor", false, true},
    {"space_to_depth", "block_size", false, false},
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
  StridedCopy copy;
  std::int32_t x;
};

Status run(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  return copy_strided(p.copy, args[p.x].data, args[0].data, task);
}

class DepthSpaceKernel final : public CpuKernel {
 public:
  DepthSpaceKernel(const Kernels& kernels, const Site& site, const Entry& entry)
      : CpuKernel(kernels),
        entry_(entry),
        x_(site.arg("x")),
        factor_(site.integer(entry.factor, 1)),
        channels_last_(site.call().result_layout() == exec::Layout::channels_last) {
    read(x_);
  }

  PlannedKernel plan(const PlanCall& call) const override {
    const auto& x = call.facts->types[call.call->args[x_]];
    const auto& out = call.result_type().dims;
    const auto& pixels = entry_.to_space ? out : x.dims;  // of the side with more pixels
    const std::int64_t n = pixels[0];
    const std::int64_t c = pixels[1];
    const std::int64_t f = factor_;
    const std::int64_t rows = pixels[2] / f;
    const std::int64_t cols = pixels[3] / f;
    const Dims from = strides(x.dims);
    // Strides of the source for (image, channel, row, row in block, column, column in block).
    Dims step;
    if (entry_.to_space) {
      const std::int64_t channel = entry_.channel_first ? f * f * from[1] : from[1];
      const std::int64_t place = entry_.channel_first ? from[1] : c * from[1];
      step = {from[0], channel, from[2], f * place, from[3], place};
    } else {
      step = {from[0], from[1], f * from[2], from[2], f * from[3], from[3]};
    }
    const Dims size{n, c, rows, f, cols, f};
    Dims dims, steps;
    for (const std::size_t d : order()) {
      dims.push_back(size[d]);
      steps.push_back(step[d]);
    }
    PlannedKernel planned;
    planned.run = run;
    planned.set_params(
        Params{make_strided_copy(dims, steps, 0, x.dtype), static_cast<std::int32_t>(1 + x_)});
    return planned;
  }

 private:
  Dims strides(const Dims& dims) const {
    return channels_last_ ? channels_last_strides(dims) : ops::dense_strides(dims);
  }

  /// The six dimensions in the order of the result's memory.
  std::array<std::size_t, 6> order() const noexcept {
    enum : std::size_t { image, channel, row, row_in, col, col_in };
    if (entry_.to_space) {
      if (channels_last_) return {image, row, row_in, col, col_in, channel};
      return {image, channel, row, row_in, col, col_in};
    }
    if (channels_last_ && entry_.channel_first) return {image, row, col, channel, row_in, col_in};
    if (channels_last_) return {image, row, col, row_in, col_in, channel};
    if (entry_.channel_first) return {image, channel, row_in, col_in, row, col};
    return {image, row_in, col_in, channel, row, col};
  }

  const Entry& entry_;
  std::size_t x_;
  std::int64_t factor_;
  bool channels_last_;
};

Support supports(const CallSite& call) {
  const Site site(call);
  if (auto s = require_copyable(site, "x", 4); !s.yes) return s;
  if (site.type("x").rank() != 4) return Support::no("x has not 4 dimensions");
  return {};
}

std::unique_ptr<exec::OpKernel> prepare(const CallSite& call, const Kernels& k) {
  return std::make_unique<DepthSpaceKernel>(k, Site(call), entry_of(call));
}

}  // namespace

const Family depth_space_family{operations, supports,    streaming_cost,
                                prepare,    Tails::none, either_rule};

}  // namespace pome::devices::cpu
