#include <algorithm>
#include <array>

#include "ops/op_def.h"

namespace pome::ops {

namespace definitions {
// The table is a list that is read twice: once to declare, once to collect.
#define POME_OP(name) extern const OpDef op_##name;
#include "ops/op_table.inc"
#undef POME_OP
}  // namespace definitions

namespace {

#define POME_OP(name) &definitions::op_##name,
constexpr std::array table{
#include "ops/op_table.inc"
};
#undef POME_OP

// Sorted here so that a line may stand anywhere in the list.
const std::array<const OpDef*, table.size()>& sorted() {
  static const auto result = [] {
    auto copy = table;
    std::ranges::sort(copy, {}, [](const OpDef* def) { return def->name; });
    return copy;
  }();
  return result;
}

struct OpsetName {
  std::string_view mil, spec, printed;
  Opset opset;
};
constexpr std::array opsets{
    OpsetName{"ios15", "CoreML5", "iOS15", Opset::ios15},
    OpsetName{"ios16", "CoreML6", "iOS16", Opset::ios16},
    OpsetName{"ios17", "CoreML7", "iOS17", Opset::ios17},
    OpsetName{"ios18", "CoreML8", "iOS18", Opset::ios18},
    OpsetName{"ios26", "CoreML9", "iOS26", Opset::ios26},
};

}  // namespace

const OpDef* find(std::string_view name) noexcept {
  const auto& defs = sorted();
  const auto at = std::ranges::lower_bound(defs, name, {}, [](const OpDef* d) { return d->name; });
  return at != defs.end() && (*at)->name == name ? *at : nullptr;
}

std::span<const OpDef* const> all() {
  return sorted();
}

const OpVersion* version(const OpDef& def, Opset opset) noexcept {
  const OpVersion* found = nullptr;
  for (const auto& v : def.versions) {
    if (v.since <= opset) found = &v;
  }
  return found;
}

bool parse_opset(std::string_view text, Opset& out) noexcept {
  for (const auto& entry : opsets) {
    if (text == entry.mil || text == entry.spec || text == entry.printed) {
      out = entry.opset;
      return true;
    }
  }
  return false;
}

std::string_view name(Opset opset) noexcept {
  return opsets[static_cast<std::size_t>(opset)].printed;
}

}  // namespace pome::ops
