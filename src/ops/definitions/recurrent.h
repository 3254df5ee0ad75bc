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

}  // namespace pome::ops::definitions
