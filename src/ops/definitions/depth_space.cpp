// Moving elements between the channel or batch dimension and the spatial ones of [n, C, H, W]:
// depth_to_space, space_to_depth, pixel_shuffle, pixel_unshuffle, space_to_batch, batch_to_space.
#include <cstdint>
#include <limits>

#include "base/checked.h"
#include "base/text.h"
#include "ops/call.h"
#include "ops/definitions/support.h"

namespace pome::ops::definitions {
namespace {

enum : int { x, block, borders };

using base::cat;

/// a * b of a dimension; unknown stays unknown.
std::int64_t times(const Call& call, std::int64_t dim, std::int64_t by) {
  if (!ir::is_known(dim)) return ir::unknown_dim;
  const auto product = base::checked_mul(dim, by);
  if (!product) call.fail(block, cat(dim, " times ", by, " does not fit 64 bits"));
  return *product;
}

/// a / b of a dimension, which must be even.
std::int64_t divided(const Call& call, std::int64_t dim, std::int64_t by, std::string_view what) {
  if (!ir::is_known(dim)) return ir::unknown_dim;
  if (dim % by != 0) {
    call.fail(x, cat("its ", what, " of ", dim, " is not divisible by ", by));
  }
  return dim / by;
}

void require_rank4(const Call& call, const Dims& dims) {
  if (dims.size() != 4) {
    call.fail(x, cat("expected 4 dimensions, found shape ", base::shape_text(dims)));
  }
}

std::int64_t block_size(const Call& call) {
  const auto b = call.int_or(block, 1);
  if (b < 1 || b > 65535) call.fail(block, cat("found ", b, ", expected 1 to 65535"));
  return b;
}

Dims to_space(const Call& call, const Dims& d) {
  require_rank4(call, d);
  const auto b = block_size(call);
  return {d[0], divided(call, d[1], b * b, "number of channels"), times(call, d[2], b),
          times(call, d[3], b)};
}

Dims to_depth(const Call& call, const Dims& d) {
  require_rank4(call, d);
  const auto b = block_size(call);
  return {d[0], times(call, d[1], b * b), divided(call, d[2], b, "height"),
          divided(call, d[3], b, "width")};
}

template <Dims (*F)(const Call&, const Dims&)>
void infer_dims(InferContext& call) {
  const auto& in = call.type(x);
  call.set_result(Type::tensor(in.dtype, in.ranked ? F(call, in.dims) : Dims(4, ir::unknown_dim)));
}

/// How the channel of the deep tensor is made of a place in the block and a channel of the flat
/// one: the place counts in large steps (as TensorFlow does) or in small ones (as PyTorch does).
enum class Order : std::uint8_t { place_first, channel_first };

/// Walks the wide tensor (few channels, large pictures) beside the deep one.
template <Order O, typename F>
void each_pair(const Dims& wide, const Dims& deep, std::int64_t b, F f) {
  const Dims step = dense_strides(deep);
  std::int64_t w = 0;
  for (IndexWalk walk(wide, {}); !walk.done(); walk.next(), ++w) {
    const auto i = walk.index();
    const auto place = i[2] % b * b + i[3] % b;
    const auto channel = O == Order::place_first ? place * wide[1] + i[1] : i[1] * b * b + place;
    f(w, i[0] * step[0] + channel * step[1] + i[2] / b * step[2] + i[3] / b * step[3]);
  }
}

template <Order O>
void evaluate_to_space(EvalContext& call) {
  const auto& in = call.in(x);
  const Dims dims = to_space(call, Dims(in.dims));
  const auto out = call.out(0, dims);
  each_pair<O>(dims, Dims(in.dims), block_size(call),
               [&](std::int64_t w, std::int64_t d) { copy_element(in, d, out, w); });
}

template <Order O>
void evaluate_to_depth(EvalContext& call) {
  const auto& in = call.in(x);
  const Dims dims = to_depth(call, Dims(in.dims));
  const auto out = call.out(0, dims);
  each_pair<O>(Dims(in.dims), dims, block_size(call),
               [&](std::int64_t w, std::int64_t d) { copy_element(in, w, out, d); });
}

// --- space_to_batch, batch_to_space ---
//
// Batch b of place (i, j) in a block is batch (i * width of block + j) * n + b of the other side.

struct Blocks {
  std::int64_t height = 1, width = 1;
  std::int64_t top = 0, bottom = 0, left = 0, right = 0;
};

Blocks read_blocks(const Call& call) {
  const auto read = [&](int param, std::int64_t count, std::int64_t least, std::int64_t* to) {
    const auto v = call.known(param);
    if (!v) call.fail(param, "must be known when the model is compiled, found a computed value");
    if (v.size() != count) {
      call.fail(param,
                cat("found shape ", base::shape_text(v.dims), ", expected ", count, " values"));
    }
    for (std::int64_t i = 0; i < count; ++i) {
      to[i] = load_i(v, i);
      if (to[i] < least || to[i] > std::numeric_limits<std::int32_t>::max()) {
        call.fail(param, cat("found ", to[i], ", expected at least ", least));
      }
    }
  };
  std::int64_t shape[2];
  std::int64_t edges[4];
  read(block, 2, 1, shape);
  read(borders, 4, 0, edges);
  return {shape[0], shape[1], edges[0], edges[1], edges[2], edges[3]};
}

std::int64_t plus(std::int64_t dim, std::int64_t by) {
  return ir::is_known(dim) ? dim + by : ir::unknown_dim;
}

Dims to_batch(const Call& call, const Dims& d) {
  require_rank4(call, d);
  const auto b = read_blocks(call);
  return {times(call, d[0], times(call, b.height, b.width)), d[1],
          divided(call, plus(d[2], b.top + b.bottom), b.height, "padded height"),
          divided(call, plus(d[3], b.left + b.right), b.width, "padded width")};
}

Dims from_batch(const Call& call, const Dims& d) {
  require_rank4(call, d);
  const auto b = read_blocks(call);
  Dims out{divided(call, d[0], times(call, b.height, b.width), "batch"), d[1],
           plus(times(call, d[2], b.height), -b.top - b.bottom),
           plus(times(call, d[3], b.width), -b.left - b.right)};
  for (std::size_t i = 2; i < 4; ++i) {
    if (ir::is_known(d[i]) && out[i] < 0) {
      call.fail(borders, cat("crops more than dimension ", i, " has"));
    }
  }
  return out;
}

void evaluate_to_batch(EvalContext& call) {
  const auto& in = call.in(x);
  const Dims dims = to_batch(call, Dims(in.dims));
  const auto out = call.out(0, dims);
  const auto b = read_blocks(call);
  const Dims step = dense_strides(in.dims);
  std::int64_t o = 0;
  for (IndexWalk walk(dims, {}); !walk.done(); walk.next(), ++o) {
    const auto i = walk.index();
    const auto place = i[0] / in.dims[0];
    const auto row = i[2] * b.height + place / b.width - b.top;
    const auto column = i[3] * b.width + place % b.width - b.left;
    if (row < 0 || row >= in.dims[2] || column < 0 || column >= in.dims[3]) {
      store_f(out, o, 0);
    } else {
      copy_element(in, i[0] % in.dims[0] * step[0] + i[1] * step[1] + row * step[2] + column, out,
                   o);
    }
  }
}

void evaluate_from_batch(EvalContext& call) {
  const auto& in = call.in(x);
  const Dims dims = from_batch(call, Dims(in.dims));
  const auto out = call.out(0, dims);
  const auto b = read_blocks(call);
  const Dims step = dense_strides(in.dims);
  std::int64_t o = 0;
  for (IndexWalk walk(dims, {}); !walk.done(); walk.next(), ++o) {
    const auto i = walk.index();
    const auto row = i[2] + b.top;
    const auto column = i[3] + b.left;
    const auto place = row % b.height * b.width + column % b.width;
    copy_element(in,
                 (place * dims[0] + i[0]) * step[0] + i[1] * step[1] + row / b.height * step[2] +
                     column / b.width,
                 out, o);
  }
}

constexpr Param constant_int(std::string_view name, TypeSet set = t::i32) {
  return {.name = name, .types = set, .form = Form::constant};
}
constexpr Param input{.name = "x", .types = t::floats};
constexpr Param block_params[] = {input, constant_int("block_size")};
constexpr OpVersion block_versions[] = {{Opset::ios15, block_params}};
constexpr Param shuffle_params[] = {input, constant_int("upscale_factor")};
constexpr OpVersion shuffle_versions[] = {{Opset::ios15, shuffle_params}};
// The one parameter that files hold as uint32; int32 is accepted beside it.
constexpr Param unshuffle_params[] = {
    input, constant_int("downscale_factor", types(DataType::int32, DataType::uint32))};
constexpr OpVersion unshuffle_versions[] = {{Opset::ios16, unshuffle_params}};
constexpr Param to_batch_params[] = {input, constant_int("block_shape"), constant_int("paddings")};
constexpr OpVersion to_batch_versions[] = {{Opset::ios15, to_batch_params}};
constexpr Param from_batch_params[] = {input, constant_int("block_shape"), constant_int("crops")};
constexpr OpVersion from_batch_versions[] = {{Opset::ios15, from_batch_params}};

}  // namespace

extern const OpDef op_batch_to_space, op_depth_to_space, op_pixel_shuffle, op_pixel_unshuffle,
    op_space_to_batch, op_space_to_depth;
const OpDef op_batch_to_space{.name = "batch_to_space",
                              .versions = from_batch_versions,
                              .infer = infer_dims<from_batch>,
                              .evaluate = evaluate_from_batch};
const OpDef op_depth_to_space{.name = "depth_to_space",
                              .versions = block_versions,
                              .infer = infer_dims<to_space>,
                              .evaluate = evaluate_to_space<Order::place_first>};
const OpDef op_pixel_shuffle{.name = "pixel_shuffle",
                             .versions = shuffle_versions,
                             .infer = infer_dims<to_space>,
                             .evaluate = evaluate_to_space<Order::channel_first>};
const OpDef op_pixel_unshuffle{.name = "pixel_unshuffle",
                               .versions = unshuffle_versions,
                               .infer = infer_dims<to_depth>,
                               .evaluate = evaluate_to_depth<Order::channel_first>};
const OpDef op_space_to_batch{.name = "space_to_batch",
                              .versions = to_batch_versions,
                              .infer = infer_dims<to_batch>,
                              .evaluate = evaluate_to_batch};
const OpDef op_space_to_depth{.name = "space_to_depth",
                              .versions = block_versions,
                              .infer = infer_dims<to_depth>,
                              .evaluate = evaluate_to_depth<Order::place_first>};

}  // namespace pome::ops::definitions
