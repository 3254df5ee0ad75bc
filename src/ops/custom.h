// Code that a program brings along for an operation (pome.custom), as inference and evaluation see
// it. The runtime puts it on the operation.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/tensor.h"

namespace pome::ops {

/// Immutable; called from any thread. Throws Error.
class CustomOperation {
 public:
  virtual ~CustomOperation() = default;
  /// Shapes of the results, as many as asked for.
  virtual std::vector<base::Dims> infer(std::span<const base::Dims> inputs,
                                        std::size_t results) const = 0;
  /// All tensors are dense fp32.
  virtual void evaluate(std::span<const base::TensorView> inputs,
                        std::span<const base::MutableTensorView> outputs) const = 0;
};

}  // namespace pome::ops
