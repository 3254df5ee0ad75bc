#include <algorithm>

#include "frontend/neural_network/layers/layers.h"

namespace pome::frontend::network {
namespace {

#define POME_LAYER(field, name) LayerType{field, #name, layers::translate_##name},
constexpr LayerType table[] = {
#include "frontend/neural_network/layer_table.inc"
};
#undef POME_LAYER

}  // namespace

std::span<const LayerType> layer_types() noexcept {
  return table;
}

const LayerType* find_layer_type(int field) noexcept {
  const auto* const found = std::ranges::lower_bound(table, field, {}, &LayerType::field);
  return found != std::end(table) && found->field == field ? found : nullptr;
}

}  // namespace pome::frontend::network
