// What an Asset holds.
#pragma once

#include "format/asset.h"
#include "pome/description.h"

namespace pome::runtime {

/// An opened asset with its description read. Immutable and thread-safe.
struct AssetData {
  format::Asset files;
  ModelDescription description;
};

}  // namespace pome::runtime
