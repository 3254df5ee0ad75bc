// Convolutions by 3 x 3 through transformed tiles, against the reference, within the bound that
// follows from the transforms' own coefficients.
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "base/text.h"
#include "devices/cpu/families/conv.h"
#include "sweep.h"

namespace pome::test {
namespace {

using base::Dims;

struct Shape {
  std::int64_t images, in, out, rows, cols;  ///< rows and cols of the input
  DataType dtype = DataType::fp32;
  Dims pad = {1, 1, 1, 1};
  bool bias = true;
};

struct Numbers {
  std::vector<double> x, weight, bias;
};

Case conv_case(const Shape& s, const Numbers& n) {
  const Dims x{s.images, s.in, s.rows, s.cols};
  Case c{.op = "conv"};
  c.text = base::cat(base::shape_text(x), " to ", s.out, " pad ", base::shape_text(s.pad));
  c.inputs = {{"x", {tensor(DataType::fp32, x, n.x)}}};
  c.constants = {{"weight", constant(s.dtype, {s.out, s.in, 3, 3}, n.weight)},
                 {"strides", ints({1, 1})},
                 {"dilations", ints({1, 1})},
                 {"pad_type", ir::make_string("custom")},
                 {"pad", ints(s.pad)},
                 {"groups", ir::make_int32(1)}};
  if (s.bias) c.constants.push_back({"bias", constant(s.dtype, {s.out}, n.bias)});
  return c;
}

/// The transforms of one dimension: A^T [out][edge], B^T [edge][edge], G [edge][3], from the points
/// by the definition of Toom and Cook: row i of B^T is the product of (x - p) over the other finite
/// points, G's row i is (1, p, p^2) over that product at p, A^T's column i is (1, p, p^2, ...).
struct Transforms {
  std::vector<std::vector<double>> a, b, g;

  explicit Transforms(std::vector<double> points) {
    const std::size_t n = points.size();  // finite ones
    const std::size_t edge = n + 1;
    a.assign(edge - 2, std::vector<double>(edge, 0));
    for (std::size_t i = 0; i < n; ++i) {
      std::vector<double> polynomial{1};
      double at_point = 1;
      for (std::size_t j = 0; j < n; ++j) {
        if (j == i) continue;
        at_point *= points[i] - points[j];
        polynomial = times(polynomial, points[j]);
      }
      polynomial.resize(edge, 0);
      b.push_back(polynomial);
      const double p = points[i];
      g.push_back({1 / at_point, p / at_point, p * p / at_point});
      for (std::size_t k = 0; k < a.size(); ++k) a[k][i] = std::pow(p, static_cast<double>(k));
    }
    std::vector<double> polynomial{1};
    for (const double p : points) polynomial = times(polynomial, p);
    b.push_back(polynomial);
    g.push_back({0, 0, 1});
    a.back()[n] = 1;
  }

  /// polynomial * (x - p), lowest power first.
  static std::vector<double> times(const std::vector<double>& polynomial, double p) {
    std::vector<double> made(polynomial.size() + 1, 0);
    for (std::size_t i = 0; i < polynomial.size(); ++i) {
      made[i] -= p * polynomial[i];
      made[i + 1] += polynomial[i];
    }
    return made;
  }
};

using Matrix = std::vector<std::vector<double>>;

/// |m| x |m|^T for x of n x n in a flat vector.
std::vector<double> both_sides(const Matrix& m, const std::vector<double>& x) {
  const std::size_t n = m[0].size();
  const std::size_t rows = m.size();
  std::vector<double> half(rows * n, 0), whole(rows * rows, 0);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t k = 0; k < n; ++k) {
      for (std::size_t c = 0; c < n; ++c) half[r * n + c] += std::fabs(m[r][k]) * x[k * n + c];
    }
  }
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t k = 0; k < n; ++k) {
      for (std::size_t c = 0; c < rows; ++c) {
        whole[r * rows + c] += half[r * n + k] * std::fabs(m[c][k]);
      }
    }
  }
  return whole;
}

/// The bound: every number is replaced by its size, every coefficient by its; the result, times the
/// number of roundings on the way of one term, times 2^-24: two passes of up to 4 operations in
/// each of the tile's two transforms, one of the filter's, the sum over channels, the bias.
std::vector<double> bounds(const Shape& s, const Numbers& n, int edge) {
  const Transforms t(
      edge == 6 ? std::vector<double>{0, devices::cpu::winograd_a, -devices::cpu::winograd_a,
                                      devices::cpu::winograd_b, -devices::cpu::winograd_b}
                : std::vector<double>{0, 1, -1});
  const std::int64_t out_rows = s.rows + s.pad[0] + s.pad[1] - 2;
  const std::int64_t out_cols = s.cols + s.pad[2] + s.pad[3] - 2;
  const std::int64_t out = edge - 2;
  const auto size = static_cast<std::size_t>(edge * edge);
  std::vector<std::vector<double>> filters;  // |G||g||G|^T by [out][in]
  for (std::int64_t i = 0; i < s.out * s.in; ++i) {
    std::vector<double> g(9);
    for (std::size_t k = 0; k < 9; ++k) {
      g[k] = std::fabs(n.weight[static_cast<std::size_t>(9 * i) + k]);
    }
    filters.push_back(both_sides(t.g, g));
  }
  std::vector<double> made(static_cast<std::size_t>(s.images * s.out * out_rows * out_cols), 0);
  const double roundings = static_cast<double>(s.in) + 4 * 4 + 1 + 1;
  for (std::int64_t image = 0; image < s.images; ++image) {
    for (std::int64_t row = 0; row < out_rows; row += out) {
      for (std::int64_t col = 0; col < out_cols; col += out) {
        std::vector<std::vector<double>> tiles;
        for (std::int64_t c = 0; c < s.in; ++c) {
          std::vector<double> d(size, 0);
          for (std::int64_t i = 0; i < edge * edge; ++i) {
            const auto y = row + i / edge - s.pad[0];
            const auto x = col + i % edge - s.pad[2];
            if (y < 0 || y >= s.rows || x < 0 || x >= s.cols) continue;
            const auto at = ((image * s.in + c) * s.rows + y) * s.cols + x;
            d[static_cast<std::size_t>(i)] = std::fabs(n.x[static_cast<std::size_t>(at)]);
          }
          tiles.push_back(both_sides(t.b, d));
        }
        for (std::int64_t o = 0; o < s.out; ++o) {
          std::vector<double> sum(size, 0);
          for (std::int64_t c = 0; c < s.in; ++c) {
            const auto& filter = filters[static_cast<std::size_t>(o * s.in + c)];
            for (std::size_t i = 0; i < size; ++i) {
              sum[i] += tiles[static_cast<std::size_t>(c)][i] * filter[i];
            }
          }
          const auto back = both_sides(t.a, sum);
          for (std::int64_t i = 0; i < out * out; ++i) {
            const auto y = row + i / out;
            const auto x = col + i % out;
            if (y >= out_rows || x >= out_cols) continue;
            const double bias = s.bias ? std::fabs(n.bias[static_cast<std::size_t>(o)]) : 0;
            made[static_cast<std::size_t>(((image * s.out + o) * out_rows + y) * out_cols + x)] =
                roundings * std::ldexp(back[static_cast<std::size_t>(i)] + bias, -24);
          }
        }
      }
    }
  }
  return made;
}

void check(Random& r, const Shape& s, int edge) {
  const std::int64_t out_rows = s.rows + s.pad[0] + s.pad[1] - 2;
  const std::int64_t out_cols = s.cols + s.pad[2] + s.pad[3] - 2;
  ASSERT_EQ(devices::cpu::winograd_edge(s.in, s.out, out_rows, out_cols), edge);
  Numbers n{random_values(r, s.images * s.in * s.rows * s.cols), random_values(r, s.out * s.in * 9),
            random_values(r, s.out)};
  if (s.dtype == DataType::fp16) {
    // The bound must see the filters as they are rounded.
    for (auto* values : {&n.weight, &n.bias}) {
      for (auto& v : *values) v = std::ldexp(std::round(std::ldexp(v, 9)), -9);
    }
  }
  const auto allowed = bounds(s, n, edge);
  expect_like_reference(conv_case(s, n), [&](std::size_t, std::int64_t i, double) {
    return allowed[static_cast<std::size_t>(i)];
  });
}

TEST(CpuWinograd, TilesOfSix) {
  Random r(21);
  check(r, {1, 16, 16, 12, 12}, 6);
  check(r, {1, 32, 48, 16, 24}, 6);
  check(r, {2, 19, 37, 17, 31}, 6);
  check(r, {1, 24, 16, 13, 14, DataType::fp16, {0, 2, 2, 0}}, 6);
  check(r, {3, 16, 23, 24, 11, DataType::fp32, {0, 0, 0, 0}, false}, 6);
  check(r, {1, 17, 20, 33, 40, DataType::fp16, {1, 1, 1, 1}}, 6);
}

TEST(CpuWinograd, TilesOfFour) {
  Random r(22);
  check(r, {1, 64, 64, 6, 6}, 4);
  check(r, {2, 130, 67, 6, 5}, 4);
  check(r, {1, 67, 64, 4, 4, DataType::fp16, {2, 2, 2, 2}}, 4);
}

TEST(CpuWinograd, ManyBlocksOfDepthTilesAndOutputs) {
  Random r(23);
  check(r, {1, 401, 33, 12, 12}, 6);
  check(r, {1, 16, 16, 70, 66}, 6);
  check(r, {1, 16, 150, 12, 12}, 6);
}

TEST(CpuWinograd, PlainWhereTransformsCostMore) {
  EXPECT_EQ(devices::cpu::winograd_edge(3, 64, 224, 224), 0);
  EXPECT_EQ(devices::cpu::winograd_edge(64, 3, 224, 224), 0);
  EXPECT_EQ(devices::cpu::winograd_edge(64, 64, 1, 1), 0);
}

}  // namespace
}  // namespace pome::test
