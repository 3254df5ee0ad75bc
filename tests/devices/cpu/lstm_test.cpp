// lstm against the reference.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "sweep.h"

namespace pome::test {
namespace {

using base::Dims;

struct LstmShape {
  std::int64_t steps, batch, inputs, hidden;
  std::string direction = "forward";
  bool all = true, bias = true, peephole = false;
  DataType dtype = DataType::fp32;
  double clip = 0;  ///< 0: none
};

constexpr double input_scale = 2;
constexpr double weight_scale = 0.5;
constexpr double state_scale = 1;

/// Input weights whose rows sum up to at most 2, so that bounds stay small.
double input_weight_scale(const LstmShape& s) {
  return std::min(weight_scale, 2 / static_cast<double>(s.inputs));
}

/// Recurrent weights whose rows sum up to at most 0.7, so that errors do not grow fast.
double recurrent_scale(const LstmShape& s) {
  return 0.7 / static_cast<double>(s.hidden);
}

Case lstm_case(Random& r, const LstmShape& s) {
  Case c{.op = "lstm"};
  c.text = base::cat(s.steps, " steps, batch ", s.batch, ", ", s.inputs, " inputs, ", s.hidden,
                     " hidden, ", s.direction, s.all ? ", all outputs" : "",
                     s.peephole ? ", peephole" : "");
  const bool both = s.direction == "bidirectional";
  const Dims state{s.batch, (both ? 2 : 1) * s.hidden};
  c.inputs = {{"x", {random_tensor(r, {s.steps, s.batch, s.inputs}, input_scale)}},
              {"initial_h", {random_tensor(r, state, state_scale)}},
              {"initial_c", {random_tensor(r, state, state_scale)}}};
  const auto weight = [&](const std::string& name, const Dims& dims, double scale) {
    std::int64_t n = 1;
    for (const auto d : dims) n *= d;
    c.constants.push_back({name, constant(s.dtype, dims, random_values(r, n, scale))});
  };
  const std::vector<std::string> ends =
      both ? std::vector<std::string>{"", "_back"} : std::vector<std::string>{""};
  for (const auto& end : ends) {
    weight("weight_ih" + end, {4 * s.hidden, s.inputs}, input_weight_scale(s));
    weight("weight_hh" + end, {4 * s.hidden, s.hidden}, recurrent_scale(s));
    if (s.bias) weight("bias" + end, {4 * s.hidden}, weight_scale);
    if (s.peephole) weight("peephole" + end, {3 * s.hidden}, weight_scale);
  }
  c.constants.push_back({"direction", ir::make_string(s.direction)});
  c.constants.push_back({"output_sequence", ir::make_bool(s.all)});
  if (s.clip != 0) {
    const std::vector<double> clip{s.clip};
    c.constants.push_back({"clip", constant(s.dtype, {}, clip)});
  }
  c.results.assign(3, DataType::fp32);
  return c;
}

/// Greatest error after all steps. The sums of the gates have the error of their products and that
/// of the last outputs; sigmoid has at most a slope of 1/4, tanh of 1, and both an error of 4 ulp
/// of at most 1. Outputs are below 1, cells grow by at most 1 a step.
double greatest_error(const LstmShape& s) {
  constexpr double unit = 0x1p-24;
  constexpr double function = 8 * unit;
  const double inputs = static_cast<double>(s.inputs);
  const double hidden = static_cast<double>(s.hidden);
  const double peep = s.peephole ? weight_scale : 0;
  const double rows = hidden * recurrent_scale(s);
  const double size = weight_scale + inputs * input_weight_scale(s) * input_scale + rows;
  double h = 0;
  double c = 0;
  double cell = state_scale;
  for (std::int64_t t = 0; t < s.steps; ++t) {
    const double sum = (inputs + hidden + 3) * unit * size + rows * h;
    const double gate = (sum + peep * (c + 2 * unit * cell)) / 4 + function;
    c = c + cell * gate + gate + sum + function + 3 * unit * (cell + 1);
    cell += 1;
    const double out = (sum + peep * (c + 2 * unit * cell)) / 4 + function;
    h = out + c + function + 2 * unit;
  }
  return std::max(h, c);
}

void check_lstm(Random& r, const LstmShape& s) {
  const double bound = greatest_error(s);
  // The bound must say something: results are of size 1.
  ASSERT_LT(bound, 0.01);
  expect_like_reference(lstm_case(r, s),
                        [bound](std::size_t, std::int64_t, double) { return bound; });
}

TEST(CpuLstm, Shapes) {
  Random r(1);
  for (int i = 0; i < 40; ++i) {
    LstmShape s{pick<std::int64_t>(r, {1, 1, 2, 3, 5}), pick<std::int64_t>(r, {1, 1, 2, 3, 7}),
                pick<std::int64_t>(r, {1, 3, 16, 33}), pick<std::int64_t>(r, {1, 2, 7, 16, 37})};
    s.direction = pick<std::string>(r, {"forward", "reverse", "bidirectional"});
    s.all = pick(r, 0, 1) == 1;
    s.bias = pick(r, 0, 3) != 0;
    s.peephole = pick(r, 0, 3) == 0;
    s.dtype = pick(r, {DataType::fp16, DataType::fp32});
    s.clip = pick(r, 0, 3) == 0 ? 0.5 : 0;
    check_lstm(r, s);
  }
}

TEST(CpuLstm, NoSteps) {
  Random r(2);
  check_lstm(r, {0, 2, 3, 5});
  check_lstm(r, {0, 2, 3, 5, "reverse", false});
}

TEST(CpuLstm, InputProductsInBlocksOfSteps) {
  Random r(3);
  // 256 rows a block: 4 steps of a batch of 60, the last block is not full.
  for (const auto* direction : {"forward", "reverse", "bidirectional"}) {
    check_lstm(r, {6, 60, 3, 5, direction});
    check_lstm(r, {6, 60, 3, 5, direction, false});
  }
}

TEST(CpuLstm, WideLayers) {
  Random r(4);
  check_lstm(r, {2, 1, 128, 128, "forward", true, true, false, DataType::fp16});
  check_lstm(r, {2, 5, 200, 260, "reverse"});
}

}  // namespace
}  // namespace pome::test
