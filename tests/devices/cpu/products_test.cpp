// conv, linear and matmul against the reference.
#include <gtest/gtest.h>

#include <cmath>

#include "base/text.h"
#include "sweep.h"

namespace pome::test {
namespace {

using base::Dims;

std::vector<double> sizes_of(std::vector<double> values) {
  for (auto& v : values) v = std::fabs(v);
  return values;
}

struct Numbers {
  std::vector<double> x, weight, bias;
};

/// conv of these sizes; twice, with the numbers and with their sizes.
struct ConvShape {
  Dims x, weight, strides, dilations, pad;
  std::string pad_type = "valid";
  std::int64_t groups = 1;
  DataType dtype = DataType::fp32;
  bool bias = true;
};

Case conv_case(const ConvShape& s, const Numbers& n) {
  Case c{.op = "conv"};
  c.text = base::cat(base::shape_text(s.x), " weight ", base::shape_text(s.weight), " strides ",
                     base::shape_text(s.strides), " dilations ", base::shape_text(s.dilations), " ",
                     s.pad_type, base::shape_text(s.pad), " groups ", s.groups);
  c.inputs = {{"x", {tensor(DataType::fp32, s.x, n.x)}}};
  c.constants = {{"weight", constant(s.dtype, s.weight, n.weight)},
                 {"strides", ints(s.strides)},
                 {"dilations", ints(s.dilations)},
                 {"pad_type", ir::make_string(s.pad_type)},
                 {"pad", ints(s.pad)},
                 {"groups", ir::make_int32(static_cast<std::int32_t>(s.groups))}};
  if (s.bias) c.constants.push_back({"bias", constant(s.dtype, {s.weight[0]}, n.bias)});
  return c;
}

std::int64_t count_of(const Dims& dims) {
  std::int64_t n = 1;
  for (const auto d : dims) n *= d;
  return n;
}

void check_conv(Random& r, const ConvShape& s) {
  const Numbers n{random_values(r, count_of(s.x)), random_values(r, count_of(s.weight)),
                  random_values(r, s.weight[0])};
  const Numbers sizes{sizes_of(n.x), sizes_of(n.weight), sizes_of(n.bias)};
  const std::int64_t depth = count_of(s.weight) / s.weight[0];
  const auto terms = static_cast<double>(depth);
  expect_like_reference(conv_case(s, n), sum_bound(conv_case(s, sizes), terms));
}

ConvShape random_conv(Random& r, std::size_t spatial) {
  ConvShape s;
  s.dtype = pick(r, {DataType::fp16, DataType::fp32});
  s.bias = pick(r, 0, 3) != 0;
  const auto kind = pick(r, 0, 3);  // 0, 1: one group; 2: groups; 3: depthwise
  s.groups = kind < 2 ? 1 : pick(r, 2, 5);
  const auto channels = kind == 3 ? 1 : pick(r, 1, 9);
  s.x = {pick(r, 1, 2), channels * s.groups};
  s.weight = {s.groups * pick(r, 1, kind == 3 ? 2 : 19), channels};
  s.pad_type = pick<std::string>(r, {"valid", "same", "same_lower", "custom"});
  for (std::size_t i = 0; i < spatial; ++i) {
    const auto kernel = pick<std::int64_t>(r, {1, 1, 2, 3, 3, 5, 7});
    const auto dilation = pick(r, 1, 3) == 3 ? 2 : 1;
    s.weight.push_back(kernel);
    s.strides.push_back(pick(r, 1, 3));
    s.dilations.push_back(dilation);
    s.x.push_back((kernel - 1) * dilation + 1 + pick(r, 0, spatial == 1 ? 70 : 24));
    s.pad.push_back(pick(r, 0, 3));
    s.pad.push_back(pick(r, 0, 3));
  }
  return s;
}

TEST(CpuConv, OneDimension) {
  Random r(1);
  for (int i = 0; i < 60; ++i) check_conv(r, random_conv(r, 1));
}

TEST(CpuConv, TwoDimensions) {
  Random r(2);
  for (int i = 0; i < 80; ++i) check_conv(r, random_conv(r, 2));
}

TEST(CpuConv, ManyBlocksOfDepthAndPixels) {
  Random r(3);
  check_conv(r, {{1, 50, 21, 20}, {33, 50, 3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, "custom"});
  check_conv(
      r,
      {{2, 401, 3, 4}, {70, 401, 1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, "valid", 1, DataType::fp16});
  check_conv(
      r, {{1, 2, 40, 70}, {2, 1, 7, 7}, {2, 2}, {1, 1}, {3, 3, 3, 3}, "custom", 2, DataType::fp16});
}

TEST(CpuConv, RowsOfTheWindowAsOneTap) {
  Random r(31);
  for (const auto& pad : {Dims{0, 0, 0, 0}, Dims{1, 2, 3, 1}}) {
    for (const std::int64_t stride : {1, 2, 5}) {
      const Dims strides{stride, stride};
      check_conv(r, {{2, 3, 23, 19}, {20, 3, 7, 5}, strides, {1, 1}, pad, "custom"});
      check_conv(r, {{1, 70, 12, 13}, {3, 70, 9, 9}, strides, {1, 1}, pad, "custom"});
    }
  }
}

TEST(CpuConv, TapsThatFallOutside) {
  Random r(32);
  check_conv(r, {{2, 20, 9, 11}, {17, 20, 3, 3}, {1, 1}, {8, 10}, {8, 8, 10, 10}, "custom"});
  check_conv(r, {{1, 9, 5, 6}, {8, 9, 3, 3}, {1, 1}, {12, 12}, {12, 12, 12, 12}, "custom"});
}

TEST(CpuConv, DepthwiseRows) {
  Random r(33);
  for (const std::int64_t kernel : {3, 5}) {
    for (const std::int64_t stride : {1, 2}) {
      for (const std::int64_t channels : {3, 8, 41}) {
        check_conv(r, {{2, channels, 11, 30},
                       {channels, 1, kernel, kernel},
                       {stride, stride},
                       {1, 1},
                       {0, 0, 0, 0},
                       pick<std::string>(r, {"same", "valid"}),
                       channels});
      }
      check_conv(r, {{1, 6, 5, kernel - 1},
                     {6, 1, kernel, kernel},
                     {stride, stride},
                     {1, 1},
                     {kernel, 2, kernel, kernel},
                     "custom",
                     6});
    }
  }
}

TEST(CpuConv, OnePixel) {
  Random r(4);
  check_conv(r, {{3, 70, 1, 1}, {37, 70, 1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}});
  check_conv(r, {{1, 6, 3, 5}, {20, 6, 3, 5}, {2, 1}, {1, 1}, {0, 0, 0, 0}});
}

TEST(CpuConv, PaddingOnlyBehind) {
  Random r(5);
  check_conv(r, {{1, 2, 4, 16}, {3, 2, 1, 1}, {1, 1}, {1, 1}, {0, 2, 0, 0}, "custom"});
  check_conv(r, {{1, 2, 4, 16}, {3, 2, 1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 1}, "custom"});
}

struct LinearShape {
  Dims x;
  std::int64_t outputs;
  DataType dtype;
};

Case linear_case(const LinearShape& s, const Numbers& n) {
  Case c{.op = "linear"};
  c.text = base::cat(base::shape_text(s.x), " to ", s.outputs);
  c.inputs = {{"x", {tensor(DataType::fp32, s.x, n.x)}}};
  c.constants = {{"weight", constant(s.dtype, {s.outputs, s.x[s.x.size() - 1]}, n.weight)},
                 {"bias", constant(s.dtype, {s.outputs}, n.bias)}};
  return c;
}

TEST(CpuLinear, Shapes) {
  Random r(6);
  for (int i = 0; i < 40; ++i) {
    LinearShape s{{}, pick(r, 1, 130), pick(r, {DataType::fp16, DataType::fp32})};
    for (auto k = pick(r, 0, 2); k > 0; --k) s.x.push_back(pick(r, 1, 7));
    const auto depth = pick<std::int64_t>(r, {1, 3, 16, 77, 384, 385, 500});
    s.x.push_back(depth);
    const Numbers n{random_values(r, count_of(s.x)), random_values(r, depth * s.outputs),
                    random_values(r, s.outputs)};
    const Numbers sizes{sizes_of(n.x), sizes_of(n.weight), sizes_of(n.bias)};
    expect_like_reference(linear_case(s, n),
                          sum_bound(linear_case(s, sizes), static_cast<double>(depth)));
  }
}

/// linear or conv whose weight is a table of 2^bits values and packed indices.
Case lut_case(const std::string& op, int bits, const Dims& x, const Dims& weight, Random& r,
              bool sizes, std::uint32_t seed) {
  Random values(seed);
  auto table = random_values(values, std::int64_t{1} << bits);
  auto data = random_values(values, count_of(x));
  if (sizes) {
    table = sizes_of(table);
    data = sizes_of(data);
  }
  const auto bytes = (count_of(weight) * bits + 7) / 8;
  std::vector<double> indices;
  for (std::int64_t i = 0; i < bytes; ++i)
    indices.push_back(static_cast<double>(pick(values, 0, 255)));
  (void)r;
  Case c{.op = op, .text = base::cat(bits, " bits ", base::shape_text(weight)), .opset = "CoreML6"};
  c.inputs = {{"x", {tensor(DataType::fp32, x, data)}}};
  c.more = [=](ProgramBuilder& b) -> ProgramBuilder::Arguments {
    std::vector<std::int32_t> shape(weight.begin(), weight.end());
    auto* w = b.op("constexpr_lut_to_dense",
                   {{"indices", {constant(DataType::uint8, {bytes}, indices)}},
                    {"lut", {constant(DataType::fp32, {std::int64_t{1} << bits}, table)}},
                    {"shape",
                     {constant(DataType::int32, {static_cast<std::int64_t>(weight.size())},
                               std::vector<double>(shape.begin(), shape.end()))}}},
                   DataType::fp32);
    return {{"weight", {w}}};
  };
  return c;
}

class CpuLut : public ::testing::TestWithParam<int> {};

TEST_P(CpuLut, RunsAsItIs) {
  Random r(7);
  const int bits = GetParam();
  const auto check = [&](const std::string& op, const Dims& x, const Dims& weight) {
    const std::int64_t depth = count_of(weight) / weight[0];
    const auto terms = static_cast<double>(depth);
    expect_like_reference(lut_case(op, bits, x, weight, r, false, 99),
                          sum_bound(lut_case(op, bits, x, weight, r, true, 99), terms));
  };
  check("linear", {3, 400}, {70, 400});
  check("linear", {1, 24}, {16, 24});
  check("conv", {1, 24, 9, 7}, {20, 24, 3, 3});
}

INSTANTIATE_TEST_SUITE_P(Bits, CpuLut, ::testing::Values(1, 2, 4, 6, 8));

Case matmul_case(const Dims& x, const Dims& y, bool tx, bool ty, const Numbers& n,
                 bool constant_y) {
  Case c{.op = "matmul"};
  c.text = base::cat(base::shape_text(x), tx ? "^T" : "", " ", base::shape_text(y), ty ? "^T" : "");
  c.inputs = {{"x", {tensor(DataType::fp32, x, n.x)}}};
  c.constants = {{"transpose_x", ir::make_bool(tx)}, {"transpose_y", ir::make_bool(ty)}};
  if (constant_y) {
    c.constants.push_back({"y", constant(DataType::fp32, y, n.weight)});
  } else {
    c.inputs.push_back({"y", {tensor(DataType::fp32, y, n.weight)}});
  }
  return c;
}

TEST(CpuMatmul, Shapes) {
  Random r(8);
  for (int i = 0; i < 80; ++i) {
    const bool tx = pick(r, 0, 1) == 1;
    const bool ty = pick(r, 0, 1) == 1;
    const auto m = pick<std::int64_t>(r, {1, 2, 7, 15, 16, 33, 130});
    const auto n = pick<std::int64_t>(r, {1, 5, 16, 31, 49, 100});
    const auto k = pick<std::int64_t>(r, {1, 2, 17, 64, 400});
    Dims x, y;
    const auto batch = pick(r, 0, 2);
    for (std::int64_t b = 0; b < batch; ++b) {
      const auto size = pick(r, 1, 3);
      const auto alone = pick(r, 0, 3);
      x.push_back(alone == 1 ? 1 : size);
      if (!(b == 0 && alone == 3)) y.push_back(alone == 2 ? 1 : size);
    }
    x.push_back(tx ? k : m);
    x.push_back(tx ? m : k);
    y.push_back(ty ? n : k);
    y.push_back(ty ? k : n);
    const Numbers numbers{random_values(r, count_of(x)), random_values(r, count_of(y)), {}};
    const Numbers sizes{sizes_of(numbers.x), sizes_of(numbers.weight), {}};
    const bool constant_y = pick(r, 0, 2) == 0;
    expect_like_reference(
        matmul_case(x, y, tx, ty, numbers, constant_y),
        sum_bound(matmul_case(x, y, tx, ty, sizes, constant_y), static_cast<double>(k)));
  }
}

TEST(CpuMatmul, Vectors) {
  Random r(9);
  for (const auto& [x, y] : {std::pair<Dims, Dims>{{5}, {5, 7}},
                             {{4, 5}, {5}},
                             {{5}, {5}},
                             {{3, 4, 5}, {5}},
                             {{5}, {2, 5, 7}}}) {
    const Numbers n{random_values(r, count_of(x)), random_values(r, count_of(y)), {}};
    const Numbers sizes{sizes_of(n.x), sizes_of(n.weight), {}};
    expect_like_reference(matmul_case(x, y, false, false, n, false),
                          sum_bound(matmul_case(x, y, false, false, sizes, false), 5));
  }
}

}  // namespace
}  // namespace pome::test
