// MIL programs in memory: functions of blocks of operations on values, in SSA form.
//
// Ownership: Program > Function > Block > Op > (Value, Block). Everything else points. Whoever
// changes a program goes through the member functions, which keep the lists of users true;
// `ir::verify` checks them. Not thread-safe while it changes; safe to read from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ir/constant.h"
#include "ir/type.h"

namespace pome::ops {
struct OpDef;
class CustomOperation;
}  // namespace pome::ops

namespace pome::ir {

class Block;
class Function;
class Op;

/// An SSA value: the result of an operation or an input of a block.
struct Value {
  std::string name;
  Type type;
  Op* producer = nullptr;        ///< null for block inputs
  Block* block = nullptr;        ///< block whose input this is, or that holds the producer
  std::uint32_t index = 0;       ///< position among the producer's results or the block's inputs
  std::vector<Op*> users;        ///< one entry a use, in no order
  std::uint32_t block_uses = 0;  ///< how many block outputs name this value
  std::uint32_t id = 0;          ///< scratch number for whoever walks the program

  bool used() const noexcept { return !users.empty() || block_uses != 0; }
  /// The constant when the producer is a `const` operation, else null.
  const Constant* constant() const noexcept;
};

/// One argument: a value, or a constant written in its place. Exactly one is set.
struct Binding {
  Value* value = nullptr;
  ConstantPtr literal;

  Binding(Value* v) : value(v) {}                    // NOLINT(google-explicit-constructor)
  Binding(ConstantPtr c) : literal(std::move(c)) {}  // NOLINT(google-explicit-constructor)
  const Type& type() const noexcept { return value ? value->type : literal->type; }
  /// The constant behind the argument, written in place or by a `const` operation; else null.
  const Constant* constant() const noexcept { return literal ? literal.get() : value->constant(); }
};

/// A named parameter with its arguments (one, or several for variadic parameters).
struct Argument {
  std::string name;
  std::vector<Binding> bindings;
};

using Attribute = std::pair<std::string, ConstantPtr>;

/// Where an operation comes from in the user's own words, for reports and errors.
struct Source {
  std::string name;  ///< the operation's or layer's name
  std::string type;  ///< "conv", or the neural-network layer's type
};

class Op {
 public:
  Op(std::string type, std::string name) : type_(std::move(type)), name_(std::move(name)) {}
  Op(const Op&) = delete;
  Op& operator=(const Op&) = delete;

  const std::string& type() const noexcept { return type_; }
  /// The `name` attribute; the first result's name when there is none.
  const std::string& name() const noexcept;
  void set_name(std::string name) { name_ = std::move(name); }
  /// "operation 'conv_1' (conv)": the place for messages.
  std::string place() const;

  /// Definition from the operation table; null until ops::resolve ran.
  const ops::OpDef* def = nullptr;
  Source source;
  /// The code of a `pome.custom` operation; null for all others. It has no form in text or files.
  std::shared_ptr<const ops::CustomOperation> custom;

  const std::vector<Argument>& arguments() const noexcept { return arguments_; }
  const Argument* argument(std::string_view param) const noexcept;
  /// First binding of a parameter, or null.
  const Binding* input(std::string_view param) const noexcept;
  Value* input_value(std::string_view param) const noexcept;
  void set_argument(std::string_view param, std::vector<Binding> bindings);
  void set_argument(std::string_view param, Binding binding);
  void remove_argument(std::string_view param);
  /// Replaces each use of `from` in this operation's arguments (not in its blocks).
  void replace_uses(Value* from, Value* to);

  Value& add_result(std::string name, Type type);
  std::size_t result_count() const noexcept { return results_.size(); }
  Value& result(std::size_t i = 0) const noexcept { return *results_[i]; }

  Block& add_block();
  const std::vector<std::unique_ptr<Block>>& blocks() const noexcept { return blocks_; }

  const std::vector<Attribute>& attributes() const noexcept { return attributes_; }
  const Constant* attribute(std::string_view name) const noexcept;
  void set_attribute(std::string_view name, ConstantPtr value);

  Block* parent() const noexcept { return parent_; }

 private:
  friend class Block;
  void drop_uses() noexcept;

  std::string type_;
  std::string name_;
  std::vector<Argument> arguments_;
  std::vector<std::unique_ptr<Value>> results_;
  std::vector<std::unique_ptr<Block>> blocks_;
  std::vector<Attribute> attributes_;
  Block* parent_ = nullptr;
};

class Block {
 public:
  explicit Block(Op* owner) : owner_(owner) {}
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block();

  Value& add_input(std::string name, Type type);
  const std::vector<std::unique_ptr<Value>>& inputs() const noexcept { return inputs_; }

  const std::vector<std::unique_ptr<Op>>& operations() const noexcept { return operations_; }
  Op& append(std::unique_ptr<Op> op);
  /// Inserts before `before`, which must be in this block (null: at the end).
  Op& insert(const Op* before, std::unique_ptr<Op> op);
  /// Removes an operation of which no result is used.
  void erase(Op* op);
  /// Removes every operation for which `dead` is true, in one sweep from the end; each must be
  /// without used results by the time the sweep reaches it.
  void erase_if(const std::function<bool(const Op&)>& dead);

  const std::vector<Value*>& outputs() const noexcept { return outputs_; }
  void set_outputs(std::vector<Value*> outputs);

  /// The operation that holds this block; null for the body of a function.
  Op* owner() const noexcept { return owner_; }
  std::vector<Attribute> attributes;

 private:
  std::vector<std::unique_ptr<Value>> inputs_;
  std::vector<std::unique_ptr<Op>> operations_;
  std::vector<Value*> outputs_;
  Op* owner_;
};

/// Replaces every use of `from` (arguments and block outputs, nested blocks too) by `to`.
/// `scope` is the block in which `from` is defined.
void replace_all_uses(Block& scope, Value* from, Value* to);

class Function {
 public:
  Function(std::string function_name, std::string opset_name)
      : name(std::move(function_name)),
        opset(std::move(opset_name)),
        body(std::make_unique<Block>(nullptr)) {}

  std::string name;
  std::string opset;            ///< "CoreML5" ... "CoreML9", or "ios15" ... as MIL text spells it
  std::unique_ptr<Block> body;  ///< its inputs are the function's inputs
  std::vector<Attribute> attributes;
};

class Program {
 public:
  std::int64_t version = 1;
  std::string doc;
  std::vector<std::unique_ptr<Function>> functions;  ///< in file order
  std::vector<Attribute> attributes;

  Function* find(std::string_view function) const noexcept;
};

/// Calls `visit` for every operation, in order, blocks inside an operation after it. Iterative.
void for_each_op(const Block& block, const std::function<void(Op&)>& visit);

/// Checks structure: names are there and unique in scope, every argument is defined before its use
/// and visible, parameters are named once, a const has a value of its type, lists of users and the
/// pointers of values, operations and blocks to what holds them are true, block outputs exist,
/// nesting is at most `max_block_depth`. Throws Error{io} naming function and operation.
void verify(const Program& program);

/// The same for one function, without the program around it.
void verify(const Function& function);

/// Nesting of blocks that is accepted; deeper programs are refused.
inline constexpr int max_block_depth = 64;

/// Structural equality with names (as a program printed and parsed again must have).
bool equal(const Program& a, const Program& b) noexcept;

}  // namespace pome::ir
