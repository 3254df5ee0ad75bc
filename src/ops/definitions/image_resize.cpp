// Resizing of the last dimensions: resize, resize_bilinear, resize_nearest_neighbor,
// upsample_bilinear, upsample_nearest_neighbor, crop.
#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "ops/call.h"
#include "ops/definitions/sampling.h"
#include "ops/definitions/support.h"

namespace pome::ops::definitions {
namespace {

using base::cat;

// --- What all of them do: the last `count` dimensions take new sizes ---

constexpr std::size_t max_resized = 5;  // a linear point reads 2^count elements

struct Axis {
  std::int64_t in, out, stride;
};

/// Reads output element by output element: `value(positions)` for the positions of the resized
/// dimensions and the offset of the others.
template <typename Value>
void for_each_output(const TensorView& in, const MutableTensorView& out, std::size_t count,
                     Value value) {
  const auto rank = in.dims.size();
  const auto kept = rank - count;
  const auto strides = dense_strides(in.dims);
  std::int64_t i = 0;
  for (IndexWalk walk(out.dims, {}); !walk.done(); walk.next(), ++i) {
    std::int64_t base = 0;
    for (std::size_t d = 0; d < kept; ++d) base += walk.index()[d] * strides[d];
    value(i, base, walk.index().subspan(kept));
  }
}

base::InlineVector<Axis, 6> resized_axes(const Call& call, const TensorView& in,
                                         const MutableTensorView& out, std::size_t count) {
  const auto strides = dense_strides(in.dims);
  base::InlineVector<Axis, 6> axes;
  for (auto d = in.dims.size() - count; d < in.dims.size(); ++d) {
    if (in.dims[d] == 0 && out.dims[d] != 0) {
      call.fail(0, cat("shape ", base::shape_text(in.dims), " has nothing to resize to ",
                       base::shape_text(out.dims)));
    }
    axes.push_back({in.dims[d], out.dims[d], strides[d]});
  }
  return axes;
}

void resize_nearest(const Call& call, const TensorView& in, const MutableTensorView& out,
                    std::size_t count, GridMode mode) {
  const auto axes = resized_axes(call, in, out, count);
  for_each_output(in, out, count, [&](std::int64_t i, std::int64_t base, auto index) {
    for (std::size_t a = 0; a < axes.size(); ++a) {
      base += nearest_point(mode, index[a], axes[a].in, axes[a].out) * axes[a].stride;
    }
    copy_element(in, base, out, i);
  });
}

void resize_linear(const Call& call, const TensorView& in, const MutableTensorView& out,
                   std::size_t count, GridMode mode) {
  const auto axes = resized_axes(call, in, out, count);
  for_each_output(in, out, count, [&](std::int64_t i, std::int64_t base, auto index) {
    Taps around[max_resized];
    for (std::size_t a = 0; a < axes.size(); ++a) {
      around[a] = taps(grid_point(mode, index[a], axes[a].in, axes[a].out), axes[a].in);
    }
    double sum = 0;
    for (unsigned corner = 0; corner < 1U << axes.size(); ++corner) {
      double weight = 1;
      auto at = base;
      for (std::size_t a = 0; a < axes.size(); ++a) {
        const bool high = ((corner >> a) & 1U) != 0;
        weight *= high ? around[a].weight : 1 - around[a].weight;
        at += (high ? around[a].high : around[a].low) * axes[a].stride;
      }
      if (weight != 0) sum += weight * load_f(in, at);
    }
    store_f(out, i, sum);
  });
}

void check_image(const Call& call) {
  if (call.type(0).ranked && call.type(0).rank() < 3) {
    call.fail(0, cat("found ", ir::text(call.type(0)), ", expected at least 3 dimensions"));
  }
}

Dims with_plane(const Dims& dims, std::int64_t height, std::int64_t width) {
  Dims out = dims;
  out[out.size() - 2] = height;
  out[out.size() - 1] = width;
  return out;
}

// --- resize_bilinear, resize_nearest_neighbor: to a target size ---

enum : int { x, target_height, target_width, sampling_mode };

Dims target_dims(const Call& call, const Dims& from) {
  const auto height = call.int_or(target_height, 1);
  const auto width = call.int_or(target_width, 1);
  if (height < 1) call.fail(target_height, cat("found ", height, ", expected at least 1"));
  if (width < 1) call.fail(target_width, cat("found ", width, ", expected at least 1"));
  return with_plane(from, height, width);
}

void infer_target(InferContext& call) {
  check_image(call);
  const auto& in = call.type(x);
  if (!in.ranked) return call.set_result(in);
  call.set_result(Type::tensor(in.dtype, target_dims(call, in.dims)));
}

void infer_resize_bilinear(InferContext& call) {
  read_grid_mode(call, sampling_mode);
  infer_target(call);
}

void evaluate_resize_bilinear(EvalContext& call) {
  const auto& in = call.in(x);
  const auto out = call.out(0, target_dims(call, Dims(in.dims)));
  resize_linear(call, in, out, 2, read_grid_mode(call, sampling_mode));
}

void evaluate_resize_nearest(EvalContext& call) {
  const auto& in = call.in(x);
  const auto out = call.out(0, target_dims(call, Dims(in.dims)));
  resize_nearest(call, in, out, 2, GridMode::normal);
}

// --- upsample_bilinear, upsample_nearest_neighbor: by factors ---

enum : int { up_x, factor_height, factor_width, align_corners, half_pixel_centers };

std::int64_t scaled(const Call& call, int param, std::int64_t size) {
  const auto factor = call.float_or(param, 1);
  if (!(factor > 0)) call.fail(param, cat("found ", factor, ", expected a factor above 0"));
  if (!ir::is_known(size)) return ir::unknown_dim;
  const auto out = std::floor(factor * static_cast<double>(size));
  if (out >= 9007199254740992.0) call.fail(param, cat("factor ", factor, " is too large"));
  return static_cast<std::int64_t>(out);
}

Dims upsampled(const Call& call, const Dims& from) {
  const auto rank = from.size();
  return with_plane(from, scaled(call, factor_height, from[rank - 2]),
                    scaled(call, factor_width, from[rank - 1]));
}

void infer_upsample(InferContext& call) {
  check_image(call);
  const auto& in = call.type(up_x);
  if (!in.ranked) return call.set_result(in);
  call.set_result(Type::tensor(in.dtype, upsampled(call, in.dims)));
}

void evaluate_upsample_bilinear(EvalContext& call) {
  const auto& in = call.in(up_x);
  const auto out = call.out(0, upsampled(call, Dims(in.dims)));
  const bool align = call.bool_or(align_corners, true);
  const bool centers = call.bool_or(half_pixel_centers, !align);
  const auto mode = align ? GridMode::strict_align : centers ? GridMode::unalign : GridMode::normal;
  resize_linear(call, in, out, 2, mode);
}

void evaluate_upsample_nearest(EvalContext& call) {
  const auto& in = call.in(up_x);
  const auto out = call.out(0, upsampled(call, Dims(in.dims)));
  const auto axes = resized_axes(call, in, out, 2);
  for_each_output(in, out, 2, [&](std::int64_t i, std::int64_t base, auto index) {
    // Exact in integers: floor(i * in / out).
    for (std::size_t a = 0; a < 2; ++a) {
      base += index[a] * axes[a].in / axes[a].out * axes[a].stride;
    }
    copy_element(in, base, out, i);
  });
}

// --- resize: the last `resized_dims` dimensions take the last entries of `shape`, 0 keeps ---

enum : int { re_x, re_shape, resized_dims, interpolation_mode, re_sampling_mode };

std::size_t resized_count(const Call& call, std::size_t rank) {
  const auto count = call.int_or(resized_dims, 0);
  const auto& entries = call.type(re_shape);
  if (entries.rank() != 1)
    call.fail(re_shape, cat("found ", ir::text(entries), ", expected a vector"));
  const auto length = entries.dims[0];
  const auto limit = static_cast<std::int64_t>(std::min(rank, max_resized));
  if (count < 0 || count > limit || (ir::is_known(length) && count > length)) {
    call.fail(resized_dims, cat("found ", count, " for ", rank, " dimensions and a shape of ",
                                length, " entries, expected at most ", limit));
  }
  if (ir::is_known(length) && length > static_cast<std::int64_t>(rank)) {
    call.fail(re_shape, cat("has ", length, " entries, x has ", rank, " dimensions"));
  }
  return static_cast<std::size_t>(count);
}

Dims resized(const Call& call, const Dims& from, std::size_t count, const Dims& entries) {
  Dims out = from;
  for (std::size_t i = 0; i < count; ++i) {
    const auto size = entries[entries.size() - count + i];
    if (size < 0) call.fail(re_shape, cat("found ", size, ", expected at least 0"));
    if (size != 0) out[from.size() - count + i] = size;
  }
  return out;
}

void infer_resize(InferContext& call) {
  const auto& in = call.type(re_x);
  read_grid_mode(call, re_sampling_mode);
  if (!in.ranked) return call.set_result(in);
  const auto count = resized_count(call, in.rank());
  if (call.known(re_shape)) {
    call.set_result(
        Type::tensor(in.dtype, resized(call, in.dims, count, call.ints_or(re_shape, {}))));
    return;
  }
  Dims dims = in.dims;
  for (auto d = dims.size() - count; d < dims.size(); ++d) dims[d] = ir::unknown_dim;
  call.set_result(Type::tensor(in.dtype, std::move(dims)));
}

void evaluate_resize(EvalContext& call) {
  constexpr std::string_view modes[] = {"LINEAR", "NEAREST_NEIGHBOR"};
  const auto& in = call.in(re_x);
  const auto count = resized_count(call, in.dims.size());
  const auto out = call.out(0, resized(call, Dims(in.dims), count, call.ints_or(re_shape, {})));
  const auto mode = read_grid_mode(call, re_sampling_mode);
  if (call.choice_or(interpolation_mode, 0, modes) == 0) {
    resize_linear(call, in, out, count, mode);
  } else {
    resize_nearest(call, in, out, count, mode);
  }
}

// --- crop ---

enum : int { crop_x, crop_height, crop_width };

std::int64_t cropped(const Call& call, int param, std::int64_t size, std::int64_t& before) {
  const auto amount = call.ints_or(param, {});
  if (amount.size() != 2) call.fail(param, cat("has ", amount.size(), " values, expected 2"));
  if (amount[0] < 0 || amount[1] < 0) {
    call.fail(param, cat("found ", base::shape_text(amount), ", expected amounts of at least 0"));
  }
  before = amount[0];
  if (!ir::is_known(size)) return ir::unknown_dim;
  if (amount[0] > size || amount[1] > size - amount[0]) {
    call.fail(param, cat("cuts ", amount[0], " and ", amount[1], " off a dimension of ", size));
  }
  return size - amount[0] - amount[1];
}

void infer_crop(InferContext& call) {
  check_image(call);
  const auto& in = call.type(crop_x);
  if (!in.ranked) return call.set_result(in);
  std::int64_t before = 0;
  const auto height = cropped(call, crop_height, in.dims[in.rank() - 2], before);
  const auto width = cropped(call, crop_width, in.dims[in.rank() - 1], before);
  call.set_result(Type::tensor(in.dtype, with_plane(in.dims, height, width)));
}

void evaluate_crop(EvalContext& call) {
  const auto& in = call.in(crop_x);
  const auto rank = in.dims.size();
  std::int64_t top = 0;
  std::int64_t left = 0;
  const auto height = cropped(call, crop_height, in.dims[rank - 2], top);
  const auto width = cropped(call, crop_width, in.dims[rank - 1], left);
  const auto out = call.out(0, with_plane(Dims(in.dims), height, width));
  const auto row = in.dims[rank - 1];
  for_each_output(in, out, 2, [&](std::int64_t i, std::int64_t base, auto index) {
    copy_element(in, base + (index[0] + top) * row + index[1] + left, out, i);
  });
}

// --- signatures ---

constexpr auto constant = Form::constant;
constexpr TypeSet factor_types = t::i32 | t::fp32;
constexpr TypeSet shape_types =
    types(DataType::int32, DataType::int16, DataType::uint16, DataType::uint32);

constexpr Param bilinear_params[] = {
    {.name = "x", .types = t::floats},
    {.name = "target_size_height", .types = t::i32, .form = constant, .required = false},
    {.name = "target_size_width", .types = t::i32, .form = constant, .required = false},
    {.name = "sampling_mode", .types = t::string, .form = constant, .required = false},
};
constexpr Param nearest_params[] = {
    {.name = "x", .types = t::floats},
    {.name = "target_size_height", .types = t::i32, .form = constant},
    {.name = "target_size_width", .types = t::i32, .form = constant},
};
constexpr Param up_nearest_params[] = {
    {.name = "x", .types = t::floats},
    {.name = "scale_factor_height", .types = factor_types, .form = constant, .required = false},
    {.name = "scale_factor_width", .types = factor_types, .form = constant, .required = false},
};
constexpr Param up_bilinear_15[] = {
    {.name = "x", .types = t::floats},
    {.name = "scale_factor_height", .types = factor_types, .form = constant, .required = false},
    {.name = "scale_factor_width", .types = factor_types, .form = constant, .required = false},
    {.name = "align_corners", .types = t::boolean, .form = constant, .required = false},
};
constexpr Param up_bilinear_16[] = {
    {.name = "x", .types = t::floats},
    {.name = "scale_factor_height", .types = factor_types, .form = constant, .required = false},
    {.name = "scale_factor_width", .types = factor_types, .form = constant, .required = false},
    {.name = "align_corners", .types = t::boolean, .form = constant, .required = false},
    {.name = "half_pixel_centers", .types = t::boolean, .form = constant, .required = false},
};
constexpr Param resize_params[] = {
    {.name = "x", .types = t::numbers},
    {.name = "shape", .types = shape_types},
    {.name = "resized_dims", .types = types(DataType::uint32), .form = constant},
    {.name = "interpolation_mode", .types = t::string, .form = constant, .required = false},
    {.name = "sampling_mode", .types = t::string, .form = constant, .required = false},
};
constexpr Param crop_params[] = {
    {.name = "x", .types = t::floats},
    {.name = "crop_height", .types = t::i32, .form = constant},
    {.name = "crop_width", .types = t::i32, .form = constant},
};
constexpr OpVersion bilinear_versions[] = {{Opset::ios15, bilinear_params}};
constexpr OpVersion nearest_versions[] = {{Opset::ios15, nearest_params}};
constexpr OpVersion up_nearest_versions[] = {{Opset::ios15, up_nearest_params}};
constexpr OpVersion up_bilinear_versions[] = {{Opset::ios15, up_bilinear_15},
                                              {Opset::ios16, up_bilinear_16}};
constexpr OpVersion resize_versions[] = {{Opset::ios17, resize_params}};
constexpr OpVersion crop_versions[] = {{Opset::ios15, crop_params}};

}  // namespace

extern const OpDef op_resize_bilinear, op_resize_nearest_neighbor, op_upsample_bilinear,
    op_upsample_nearest_neighbor, op_resize, op_crop;
const OpDef op_resize_bilinear{.name = "resize_bilinear",
                               .versions = bilinear_versions,
                               .infer = infer_resize_bilinear,
                               .evaluate = evaluate_resize_bilinear};
const OpDef op_resize_nearest_neighbor{.name = "resize_nearest_neighbor",
                                       .versions = nearest_versions,
                                       .infer = infer_target,
                                       .evaluate = evaluate_resize_nearest};
const OpDef op_upsample_bilinear{.name = "upsample_bilinear",
                                 .versions = up_bilinear_versions,
                                 .infer = infer_upsample,
                                 .evaluate = evaluate_upsample_bilinear};
const OpDef op_upsample_nearest_neighbor{.name = "upsample_nearest_neighbor",
                                         .versions = up_nearest_versions,
                                         .infer = infer_upsample,
                                         .evaluate = evaluate_upsample_nearest};
const OpDef op_resize{.name = "resize",
                      .versions = resize_versions,
                      .infer = infer_resize,
                      .evaluate = evaluate_resize};
const OpDef op_crop{
    .name = "crop", .versions = crop_versions, .infer = infer_crop, .evaluate = evaluate_crop};

}  // namespace pome::ops::definitions
