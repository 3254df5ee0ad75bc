// Blocks of rows give the sums of the plain evaluation, to the last bit: on random ensembles of
// every form, with every instruction set of this machine.
#include "frontend/classical/tree_layout.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <tuple>
#include <utility>

#include "pome/error.h"

namespace pome::classical {
namespace {

using Behavior = proto::TreeEnsembleParameters_TreeNode_TreeNodeBehavior;
using Node = proto::TreeEnsembleParameters_TreeNode;

constexpr double missing = std::numeric_limits<double>::quiet_NaN();

struct Form {
  const char* name;
  int trees = 12;
  int depth = 6;
  double leaf_share = 0.0;  // of nodes above the last level
  std::size_t features = 7;
  int thresholds = 40;  // different ones
  std::size_t dimensions = 1;
  bool has_wide_leaves = false;  // numbers for all dimensions
  bool is_double = false;
};

class RandomTrees {
 public:
  explicit RandomTrees(const Form& form) : form_(form) {
    message_.numPredictionDimensions = form.dimensions;
    std::vector<double> base;
    for (std::size_t i = 0; i < form.dimensions; ++i)
      base.push_back(0.25 * static_cast<double>(i + 1));
    message_.basePredictionValue.assign(base);
    for (int tree = 0; tree < form.trees; ++tree) add_tree(tree);
  }

  const proto::TreeEnsembleParameters& message() const { return message_; }

  // Some are exactly a threshold, missing, infinite or a zero of either sign.
  std::vector<double> rows(std::int64_t count) {
    std::vector<double> out;
    for (std::size_t i = 0; i < static_cast<std::size_t>(count) * form_.features; ++i) {
      const double special[] = {missing, std::numeric_limits<double>::infinity(),
                                -std::numeric_limits<double>::infinity(), -0.0, 0.0};
      const auto kind = engine_() % 10;
      if (kind < 1)
        out.push_back(special[engine_() % 5]);
      else if (kind < 5)
        out.push_back(threshold());
      else
        out.push_back(uniform() * 2.2 - 1.1);
    }
    return out;
  }

 private:
  double uniform() { return std::uniform_real_distribution<double>()(engine_); }

  double threshold() {
    const double value = static_cast<double>(engine_() % static_cast<unsigned>(form_.thresholds)) /
                             form_.thresholds * 2 -
                         1;
    return form_.is_double ? value + 1e-12 : static_cast<float>(value);
  }

  void add_tree(int tree) {
    std::uint64_t next = 0;
    add(static_cast<std::uint64_t>(tree), 0, next, tree % static_cast<int>(form_.dimensions));
  }

  std::uint64_t add(std::uint64_t tree, int level, std::uint64_t& next, int dimension) {
    const std::uint64_t id = next++;
    Node node;
    node.treeId = tree;
    node.nodeId = id;
    if (level == form_.depth || (level > 0 && uniform() < form_.leaf_share)) {
      node.nodeBehavior = Behavior::LeafNode;
      for (std::size_t i = 0; i < form_.dimensions; ++i) {
        if (!form_.has_wide_leaves && i != static_cast<std::size_t>(dimension)) continue;
        node.evaluationInfo.emplace_back();
        node.evaluationInfo.back().evaluationIndex = i;
        node.evaluationInfo.back().evaluationValue =
            form_.is_double ? uniform() : static_cast<double>(static_cast<float>(uniform()));
      }
    } else {
      constexpr Behavior behaviors[] = {
          Behavior::BranchOnValueLessThan, Behavior::BranchOnValueLessThanEqual,
          Behavior::BranchOnValueGreaterThan, Behavior::BranchOnValueGreaterThanEqual};
      node.nodeBehavior = behaviors[engine_() % 4];
      node.branchFeatureIndex = engine_() % form_.features;
      node.branchFeatureValue = threshold();
      node.missingValueTracksTrueChild = engine_() % 2 == 0;
      node.trueChildNodeId = add(tree, level + 1, next, dimension);
      node.falseChildNodeId = add(tree, level + 1, next, dimension);
    }
    message_.nodes.push_back(std::move(node));
    return id;
  }

  Form form_;
  std::mt19937 engine_{42};
  proto::TreeEnsembleParameters message_;
};

class TreeLayoutTest : public ::testing::TestWithParam<std::tuple<Form, std::string>> {};

std::vector<double> by_rows(const TreeEnsemble& ensemble, const std::vector<double>& rows,
                            std::size_t features) {
  std::vector<double> out;
  for (std::size_t i = 0; i < rows.size(); i += features) {
    std::vector<double> row(rows.begin() + static_cast<std::ptrdiff_t>(i),
                            rows.begin() + static_cast<std::ptrdiff_t>(i + features));
    const auto sums = ensemble.evaluate(row);
    out.insert(out.end(), sums.begin(), sums.end());
  }
  return out;
}

std::vector<double> by_blocks(const TreeLayout& layout, const RowsView& view, std::int64_t count,
                              std::size_t dimensions) {
  std::vector<double> out(static_cast<std::size_t>(count) * dimensions);
  std::vector<double> scratch(layout.scratch_bytes() / sizeof(double) + 1);
  for (std::int64_t first = 0; first < count; first += block_rows)
    layout.evaluate(view, first, std::min(block_rows, count - first),
                    out.data() + static_cast<std::size_t>(first) * dimensions,
                    reinterpret_cast<std::byte*>(scratch.data()));
  return out;
}

bool are_same(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

TEST_P(TreeLayoutTest, GivesTheSumsOfThePlainEvaluation) {
  const auto& [form, isa] = GetParam();
  const TreeKernels* kernels = find_tree_kernels(isa);
  if (kernels == nullptr) GTEST_SKIP() << "this machine has no " << isa;
  RandomTrees trees(form);
  base::Budget budget;
  const TreeEnsemble ensemble(trees.message(), budget);
  const auto layout = lay_out(ensemble, kernels, budget);
  ASSERT_NE(layout, nullptr);
  constexpr std::int64_t count = 2 * block_rows + 37;
  const std::vector<double> rows = trees.rows(count);
  const auto width = static_cast<std::int64_t>(form.features);
  const auto expected = by_rows(ensemble, rows, form.features);
  EXPECT_TRUE(are_same(by_blocks(*layout, {rows.data(), true, width, 1}, count, form.dimensions),
                       expected));

  std::vector<double> columns(rows.size());
  for (std::int64_t r = 0; r < count; ++r)
    for (std::int64_t c = 0; c < width; ++c)
      columns[static_cast<std::size_t>(c * count + r)] =
          rows[static_cast<std::size_t>(r * width + c)];
  EXPECT_TRUE(are_same(by_blocks(*layout, {columns.data(), true, 1, count}, count, form.dimensions),
                       expected));

  const std::vector<float> floats(rows.begin(), rows.end());
  const std::vector<double> rounded(floats.begin(), floats.end());
  const auto of_floats = by_rows(ensemble, rounded, form.features);
  EXPECT_TRUE(are_same(by_blocks(*layout, {floats.data(), false, width, 1}, count, form.dimensions),
                       of_floats));
}

const Form forms[] = {
    {.name = "stumps", .trees = 30, .depth = 1},
    {.name = "leaves", .depth = 0},
    {.name = "top", .depth = 6},
    {.name = "heaps", .depth = 9},
    {.name = "uneven", .depth = 10, .leaf_share = 0.15},
    {.name = "deep", .depth = 24, .leaf_share = 0.4},
    {.name = "crooked", .trees = 40, .depth = 30, .leaf_share = 0.47, .features = 3},
    {.name = "one_threshold", .depth = 5, .thresholds = 1},
    {.name = "few_thresholds", .depth = 7, .features = 2, .thresholds = 16},
    {.name = "all_bins", .trees = 20, .depth = 9, .features = 2, .thresholds = 255},
    {.name = "wide_bins", .trees = 8, .depth = 10, .features = 2, .thresholds = 5000},
    {.name = "wide_deep",
     .trees = 8,
     .depth = 26,
     .leaf_share = 0.3,
     .features = 3,
     .thresholds = 3000},
    {.name = "doubles", .depth = 8, .is_double = true},
    {.name = "wide_doubles",
     .depth = 11,
     .leaf_share = 0.1,
     .thresholds = 70000,
     .is_double = true},
    {.name = "classes", .trees = 15, .depth = 6, .leaf_share = 0.1, .dimensions = 5},
    {.name = "wide_leaves", .depth = 7, .dimensions = 3, .has_wide_leaves = true},
    {.name = "deep_wide_leaves",
     .depth = 20,
     .leaf_share = 0.35,
     .dimensions = 3,
     .has_wide_leaves = true},
};

INSTANTIATE_TEST_SUITE_P(Forms, TreeLayoutTest,
                         ::testing::Combine(::testing::ValuesIn(forms),
                                            ::testing::Values("avx2", "avx512", "neon")),
                         [](const auto& tested) {
                           return std::string(std::get<0>(tested.param).name) + "_" +
                                  std::get<1>(tested.param);
                         });

proto::TreeEnsembleParameters stump(Behavior behavior, double value) {
  proto::TreeEnsembleParameters out;
  out.numPredictionDimensions = 1;
  out.basePredictionValue.assign(std::vector<double>{0.0});
  Node branch;
  branch.nodeBehavior = behavior;
  branch.branchFeatureValue = value;
  branch.trueChildNodeId = 1;
  branch.falseChildNodeId = 2;
  out.nodes.push_back(std::move(branch));
  for (const std::uint64_t id : {1, 2}) {
    Node leaf;
    leaf.nodeId = id;
    leaf.nodeBehavior = Behavior::LeafNode;
    leaf.evaluationInfo.emplace_back();
    leaf.evaluationInfo.back().evaluationValue = static_cast<double>(id);
    out.nodes.push_back(std::move(leaf));
  }
  return out;
}

bool has_layout(const proto::TreeEnsembleParameters& message) {
  base::Budget budget;
  const TreeEnsemble ensemble(message, budget);
  return lay_out(ensemble, chosen_tree_kernels(), budget) != nullptr;
}

TEST(TreeLayoutTest, LeavesOtherBranchesToThePlainEvaluation) {
  if (chosen_tree_kernels() == nullptr) GTEST_SKIP() << "no kernels for this machine";
  EXPECT_TRUE(has_layout(stump(Behavior::BranchOnValueLessThan, 1)));
  EXPECT_FALSE(has_layout(stump(Behavior::BranchOnValueEqual, 1)));
  EXPECT_FALSE(has_layout(stump(Behavior::BranchOnValueNotEqual, 1)));
  EXPECT_FALSE(has_layout(stump(Behavior::BranchOnValueLessThan, missing)));
  EXPECT_FALSE(has_layout(
      stump(Behavior::BranchOnValueLessThanEqual, std::numeric_limits<double>::infinity())));
  EXPECT_FALSE(
      has_layout(stump(Behavior::BranchOnValueGreaterThan, std::numeric_limits<float>::max())));
}

TEST(TreeLayoutTest, IsBooked) {
  base::Budget budget;
  const TreeEnsemble ensemble(stump(Behavior::BranchOnValueLessThan, 1), budget);
  base::Budget small(100);
  if (chosen_tree_kernels() == nullptr) GTEST_SKIP() << "no kernels for this machine";
  EXPECT_THROW(lay_out(ensemble, chosen_tree_kernels(), small), Error);
}

}  // namespace
}  // namespace pome::classical
