#include "frontend/classical/tree_ensemble.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/text.h"
#include "frontend/classical/numbers.h"
#include "pome/error.h"

namespace pome::classical {

using base::cat;

namespace {

using Message = proto::TreeEnsembleParameters_TreeNode;

constexpr std::uint64_t most_features = std::uint64_t{1} << 31;

[[noreturn]] void fail(std::string_view message) {
  throw Error(ErrorCode::parameters, std::string(message));
}

[[noreturn]] void fail(const Message& node, std::string_view message) {
  fail(cat("tree ", node.treeId, ", node ", node.nodeId, ": ", message));
}

bool is_float(double value) noexcept {
  return std::isnan(value) || static_cast<double>(static_cast<float>(value)) == value;
}

}  // namespace

// Turns the list of nodes, which name their children by number, into trees.
class TreeEnsemble::Builder {
 public:
  Builder(const proto::TreeEnsembleParameters& message, TreeEnsemble& out)
      : message_(message), out_(out) {}

  void build() {
    sort_nodes();
    find_children();
    for (std::size_t begin = 0; begin < order_.size();) {
      std::size_t end = begin + 1;
      while (end < order_.size() && node(end).treeId == node(begin).treeId) ++end;
      lay_out_tree(begin, end);
      begin = end;
    }
  }

 private:
  struct Children {
    std::uint32_t if_true = 0, if_false = 0;  // places in order_
    bool has_parent = false;
  };

  const Message& node(std::size_t place) const { return message_.nodes[order_[place]]; }
  static std::pair<std::uint64_t, std::uint64_t> key(const Message& one) {
    return {one.treeId, one.nodeId};
  }

  // By tree and number, so that each tree is one range and children are found by bisection.
  void sort_nodes() {
    order_.resize(message_.nodes.size());
    for (std::size_t i = 0; i < order_.size(); ++i) order_[i] = static_cast<std::uint32_t>(i);
    std::ranges::sort(order_, {}, [&](std::uint32_t i) { return key(message_.nodes[i]); });
    for (std::size_t i = 1; i < order_.size(); ++i) {
      if (key(node(i)) == key(node(i - 1))) fail(node(i), "it is there twice");
    }
  }

  std::uint32_t find(const Message& parent, std::uint64_t child) const {
    const std::pair wanted{parent.treeId, child};
    const auto found = std::ranges::lower_bound(
        order_, wanted, {}, [&](std::uint32_t i) { return key(message_.nodes[i]); });
    if (found == order_.end() || key(message_.nodes[*found]) != wanted)
      fail(parent, cat("its child ", child, " does not exist"));
    return static_cast<std::uint32_t>(found - order_.begin());
  }

  void find_children() {
    children_.resize(order_.size());
    for (std::size_t i = 0; i < order_.size(); ++i) {
      const Message& one = node(i);
      if (one.nodeBehavior == Behavior::LeafNode) continue;
      children_[i].if_true = find(one, one.trueChildNodeId);
      children_[i].if_false = find(one, one.falseChildNodeId);
      for (const std::uint32_t child : {children_[i].if_true, children_[i].if_false}) {
        if (child == i) fail(one, "it is its own child");
        if (children_[child].has_parent)
          fail(one, cat("its child ", node(child).nodeId, " has another parent already"));
        children_[child].has_parent = true;
      }
    }
  }

  // Every node has at most one parent, so a walk from the root meets no node twice; nodes that it
  // does not meet lie on a circle.
  void lay_out_tree(std::size_t begin, std::size_t end) {
    std::size_t root = end;
    for (std::size_t i = begin; i < end; ++i) {
      if (children_[i].has_parent) continue;
      if (root != end)
        fail(node(i), cat("it has no parent, and neither has node ", node(root).nodeId));
      root = i;
    }
    if (root == end)
      fail(cat("tree ", node(begin).treeId, " has no root: its nodes form a circle"));
    const auto first = static_cast<std::uint32_t>(out_.nodes_.size());
    out_.roots_.push_back(first);
    // Siblings lie side by side; each entry is a node and where it goes.
    std::vector<std::pair<std::uint32_t, std::uint32_t>> open{{root, first}};
    out_.nodes_.emplace_back();
    while (!open.empty()) {
      const auto [place, target] = open.back();
      open.pop_back();
      out_.nodes_[target] = convert(node(place));
      if (node(place).nodeBehavior == Behavior::LeafNode) continue;
      const auto next = static_cast<std::uint32_t>(out_.nodes_.size());
      out_.nodes_[target].if_true = next;
      out_.nodes_[target].if_false = next + 1;
      out_.nodes_.resize(out_.nodes_.size() + 2);
      open.emplace_back(children_[place].if_false, next + 1);
      open.emplace_back(children_[place].if_true, next);
    }
    if (out_.nodes_.size() - first != end - begin)
      fail(cat("tree ", node(begin).treeId, " has ", end - begin, " nodes, of which ",
               out_.nodes_.size() - first, " are reached from its root, node ", node(root).nodeId));
  }

  Node convert(const Message& one) {
    Node out;
    out.behavior = one.nodeBehavior;
    if (one.nodeBehavior == Behavior::LeafNode) {
      add_contributions(one, out);
      return out;
    }
    if (one.nodeBehavior < Behavior::BranchOnValueLessThanEqual ||
        one.nodeBehavior > Behavior::LeafNode)
      fail(one, cat("behavior ", static_cast<int>(one.nodeBehavior), " is not known"));
    if (one.branchFeatureIndex >= most_features)
      fail(one, cat("feature ", one.branchFeatureIndex, " does not exist"));
    out.value = one.branchFeatureValue;
    out.feature = static_cast<std::uint32_t>(one.branchFeatureIndex);
    out.missing_is_true = one.missingValueTracksTrueChild;
    out_.features_used_ = std::max<std::size_t>(out_.features_used_, out.feature + std::size_t{1});
    out_.is_single_ = out_.is_single_ && is_float(out.value);
    return out;
  }

  void add_contributions(const Message& one, Node& out) {
    if (one.evaluationInfo.empty()) fail(one, "it is a leaf without a value");
    auto& all = out_.contributions_;
    out.if_true = static_cast<std::uint32_t>(all.size());
    for (const auto& info : one.evaluationInfo) {
      if (info.evaluationIndex >= out_.base_.size())
        fail(one, cat("its value is for dimension ", info.evaluationIndex, ", and there are ",
                      out_.base_.size()));
      all.push_back({static_cast<std::uint32_t>(info.evaluationIndex), info.evaluationValue});
      out_.is_single_ = out_.is_single_ && is_float(info.evaluationValue);
    }
    out.if_false = static_cast<std::uint32_t>(all.size());
    const auto mine = all.begin() + out.if_true;
    std::sort(mine, all.end(),
              [](const auto& a, const auto& b) { return a.dimension < b.dimension; });
    const auto twice = std::adjacent_find(
        mine, all.end(), [](const auto& a, const auto& b) { return a.dimension == b.dimension; });
    if (twice != all.end()) fail(one, cat("it has two values for dimension ", twice->dimension));
  }

  const proto::TreeEnsembleParameters& message_;
  TreeEnsemble& out_;
  std::vector<std::uint32_t> order_;  // of nodes in the message
  std::vector<Children> children_;    // one for each place in order_
};

TreeEnsemble::TreeEnsemble(const proto::TreeEnsembleParameters& message, base::Budget& budget) {
  const std::uint64_t dimensions = message.numPredictionDimensions;
  if (dimensions == 0) fail("the number of prediction dimensions is 0");
  if (message.basePredictionValue.size() != dimensions)
    fail(cat("there are ", message.basePredictionValue.size(), " base values for ", dimensions,
             " prediction dimensions"));
  if (message.nodes.size() > std::numeric_limits<std::uint32_t>::max() / 2)
    fail(cat("there are ", message.nodes.size(), " nodes, more than can be numbered"));
  base_ = copy_numbers(message.basePredictionValue, budget, "base values of trees");
  is_single_ = std::ranges::all_of(base_, is_float);
  std::size_t values = 0;
  for (const Message& node : message.nodes) values += node.evaluationInfo.size();
  if (values > std::numeric_limits<std::uint32_t>::max())
    fail(cat("there are ", values, " values in leaves, more than can be numbered"));
  constexpr std::size_t each = sizeof(Node) + 24;  // with what building takes
  budget.take(
      static_cast<std::int64_t>(message.nodes.size() * each + values * sizeof(Contribution)),
      "trees");
  nodes_.reserve(message.nodes.size());
  contributions_.reserve(values);
  Builder(message, *this).build();
}

inline bool TreeEnsemble::takes_true(const Node& node, double feature) noexcept {
  if (std::isnan(feature)) return node.missing_is_true;
  switch (node.behavior) {
    case Behavior::BranchOnValueLessThanEqual: return feature <= node.value;
    case Behavior::BranchOnValueLessThan: return feature < node.value;
    case Behavior::BranchOnValueGreaterThanEqual: return feature >= node.value;
    case Behavior::BranchOnValueGreaterThan: return feature > node.value;
    case Behavior::BranchOnValueEqual: return feature == node.value;
    case Behavior::BranchOnValueNotEqual: return feature != node.value;
    case Behavior::LeafNode: break;
  }
  return false;
}

std::vector<double> TreeEnsemble::evaluate(std::span<double> row) const {
  if (is_single_) {
    for (double& feature : row) feature = static_cast<float>(feature);
  }
  std::vector<double> out(base_);
  for (const std::uint32_t root : roots_) {
    const Node* node = &nodes_[root];
    while (node->behavior != Behavior::LeafNode)
      node = &nodes_[takes_true(*node, row[node->feature]) ? node->if_true : node->if_false];
    for (std::uint32_t i = node->if_true; i < node->if_false; ++i)
      out[contributions_[i].dimension] += contributions_[i].value;
  }
  return out;
}

}  // namespace pome::classical
