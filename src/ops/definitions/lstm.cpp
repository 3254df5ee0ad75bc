// lstm: gates in the order input, forget, output, cell.
//
//   i = ra(W_i x + R_i h + b_i + p_i c)   f = ra(... + p_f c)   z = ca(...)
//   c' = clip(f c + i z)                  o = ra(... + p_o c')  h' = o a(c')
//
// x [S, B, I], states [B, directions * H], weight_ih [4H, I], weight_hh [4H, H], bias [4H],
// peephole [3H] (input, forget, output). The reverse direction starts at the last step and leaves
// its outputs at the steps they belong to.
#include <algorithm>
#include <cmath>
#include <vector>

#include "base/text.h"
#include "ops/call.h"
#include "ops/definitions/recurrent.h"

namespace pome::ops::definitions {
namespace {

using base::cat;

enum : int {
  x,
  initial_h,
  initial_c,
  weight_ih,
  weight_hh,
  bias,
  peephole,
  weight_ih_back,
  weight_hh_back,
  bias_back,
  peephole_back,
  direction,
  output_sequence,
  recurrent_activation,
  cell_activation,
  activation,
  clip
};

struct Shape {
  std::int64_t steps, batch, inputs, hidden;
  int directions;
  Direction direction;
};

Shape check(const Call& call) {
  Shape s{};
  const auto& in = call.type(x);
  const auto& hh = call.type(weight_hh);
  const auto steps = in.ranked ? in.dims : Dims(3, ir::unknown_dim);
  if (steps.size() != 3) call.fail(x, cat("found ", ir::text(in), ", expected [S, B, I]"));
  if (hh.rank() != 2 || hh.dims[0] != 4 * hh.dims[1]) {
    call.fail(weight_hh, cat("found shape ", base::shape_text(hh.dims), ", expected [4 H, H]"));
  }
  s = {steps[0], steps[1], steps[2], hh.dims[1], 1, read_direction(call, direction)};
  s.directions = s.direction == Direction::bidirectional ? 2 : 1;
  const auto expect = [&](int param, Dims dims) {
    if (!call.has(param)) return;
    if (!ir::compatible(Type::tensor(call.type(param).dtype, dims), call.type(param))) {
      call.fail(param, cat("found shape ", base::shape_text(call.type(param).dims), ", expected ",
                           base::shape_text(dims)));
    }
  };
  expect(weight_ih, {4 * s.hidden, s.inputs});
  expect(bias, {4 * s.hidden});
  expect(peephole, {3 * s.hidden});
  if (s.directions == 2) {
    if (!call.has(weight_ih_back)) call.fail(weight_ih_back, "is missing for two directions");
    if (!call.has(weight_hh_back)) call.fail(weight_hh_back, "is missing for two directions");
    expect(weight_ih_back, {4 * s.hidden, s.inputs});
    expect(weight_hh_back, {4 * s.hidden, s.hidden});
    expect(bias_back, {4 * s.hidden});
    expect(peephole_back, {3 * s.hidden});
  }
  expect_state(call, initial_h, s.batch, s.directions * s.hidden);
  expect_state(call, initial_c, s.batch, s.directions * s.hidden);
  return s;
}

void infer(InferContext& call) {
  const auto s = check(call);
  if (call.settled(clip) && !(call.float_or(clip, 0) >= 0)) {
    call.fail(clip, cat("found ", call.float_or(clip, 0), ", expected at least 0"));
  }
  for (const int p : {recurrent_activation, cell_activation, activation}) {
    if (call.settled(p)) read_activation(call, p, "tanh");
  }
  const auto width = s.directions * s.hidden;
  const auto dtype = call.type(x).dtype;
  const bool all = call.bool_or(output_sequence, false);
  call.set_result(0, Type::tensor(dtype, {all ? s.steps : 1, s.batch, width}));
  call.set_result(1, Type::tensor(dtype, {s.batch, width}));
  call.set_result(2, Type::tensor(dtype, {s.batch, width}));
}

/// Parameters of one direction.
struct Layer {
  const TensorView *ih, *hh, *bias, *peephole;
};

class Reference {
 public:
  Reference(EvalContext& call, const Shape& shape)
      : call_(call),
        s_(shape),
        gate_(read_activation(call, recurrent_activation, "sigmoid")),
        cell_(read_activation(call, cell_activation, "tanh")),
        out_(read_activation(call, activation, "tanh")),
        clip_(call.has(clip) ? call.float_or(clip, 0) : INFINITY),
        h_(static_cast<std::size_t>(s_.hidden)),
        c_(h_.size()),
        gates_(4 * h_.size()) {}

  void run(const Layer& layer, bool reverse, std::int64_t column) {
    const auto width = s_.directions * s_.hidden;
    const bool all = call_.bool_or(output_sequence, false);
    const auto sequence = call_.out(0, Dims{all ? s_.steps : 1, s_.batch, width});
    const auto last_h = call_.out(1, Dims{s_.batch, width});
    const auto last_c = call_.out(2, Dims{s_.batch, width});
    for (std::int64_t b = 0; b < s_.batch; ++b) {
      const auto at = b * width + column;
      for (std::int64_t j = 0; j < s_.hidden; ++j) {
        h_[static_cast<std::size_t>(j)] = load_f(call_.in(initial_h), at + j);
        c_[static_cast<std::size_t>(j)] = load_f(call_.in(initial_c), at + j);
      }
      for (std::int64_t t = 0; t < s_.steps; ++t) {
        const auto step = reverse ? s_.steps - 1 - t : t;
        advance(layer, (step * s_.batch + b) * s_.inputs);
        if (all) store(sequence, step * s_.batch * width + at, h_);
      }
      if (!all) store(sequence, at, h_);
      store(last_h, at, h_);
      store(last_c, at, c_);
    }
  }

 private:
  static void store(const MutableTensorView& to, std::int64_t at, const std::vector<double>& v) {
    for (std::size_t j = 0; j < v.size(); ++j) store_f(to, at + static_cast<std::int64_t>(j), v[j]);
  }

  double peep(const Layer& layer, std::int64_t gate, std::size_t j) const {
    if (!layer.peephole) return 0;
    return load_f(*layer.peephole, gate * s_.hidden + static_cast<std::int64_t>(j));
  }

  void advance(const Layer& layer, std::int64_t input) {
    const auto& in = call_.in(x);
    for (std::int64_t g = 0; g < 4 * s_.hidden; ++g) {
      double sum = layer.bias ? load_f(*layer.bias, g) : 0.0;
      for (std::int64_t k = 0; k < s_.inputs; ++k) {
        sum += load_f(*layer.ih, g * s_.inputs + k) * load_f(in, input + k);
      }
      for (std::int64_t k = 0; k < s_.hidden; ++k) {
        sum += load_f(*layer.hh, g * s_.hidden + k) * h_[static_cast<std::size_t>(k)];
      }
      gates_[static_cast<std::size_t>(g)] = sum;
    }
    const auto n = h_.size();
    for (std::size_t j = 0; j < n; ++j) {
      const double i = gate_(gates_[j] + peep(layer, 0, j) * c_[j]);
      const double f = gate_(gates_[n + j] + peep(layer, 1, j) * c_[j]);
      const double z = cell_(gates_[3 * n + j]);
      // The clip bounds the state of the cell, before the output gate's peephole sees it.
      c_[j] = std::clamp(f * c_[j] + i * z, -clip_, clip_);
      const double o = gate_(gates_[2 * n + j] + peep(layer, 2, j) * c_[j]);
      h_[j] = o * out_(c_[j]);
    }
  }

  EvalContext& call_;
  const Shape& s_;
  Activation gate_, cell_, out_;
  double clip_;
  std::vector<double> h_, c_, gates_;
};

void evaluate(EvalContext& call) {
  const auto s = check(call);
  Reference reference(call, s);
  const auto optional = [&](int param) { return call.has(param) ? &call.in(param) : nullptr; };
  const Layer first{&call.in(weight_ih), &call.in(weight_hh), optional(bias), optional(peephole)};
  reference.run(first, s.direction == Direction::reverse, 0);
  if (s.directions == 2) {
    const Layer back{&call.in(weight_ih_back), &call.in(weight_hh_back), optional(bias_back),
                     optional(peephole_back)};
    reference.run(back, true, s.hidden);
  }
}

constexpr auto constant = Form::constant;
constexpr Param params[] = {
    {.name = "x", .types = t::floats},
    {.name = "initial_h", .types = t::floats},
    {.name = "initial_c", .types = t::floats},
    {.name = "weight_ih", .types = t::floats, .form = constant},
    {.name = "weight_hh", .types = t::floats, .form = constant},
    {.name = "bias", .types = t::floats, .form = constant, .required = false},
    {.name = "peephole", .types = t::floats, .form = constant, .required = false},
    {.name = "weight_ih_back", .types = t::floats, .form = constant, .required = false},
    {.name = "weight_hh_back", .types = t::floats, .form = constant, .required = false},
    {.name = "bias_back", .types = t::floats, .form = constant, .required = false},
    {.name = "peephole_back", .types = t::floats, .form = constant, .required = false},
    {.name = "direction", .types = t::string, .form = constant, .required = false},
    {.name = "output_sequence", .types = t::boolean, .form = constant, .required = false},
    {.name = "recurrent_activation", .types = t::string, .form = constant, .required = false},
    {.name = "cell_activation", .types = t::string, .form = constant, .required = false},
    {.name = "activation", .types = t::string, .form = constant, .required = false},
    {.name = "clip", .types = t::floats, .form = constant, .required = false},
};
constexpr OpVersion versions[] = {{Opset::ios15, params}};

}  // namespace

extern const OpDef op_lstm;
const OpDef op_lstm{.name = "lstm",
                    .versions = versions,
                    .min_results = 3,
                    .max_results = 3,
                    .infer = infer,
                    .evaluate = evaluate};

}  // namespace pome::ops::definitions
