// Emits MIL operations one by one and knows the type of every value as soon as it is made.
//
// Layers are translated by what the ranks of their inputs are, so types are inferred while the
// program grows, with the definitions' own inference.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/tensor.h"
#include "ir/program.h"

namespace pome::frontend::network {

using V = ir::Value*;
using Ints = std::vector<std::int64_t>;

/// One argument of an emitted operation.
struct Arg {
  std::string_view name;
  std::vector<ir::Binding> bindings;

  Arg(std::string_view n, ir::Binding binding) : name(n), bindings{std::move(binding)} {}
  Arg(std::string_view n, V value) : name(n), bindings{ir::Binding(value)} {}
  Arg(std::string_view n, ir::ConstantPtr constant)
      : name(n), bindings{ir::Binding(std::move(constant))} {}
  Arg(std::string_view n, std::vector<ir::Binding> several)
      : name(n), bindings(std::move(several)) {}
};

// Constants as arguments.
ir::ConstantPtr ints(std::span<const std::int64_t> values);
ir::ConstantPtr ints(std::initializer_list<std::int64_t> values);
ir::ConstantPtr integer(std::int64_t value);
ir::ConstantPtr number(float value);
ir::ConstantPtr numbers(std::span<const float> values, ir::Dims dims);
ir::ConstantPtr flag(bool value);
ir::ConstantPtr flags(const std::vector<bool>& values);
ir::ConstantPtr text(std::string_view value);

/// Builds one function. Not thread-safe.
class Builder {
 public:
  explicit Builder(ir::Function& function) : block_(function.body.get()) {}

  /// Keeps a name for a value that gets it later.
  void reserve(std::string_view name) { names_.emplace(name); }
  /// What the following operations come from, for reports and messages.
  void set_source(ir::Source source) { source_ = std::move(source); }
  const ir::Source& source() const noexcept { return source_; }

  V input(const std::string& name, ir::Type type);

  /// Emits an operation with one result, which is named after `name_hint`.
  /// Throws Error{parameters} when the definition refuses the arguments.
  V op(std::string_view type, std::vector<Arg> arguments);
  std::vector<V> ops(std::string_view type, std::vector<Arg> arguments, std::size_t results);
  /// The same with the result named exactly `name`, which was reserved.
  V named(const std::string& name, std::string_view type, std::vector<Arg> arguments);
  /// A constant as a value.
  V constant(ir::ConstantPtr value);
  /// The results' names begin with this.
  void set_hint(std::string hint) { hint_ = std::move(hint); }

  /// The elements of a value where they are known: constants, shapes. Null: not known.
  const base::HostTensor* known(V value) const;

  /// What is known of values, to go back to when what was emitted since is dropped.
  using Known = std::unordered_map<const ir::Value*, std::shared_ptr<const base::HostTensor>>;
  Known save() const { return known_; }
  void restore(Known known) { known_ = std::move(known); }

  // Control flow: emits into a nested block between `enter` and `leave`.
  ir::Block* block() const noexcept { return block_; }
  void enter(ir::Block& block) { block_ = &block; }
  std::string unique(std::string_view hint);
  /// Notes the values that a hand-made operation gives.
  void place(std::unique_ptr<ir::Op> op) { block_->append(std::move(op)); }

 private:
  void infer(ir::Op& op);

  ir::Block* block_;
  ir::Source source_;
  std::string hint_ = "value";
  std::set<std::string, std::less<>> names_;
  std::map<std::string, int, std::less<>> counters_;
  Known known_;
};

}  // namespace pome::frontend::network
