#include "frontend/classical/tree_layout.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

namespace pome::classical {

namespace {

using Behavior = proto::TreeEnsembleParameters_TreeNode_TreeNodeBehavior;

// A branch in the one form that the layout has: right where x >= threshold.
template <typename Number>
struct Branch {
  Number threshold;
  std::uint32_t left, right;
  bool missing_is_right;
};

bool is_leaf(const TreeNode& node) noexcept {
  return node.behavior == Behavior::LeafNode;
}

// Nothing where a branch has no such form.
template <typename Number>
std::optional<Branch<Number>> branch_of(const TreeNode& node) noexcept {
  const auto value = static_cast<Number>(node.value);
  if (!std::isfinite(value)) return std::nullopt;
  const Number above = std::nextafter(value, std::numeric_limits<Number>::infinity());
  const bool missing = node.missing_is_true;
  switch (node.behavior) {
    case Behavior::BranchOnValueLessThan:
      return Branch<Number>{value, node.if_true, node.if_false, !missing};
    case Behavior::BranchOnValueLessThanEqual:
      return Branch<Number>{above, node.if_true, node.if_false, !missing};
    case Behavior::BranchOnValueGreaterThanEqual:
      return Branch<Number>{value, node.if_false, node.if_true, missing};
    case Behavior::BranchOnValueGreaterThan:
      return Branch<Number>{above, node.if_false, node.if_true, missing};
    default: return std::nullopt;
  }
}

template <typename Number>
using Thresholds = std::vector<std::vector<Number>>;  // of each feature, ascending

// Nothing where the ensemble cannot be laid out.
template <typename Number>
std::optional<Thresholds<Number>> thresholds_of(const TreeEnsemble& ensemble) {
  Thresholds<Number> out(ensemble.features_used());
  for (const TreeNode& node : ensemble.nodes()) {
    if (is_leaf(node)) continue;
    const auto branch = branch_of<Number>(node);
    if (!branch || !std::isfinite(branch->threshold)) return std::nullopt;
    out[node.feature].push_back(branch->threshold);
  }
  for (auto& one : out) {
    std::ranges::sort(one);
    one.erase(std::unique(one.begin(), one.end()), one.end());
    one.shrink_to_fit();
  }
  return out;
}

// One feature that is looked at: how its bins are found, and where they go.
template <typename Number>
struct Feature {
  std::size_t index = 0;
  std::uint32_t thresholds = 0;
  std::vector<std::vector<Number>> pivots;  // by level, the coarsest first
  std::vector<const Number*> levels;
  std::int64_t low = -1, high = -1;  // columns; -1: none
};

template <typename Number>
void set_pivots(const std::vector<Number>& thresholds, Feature<Number>& out) {
  const std::size_t n = thresholds.size();
  std::size_t unit = 1;
  while (unit * pivot_group <= n) unit *= pivot_group;
  for (; unit > 0; unit /= pivot_group) {
    std::vector<Number> level((n / unit / pivot_group + 1) * pivot_group,
                              std::numeric_limits<Number>::quiet_NaN());
    for (std::size_t i = 0; (i + 1) * unit <= n; ++i) level[i] = thresholds[(i + 1) * unit - 1];
    out.pivots.push_back(std::move(level));
  }
  for (const auto& level : out.pivots) out.levels.push_back(level.data());
  out.thresholds = static_cast<std::uint32_t>(n);
}

struct Tree {
  int top_levels = 0, rest_levels = 0;
  bool is_deep = false;
  std::size_t top = 0, rest = 0, deep = 0, entries = 0;  // where its part of each table begins
  std::size_t leaves = 0;  // where its leaves begin in the table of numbers, or of contributions
  std::int64_t dimension = -1;  // that all leaves have one number for; -1: there are several
};

// A node in a walk over a tree, with the way that led to it.
struct Visit {
  std::uint32_t node;
  int level;
  std::uint32_t way;  // a bit for each level, the first one highest
};

struct Extent {
  int depth = 0;
  std::size_t leaves = 0;
};

template <typename Number, typename Bin>
class TypedLayout final : public TreeLayout {
 public:
  static constexpr Bin never = std::numeric_limits<Bin>::max();
  static constexpr int top_levels = sizeof(Bin) == 1 ? most_top_levels : most_top_levels - 1;

  TypedLayout(const TreeEnsemble& ensemble, const Thresholds<Number>& thresholds,
              const TreeKernels& kernels)
      : ensemble_(ensemble), kernels_(kernels) {
    add_features(thresholds);
    for (const std::uint32_t root : ensemble.roots()) add_tree(thresholds, root);
  }

  std::size_t scratch_bytes() const noexcept override {
    return block_rows * (columns_ * sizeof(Bin) + sizeof(Number) + sizeof(std::uint32_t));
  }

  void evaluate(const RowsView& rows, std::int64_t first, std::int64_t count, double* sums,
                std::byte* scratch) const noexcept override {
    auto* numbers = reinterpret_cast<Number*>(scratch);
    auto* leaves = reinterpret_cast<std::uint32_t*>(numbers + block_rows);
    auto* bins = reinterpret_cast<Bin*>(leaves + block_rows);
    for (const Feature<Number>& feature : features_)
      fill_bins(feature, rows, first, count, numbers, bins);
    const auto base = ensemble_.base();
    for (std::int64_t row = 0; row < count; ++row)
      std::ranges::copy(base, sums + row * static_cast<std::int64_t>(base.size()));
    for (const Tree& tree : trees_) walk(tree, count, bins, leaves, sums);
  }

 private:
  // --- laying out -----------------------------------------------------------------------------

  void add_features(const Thresholds<Number>& thresholds) {
    column_of_.assign(thresholds.size() * 2, -1);
    for (const TreeNode& node : ensemble_.nodes()) {
      if (!is_leaf(node)) column_of_[column_key(node)] = 0;
    }
    for (std::size_t i = 0; i < thresholds.size(); ++i) {
      if (thresholds[i].empty()) continue;
      Feature<Number> feature;
      feature.index = i;
      set_pivots(thresholds[i], feature);
      for (const std::size_t side : {0, 1}) {
        std::int64_t& column = column_of_[i * 2 + side];
        if (column < 0) continue;
        column = static_cast<std::int64_t>(columns_++);
        (side == 0 ? feature.low : feature.high) = column;
      }
      features_.push_back(std::move(feature));
    }
  }

  static std::size_t column_key(const TreeNode& node) noexcept {
    return node.feature * std::size_t{2} + (branch_of<Number>(node)->missing_is_right ? 1 : 0);
  }

  Extent measure(std::uint32_t root) const {
    Extent out;
    std::vector<std::pair<std::uint32_t, int>> open{{root, 0}};
    while (!open.empty()) {
      const auto [at, level] = open.back();
      open.pop_back();
      const TreeNode& node = ensemble_.nodes()[at];
      if (is_leaf(node)) {
        out.depth = std::max(out.depth, level);
        ++out.leaves;
        continue;
      }
      open.emplace_back(node.if_true, level + 1);
      open.emplace_back(node.if_false, level + 1);
    }
    return out;
  }

  void add_tree(const Thresholds<Number>& thresholds, std::uint32_t root) {
    // Heaps are padded to full levels: worth it up to some times the leaves that there are.
    constexpr std::size_t most_padding = 16;
    const Extent extent = measure(root);
    Tree tree;
    tree.top_levels = std::min(extent.depth, top_levels);
    tree.rest_levels = extent.depth - tree.top_levels;
    tree.is_deep = tree.rest_levels > most_rest_levels ||
                   (std::size_t{1} << extent.depth) > extent.leaves * most_padding + 64;
    tree.top = top_bins_.size();
    grow(top_columns_, top_bins_, (std::size_t{1} << tree.top_levels) - 1);
    tree.dimension = only_dimension(root);
    tree.leaves = tree.dimension < 0 ? ranges_.size() : values_.size();
    if (tree.is_deep) {
      tree.rest_levels = 0;
      tree.deep = deep_.size();
      tree.entries = entries_.size();
      entries_.resize(entries_.size() + (std::size_t{1} << tree.top_levels));
    } else {
      tree.rest = rest_bins_.size();
      const std::size_t ways = std::size_t{1} << tree.top_levels;
      grow(rest_columns_, rest_bins_, ways * ((std::size_t{1} << tree.rest_levels) - 1));
      grow_leaves(tree, std::size_t{1} << extent.depth);
    }
    fill(tree, thresholds, root);
    trees_.push_back(tree);
  }

  // Nodes that nothing is written to lead to the left.
  static void grow(std::vector<std::uint32_t>& columns, std::vector<Bin>& bins, std::size_t by) {
    columns.resize(columns.size() + by, 0);
    bins.resize(bins.size() + by, never);
  }

  void grow_leaves(const Tree& tree, std::size_t by) {
    if (tree.dimension < 0)
      ranges_.resize(ranges_.size() + by);
    else
      values_.resize(values_.size() + by);
  }

  // The dimension that every leaf of a tree has its only number for, or -1.
  std::int64_t only_dimension(std::uint32_t root) const {
    std::int64_t dimension = -1;
    std::vector<std::uint32_t> open{root};
    while (!open.empty()) {
      const TreeNode& node = ensemble_.nodes()[open.back()];
      open.pop_back();
      if (!is_leaf(node)) {
        open.push_back(node.if_true);
        open.push_back(node.if_false);
        continue;
      }
      const std::int64_t mine = ensemble_.contributions()[node.if_true].dimension;
      if (node.if_false - node.if_true != 1 || (dimension >= 0 && mine != dimension)) return -1;
      dimension = mine;
    }
    return dimension;
  }

  void fill(const Tree& tree, const Thresholds<Number>& thresholds, std::uint32_t root) {
    const int heap_levels = tree.top_levels + tree.rest_levels;
    std::vector<Visit> open{{root, 0, 0}};
    while (!open.empty()) {
      const Visit visit = open.back();
      open.pop_back();
      const TreeNode& node = ensemble_.nodes()[visit.node];
      if (tree.is_deep && (visit.level == heap_levels || is_leaf(node))) {
        const std::uint32_t entry = add_deep(tree, thresholds, visit.node);
        const int spare = heap_levels - visit.level;  // a leaf takes all ways below it
        std::fill_n(entries_.begin() + static_cast<std::int64_t>(tree.entries) +
                        (std::int64_t{visit.way} << spare),
                    std::int64_t{1} << spare, entry);
        continue;
      }
      if (is_leaf(node)) {
        const int spare = heap_levels - visit.level;
        for (std::size_t i = 0; i < std::size_t{1} << spare; ++i)
          set_leaf(tree, (std::size_t{visit.way} << spare) + i, node);
        continue;
      }
      const auto branch = *branch_of<Number>(node);
      set_node(tree, visit, column(node), bin(thresholds, node, branch));
      open.push_back({branch.left, visit.level + 1, visit.way * 2});
      open.push_back({branch.right, visit.level + 1, visit.way * 2 + 1});
    }
  }

  void set_node(const Tree& tree, const Visit& visit, std::uint32_t column, Bin bin) {
    if (visit.level < tree.top_levels) {
      const std::size_t place = tree.top + (std::size_t{1} << visit.level) - 1 + visit.way;
      top_columns_[place] = column;
      top_bins_[place] = bin;
      return;
    }
    const std::size_t before =
        (std::size_t{1} << visit.level) - (std::size_t{1} << tree.top_levels);
    rest_columns_[tree.rest + before + visit.way] = column;
    rest_bins_[tree.rest + before + visit.way] = bin;
  }

  void set_leaf(const Tree& tree, std::size_t place, const TreeNode& node) {
    if (tree.dimension < 0)
      ranges_[tree.leaves + place] = {node.if_true, node.if_false};
    else
      values_[tree.leaves + place] = ensemble_.contributions()[node.if_true].value;
  }

  // A subtree as deep nodes; the number of its root among those of the tree.
  std::uint32_t add_deep(const Tree& tree, const Thresholds<Number>& thresholds,
                         std::uint32_t root) {
    const auto first = static_cast<std::uint32_t>(deep_.size() - tree.deep);
    std::vector<std::pair<std::uint32_t, std::uint32_t>> open{{root, first}};
    add_deep_nodes(tree, 1);
    while (!open.empty()) {
      const auto [at, place] = open.back();
      open.pop_back();
      const TreeNode& node = ensemble_.nodes()[at];
      if (is_leaf(node)) {
        deep_[tree.deep + place] = {0, place, never};
        set_leaf(tree, place, node);
        continue;
      }
      const auto branch = *branch_of<Number>(node);
      const auto child = static_cast<std::uint32_t>(deep_.size() - tree.deep);
      deep_[tree.deep + place] = {column(node), child, bin(thresholds, node, branch)};
      add_deep_nodes(tree, 2);
      open.emplace_back(branch.left, child);
      open.emplace_back(branch.right, child + 1);
    }
    return first;
  }

  void add_deep_nodes(const Tree& tree, std::size_t by) {
    deep_.resize(deep_.size() + by);
    grow_leaves(tree, by);
  }

  std::uint32_t column(const TreeNode& node) const noexcept {
    return static_cast<std::uint32_t>(column_of_[column_key(node)] * block_rows);
  }

  // The branch's threshold is reached by bins above this one.
  static Bin bin(const Thresholds<Number>& thresholds, const TreeNode& node,
                 const Branch<Number>& branch) noexcept {
    const auto& mine = thresholds[node.feature];
    const auto place = std::ranges::lower_bound(mine, branch.threshold) - mine.begin();
    return static_cast<Bin>(place + std::numeric_limits<Bin>::min());
  }

  // --- evaluating -----------------------------------------------------------------------------

  template <typename From>
  static void gather(const RowsView& rows, std::size_t column, std::int64_t first,
                     std::int64_t count, Number* out) noexcept {
    const From* from = static_cast<const From*>(rows.data) + first * rows.row_stride +
                       static_cast<std::int64_t>(column) * rows.column_stride;
    for (std::int64_t row = 0; row < count; ++row)
      out[row] = static_cast<Number>(from[row * rows.row_stride]);
  }

  void fill_bins(const Feature<Number>& feature, const RowsView& rows, std::int64_t first,
                 std::int64_t count, Number* numbers, Bin* bins) const noexcept {
    if (rows.is_double)
      gather<double>(rows, feature.index, first, count, numbers);
    else
      gather<float>(rows, feature.index, first, count, numbers);
    const BinColumn<Number, Bin> column{
        .numbers = numbers,
        .rows = count,
        .pivots = feature.levels.data(),
        .levels = static_cast<int>(feature.levels.size()),
        .thresholds = feature.thresholds,
        .low = feature.low < 0 ? nullptr : bins + feature.low * block_rows,
        .high = feature.high < 0 ? nullptr : bins + feature.high * block_rows};
    find(kernels_, column);
  }

  static void find(const TreeKernels& k, const BinColumn<float, std::int8_t>& c) noexcept {
    k.bins_f32_u8(c);
  }
  static void find(const TreeKernels& k, const BinColumn<float, std::int16_t>& c) noexcept {
    k.bins_f32_u16(c);
  }
  static void find(const TreeKernels& k, const BinColumn<double, std::int8_t>& c) noexcept {
    k.bins_f64_u8(c);
  }
  static void find(const TreeKernels& k, const BinColumn<double, std::int16_t>& c) noexcept {
    k.bins_f64_u16(c);
  }
  static void walk(const TreeKernels& k, const TreeBlock<std::int8_t>& t) noexcept { k.walk_u8(t); }
  static void walk(const TreeKernels& k, const TreeBlock<std::int16_t>& t) noexcept {
    k.walk_u16(t);
  }

  void walk(const Tree& tree, std::int64_t count, const Bin* bins, std::uint32_t* leaves,
            double* sums) const noexcept {
    const auto dimensions = static_cast<std::int64_t>(ensemble_.dimensions());
    const bool is_single = tree.dimension >= 0;
    const TreeBlock<Bin> block{.bins = bins,
                               .rows = count,
                               .top_levels = tree.top_levels,
                               .rest_levels = tree.rest_levels,
                               .top_columns = top_columns_.data() + tree.top,
                               .top_bins = top_bins_.data() + tree.top,
                               .rest_columns = rest_columns_.data() + tree.rest,
                               .rest_bins = rest_bins_.data() + tree.rest,
                               .deep = tree.is_deep ? deep_.data() + tree.deep : nullptr,
                               .entries = entries_.data() + tree.entries,
                               .values = is_single ? values_.data() + tree.leaves : nullptr,
                               .sums = is_single ? sums + tree.dimension : nullptr,
                               .sum_step = dimensions,
                               .leaves = leaves};
    walk(kernels_, block);
    if (is_single) return;
    for (std::int64_t row = 0; row < count; ++row) {
      const auto [begin, end] = ranges_[tree.leaves + leaves[row]];
      for (const TreeContribution& one : ensemble_.contributions().subspan(begin, end - begin))
        sums[row * dimensions + one.dimension] += one.value;
    }
  }

  const TreeEnsemble& ensemble_;
  const TreeKernels& kernels_;
  std::vector<Feature<Number>> features_;
  std::vector<std::int64_t> column_of_;  // by feature and side of missing values; -1: not used
  std::size_t columns_ = 0;
  std::vector<Tree> trees_;
  std::vector<std::uint32_t> top_columns_, rest_columns_, entries_;
  std::vector<Bin> top_bins_, rest_bins_;
  std::vector<DeepNode<Bin>> deep_;
  std::vector<double> values_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges_;  // of contributions, by leaf
};

template <typename Number>
std::unique_ptr<const TreeLayout> lay_out_as(const TreeEnsemble& ensemble,
                                             const TreeKernels& kernels) {
  const auto thresholds = thresholds_of<Number>(ensemble);
  if (!thresholds) return nullptr;
  std::size_t most = 0;
  for (const auto& one : *thresholds) most = std::max(most, one.size());
  if (most <= std::numeric_limits<std::uint8_t>::max())
    return std::make_unique<TypedLayout<Number, std::int8_t>>(ensemble, *thresholds, kernels);
  if (most <= std::numeric_limits<std::uint16_t>::max())
    return std::make_unique<TypedLayout<Number, std::int16_t>>(ensemble, *thresholds, kernels);
  return nullptr;
}

}  // namespace

std::unique_ptr<const TreeLayout> lay_out(const TreeEnsemble& ensemble, const TreeKernels* kernels,
                                          base::Budget& budget) {
  // Columns are addressed by 32 bits; there are at most two for each branch.
  const std::size_t nodes = ensemble.nodes().size();
  if (kernels == nullptr || nodes > std::numeric_limits<std::uint32_t>::max() / (2 * block_rows))
    return nullptr;
  // Padded leaves (16 for each one, 64 for each tree, 8 bytes), nodes of 5 bytes as many;
  // thresholds and pivots; a list for each feature up to the highest.
  constexpr std::size_t each_node = 16 * 14;
  budget.take(static_cast<std::int64_t>(nodes * each_node + ensemble.roots().size() * 64 * 14 +
                                        ensemble.features_used() * 48),
              "trees for blocks of rows");
  return ensemble.is_single() ? lay_out_as<float>(ensemble, *kernels)
                              : lay_out_as<double>(ensemble, *kernels);
}

}  // namespace pome::classical
