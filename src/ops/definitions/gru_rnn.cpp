// gru (gates in the order reset, output, update) and rnn.
//
// gru:  r = ra(W_r x + R_r h + b_r)      z = ra(W_z x + R_z h + b_z)
//       o = a(W_o x + R_o (r h) + b_o)   h' = (1 - z) o + z h
//       with reset_after: o = a(W_o x + bi_o + r (R_o h + b_o)); bi is the bias of the input side,
//       which is added to every gate.
// rnn:  h' = a(W x + R h + b)
//
// x [S, B, I], initial_h [B, H], weight_ih [G H, I], weight_hh [G H, H], biases [G H]. "reverse"
// starts at the last step; outputs stand in the order in which they were computed.
#include <array>
#include <vector>

#include "base/text.h"
#include "ops/call.h"
#include "ops/definitions/recurrent.h"

namespace pome::ops::definitions {
namespace {

using base::cat;

/// Positions of the parameters that both have, and the number of gates.
struct Layout {
  int x, initial_h, weight_ih, weight_hh, bias, direction, output_sequence;
  std::int64_t gates;
};

struct Shape {
  std::int64_t steps, batch, inputs, hidden;
};

void expect(const Call& call, int param, const Dims& dims) {
  if (!call.has(param)) return;
  const auto& found = call.type(param);
  if (!ir::compatible(Type::tensor(found.dtype, dims), found)) {
    call.fail(param, cat("found shape ", base::shape_text(found.dims), ", expected ",
                         base::shape_text(dims)));
  }
}

Shape check(const Call& call, const Layout& at) {
  const auto& in = call.type(at.x);
  const auto& hh = call.type(at.weight_hh);
  const auto steps = in.ranked ? in.dims : Dims(3, ir::unknown_dim);
  if (steps.size() != 3) call.fail(at.x, cat("found ", ir::text(in), ", expected [S, B, I]"));
  if (hh.rank() != 2 || hh.dims[0] != at.gates * hh.dims[1]) {
    call.fail(at.weight_hh,
              cat("found shape ", base::shape_text(hh.dims), ", expected [", at.gates, " H, H]"));
  }
  const Shape s{steps[0], steps[1], steps[2], hh.dims[1]};
  expect(call, at.weight_ih, {at.gates * s.hidden, s.inputs});
  expect(call, at.bias, {at.gates * s.hidden});
  expect_state(call, at.initial_h, s.batch, s.hidden);
  return s;
}

bool reversed(const Call& call, const Layout& at) {
  constexpr std::array<std::string_view, 2> names{"forward", "reverse"};
  return call.choice_or(at.direction, 0, names) == 1;
}

void infer(InferContext& call, const Layout& at) {
  const auto s = check(call, at);
  reversed(call, at);
  const auto dtype = call.type(at.x).dtype;
  const bool all = call.bool_or(at.output_sequence, false);
  call.set_result(0, Type::tensor(dtype, {all ? s.steps : 1, s.batch, s.hidden}));
  call.set_result(1, Type::tensor(dtype, {s.batch, s.hidden}));
}

using State = std::vector<double>;

/// Row `row` of a matrix times a vector.
double dot(const TensorView& matrix, std::int64_t row, const State& v) {
  const auto n = static_cast<std::int64_t>(v.size());
  double sum = 0;
  for (std::int64_t k = 0; k < n; ++k) {
    sum += load_f(matrix, row * n + k) * v[static_cast<std::size_t>(k)];
  }
  return sum;
}

double optional(const EvalContext& call, int param, std::int64_t i) {
  return call.has(param) ? load_f(call.in(param), i) : 0.0;
}

/// Runs `advance(input, h)` over all steps of all batches.
template <typename Advance>
void run(EvalContext& call, const Layout& at, Advance advance) {
  const auto s = check(call, at);
  const bool all = call.bool_or(at.output_sequence, false);
  const bool backwards = reversed(call, at);
  const auto sequence = call.out(0, Dims{all ? s.steps : 1, s.batch, s.hidden});
  const auto last = call.out(1, Dims{s.batch, s.hidden});
  const auto store = [](const MutableTensorView& to, std::int64_t first, const State& h) {
    for (std::size_t j = 0; j < h.size(); ++j) {
      store_f(to, first + static_cast<std::int64_t>(j), h[j]);
    }
  };
  State h(static_cast<std::size_t>(s.hidden));
  State input(static_cast<std::size_t>(s.inputs));
  for (std::int64_t b = 0; b < s.batch; ++b) {
    for (std::size_t j = 0; j < h.size(); ++j) {
      h[j] = load_f(call.in(at.initial_h), b * s.hidden + static_cast<std::int64_t>(j));
    }
    for (std::int64_t t = 0; t < s.steps; ++t) {
      const auto first = ((backwards ? s.steps - 1 - t : t) * s.batch + b) * s.inputs;
      for (std::size_t k = 0; k < input.size(); ++k) {
        input[k] = load_f(call.in(at.x), first + static_cast<std::int64_t>(k));
      }
      advance(input, h);
      if (all) store(sequence, (t * s.batch + b) * s.hidden, h);
    }
    if (!all) store(sequence, b * s.hidden, h);
    store(last, b * s.hidden, h);
  }
}

// --- gru ---

enum : int {
  x,
  initial_h,
  weight_ih,
  weight_hh,
  bias,
  direction,
  output_sequence,
  recurrent_activation,
  activation,
  reset_after,
  input_bias
};
constexpr Layout gru_layout{x,    initial_h, weight_ih,       weight_hh,
                            bias, direction, output_sequence, 3};

void infer_gru(InferContext& call) {
  infer(call, gru_layout);
  read_activation(call, recurrent_activation, "sigmoid");
  read_activation(call, activation, "tanh");
  expect(call, input_bias, {call.type(weight_hh).dims[0]});
}

void evaluate_gru(EvalContext& call) {
  const auto gate = read_activation(call, recurrent_activation, "sigmoid");
  const auto output = read_activation(call, activation, "tanh");
  const bool after = call.bool_or(reset_after, false);
  const auto n = call.in(weight_hh).dims[1];
  State reset(static_cast<std::size_t>(n));
  State update(reset.size());
  State scaled(reset.size());
  run(call, gru_layout, [&](const State& input, State& h) {
    const auto from_input = [&](std::int64_t row) {
      return dot(call.in(weight_ih), row, input) + optional(call, input_bias, row);
    };
    const auto from_state = [&](std::int64_t row, const State& state) {
      return dot(call.in(weight_hh), row, state) + optional(call, bias, row);
    };
    for (std::int64_t j = 0; j < n; ++j) {
      const auto i = static_cast<std::size_t>(j);
      reset[i] = gate(from_input(j) + from_state(j, h));
      update[i] = gate(from_input(2 * n + j) + from_state(2 * n + j, h));
      scaled[i] = reset[i] * h[i];
    }
    State next(h.size());
    for (std::int64_t j = 0; j < n; ++j) {
      const auto i = static_cast<std::size_t>(j);
      const double state = after ? reset[i] * from_state(n + j, h) : from_state(n + j, scaled);
      next[i] = (1 - update[i]) * output(from_input(n + j) + state) + update[i] * h[i];
    }
    h = std::move(next);
  });
}

// --- rnn ---

enum : int {
  rnn_x,
  rnn_initial_h,
  rnn_weight_ih,
  rnn_weight_hh,
  rnn_bias,
  rnn_direction,
  rnn_output_sequence,
  rnn_activation
};
constexpr Layout rnn_layout{rnn_x,    rnn_initial_h, rnn_weight_ih,       rnn_weight_hh,
                            rnn_bias, rnn_direction, rnn_output_sequence, 1};

void infer_rnn(InferContext& call) {
  infer(call, rnn_layout);
  read_activation(call, rnn_activation, "tanh");
}

void evaluate_rnn(EvalContext& call) {
  const auto output = read_activation(call, rnn_activation, "tanh");
  run(call, rnn_layout, [&](const State& input, State& h) {
    State next(h.size());
    for (std::size_t i = 0; i < h.size(); ++i) {
      const auto row = static_cast<std::int64_t>(i);
      next[i] = output(dot(call.in(rnn_weight_ih), row, input) +
                       dot(call.in(rnn_weight_hh), row, h) + optional(call, rnn_bias, row));
    }
    h = std::move(next);
  });
}

// --- signatures: iOS15 declares fp32 alone, but coremltools writes fp16 there too ---

constexpr auto constant = Form::constant;
constexpr Param gru_15[] = {
    {.name = "x", .types = t::floats},
    {.name = "initial_h", .types = t::floats},
    {.name = "weight_ih", .types = t::floats, .form = constant},
    {.name = "weight_hh", .types = t::floats, .form = constant},
    {.name = "bias", .types = t::floats, .form = constant, .required = false},
    {.name = "direction", .types = t::string, .form = constant, .required = false},
    {.name = "output_sequence", .types = t::boolean, .form = constant, .required = false},
    {.name = "recurrent_activation", .types = t::string, .form = constant, .required = false},
    {.name = "activation", .types = t::string, .form = constant, .required = false},
};
constexpr Param gru_18[] = {
    {.name = "x", .types = t::floats},
    {.name = "initial_h", .types = t::floats},
    {.name = "weight_ih", .types = t::floats, .form = constant},
    {.name = "weight_hh", .types = t::floats, .form = constant},
    {.name = "bias", .types = t::floats, .form = constant, .required = false},
    {.name = "direction", .types = t::string, .form = constant, .required = false},
    {.name = "output_sequence", .types = t::boolean, .form = constant, .required = false},
    {.name = "recurrent_activation", .types = t::string, .form = constant, .required = false},
    {.name = "activation", .types = t::string, .form = constant, .required = false},
    {.name = "reset_after", .types = t::boolean, .form = constant, .required = false},
    {.name = "input_bias", .types = t::floats, .form = constant, .required = false},
};
constexpr Param rnn_params[] = {
    {.name = "x", .types = t::floats},
    {.name = "initial_h", .types = t::floats},
    {.name = "weight_ih", .types = t::floats, .form = constant},
    {.name = "weight_hh", .types = t::floats, .form = constant},
    {.name = "bias", .types = t::floats, .form = constant, .required = false},
    {.name = "direction", .types = t::string, .form = constant, .required = false},
    {.name = "output_sequence", .types = t::boolean, .form = constant, .required = false},
    {.name = "activation", .types = t::string, .form = constant, .required = false},
};
constexpr OpVersion gru_versions[] = {{Opset::ios15, gru_15}, {Opset::ios18, gru_18}};
constexpr OpVersion rnn_versions[] = {{Opset::ios15, rnn_params}};

}  // namespace

extern const OpDef op_gru, op_rnn;
const OpDef op_gru{.name = "gru",
                   .versions = gru_versions,
                   .min_results = 2,
                   .max_results = 2,
                   .infer = infer_gru,
                   .evaluate = evaluate_gru};
const OpDef op_rnn{.name = "rnn",
                   .versions = rnn_versions,
                   .min_results = 2,
                   .max_results = 2,
                   .infer = infer_rnn,
                   .evaluate = evaluate_rnn};

}  // namespace pome::ops::definitions
