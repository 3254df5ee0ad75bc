// Images read at given points: crop_resize (boxes), resample (coordinates), affine (a transform).
#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.h"
#include "ops/call.h"
#include "ops/definitions/sampling.h"
#include "ops/definitions/support.h"

namespace pome::ops::definitions {
namespace {

using base::cat;

/// Fails unless the parameter has this rank (or none that is known); true when it is known.
bool ranked(const Call& call, int param, std::size_t rank) {
  const auto& type = call.type(param);
  if (!type.ranked) return false;
  if (type.rank() != rank) {
    call.fail(param, cat("found ", ir::text(type), ", expected ", rank, " dimensions"));
  }
  return true;
}

void expect_dim(const Call& call, int param, std::size_t dim, std::int64_t expected) {
  const auto found = call.type(param).dims[dim];
  if (ir::is_known(found) && ir::is_known(expected) && found != expected) {
    call.fail(param, cat("found shape ", base::shape_text(call.type(param).dims), ", expected ",
                         expected, " in dimension ", dim));
  }
}

std::int64_t positive(const Call& call, int param) {
  const auto size = call.int_or(param, 1);
  if (size < 1) call.fail(param, cat("found ", size, ", expected at least 1"));
  return size;
}

// --- crop_resize: parts of images under boxes, each resized to one size ---
//
// Until iOS16 boxes come in `roi` [N, 1, 4 or 5, 1, 1], with the image's number first where there
// are 5, else taken from every image; since iOS17 in `boxes` [N, 4] and `box_indices` [N].

enum : int {
  cx,
  boxes,
  box_indices,
  roi,
  target_height,
  target_width,
  normalized,
  spatial_scale,
  box_mode,
  grid_mode,
  pad_value
};

struct CropShape {
  std::int64_t height, width;
  bool by_roi, numbered;
};

CropShape crop_shape(const Call& call) {
  CropShape s{};
  s.height = positive(call, target_height);
  s.width = positive(call, target_width);
  s.by_roi = call.has(roi);
  if (s.by_roi == call.has(boxes)) {
    call.fail(boxes, s.by_roi ? "is given together with parameter 'roi'" : "is missing");
  }
  s.numbered = s.by_roi && call.type(roi).rank() == 5 && call.type(roi).dims[2] == 5;
  return s;
}

Dims crop_dims(const Call& call, const Dims& image) {
  const auto s = crop_shape(call);
  if (!s.by_roi) {
    return {call.type(boxes).ranked ? call.type(boxes).dims[0] : ir::unknown_dim, image[1],
            s.height, s.width};
  }
  const auto& dims = call.type(roi).dims;
  return {dims[0], s.numbered ? 1 : image[0], image[1], s.height, s.width};
}

void infer_crop_resize(InferContext& call) {
  const auto s = crop_shape(call);
  read_grid_mode(call, grid_mode);
  const auto& in = call.type(cx);
  if (s.by_roi && !ranked(call, roi, 5)) return call.set_result(Type::unranked(in.dtype));
  if (s.by_roi && ir::is_known(call.type(roi).dims[2]) && !s.numbered) {
    expect_dim(call, roi, 2, 4);
  }
  if (!s.by_roi && ranked(call, boxes, 2)) {
    expect_dim(call, boxes, 1, 4);
    if (call.has(box_indices) && ranked(call, box_indices, 1)) {
      expect_dim(call, box_indices, 0, call.type(boxes).dims[0]);
    }
  }
  if (!ranked(call, cx, 4)) return call.set_result(Type::unranked(in.dtype));
  auto dims = crop_dims(call, in.dims);
  // Whether boxes are numbered decides on the second dimension.
  if (s.by_roi && !ir::is_known(call.type(roi).dims[2])) dims[1] = ir::unknown_dim;
  call.set_result(Type::tensor(in.dtype, std::move(dims)));
}

struct Span1d {
  double start, end;
};

/// Point `i` of `count` between the ends of a box. A box has end - start + 1 elements.
double box_point(GridMode mode, const Span1d& box, std::int64_t i, std::int64_t count,
                 std::int64_t size) {
  const auto at = static_cast<double>(i);
  const auto n = static_cast<double>(count);
  const double reach = box.end - box.start;
  const auto inside = [&](double point) {
    return reach >= 0 ? std::clamp(point, box.start, box.end) : point;
  };
  switch (mode) {
    case GridMode::normal: return inside(box.start + at * (reach + 1) / n);
    case GridMode::strict_align: return count == 1 ? box.start : box.start + at * reach / (n - 1);
    case GridMode::align:
      return count == 1 ? (box.start + box.end) / 2 : box.start + at * reach / (n - 1);
    case GridMode::offset: return box.start + (at + 0.5) * std::max(1.0, reach) / n;
    case GridMode::unalign:
      // Core ML knows no inverted boxes here: they stand for the whole image.
      if (reach < 0) return grid_point(mode, i, size, count);
      return inside(box.start + (at + 0.5) * (reach + 1) / n - 0.5);
  }
  return 0;
}

class CropResize {
 public:
  explicit CropResize(const EvalContext& call)
      : image_(call.in(cx)), mode_(read_grid_mode(call, grid_mode)) {
    constexpr std::array<std::string_view, 4> names{"CORNERS_HEIGHT_FIRST", "CORNERS_WIDTH_FIRST",
                                                    "CENTER_SIZE_HEIGHT_FIRST",
                                                    "CENTER_SIZE_WIDTH_FIRST"};
    const auto order = call.choice_or(box_mode, 0, names);
    width_first_ = order % 2 == 1;
    centered_ = order >= 2;
    scale_ = call.float_or(spatial_scale, 1);
    normalized_ = call.bool_or(normalized, false);
    // iOS15 has no padding: points outside take the nearest element.
    padded_ = call.has(pad_value) || !call.has(roi);
    pad_ = call.float_or(pad_value, 0);
  }

  /// One box over one image: all channels, from element `to` of the result on.
  void run(const TensorView& box, std::int64_t first, std::int64_t image,
           const MutableTensorView& out, std::int64_t to, std::int64_t rows,
           std::int64_t columns) const {
    const auto height = image_.dims[2];
    const auto width = image_.dims[3];
    const auto y = span(box, first, width_first_ ? 1 : 0, height);
    const auto x = span(box, first, width_first_ ? 0 : 1, width);
    for (std::int64_t c = 0; c < image_.dims[1]; ++c) {
      const auto plane = (image * image_.dims[1] + c) * height * width;
      for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t k = 0; k < columns; ++k, ++to) {
          store_f(out, to,
                  value(plane, box_point(mode_, y, r, rows, height),
                        box_point(mode_, x, k, columns, width)));
        }
      }
    }
  }

 private:
  Span1d span(const TensorView& box, std::int64_t first, std::int64_t axis,
              std::int64_t size) const {
    const double factor = scale_ * (normalized_ ? static_cast<double>(size - 1) : 1.0);
    const double a = load_f(box, first + axis) * factor;
    const double b = load_f(box, first + axis + 2) * factor;
    return centered_ ? Span1d{a - b / 2, a + b / 2} : Span1d{a, b};
  }

  double value(std::int64_t plane, double y, double x) const {
    const auto bottom = static_cast<double>(image_.dims[2] - 1);
    const auto right = static_cast<double>(image_.dims[3] - 1);
    // Written so that NaN counts as outside.
    const bool inside = y >= 0 && y <= bottom && x >= 0 && x <= right;
    if (!inside && (padded_ || std::isnan(y) || std::isnan(x))) return pad_;
    return bilinear(image_, plane, image_.dims[3], taps(std::clamp(y, 0.0, bottom), image_.dims[2]),
                    taps(std::clamp(x, 0.0, right), image_.dims[3]));
  }

  const TensorView& image_;
  GridMode mode_;
  bool width_first_, centered_, normalized_, padded_;
  double scale_, pad_;
};

std::int64_t image_number(const Call& call, int param, std::int64_t number, std::int64_t count) {
  if (number < 0 || number >= count) {
    call.fail(param, cat("image ", number, " is outside a batch of ", count));
  }
  return number;
}

void evaluate_crop_resize(EvalContext& call) {
  const auto& image = call.in(cx);
  const auto s = crop_shape(call);
  const auto dims = crop_dims(call, Dims(image.dims));
  const auto out = call.out(0, dims);
  if (out.size() != 0 && image.size() == 0) call.fail(cx, "is empty, expected images to crop");
  const CropResize crop(call);
  const auto step = image.dims[1] * s.height * s.width;
  const auto& box = call.in(s.by_roi ? roi : boxes);
  std::int64_t to = 0;
  for (std::int64_t n = 0; n < dims[0]; ++n) {
    if (!s.by_roi) {
      const auto number = call.has(box_indices) ? load_i(call.in(box_indices), n) : n;
      crop.run(box, n * 4, image_number(call, box_indices, number, image.dims[0]), out, to,
               s.height, s.width);
      to += step;
      continue;
    }
    if (s.numbered) {
      const auto number = image_number(call, roi, load_i(box, n * 5), image.dims[0]);
      crop.run(box, n * 5 + 1, number, out, to, s.height, s.width);
      to += step;
      continue;
    }
    for (std::int64_t b = 0; b < image.dims[0]; ++b, to += step) {
      crop.run(box, n * 4, b, out, to, s.height, s.width);
    }
  }
}

// --- resample and affine: one point of the input a point of the output ---

enum class Padding : std::uint8_t { constant, border, reflection, symmetric };
enum class Coordinates : std::uint8_t { unnormalized, minus_one_to_one, zero_to_one };

struct Sampler {
  const TensorView& image;
  bool nearest, align;
  Padding padding;
  Coordinates coordinates;
  double pad_value;

  /// Coordinate in elements.
  double position(double at, std::int64_t size) const {
    const auto n = static_cast<double>(size);
    switch (coordinates) {
      case Coordinates::minus_one_to_one:
        return align ? (at + 1) / 2 * (n - 1) : ((at + 1) * n - 1) / 2;
      case Coordinates::zero_to_one: return align ? at * (n - 1) : at * n - 0.5;
      default: return at;
    }
  }

  /// Reflects a coordinate at both ends of [low, low + span].
  static double reflected(double at, double low, double span) {
    if (span <= 0) return 0;
    const double distance = std::fabs(at - low);
    const double turns = std::floor(distance / span);
    const double rest = distance - turns * span;
    return std::fmod(turns, 2) == 0 ? low + rest : low + span - rest;
  }

  /// Brings a coordinate into [0, size - 1]; constant padding keeps it.
  double folded(double at, std::int64_t size) const {
    const auto last = static_cast<double>(size - 1);
    if (padding == Padding::constant) return at;
    if (padding == Padding::reflection) at = reflected(at, 0, last);
    if (padding == Padding::symmetric) at = reflected(at, -0.5, last + 1);
    return at > 0 ? std::min(at, last) : 0;  // NaN: 0
  }

  double element(std::int64_t plane, double y, double x) const {
    const auto height = image.dims[2];
    const auto width = image.dims[3];
    // Also keeps the conversions to integers in range.
    if (!(y >= 0 && y < static_cast<double>(height) && x >= 0 && x < static_cast<double>(width))) {
      return pad_value;
    }
    return load_f(image,
                  plane + static_cast<std::int64_t>(y) * width + static_cast<std::int64_t>(x));
  }

  double value(std::int64_t plane, double y, double x) const {
    y = folded(y, image.dims[2]);
    x = folded(x, image.dims[3]);
    if (nearest) return element(plane, std::nearbyint(y), std::nearbyint(x));
    const double top = std::floor(y);
    const double left = std::floor(x);
    const double down = y - top;
    const double right = x - left;
    const auto weighted = [&](double weight, double row, double column) {
      return weight == 0 ? 0 : weight * element(plane, row, column);
    };
    if (!std::isfinite(down) || !std::isfinite(right)) return pad_value;
    return weighted((1 - down) * (1 - right), top, left) +
           weighted((1 - down) * right, top, left + 1) +
           weighted(down * (1 - right), top + 1, left) + weighted(down * right, top + 1, left + 1);
  }
};

std::string lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

/// Like `choice_or` without regard to case.
std::size_t choice(const Call& call, int param, std::span<const std::string_view> allowed) {
  const auto text = lower(call.string_or(param, allowed[0]));
  const auto at = std::find(allowed.begin(), allowed.end(), text);
  if (at == allowed.end()) call.fail_choice(param, text, allowed);
  return static_cast<std::size_t>(at - allowed.begin());
}

/// Parameters that resample and affine share stand in the same order from `first` on: sampling
/// mode, padding mode, padding value, coordinates mode, align corners.
Sampler sampler(const Call& call, const TensorView& image, int first) {
  constexpr std::array<std::string_view, 2> sampling{"bilinear", "nearest"};
  constexpr std::array<std::string_view, 4> padding{"constant", "border", "reflection",
                                                    "symmetric"};
  constexpr std::array<std::string_view, 3> coordinates{
      "unnormalized", "normalized_minus_one_to_one", "normalized_zero_to_one"};
  return {image,
          choice(call, first, sampling) == 1,
          call.bool_or(first + 4, true),
          static_cast<Padding>(choice(call, first + 1, padding)),
          static_cast<Coordinates>(choice(call, first + 3, coordinates)),
          call.float_or(first + 2, 0)};
}

void check_filled(const Call& call, const TensorView& image, const MutableTensorView& out) {
  if (out.size() != 0 && image.size() == 0) {
    call.fail(0, cat("shape ", base::shape_text(image.dims), " has no element to sample"));
  }
}

enum : int { rx, points, sample_first };

void infer_resample(InferContext& call) {
  const auto& in = call.type(rx);
  sampler(call, {}, sample_first);
  if (!ranked(call, rx, 4) || !ranked(call, points, 4)) {
    return call.set_result(Type::unranked(in.dtype));
  }
  const auto& at = call.type(points).dims;
  expect_dim(call, points, 0, in.dims[0]);
  expect_dim(call, points, 3, 2);
  call.set_result(Type::tensor(
      in.dtype, {ir::is_known(in.dims[0]) ? in.dims[0] : at[0], in.dims[1], at[1], at[2]}));
}

void evaluate_resample(EvalContext& call) {
  const auto& image = call.in(rx);
  const auto& at = call.in(points);
  const Dims dims{image.dims[0], image.dims[1], at.dims[1], at.dims[2]};
  const auto out = call.out(0, dims);
  check_filled(call, image, out);
  const auto reader = sampler(call, image, sample_first);
  const auto count = dims[2] * dims[3];
  const auto plane = image.dims[2] * image.dims[3];
  std::int64_t i = 0;
  for (std::int64_t b = 0; b < dims[0]; ++b) {
    for (std::int64_t c = 0; c < dims[1]; ++c) {
      for (std::int64_t p = 0; p < count; ++p, ++i) {
        const double x = reader.position(load_f(at, (b * count + p) * 2), image.dims[3]);
        const double y = reader.position(load_f(at, (b * count + p) * 2 + 1), image.dims[2]);
        store_f(out, i, reader.value((b * dims[1] + c) * plane, y, x));
      }
    }
  }
}

enum : int { ax, transform, output_height, output_width, affine_first };

Dims affine_dims(const Call& call, const Dims& image) {
  return {image[0], image[1], positive(call, output_height), positive(call, output_width)};
}

void infer_affine(InferContext& call) {
  const auto& in = call.type(ax);
  const auto mode = sampler(call, {}, affine_first);
  if (mode.coordinates == Coordinates::unnormalized) {
    call.fail(affine_first + 3, "found 'unnormalized', expected normalized coordinates");
  }
  if (ranked(call, transform, 2)) {
    expect_dim(call, transform, 1, 6);
    if (in.ranked && call.type(transform).dims[0] != 1) {
      expect_dim(call, transform, 0, in.rank() == 4 ? in.dims[0] : ir::unknown_dim);
    }
  }
  if (!ranked(call, ax, 4)) return call.set_result(Type::unranked(in.dtype));
  call.set_result(Type::tensor(in.dtype, affine_dims(call, in.dims)));
}

/// Normalized coordinate of element `i` of an output axis.
double affine_point(const Sampler& reader, std::int64_t i, std::int64_t size) {
  const auto at = static_cast<double>(i);
  const auto n = static_cast<double>(size);
  double unit = 0.5;  // in [0, 1]
  if (reader.align) {
    if (size > 1) unit = at / (n - 1);
  } else {
    unit = (at + 0.5) / n;
  }
  return reader.coordinates == Coordinates::zero_to_one ? unit : 2 * unit - 1;
}

void evaluate_affine(EvalContext& call) {
  const auto& image = call.in(ax);
  const auto& matrix = call.in(transform);
  const auto dims = affine_dims(call, Dims(image.dims));
  const auto out = call.out(0, dims);
  check_filled(call, image, out);
  const auto reader = sampler(call, image, affine_first);
  const auto plane = image.dims[2] * image.dims[3];
  std::int64_t i = 0;
  for (std::int64_t b = 0; b < dims[0]; ++b) {
    const auto first = matrix.dims[0] == 1 ? 0 : b * 6;
    const auto row = [&](std::int64_t k, double x, double y) {
      return load_f(matrix, first + k) * x + load_f(matrix, first + k + 1) * y +
             load_f(matrix, first + k + 2);
    };
    for (std::int64_t c = 0; c < dims[1]; ++c) {
      for (std::int64_t h = 0; h < dims[2]; ++h) {
        for (std::int64_t w = 0; w < dims[3]; ++w, ++i) {
          const double x = affine_point(reader, w, dims[3]);
          const double y = affine_point(reader, h, dims[2]);
          store_f(
              out, i,
              reader.value((b * dims[1] + c) * plane, reader.position(row(3, x, y), image.dims[2]),
                           reader.position(row(0, x, y), image.dims[3])));
        }
      }
    }
  }
}

// --- signatures ---

constexpr auto constant = Form::constant;
constexpr Param p_x{.name = "x", .types = t::floats};
constexpr Param p_roi{.name = "roi", .types = t::floats};
constexpr Param p_height{
    .name = "target_height", .types = t::i32, .form = constant, .required = false};
constexpr Param p_width{
    .name = "target_width", .types = t::i32, .form = constant, .required = false};
constexpr Param p_normalized{
    .name = "normalized_coordinates", .types = t::boolean, .form = constant, .required = false};
constexpr Param p_scale{
    .name = "spatial_scale", .types = t::floats, .form = constant, .required = false};
constexpr Param p_box_mode{
    .name = "box_coordinate_mode", .types = t::string, .form = constant, .required = false};
constexpr Param p_sampling{
    .name = "sampling_mode", .types = t::string, .form = constant, .required = false};
constexpr Param p_pad{.name = "pad_value", .types = t::floats, .form = constant, .required = false};
constexpr Param p_boxes{.name = "boxes", .types = t::floats | types(DataType::uint16)};
constexpr Param p_indices{
    .name = "box_indices", .types = types(DataType::uint16, DataType::int32), .required = false};

constexpr Param crop_15[] = {p_x,          p_roi,   p_height,   p_width,
                             p_normalized, p_scale, p_box_mode, p_sampling};
constexpr Param crop_16[] = {p_x,     p_roi,      p_height,   p_width, p_normalized,
                             p_scale, p_box_mode, p_sampling, p_pad};
constexpr Param crop_17[] = {p_x,          p_boxes, p_indices,  p_height,   p_width,
                             p_normalized, p_scale, p_box_mode, p_sampling, p_pad};
constexpr Param crop_all[] = {p_x,          p_boxes, p_indices,  p_roi,      p_height, p_width,
                              p_normalized, p_scale, p_box_mode, p_sampling, p_pad};

constexpr Param resample_15[] = {
    {.name = "x", .types = t::floats},
    {.name = "coordinates", .types = t::i32 | t::fp32},
    {.name = "sampling_mode", .types = t::string, .form = constant},
    {.name = "padding_mode", .types = t::string, .form = constant},
    {.name = "padding_value", .types = t::floats, .form = constant},
    {.name = "coordinates_mode", .types = t::string, .form = constant},
    {.name = "align_corners", .types = t::boolean, .form = constant},
};
constexpr Param resample_16[] = {
    {.name = "x", .types = t::floats},
    {.name = "coordinates", .types = t::numbers},
    {.name = "sampling_mode", .types = t::string, .form = constant},
    {.name = "padding_mode", .types = t::string, .form = constant},
    {.name = "padding_value", .types = t::floats, .form = constant},
    {.name = "coordinates_mode", .types = t::string, .form = constant},
    {.name = "align_corners", .types = t::boolean, .form = constant},
};
constexpr Param resample_17[] = {
    {.name = "x", .types = t::floats},
    {.name = "coordinates", .types = t::all_numbers},
    {.name = "sampling_mode", .types = t::string, .form = constant},
    {.name = "padding_mode", .types = t::string, .form = constant},
    {.name = "padding_value", .types = t::floats, .form = constant},
    {.name = "coordinates_mode", .types = t::string, .form = constant},
    {.name = "align_corners", .types = t::boolean, .form = constant},
};
constexpr Param affine_params[] = {
    {.name = "x", .types = t::floats},
    {.name = "transform_matrix", .types = t::floats},
    {.name = "output_height", .types = t::i32, .form = constant},
    {.name = "output_width", .types = t::i32, .form = constant},
    {.name = "sampling_mode", .types = t::string, .form = constant},
    {.name = "padding_mode", .types = t::string, .form = constant},
    {.name = "padding_value", .types = t::floats, .form = constant},
    {.name = "coordinates_mode", .types = t::string, .form = constant},
    {.name = "align_corners", .types = t::boolean, .form = constant},
};
constexpr OpVersion crop_versions[] = {
    {Opset::ios15, crop_15}, {Opset::ios16, crop_16}, {Opset::ios17, crop_17}};
constexpr OpVersion resample_versions[] = {
    {Opset::ios15, resample_15}, {Opset::ios16, resample_16}, {Opset::ios17, resample_17}};
constexpr OpVersion affine_versions[] = {{Opset::ios15, affine_params}};

}  // namespace

extern const OpDef op_crop_resize, op_resample, op_affine;
const OpDef op_crop_resize{.name = "crop_resize",
                           .versions = crop_versions,
                           .canonical = crop_all,
                           .infer = infer_crop_resize,
                           .evaluate = evaluate_crop_resize};
const OpDef op_resample{.name = "resample",
                        .versions = resample_versions,
                        .infer = infer_resample,
                        .evaluate = evaluate_resample};
const OpDef op_affine{.name = "affine",
                      .versions = affine_versions,
                      .infer = infer_affine,
                      .evaluate = evaluate_affine};

}  // namespace pome::ops::definitions
