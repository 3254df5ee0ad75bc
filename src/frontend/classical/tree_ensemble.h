// Tree ensembles, laid out for evaluation.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/budget.h"
#include "proto/TreeEnsemble.pb.h"

namespace pome::classical {

/// A branch or a leaf. The children of a branch lie side by side, the true one first.
struct TreeNode {
  double value = 0;            // compared with
  std::uint32_t feature = 0;   // of a leaf: unused
  std::uint32_t if_true = 0;   // index of a node; of a leaf: its first contribution
  std::uint32_t if_false = 0;  // of a leaf: behind its last contribution
  proto::TreeEnsembleParameters_TreeNode_TreeNodeBehavior behavior{};
  bool missing_is_true = false;
};

struct TreeContribution {
  std::uint32_t dimension;
  double value;
};

/// The trees of one model. Immutable; every node is reached from the root of its tree by exactly
/// one way, so that evaluation always ends.
class TreeEnsemble {
 public:
  /// Throws Error{parameters} naming tree and node where the nodes are no trees, and
  /// Error{out_of_memory}.
  TreeEnsemble(const proto::TreeEnsembleParameters& message, base::Budget& budget);

  /// Numbers that an evaluation gives.
  std::size_t dimensions() const noexcept { return base_.size(); }
  /// One more than the highest feature that a branch looks at.
  std::size_t features_used() const noexcept { return features_used_; }
  /// True when every number of the model is a float32, as those of XGBoost are. Core ML then
  /// computes in float32: features are rounded before they are compared.
  bool is_single() const noexcept { return is_single_; }

  /// The base values plus the leaves that `row` comes to. `row` has at least features_used()
  /// numbers; it is rounded to float32 in place where is_single(). NaN stands for a missing value.
  std::vector<double> evaluate(std::span<double> row) const;

  // For those who lay the trees out in another way.
  std::span<const TreeNode> nodes() const noexcept { return nodes_; }
  std::span<const std::uint32_t> roots() const noexcept { return roots_; }
  std::span<const TreeContribution> contributions() const noexcept { return contributions_; }
  std::span<const double> base() const noexcept { return base_; }

 private:
  using Behavior = proto::TreeEnsembleParameters_TreeNode_TreeNodeBehavior;
  using Node = TreeNode;
  using Contribution = TreeContribution;
  class Builder;

  static bool takes_true(const Node& node, double feature) noexcept;

  std::vector<Node> nodes_;
  std::vector<std::uint32_t> roots_;
  std::vector<Contribution> contributions_;
  std::vector<double> base_;
  std::size_t features_used_ = 0;
  bool is_single_ = true;
};

}  // namespace pome::classical
