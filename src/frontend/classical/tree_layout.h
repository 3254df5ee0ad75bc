// Tree ensembles laid out for blocks of rows (tree_kernels/kernels.h tells how they are walked).
#pragma once

#include <memory>

#include "frontend/classical/predictor.h"
#include "frontend/classical/tree_ensemble.h"
#include "frontend/classical/tree_kernels/kernels.h"

namespace pome::classical {

/// Immutable. Gives exactly the sums of TreeEnsemble::evaluate, bit for bit.
class TreeLayout {
 public:
  TreeLayout() = default;
  TreeLayout(const TreeLayout&) = delete;
  TreeLayout& operator=(const TreeLayout&) = delete;
  virtual ~TreeLayout() = default;

  virtual std::size_t scratch_bytes() const noexcept = 0;
  /// Sums of at most block_rows rows from `first` on, the ensemble's dimensions() for each row.
  virtual void evaluate(const RowsView& rows, std::int64_t first, std::int64_t count, double* sums,
                        std::byte* scratch) const noexcept = 0;
};

/// Null where this way does not exist for the ensemble (branches on equality, thresholds that are
/// not finite, more than 65535 thresholds on one feature) or no kernels are given. Throws
/// Error{out_of_memory}.
std::unique_ptr<const TreeLayout> lay_out(const TreeEnsemble& ensemble, const TreeKernels* kernels,
                                          base::Budget& budget);

}  // namespace pome::classical
