#include "ops/flat.h"

#include <deque>

#include "base/text.h"
#include "ops/resolve.h"
#include "pome/error.h"

namespace pome::ops {
namespace {

class Flattener {
 public:
  explicit Flattener(const ir::Function& function) { flat_.function = &function; }

  FlatFunction run() {
    // Breadth first, so that a block's number is greater than its owner's; no recursion.
    std::deque<const ir::Block*> queue{flat_.function->body.get()};
    flat_.blocks.emplace_back();
    for (std::uint32_t number = 0; !queue.empty(); ++number) {
      const auto* block = queue.front();
      queue.pop_front();
      add_block(*block, number, queue);
    }
    // Outputs last: a block may return a value of any block around it.
    for (std::size_t i = 0; i < order_.size(); ++i) {
      for (const auto* value : order_[i]->outputs()) flat_.blocks[i].outputs.push_back(value->id);
    }
    return std::move(flat_);
  }

 private:
  ValueId add_value(const ir::Value* value, const ir::Constant* constant, const Type& type,
                    std::uint32_t block) {
    FlatValue entry{value, constant, type, nullptr, block};
    if (constant && !constant->is_blob() && type.is_tensor() && type.is_static()) {
      std::int64_t count = 1;
      for (const auto d : type.dims) count *= d;
      if (count <= known_limit) {
        entry.known = std::make_shared<const HostTensor>(materialize(*constant));
      }
    }
    flat_.values.push_back(std::move(entry));
    return static_cast<ValueId>(flat_.values.size() - 1);
  }

  void number(const ir::Value& value, const ir::Constant* constant, std::uint32_t block) {
    // Numbers are scratch space of the walker, not part of the program's meaning.
    const_cast<ir::Value&>(value).id = add_value(&value, constant, value.type, block);
  }

  void add_block(const ir::Block& block, std::uint32_t number_of_block,
                 std::deque<const ir::Block*>& queue) {
    order_.push_back(&block);
    for (const auto& input : block.inputs()) {
      number(*input, nullptr, number_of_block);
      flat_.blocks[number_of_block].inputs.push_back(input->id);
    }
    for (const auto& op : block.operations()) {
      for (std::size_t r = 0; r < op->result_count(); ++r) {
        number(op->result(r), r == 0 ? op->result(0).constant() : nullptr, number_of_block);
      }
      if (op->type() == "const") continue;
      auto call = make_call(*op, number_of_block);
      for (const auto& nested : op->blocks()) {
        call.blocks.push_back(static_cast<std::uint32_t>(flat_.blocks.size()));
        flat_.blocks.emplace_back();
        queue.push_back(nested.get());
      }
      flat_.blocks[number_of_block].calls.push_back(std::move(call));
    }
  }

  FlatCall make_call(const ir::Op& op, std::uint32_t block) {
    FlatCall call;
    call.op = &op;
    call.def = op.def;
    if (!op.def) {
      throw Error(ErrorCode::generic, base::cat(op.place(), ": is not resolved"));
    }
    for (const auto& param : op.def->params()) {
      const auto* argument = op.argument(param.name);
      const std::size_t count = argument ? argument->bindings.size() : 0;
      call.params.push_back(
          {static_cast<std::uint16_t>(call.args.size()), static_cast<std::uint16_t>(count)});
      for (std::size_t i = 0; i < count; ++i) {
        const auto& binding = argument->bindings[i];
        call.args.push_back(binding.value ? binding.value->id
                                          : add_value(nullptr, binding.literal.get(),
                                                      binding.literal->type, block));
      }
    }
    for (std::size_t r = 0; r < op.result_count(); ++r) call.results.push_back(op.result(r).id);
    return call;
  }

  FlatFunction flat_;
  std::vector<const ir::Block*> order_;
};

}  // namespace

FlatFunction flatten(const ir::Function& function) {
  return Flattener(function).run();
}

}  // namespace pome::ops
