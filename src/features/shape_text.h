// Shapes as Core ML's messages spell them.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/text.h"

namespace pome::features {

/// "1 x 3 x 224 x 224"; "scalar" for a shape of no dimensions.
inline std::string shape_text(std::span<const std::int64_t> shape) {
  if (shape.empty()) return "scalar";
  std::string out;
  for (const std::int64_t size : shape) {
    if (!out.empty()) out += " x ";
    base::append(out, size);
  }
  return out;
}

}  // namespace pome::features
