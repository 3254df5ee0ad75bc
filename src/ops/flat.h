// A resolved function as flat, indexed tables: what inference and the compiler walk.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "ir/program.h"
#include "ops/call.h"
#include "ops/op_def.h"

namespace pome::ops {

using ValueId = std::uint32_t;

/// A value of the function: an SSA value, or a constant written in an argument's place.
struct FlatValue {
  const ir::Value* value = nullptr;        ///< null for literals
  const ir::Constant* constant = nullptr;  ///< literals and results of `const`
  Type declared;
  /// The elements, for immediate constants of at most `known_limit` elements.
  std::shared_ptr<const HostTensor> known;
  std::uint32_t block = 0;  ///< block in which it is defined
};

/// One operation: arguments by canonical parameter, results, nested blocks.
struct FlatCall {
  const ir::Op* op = nullptr;
  const OpDef* def = nullptr;
  base::InlineVector<Call::Range, 12> params;  ///< ranges into `args`, one a parameter
  base::InlineVector<ValueId, 8> args;
  base::InlineVector<ValueId, 4> results;
  base::InlineVector<std::uint32_t, 2> blocks;

  std::span<const ValueId> param(int p) const noexcept {
    const auto r = params[static_cast<std::size_t>(p)];
    return std::span<const ValueId>(args).subspan(r.first, r.count);
  }
  bool has(int p) const noexcept { return params[static_cast<std::size_t>(p)].count != 0; }
};

struct FlatBlock {
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  std::vector<FlatCall> calls;  ///< in program order, `const` left out
};

/// Tables of one function. Immutable once built; keeps pointers into the program, which must live
/// as long and must not change.
struct FlatFunction {
  const ir::Function* function = nullptr;
  std::vector<FlatValue> values;
  std::vector<FlatBlock> blocks;  ///< blocks[0] is the body; nested ones come after their owner

  const FlatBlock& body() const noexcept { return blocks.front(); }
};

/// Builds the tables of a resolved function and numbers its values (`ir::Value::id`).
/// Throws Error{parameters} when an immediate constant's bytes do not fit its type.
FlatFunction flatten(const ir::Function& function);

/// What is known of each value for one set of input types.
struct Facts {
  std::vector<Type> types;                               ///< by ValueId
  std::vector<std::shared_ptr<const HostTensor>> known;  ///< null: not known before the run
};

/// Infers all types of a function from the types of its inputs, running small integer computations
/// (shape arithmetic) on the way. With static input types every dimension comes out known that
/// does not depend on data. Thread-safe: `flat` is only read.
/// Throws Error{parameters} naming the operation.
Facts infer(const FlatFunction& flat, std::span<const Type> inputs);

/// Continues inference in place from call `first` of a block, with the types in `facts` of
/// everything before it (the calls of later blocks included). What `infer` does from call 0.
void infer_from(const FlatFunction& flat, Facts& facts, std::uint32_t block, std::size_t first);

}  // namespace pome::ops
