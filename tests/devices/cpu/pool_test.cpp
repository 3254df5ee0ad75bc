// max_pool and avg_pool against the reference.
#include <gtest/gtest.h>

#include <cmath>

#include "base/text.h"
#include "sweep.h"

namespace pome::test {
namespace {

using base::Dims;

struct PoolShape {
  Dims x{}, kernel{}, strides{}, pad{};
  std::string pad_type = "valid";
  bool ceil = false, exclude = false;
};

Case pool_case(const std::string& op, const PoolShape& s, const base::HostTensor& x) {
  Case c{.op = op};
  c.text = base::cat(base::shape_text(s.x), " kernel ", base::shape_text(s.kernel), " strides ",
                     base::shape_text(s.strides), " ", s.pad_type, base::shape_text(s.pad),
                     s.ceil ? " ceil" : "", s.exclude ? " without padding" : "");
  c.inputs = {{"x", {x}}};
  c.constants = {{"kernel_sizes", ints(s.kernel)},
                 {"strides", ints(s.strides)},
                 {"pad_type", ir::make_string(s.pad_type)},
                 {"pad", ints(s.pad)},
                 {"ceil_mode", ir::make_bool(s.ceil)}};
  if (op == "avg_pool") {
    c.constants.push_back({"exclude_padding_from_average", ir::make_bool(s.exclude)});
  }
  return c;
}

PoolShape random_pool(Random& r, std::size_t spatial) {
  PoolShape s{.x = {pick(r, 1, 2), pick(r, 1, 5)}};
  s.pad_type = pick<std::string>(r, {"valid", "same", "same_lower", "custom"});
  s.ceil = pick(r, 0, 2) == 0;
  s.exclude = pick(r, 0, 1) == 0;
  for (std::size_t i = 0; i < spatial; ++i) {
    const auto kernel = pick<std::int64_t>(r, {1, 2, 2, 3, 3, 5, 9});
    s.kernel.push_back(kernel);
    s.strides.push_back(pick(r, 1, 4));
    s.x.push_back(kernel + pick(r, 0, spatial == 1 ? 90 : 30));
    s.pad.push_back(pick(r, 0, kernel - 1));
    s.pad.push_back(pick(r, 0, kernel - 1));
  }
  return s;
}

std::int64_t count_of(const Dims& dims) {
  std::int64_t n = 1;
  for (const auto d : dims) n *= d;
  return n;
}

void check_pool(Random& r, const PoolShape& s) {
  auto values = random_values(r, count_of(s.x));
  const auto x = tensor(DataType::fp32, s.x, values);
  expect_exact(pool_case("max_pool", s, x));
  for (auto& v : values) v = std::fabs(v);
  // The family's bound: (n + 3) roundings of the average of the sizes. Whole planes are summed as
  // rows, of which no chain of additions is longer than 72.
  const double terms = static_cast<double>(count_of(s.kernel)) + 1;
  expect_like_reference(pool_case("avg_pool", s, x),
                        sum_bound(pool_case("avg_pool", s, tensor(DataType::fp32, s.x, values)),
                                  std::max(terms, 72.0)));
}

TEST(CpuPool, OneDimension) {
  Random r(1);
  for (int i = 0; i < 60; ++i) check_pool(r, random_pool(r, 1));
}

TEST(CpuPool, TwoDimensions) {
  Random r(2);
  for (int i = 0; i < 80; ++i) check_pool(r, random_pool(r, 2));
}

TEST(CpuPool, WholePlanes) {
  Random r(3);
  check_pool(r, {.x = {2, 37, 7, 7}, .kernel = {7, 7}, .strides = {1, 1}, .pad = {0, 0, 0, 0}});
  check_pool(r,
             {.x = {1, 5, 64, 96}, .kernel = {64, 96}, .strides = {64, 96}, .pad = {0, 0, 0, 0}});
  check_pool(r, {.x = {1, 5, 33}, .kernel = {33}, .strides = {1}, .pad = {0, 0}});
}

TEST(CpuPool, ManyBandsAndPlanes) {
  Random r(4);
  check_pool(r, {.x = {1, 3, 300, 230},
                 .kernel = {3, 3},
                 .strides = {2, 2},
                 .pad = {1, 1, 1, 1},
                 .pad_type = "custom"});
  check_pool(r, {.x = {2, 64, 28, 28}, .kernel = {2, 2}, .strides = {2, 2}, .pad = {0, 0, 0, 0}});
}

TEST(CpuPool, NaNWinsAMaximum) {
  const double values[] = {1, NAN, -3, -INFINITY, -INFINITY, 5, INFINITY, 2};
  const PoolShape s{.x = {1, 1, 8}, .kernel = {2}, .strides = {1}, .pad = {0, 0}};
  expect_exact(pool_case("max_pool", s, tensor(DataType::fp32, s.x, values)));
}

}  // namespace
}  // namespace pome::test
