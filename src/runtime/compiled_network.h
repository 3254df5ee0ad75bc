// Apple's compiled neural networks (espresso bundles) as specification messages.
#pragma once

#include <memory>

#include "base/budget.h"
#include "format/asset.h"
#include "pome/description.h"
#include "proto/Model.pb.h"

namespace pome::runtime {

/// A model as if its specification were there, with all that it looks at.
struct CompiledNetwork {
  proto::Model message;
  std::shared_ptr<const void> owner;  ///< of what `message` points to; kept with it
};

/// Reads network, shapes and weights of a bundle. Throws Error: io (a file is missing or damaged,
/// named), unsupported (layers that are not known, named; a classifier, whose labels cannot be
/// read).
std::shared_ptr<const CompiledNetwork> read_compiled_network(const format::Asset& files,
                                                             base::Budget& budget);

}  // namespace pome::runtime
