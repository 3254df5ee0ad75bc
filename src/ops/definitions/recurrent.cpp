#include "ops/definitions/recurrent.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.h"

namespace pome::ops::definitions {
namespace {

double sigmoid(double v) {
  return 1 / (1 + std::exp(-v));
}
double hard_sigmoid(double v) {
  return std::clamp(0.2 * v + 0.5, 0.0, 1.0);
}
double scaled_tanh(double v) {
  return std::tanh(v);  // MIL gives no scales here, and their defaults are 1
}
double relu(double v) {
  return v < 0 ? 0 : v;
}
double linear(double v) {
  return v;
}
double hyperbolic(double v) {
  return std::tanh(v);
}

struct Named {
  std::string_view name;
  Activation function;
};
constexpr std::array activations{
    Named{"tanh", hyperbolic},
    Named{"scaled_tanh", scaled_tanh},
    Named{"sigmoid", sigmoid},
    Named{"hard_sigmoid", hard_sigmoid},
    Named{"sigmoid_hard", hard_sigmoid},
    Named{"relu", relu},
    Named{"linear", linear},
};

}  // namespace

Direction read_direction(const Call& call, int param) {
  constexpr std::array<std::string_view, 3> names{"forward", "reverse", "bidirectional"};
  return static_cast<Direction>(call.choice_or(param, 0, names));
}

Activation read_activation(const Call& call, int param, std::string_view otherwise) {
  const auto text = call.string_or(param, otherwise);
  for (const auto& [name, function] : activations) {
    if (name == text) return function;
  }
  std::array<std::string_view, activations.size()> names;
  std::ranges::transform(activations, names.begin(), &Named::name);
  call.fail_choice(param, text, names);
}

void expect_state(const Call& call, int param, std::int64_t batch, std::int64_t width) {
  if (!call.has(param)) return;
  const auto& found = call.type(param);
  auto rows = batch;
  if (found.ranked && found.rank() == 2 && ir::is_known(batch))
    rows = std::max(batch, found.dims[0]);
  const Dims expected{batch, width};
  if (ir::compatible(Type::tensor(found.dtype, {rows, width}), found)) return;
  call.fail(param, base::cat("found shape ", base::shape_text(found.dims), ", expected ",
                             base::shape_text(expected)));
}

}  // namespace pome::ops::definitions
