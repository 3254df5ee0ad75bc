// A function made ready for any input shapes: calls placed on devices, weights packed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compiler/options.h"
#include "exec/device.h"
#include "ir/program.h"
#include "ops/flat.h"

namespace pome::compiler {

/// Why a call runs where it runs: for plans and reports.
struct Placement {
  const exec::Device* device = nullptr;
  double cost = 0;  ///< seconds, estimated
  struct Refusal {
    std::string_view device;
    std::string reason;
  };
  std::vector<Refusal> refusals;
};

/// One call on its device.
struct LoweredCall {
  Placement placement;
  std::unique_ptr<exec::OpKernel> kernel;  ///< null: control flow, states, constant expressions
  /// True when the kernel of a later call of the block does this one's work. It then has no step
  /// and its results no place.
  bool absorbed = false;
  /// Calls whose work the kernel does, in order, when there are several: this call is the last.
  std::vector<std::uint32_t> parts;
  /// Arguments of the kernel when it has parts: those of all of them that come from outside.
  std::vector<ops::ValueId> args;
};

/// Shape-generic result of lowering. Immutable; shared by all plans.
struct Lowered {
  std::shared_ptr<ir::Program> program;  ///< keeps what `flat` points into
  ops::FlatFunction flat;
  ops::Facts facts;  ///< for the declared types
  std::shared_ptr<exec::WeightStore> weights;
  CompileOptions options;
  std::vector<exec::Layout> layouts;            ///< by value
  std::vector<std::vector<LoweredCall>> calls;  ///< [block][call], beside flat.blocks
  /// Constants that kernels get as tensors, by value: expanded to the storage type.
  std::vector<std::shared_ptr<const exec::Pack>> constants;
  std::vector<std::uint32_t> uses;        ///< by value: arguments and block outputs naming it
  std::vector<std::int32_t> list_slots;   ///< by value; -1 when not a list
  std::vector<std::int32_t> state_slots;  ///< by value; -1 when not a state
  std::uint32_t list_count = 0;           ///< slots, the spare ones included
  std::int32_t first_spare_list = 0;      ///< slots for lists that change places in a loop
};

/// Places, prepares and packs one resolved, type-checked function.
std::shared_ptr<const Lowered> lower(std::shared_ptr<ir::Program> program,
                                     const ir::Function& function,
                                     std::shared_ptr<exec::WeightStore> weights,
                                     CompileOptions options);

}  // namespace pome::compiler
