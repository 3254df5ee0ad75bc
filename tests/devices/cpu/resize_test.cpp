// Resizing and the moves between channels and pixels, against the reference.
#include <gtest/gtest.h>

#include <cmath>

#include "base/text.h"
#include "compiler/lowered.h"
#include "devices/cpu/cpu_device.h"
#include "pome/error.h"
#include "sweep.h"

namespace pome::test {
namespace {

using base::Dims;

std::int64_t count_of(const Dims& dims) {
  std::int64_t n = 1;
  for (const auto d : dims) n *= d;
  return n;
}

Dims random_image(Random& r, std::int64_t least_rank, std::int64_t most_rank) {
  Dims dims;
  for (auto n = pick(r, least_rank, most_rank); n > 0; --n) {
    dims.push_back(pick<std::int64_t>(r, {1, 2, 3, 5, 8, 9}));
  }
  dims[dims.size() - 2] = pick(r, 1, 12);
  dims[dims.size() - 1] = pick<std::int64_t>(r, {1, 2, 7, 8, 16, 21});
  if (dims.size() > 3) dims[1] = pick<std::int64_t>(r, {1, 3, 8, 21, 40});
  return dims;
}

using Attributes = std::vector<std::pair<std::string, ir::ConstantPtr>>;

Case resize_case(const std::string& op, const Attributes& attributes, const std::string& text,
                 const base::HostTensor& x) {
  Case c{.op = op, .text = base::cat(base::shape_text(x.dims()), " ", text)};
  c.inputs = {{"x", {x}}};
  c.constants = attributes;
  return c;
}

/// Linear resizing within the family's bound: 8 roundings of the sum of the sizes.
void check_linear(Random& r, const std::string& op, const Attributes& attributes,
                  const std::string& text, const Dims& dims) {
  auto values = random_values(r, count_of(dims));
  const auto c = resize_case(op, attributes, text, tensor(DataType::fp32, dims, values));
  for (auto& v : values) v = std::fabs(v);
  const auto sizes = resize_case(op, attributes, text, tensor(DataType::fp32, dims, values));
  expect_like_reference(c, sum_bound(sizes, 6));
}

ir::ConstantPtr integer(std::int64_t value) {
  return ir::make_int32(static_cast<std::int32_t>(value));
}

const std::initializer_list<std::string> modes = {
    "DEFAULT", "STRICT_ALIGN_CORNERS", "ALIGN_CORNERS", "OFFSET_CORNERS", "UNALIGN_CORNERS"};

TEST(CpuResize, Bilinear) {
  Random r(1);
  for (int i = 0; i < 80; ++i) {
    const auto mode = pick<std::string>(r, modes);
    const auto height = pick<std::int64_t>(r, {1, 3, 10, 24});
    const auto width = pick<std::int64_t>(r, {1, 5, 16, 33});
    check_linear(r, "resize_bilinear",
                 {{"target_size_height", integer(height)},
                  {"target_size_width", integer(width)},
                  {"sampling_mode", ir::make_string(mode)}},
                 base::cat("to ", height, " x ", width, " ", mode), random_image(r, 3, 5));
  }
}

TEST(CpuResize, NearestNeighbor) {
  Random r(2);
  for (int i = 0; i < 40; ++i) {
    const auto height = pick<std::int64_t>(r, {1, 3, 10, 24});
    const auto width = pick<std::int64_t>(r, {1, 5, 16, 33});
    expect_exact(resize_case(
        "resize_nearest_neighbor",
        {{"target_size_height", integer(height)}, {"target_size_width", integer(width)}},
        base::cat("to ", height, " x ", width), random_tensor(r, random_image(r, 3, 5))));
  }
}

TEST(CpuResize, UpsampleBilinear) {
  Random r(3);
  for (int i = 0; i < 40; ++i) {
    const bool align = pick(r, 0, 1) == 1;
    const auto factor = pick<double>(r, {1, 2, 3, 0.5, 1.7});
    const double factors[] = {factor};
    Attributes attributes{{"scale_factor_height", constant(DataType::fp32, {}, factors)},
                          {"scale_factor_width", integer(2)},
                          {"align_corners", ir::make_bool(align)}};
    if (!align) attributes.push_back({"half_pixel_centers", ir::make_bool(pick(r, 0, 1) == 1)});
    Dims dims = random_image(r, 3, 5);
    dims[dims.size() - 2] += 1;
    check_linear(r, "upsample_bilinear", attributes, base::cat("by ", factor, align ? " a" : ""),
                 dims);
  }
}

TEST(CpuResize, UpsampleNearestNeighbor) {
  Random r(4);
  for (int i = 0; i < 40; ++i) {
    const auto factor = pick<double>(r, {1, 2, 3, 4, 1.5});
    const double factors[] = {factor};
    expect_exact(resize_case("upsample_nearest_neighbor",
                             {{"scale_factor_height", integer(pick(r, 1, 3))},
                              {"scale_factor_width", constant(DataType::fp32, {}, factors)}},
                             base::cat("by ", factor), random_tensor(r, random_image(r, 3, 5))));
  }
}

TEST(CpuResize, LastDimensionsOfAnyTensor) {
  Random r(5);
  for (int i = 0; i < 80; ++i) {
    const Dims dims = random_image(r, 2, 5);
    const auto count = pick<std::int64_t>(r, {0, 1, 2});
    Dims shape;
    for (std::int64_t j = 0; j < count; ++j) {
      shape.push_back(pick<std::int64_t>(r, {0, 1, 4, 10, 24}));
    }
    if (shape.empty()) shape.push_back(3);
    const auto mode = pick<std::string>(r, modes);
    const bool linear = pick(r, 0, 1) == 1;
    const Attributes attributes{
        {"shape", ints(shape)},
        {"resized_dims",
         ir::make_tensor(ir::Type::tensor(DataType::uint32, {}),
                         {static_cast<std::byte>(count), std::byte{}, std::byte{}, std::byte{}})},
        {"interpolation_mode", ir::make_string(linear ? "LINEAR" : "NEAREST_NEIGHBOR")},
        {"sampling_mode", ir::make_string(mode)}};
    const auto text = base::cat(count, " to ", base::shape_text(shape), " ", mode);
    if (linear) {
      check_linear(r, "resize", attributes, text, dims);
    } else {
      expect_exact(resize_case("resize", attributes, text, random_tensor(r, dims)));
    }
  }
}

TEST(CpuResize, ManyTasks) {
  Random r(6);
  for (const auto& dims : {Dims{1, 21, 33, 33}, Dims{2, 3, 60, 70}}) {
    check_linear(r, "resize_bilinear",
                 {{"target_size_height", integer(130)}, {"target_size_width", integer(260)}},
                 "large", dims);
    check_linear(r, "upsample_bilinear",
                 {{"scale_factor_height", integer(4)}, {"scale_factor_width", integer(3)}}, "large",
                 dims);
  }
}

TEST(CpuResize, InfinityBesideAPointOfWeightZeroDoesNotMatter) {
  const double values[] = {1, INFINITY, 2, NAN, 3, -INFINITY, 4, 5, 6};
  for (const auto& dims : {Dims{1, 1, 3, 3}, Dims{1, 9, 1, 1}, Dims{3, 3, 1}}) {
    expect_exact(resize_case(
        "resize_bilinear", {{"target_size_height", integer(3)}, {"target_size_width", integer(3)}},
        "with infinities", tensor(DataType::fp32, dims, values)));
  }
}

TEST(CpuDepthSpace, BothWaysInBothOrders) {
  Random r(7);
  for (int i = 0; i < 20; ++i) {
    const auto f = pick(r, 1, 3);
    const Dims deep{pick(r, 1, 2), f * f * pick(r, 1, 9), pick(r, 1, 6), pick(r, 1, 9)};
    const Dims wide{pick(r, 1, 2), pick(r, 1, 9), f * pick(r, 1, 5), f * pick(r, 1, 5)};
    const auto text = base::cat("by ", f);
    expect_exact(
        resize_case("depth_to_space", {{"block_size", integer(f)}}, text, random_tensor(r, deep)));
    expect_exact(resize_case("pixel_shuffle", {{"upscale_factor", integer(f)}}, text,
                             random_tensor(r, deep)));
    expect_exact(
        resize_case("space_to_depth", {{"block_size", integer(f)}}, text, random_tensor(r, wide)));
    expect_exact(resize_case("pixel_unshuffle", {{"downscale_factor", integer(f)}}, text,
                             random_tensor(r, wide)));
  }
}

/// An operation between two convolutions, and what it takes beside x.
struct Between {
  std::string op;
  ProgramBuilder::Arguments arguments;
  std::size_t results = 1;
  std::string x = "x";
};

ir::Value* pointwise(ProgramBuilder& b, ir::Value* x, std::int64_t in) {
  const std::vector<double> ones(static_cast<std::size_t>(8 * in), 1);
  return b.op("conv",
              {{"x", {x}},
               {"weight", {constant(DataType::fp32, {8, in, 1, 1}, ones)}},
               {"strides", {ints({1, 1})}},
               {"pad_type", {ir::make_string("valid")}},
               {"pad", {ints({0, 0, 0, 0})}},
               {"dilations", {ints({1, 1})}},
               {"groups", {ir::make_int32(1)}}},
              DataType::fp32);
}

int layout_changes(const Between& one) {
  ProgramBuilder b;
  auto* x = pointwise(b, b.input("x", ir::Type::tensor(DataType::fp32, {1, 3, 8, 8})), 3);
  auto arguments = one.arguments;
  arguments.insert(arguments.begin(), {one.x, {x}});
  const auto values = b.ops(one.op, arguments, std::vector<DataType>(one.results, DataType::fp32));
  // The input channels of the second convolution: what is left of 8.
  const std::int64_t in = one.op == "pixel_shuffle" ? 2 : one.results == 2 ? 4 : 8;
  const auto executable =
      compile(b.finish({pointwise(b, values[0], in)}), {&devices::cpu_device()});
  int changes = 0;
  for (const auto& call : executable->lowered().flat.body().calls) {
    changes += call.def->name.starts_with("pome.to_") ? 1 : 0;
  }
  return changes;
}

// Of a program conv - op - conv, the input and the output change their layout and nothing else.
TEST(CpuLayouts, StayChannelsLastBetweenConvolutions) {
  const double eights[] = {1, 2, 3, 4, 5, 6, 7, 8};
  const auto vector = constant(DataType::fp32, {8}, eights);
  const Between all[] = {
      {"max_pool",
       {{"kernel_sizes", {ints({2, 2})}},
        {"strides", {ints({2, 2})}},
        {"pad_type", {ir::make_string("valid")}}}},
      {"pad", {{"pad", {ints({1, 1, 1, 1})}}, {"mode", {ir::make_string("reflect")}}}},
      {"batch_norm", {{"mean", {vector}}, {"variance", {vector}}}},
      {"instance_norm", {{"gamma", {vector}}, {"beta", {vector}}}},
      {"softmax", {{"axis", {ir::make_int32(1)}}}},
      {"reduce_mean", {{"axes", {ints({2, 3})}}, {"keep_dims", {ir::make_bool(true)}}}},
      {"resize_bilinear",
       {{"target_size_height", {integer(5)}}, {"target_size_width", {integer(9)}}}},
      {"upsample_nearest_neighbor", {{"scale_factor_height", {integer(2)}}}},
      {"pixel_shuffle", {{"upscale_factor", {integer(2)}}}},
      {"split", {{"num_splits", {integer(2)}}, {"axis", {integer(1)}}}, 2},
      {"slice_by_index", {{"begin", {ints({0, 0, 1, 2})}}, {"end", {ints({1, 8, 5, 8})}}}},
      {"relu", {}},
      {"mul", {{"y", {constant(DataType::fp32, {8, 1, 1}, eights)}}}},
  };
  for (const auto& one : all) EXPECT_EQ(layout_changes(one), 2) << one.op;
}

}  // namespace
}  // namespace pome::test
