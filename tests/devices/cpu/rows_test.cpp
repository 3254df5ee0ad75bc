// softmax, normalizations and reductions against the reference.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/text.h"
#include "ops/call.h"
#include "sweep.h"

namespace pome::test {
namespace {

using base::Dims;

constexpr double unit = 0x1p-24;  ///< greatest relative error of one rounding

std::int64_t count_of(std::span<const std::int64_t> dims) {
  std::int64_t n = 1;
  for (const auto d : dims) n *= d;
  return n;
}

Dims random_dims(Random& r, std::int64_t most_rank = 4) {
  Dims dims;
  for (auto n = pick(r, 1, most_rank); n > 0; --n) {
    dims.push_back(pick<std::int64_t>(r, {1, 1, 2, 3, 5, 7, 13, 16, 17, 33, 64}));
  }
  // Few enough elements for the reference, which takes its time.
  while (count_of(dims) > 200000) dims.back() = std::max<std::int64_t>(1, dims.back() / 2);
  return dims;
}

Case softmax_case(const Dims& dims, std::int64_t axis, base::HostTensor x) {
  Case c{.op = "softmax", .text = base::cat(base::shape_text(dims), " axis ", axis)};
  c.inputs = {{"x", {std::move(x)}}};
  c.constants = {{"axis", ir::make_int32(static_cast<std::int32_t>(axis))}};
  return c;
}

/// The family's bound: 2^-24 * (|log y| + 2 * length + 16), and a unit of the subnormals.
void check_softmax(const Dims& dims, std::int64_t axis, base::HostTensor x) {
  const auto rank = static_cast<std::int64_t>(dims.size());
  const double length = static_cast<double>(dims[static_cast<std::size_t>((axis + rank) % rank)]);
  expect_like_reference(softmax_case(dims, axis, std::move(x)),
                        [length](std::size_t, std::int64_t, double y) {
                          if (y == 0) return 0x1p-149;
                          return unit * y * (std::fabs(std::log(y)) + 2 * length + 16) + 0x1p-148;
                        });
}

TEST(CpuSoftmax, Shapes) {
  Random r(1);
  for (int i = 0; i < 60; ++i) {
    const Dims dims = random_dims(r);
    const auto rank = static_cast<std::int64_t>(dims.size());
    check_softmax(dims, pick(r, -rank, rank - 1),
                  random_tensor(r, dims, pick(r, {1.0, 8.0, 80.0})));
  }
}

TEST(CpuSoftmax, ManyTasksOfRowsAndOfColumns) {
  Random r(2);
  check_softmax({300, 197}, -1, random_tensor(r, {300, 197}, 5));
  check_softmax({2, 3, 30011}, 1, random_tensor(r, {2, 3, 30011}, 5));
  check_softmax({1, 40003}, 1, random_tensor(r, {1, 40003}, 5));
}

TEST(CpuSoftmax, NoElements) {
  Random r(3);
  for (const Dims& dims : {Dims{0, 5}, Dims{5, 0}, Dims{2, 0, 3}}) {
    for (const std::int64_t axis : {0, 1}) {
      expect_exact(softmax_case(dims, axis, random_tensor(r, dims)));
    }
  }
}

TEST(CpuSoftmax, InfinitiesAndNaN) {
  const double inf = std::numeric_limits<double>::infinity();
  const double values[] = {1,    -inf, 2,   -inf, -inf, -inf, inf,  1, -inf,
                           -200, 0,    200, 3,    NAN,  4,    1e38, 1, -1e38};
  const Dims dims{6, 3};
  for (const std::int64_t axis : {0, 1}) {
    check_softmax(dims, axis, tensor(DataType::fp32, dims, values));
  }
}

/// Axes that are neighbours, some written from the end.
Dims random_axes(Random& r, std::size_t rank) {
  const auto n = static_cast<std::int64_t>(rank);
  const auto first = pick(r, 0, n - 1);
  const auto last = pick(r, first, n - 1);
  Dims axes;
  for (auto a = first; a <= last; ++a) axes.push_back(pick(r, 0, 1) == 1 ? a - n : a);
  return axes;
}

std::vector<bool> named(const Dims& axes, std::size_t rank) {
  std::vector<bool> flags(rank, axes.empty());
  for (const auto a : axes) {
    flags[static_cast<std::size_t>(a < 0 ? a + static_cast<std::int64_t>(rank) : a)] = true;
  }
  return flags;
}

struct NormShape {
  Dims dims{}, axes{};
  double epsilon = 1e-5, scale = 2, offset = 0;
  bool gamma = true, beta = true;
  DataType constants = DataType::fp32;
};

/// Least sqrt(variance + epsilon) of the groups along the flagged dimensions.
double least_deviation(const base::HostTensor& x, const std::vector<bool>& flags, double epsilon) {
  const Dims strides = ops::dense_strides(x.dims());
  Dims outer, outer_strides, inner, inner_strides;
  for (std::size_t i = 0; i < flags.size(); ++i) {
    (flags[i] ? inner : outer).push_back(x.dims()[i]);
    (flags[i] ? inner_strides : outer_strides).push_back(strides[i]);
  }
  const double length = static_cast<double>(count_of(inner));
  double least = INFINITY;
  for (ops::IndexWalk o(outer, {&outer_strides, 1}); !o.done(); o.next()) {
    double sum = 0;
    double squares = 0;
    for (ops::IndexWalk w(inner, {&inner_strides, 1}); !w.done(); w.next()) {
      sum += ops::load_f(x.view(), o.offset(0) + w.offset(0));
    }
    for (ops::IndexWalk w(inner, {&inner_strides, 1}); !w.done(); w.next()) {
      const double d = ops::load_f(x.view(), o.offset(0) + w.offset(0)) - sum / length;
      squares += d * d;
    }
    least = std::min(least, std::sqrt(squares / length + epsilon));
  }
  return least;
}

/// layer_norm, with the family's bound of every element.
void check_layer_norm(Random& r, const NormShape& s) {
  const auto flags = named(s.axes, s.dims.size());
  Dims inner;
  for (std::size_t i = 0; i < flags.size(); ++i) {
    if (flags[i]) inner.push_back(s.dims[i]);
  }
  auto values = random_values(r, count_of(s.dims), s.scale);
  for (auto& v : values) v += s.offset;
  const auto gamma = random_values(r, count_of(inner));
  const auto beta = random_values(r, count_of(inner));
  Case c{.op = "layer_norm",
         .text = base::cat(base::shape_text(s.dims), " axes ", base::shape_text(s.axes))};
  const auto x = tensor(DataType::fp32, s.dims, values);
  c.inputs = {{"x", {x}}};
  const std::vector<double> epsilon{s.epsilon};
  c.constants = {{"epsilon", constant(s.constants, {}, epsilon)}};
  if (!s.axes.empty()) c.constants.push_back({"axes", ints(s.axes)});
  Case normal = c;  // neither gamma nor beta
  if (s.gamma) c.constants.push_back({"gamma", constant(s.constants, inner, gamma)});
  if (s.beta) c.constants.push_back({"beta", constant(s.constants, inner, beta)});
  auto plain = std::make_shared<std::vector<base::HostTensor>>(run_case(normal, nullptr));
  const double length = static_cast<double>(count_of(inner));
  const double terms = std::max(70.0, 64 + length / 64);
  const double top = s.scale + std::fabs(s.offset);
  const double least = least_deviation(x, flags, s.epsilon);
  const double shift = (terms + 1) * unit * top / least;
  const double most_gamma = s.gamma ? 2 : 1;
  expect_like_reference(c, [=](std::size_t, std::int64_t i, double expected) {
    const double v = std::fabs(ops::load_f((*plain)[0].view(), i));
    return most_gamma * (shift + shift * shift * v + (terms + 8) * unit * v) +
           4 * unit * (std::fabs(expected) + 2);
  });
}

TEST(CpuLayerNorm, Shapes) {
  Random r(4);
  for (int i = 0; i < 60; ++i) {
    NormShape s{.dims = random_dims(r)};
    if (pick(r, 0, 5) != 0) s.axes = random_axes(r, s.dims.size());
    s.gamma = pick(r, 0, 2) != 0;
    s.beta = pick(r, 0, 2) != 0;
    if (pick(r, 0, 1) == 1) s.constants = DataType::fp16;
    check_layer_norm(r, s);
  }
}

TEST(CpuLayerNorm, ManyTasks) {
  Random r(5);
  check_layer_norm(r, {.dims = {77, 512}, .axes = {-1}});
  check_layer_norm(r, {.dims = {1, 48, 31, 33}, .axes = {1}});
  check_layer_norm(r, {.dims = {1, 40001}, .axes = {1}});
}

TEST(CpuLayerNorm, MeanFarFromZero) {
  Random r(6);
  check_layer_norm(r, {.dims = {5, 100}, .axes = {1}, .offset = 1000});
  check_layer_norm(r, {.dims = {100, 5}, .axes = {0}, .offset = 1000});
}

Case batch_case(const Dims& dims, std::uint32_t seed, bool gamma, bool beta, DataType constants) {
  Random r(seed);
  const auto channels = dims[1];
  Case c{.op = "batch_norm", .text = base::shape_text(dims)};
  auto variance = random_values(r, channels);
  for (auto& v : variance) v = std::fabs(v) + 0.01;
  c.inputs = {{"x", {random_tensor(r, dims)}}};
  c.constants = {{"mean", constant(constants, {channels}, random_values(r, channels))},
                 {"variance", constant(constants, {channels}, variance)}};
  if (gamma)
    c.constants.push_back({"gamma", constant(constants, {channels}, random_values(r, channels))});
  if (beta)
    c.constants.push_back({"beta", constant(constants, {channels}, random_values(r, channels))});
  return c;
}

TEST(CpuBatchNorm, Shapes) {
  Random r(11);
  for (int i = 0; i < 40; ++i) {
    Dims dims{pick(r, 1, 3), pick<std::int64_t>(r, {1, 2, 7, 16, 33})};
    for (auto n = pick(r, 0, 3); n > 0; --n) dims.push_back(pick<std::int64_t>(r, {1, 3, 8, 19}));
    const bool gamma = pick(r, 0, 1) == 1;
    const bool beta = pick(r, 0, 1) == 1;
    // |x|, |mean|, |gamma| and |beta| are at most 2, the variance at least 0.01: f is at most 20,
    // f x at most 40, o at most 42, y at most 82. The family's bound: 2 * 40 + 2 * 42 + 82 = 246.
    expect_like_reference(batch_case(dims, 100 + static_cast<std::uint32_t>(i), gamma, beta,
                                     pick(r, {DataType::fp16, DataType::fp32})),
                          [](std::size_t, std::int64_t, double) { return 246 * unit; });
  }
}

Case instance_case(Random& r, const Dims& dims, bool gamma, bool beta) {
  const auto channels = dims[1];
  Case c{.op = "instance_norm", .text = base::shape_text(dims)};
  c.inputs = {{"x", {random_tensor(r, dims)}}};
  const std::vector<double> epsilon{1e-3};
  c.constants = {{"epsilon", constant(DataType::fp32, {}, epsilon)}};
  if (gamma) {
    c.constants.push_back(
        {"gamma", constant(DataType::fp32, {channels}, random_values(r, channels))});
  }
  if (beta) {
    c.constants.push_back(
        {"beta", constant(DataType::fp32, {channels}, random_values(r, channels))});
  }
  return c;
}

TEST(CpuInstanceNorm, Shapes) {
  Random r(12);
  for (int i = 0; i < 40; ++i) {
    Dims dims{pick(r, 1, 3), pick<std::int64_t>(r, {1, 2, 7, 16})};
    for (auto n = pick(r, 1, 2); n > 0; --n) {
      dims.push_back(pick<std::int64_t>(r, {1, 3, 8, 19, 61}));
    }
    const Case c = instance_case(r, dims, pick(r, 0, 2) != 0, pick(r, 0, 2) != 0);
    std::vector<bool> planes(dims.size(), true);
    planes[0] = planes[1] = false;
    // As for rows of layer_norm: |x| and |gamma| at most 2, and |v| at most the root of the length.
    const double shift = 71 * unit * 2 / least_deviation(c.inputs[0].second[0], planes, 1e-3);
    const double v = std::sqrt(count_of(std::span<const std::int64_t>(dims).subspan(2)));
    const double bound = 2 * (shift + shift * shift * v + 78 * unit * v) + 8 * unit * (2 * v + 2);
    expect_like_reference(c, [bound](std::size_t, std::int64_t, double) { return bound; });
  }
}

TEST(CpuL2Norm, Shapes) {
  Random r(13);
  for (int i = 0; i < 40; ++i) {
    Dims dims = random_dims(r, 2);
    for (int d = 0; d < 3; ++d) dims.push_back(pick<std::int64_t>(r, {1, 2, 5, 16, 37}));
    while (count_of(dims) > 100000) dims[0] = dims[1] = std::max<std::int64_t>(1, dims[0] / 4);
    // Squares that fp32 cannot hold are summed in double.
    const double scale = pick(r, {1e-25, 1e-3, 2.0, 1e25});
    Case c{.op = "l2_norm", .text = base::cat(base::shape_text(dims), " of size ", scale)};
    c.inputs = {{"x", {random_tensor(r, dims, scale)}}};
    const std::vector<double> epsilon{pick(r, {1e-6, 1e-12})};
    c.constants = {{"epsilon", constant(DataType::fp32, {}, epsilon)}};
    expect_like_reference(c, ulp_bound((75.0 / 2 + 3) / 2, 0x1p-148));
  }
}

struct Reduction {
  const char* name;
  bool integers;  ///< the kernel takes int32
};
constexpr Reduction reductions[] = {{"reduce_l1_norm", true},  {"reduce_l2_norm", false},
                                    {"reduce_log_sum", false}, {"reduce_log_sum_exp", false},
                                    {"reduce_max", true},      {"reduce_mean", false},
                                    {"reduce_min", true},      {"reduce_prod", true},
                                    {"reduce_sum", true},      {"reduce_sum_square", true}};

class CpuReduce : public ::testing::TestWithParam<Reduction> {};

Case reduce_case(const std::string& op, base::HostTensor x, const Dims& axes, bool keep) {
  Case c{.op = op, .text = base::cat(base::shape_text(x.dims()), " axes ", base::shape_text(axes))};
  const auto dtype = x.dtype();
  c.inputs = {{"x", {std::move(x)}}};
  c.constants = {{"keep_dims", ir::make_bool(keep)}};
  if (!axes.empty()) c.constants.push_back({"axes", ints(axes)});
  c.results = {dtype};
  return c;
}

/// The family's bounds. Sums: (K + 2) roundings of the sum of sizes; what is done to a sum s with
/// error e: root: e / (2 root) or its size; log: e / s of a sum of positive numbers.
void check_reduce(Random& r, const std::string& op, const Dims& dims, const Dims& axes) {
  const auto flags = named(axes, dims.size());
  double length = 1;
  for (std::size_t i = 0; i < dims.size(); ++i)
    length *= flags[i] ? static_cast<double>(dims[i]) : 1;
  auto values = random_values(r, count_of(dims), op == "reduce_prod" ? 1.5 : 2);
  if (op == "reduce_log_sum") {
    for (auto& v : values) v = std::fabs(v) + 0.1;
  }
  const bool keep = pick(r, 0, 1) == 1;
  const Case c = reduce_case(op, tensor(DataType::fp32, dims, values), axes, keep);
  const double terms = std::max(70.0, 64 + length / 64) + 2;
  if (op == "reduce_max" || op == "reduce_min") return expect_exact(c);
  if (op == "reduce_sum" || op == "reduce_mean") {
    for (auto& v : values) v = std::fabs(v);
    const Case sizes = reduce_case(op, tensor(DataType::fp32, dims, values), axes, keep);
    return expect_like_reference(c, sum_bound(sizes, terms));
  }
  // One rounding a factor, in any order; products below the smallest normal lose more.
  if (op == "reduce_prod") return expect_like_reference(c, ulp_bound(length, 0x1p-126));
  if (op == "reduce_log_sum" || op == "reduce_log_sum_exp") {
    // Columns of exponentials are summed one after another.
    const double additions = op == "reduce_log_sum" ? terms : std::max(terms, length) + 8;
    return expect_like_reference(c, ulp_bound(4, additions * unit * 2));
  }
  expect_like_reference(c, ulp_bound(terms));  // sums of positive numbers, and their root
}

TEST_P(CpuReduce, Floats) {
  Random r(7);
  for (int i = 0; i < 25; ++i) {
    const Dims dims = random_dims(r);
    check_reduce(r, GetParam().name, dims,
                 pick(r, 0, 5) == 0 ? Dims{} : random_axes(r, dims.size()));
  }
  if (std::string(GetParam().name) == "reduce_prod") return;
  check_reduce(r, GetParam().name, {3, 20011}, {1});
  check_reduce(r, GetParam().name, {3, 20011}, {0});
  check_reduce(r, GetParam().name, {1, 40, 33, 35}, {2, 3});
}

TEST_P(CpuReduce, Integers) {
  if (!GetParam().integers) return;
  Random r(8);
  for (int i = 0; i < 15; ++i) {
    const Dims dims = random_dims(r);
    auto values = random_values(r, count_of(dims), i % 2 == 0 ? 10 : 2e9);
    expect_exact(reduce_case(GetParam().name, tensor(DataType::int32, dims, values),
                             random_axes(r, dims.size()), i % 3 == 0));
  }
}

TEST_P(CpuReduce, NoElements) {
  Random r(9);
  for (const Dims& dims : {Dims{0, 3}, Dims{3, 0}}) {
    for (const std::int64_t axis : {0, 1}) {
      expect_exact(reduce_case(GetParam().name, random_tensor(r, dims), {axis}, false));
    }
  }
}

TEST_P(CpuReduce, NaNAndInfinities) {
  const double inf = std::numeric_limits<double>::infinity();
  const double values[] = {1, NAN, 2, -inf, 3, 4, inf, 5, 6, -inf, -inf, -inf};
  for (const std::int64_t axis : {0, 1}) {
    expect_like_reference(
        reduce_case(GetParam().name, tensor(DataType::fp32, {4, 3}, values), {axis}, false),
        ulp_bound(8));
  }
}

TEST_P(CpuReduce, DimensionsOfOneElementBetweenTheAxes) {
  Random r(10);
  check_reduce(r, GetParam().name, {3, 1, 4, 5}, {0, 2});
}

INSTANTIATE_TEST_SUITE_P(Operations, CpuReduce, ::testing::ValuesIn(reductions),
                         [](const auto& test) { return std::string(test.param.name); });

Case arg_case(const std::string& op, base::HostTensor x, std::int64_t axis, bool keep,
              const std::string& type) {
  Case c{.op = op, .text = base::cat(base::shape_text(x.dims()), " axis ", axis, " ", type)};
  c.inputs = {{"x", {std::move(x)}}};
  c.constants = {{"axis", ir::make_int32(static_cast<std::int32_t>(axis))},
                 {"keep_dims", ir::make_bool(keep)},
                 {"output_dtype", ir::make_string(type)}};
  c.results = {type == "int32" ? DataType::int32 : DataType::uint16};
  return c;
}

class CpuArg : public ::testing::TestWithParam<const char*> {};

TEST_P(CpuArg, Shapes) {
  Random r(14);
  for (int i = 0; i < 60; ++i) {
    const Dims dims = random_dims(r);
    const auto rank = static_cast<std::int64_t>(dims.size());
    const auto dtype = pick(r, {DataType::fp32, DataType::int32});
    // Few different numbers, so that there are ties.
    auto values = random_values(r, count_of(dims), 4);
    for (auto& v : values) v = std::round(v);
    expect_exact(arg_case(GetParam(), tensor(dtype, dims, values), pick(r, -rank, rank - 1),
                          pick(r, 0, 1) == 1, pick<std::string>(r, {"int32", "uint16"})));
  }
}

TEST_P(CpuArg, ManyTasksOfColumns) {
  Random r(15);
  expect_exact(arg_case(GetParam(), random_tensor(r, {1, 21, 65, 67}), 1, false, "int32"));
}

TEST_P(CpuArg, FirstNaNWins) {
  const double values[] = {1, NAN, 2, NAN, 3, 4, 5, 5, 1, 1, 1, NAN};
  for (const std::int64_t axis : {0, 1}) {
    expect_exact(
        arg_case(GetParam(), tensor(DataType::fp32, {3, 4}, values), axis, false, "int32"));
  }
}

INSTANTIATE_TEST_SUITE_P(Operations, CpuArg, ::testing::Values("reduce_argmax", "reduce_argmin"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace pome::test
