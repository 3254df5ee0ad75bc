// What an Asset holds.
#pragma once

#include <memory>

#include "base/budget.h"
#include "format/asset.h"
#include "pome/description.h"

namespace pome::runtime {

/// An opened asset with its description read. Immutable and thread-safe.
struct AssetData {
  format::Asset files;
  /// The specification message, kept because descriptions and programs look into its bytes.
  ModelDescription description;
};

}  // namespace pome::runtime
