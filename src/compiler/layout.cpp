#include "compiler/layout.h"

#include <algorithm>
#include <map>

#include "base/checked.h"
#include "ops/layout.h"

namespace pome::compiler {
namespace {

using exec::Layout;
using exec::LayoutRule;
using ops::FlatCall;
using ops::ValueId;

class Assigner {
 public:
  explicit Assigner(Lowered& out) : out_(out) {
    out_.layouts.assign(out_.flat.values.size(), Layout::dense);
  }

  void run(std::uint32_t block) {
    block_ = block;
    changed_.clear();
    calls_.clear();
    lowered_.clear();
    auto& flat = out_.flat.blocks[block];
    auto& lowered = out_.calls[block];
    find_wishes(flat, lowered);
    for (std::size_t i = 0; i < flat.calls.size(); ++i) {
      device_ = lowered[i].placement.device;
      arrange(flat.calls[i]);
      calls_.push_back(std::move(flat.calls[i]));
      lowered_.push_back(std::move(lowered[i]));
    }
    if (!calls_.empty()) {
      const auto* op = calls_.back().op;
      for (auto& id : flat.outputs) id = in_layout(id, Layout::dense, op);
    }
    flat.calls = std::move(calls_);
    lowered = std::move(lowered_);
  }

 private:
  void arrange(FlatCall& call) {
    switch (device_ ? rule(call) : LayoutRule::dense) {
      case LayoutRule::dense:
        for (auto& id : call.args) id = in_layout(id, Layout::dense, call.op);
        return;
      case LayoutRule::channels_last: return set_first(call, Layout::channels_last, true);
      case LayoutRule::either: return set_first(call, layout_of_either(call), true);
      case LayoutRule::any: return set_first(call, most_common(call.param(0)), false);
      case LayoutRule::follow: return follow(call);
    }
  }

  /// Parameter 0 in this layout and, where `results` says so, the results too; all else dense.
  void set_first(FlatCall& call, Layout layout, bool results) {
    const auto range = call.params[0];
    for (std::size_t i = 0; i < call.args.size(); ++i) {
      const bool first = i >= range.first && i < std::size_t{range.first} + range.count;
      call.args[i] = in_layout(call.args[i], first ? layout : Layout::dense, call.op);
    }
    if (!results) return;
    for (const auto id : call.results) out_.layouts[id] = layout;
  }

  /// Marks the values that nothing reads channels-last, directly or through calls that pass the
  /// layout on.
  void find_wishes(const ops::FlatBlock& block, const std::vector<LoweredCall>& lowered) {
    wants_dense_.assign(out_.flat.values.size(), true);
    for (std::size_t i = block.calls.size(); i-- > 0;) {
      const auto& call = block.calls[i];
      device_ = lowered[i].placement.device;
      const auto asked = device_ ? rule(call) : LayoutRule::dense;
      if (asked == LayoutRule::dense) continue;
      const bool passes_on = asked == LayoutRule::follow || asked == LayoutRule::either;
      if (passes_on && wants_dense_[call.results[0]]) continue;
      for (const auto id : call.args) wants_dense_[id] = false;
    }
  }

  /// As most arguments are; but where a result larger than them is wanted dense, it is cheaper to
  /// change them.
  Layout layout_of_either(const FlatCall& call) const {
    const auto result = call.results[0];
    const auto size = [&](ValueId id) {
      return base::element_count(out_.facts.types[id].dims).value_or(0);
    };
    std::int64_t arguments = 0;
    for (const auto id : call.param(0)) arguments += size(id);
    if (wants_dense_[result] && size(result) > arguments && arguments > 0) return Layout::dense;
    return most_common(call.param(0));
  }

  /// The layout of most of the values to which it matters; channels-last when there are as many.
  Layout most_common(std::span<const ValueId> ids) const {
    int balance = 0;
    bool any = false;
    for (const auto id : ids) {
      const auto& type = out_.facts.types[id];
      if (!exec::has_layout(type, type.rank())) continue;
      const bool last = out_.layouts[id] == Layout::channels_last;
      any = any || last;
      balance += last ? 1 : -1;
    }
    return any && balance >= 0 ? Layout::channels_last : Layout::dense;
  }

  LayoutRule rule(const FlatCall& call) const {
    return device_->layout_rule(
        {&out_.flat, &call, &out_.facts, out_.weights.get(), out_.options.numerics, {}, {}});
  }

  /// Channels-last when some argument is and all others can be.
  void follow(FlatCall& call) {
    const auto rank = out_.facts.types[call.results[0]].rank();
    bool any = false;
    bool can = true;
    for (const auto id : call.args) {
      if (out_.layouts[id] == Layout::channels_last) any = true;
      const auto& type = out_.facts.types[id];
      if (exec::has_layout(type, rank) && type.rank() != rank) can = false;
    }
    const auto layout = any && can ? Layout::channels_last : Layout::dense;
    for (auto& id : call.args) {
      const bool free = layout == Layout::channels_last && out_.layouts[id] == Layout::dense &&
                        !exec::has_layout(out_.facts.types[id], rank);
      if (!free) id = in_layout(id, layout, call.op);
    }
    out_.layouts[call.results[0]] = layout;
  }

  /// The value in this layout, changed in front of the call at hand when it is not.
  ValueId in_layout(ValueId id, Layout layout, const ir::Op* op) {
    if (out_.layouts[id] == layout) return id;
    const auto found = changed_.find(id);
    if (found != changed_.end()) return found->second;
    const auto result = new_value(id, layout);
    FlatCall call;
    call.op = op;
    call.def = layout == Layout::dense ? &ops::to_dense() : &ops::to_channels_last();
    call.params.push_back({0, 1});
    call.args.push_back(id);
    call.results.push_back(result);
    calls_.push_back(std::move(call));
    lowered_.emplace_back();
    changed_[id] = result;
    return result;
  }

  ValueId new_value(ValueId from, Layout layout) {
    const auto id = static_cast<ValueId>(out_.flat.values.size());
    ops::FlatValue value;
    value.declared = out_.flat.values[from].declared;
    value.block = block_;
    out_.flat.values.push_back(std::move(value));
    out_.facts.types.push_back(out_.facts.types[from]);
    out_.facts.known.push_back(nullptr);
    out_.layouts.push_back(layout);
    return id;
  }

  Lowered& out_;
  std::uint32_t block_ = 0;
  std::vector<bool> wants_dense_;  ///< by value; of the block
  const exec::Device* device_ = nullptr;
  std::map<ValueId, ValueId> changed_;  ///< of the block: the value in its other layout
  std::vector<FlatCall> calls_;
  std::vector<LoweredCall> lowered_;
};

}  // namespace

void assign_layouts(Lowered& lowered) {
  Assigner assigner(lowered);
  for (std::uint32_t b = 0; b < lowered.flat.blocks.size(); ++b) assigner.run(b);
}

}  // namespace pome::compiler
