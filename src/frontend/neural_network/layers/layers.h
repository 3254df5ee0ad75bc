// The translation functions, one for each layer type, by the names of the specification.
#pragma once

#include "frontend/neural_network/layer.h"

namespace pome::frontend::network::layers {

#define POME_LAYER(field, name) void translate_##name(Layer& layer);
#include "frontend/neural_network/layer_table.inc"
#undef POME_LAYER

}  // namespace pome::frontend::network::layers
