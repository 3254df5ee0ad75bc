// What lstm, gru and rnn share: directions and activations by name.
#pragma once

#include <cstdint>
#include <string_view>

#include "ops/call.h"

namespace pome::ops::definitions {

enum class Direction : std::uint8_t { forward, reverse, bidirectional };

/// Reads "forward" (default), "reverse" or "bidirectional".
Direction read_direction(const Call& call, int param);

using Activation = double (*)(double);

/// tanh, scaled_tanh, sigmoid, hard_sigmoid (also spelt sigmoid_hard), relu or linear.
Activation read_activation(const Call& call, int param, std::string_view otherwise);

/// Fails unless a state can be [batch, width]. More rows than the batch has are allowed and not
/// read: converted packed sequences make the states of zeros for as many rows as there are steps.
void expect_state(const Call& call, int param, std::int64_t batch, std::int64_t width);

}  // namespace pome::ops::definitions
