#include <algorithm>
#include <optional>
#include <unordered_map>

#include "base/text.h"
#include "compiler/layout.h"
#include "compiler/lowered.h"
#include "devices/reference/reference_device.h"
#include "pome/error.h"

namespace pome::compiler {
namespace {

/// Calls that the executor runs itself, on every device.
bool run_by_executor(const ops::OpDef& def) {
  return def.effects == ops::Effects::control_flow || def.effects == ops::Effects::compress ||
         def.effects == ops::Effects::reads_state || def.effects == ops::Effects::writes_state;
}

class Lowerer {
 public:
  explicit Lowerer(Lowered& out) : out_(out) {}

  void run() {
    try {
      for (const auto& block : out_.flat.blocks) {
        auto& calls = out_.calls.emplace_back(block.calls.size());
        for (std::size_t i = 0; i < calls.size(); ++i) place(block.calls[i], calls[i]);
      }
      assign_layouts(out_);
      number_slots();
      count_uses();
      for (std::uint32_t b = 0; b < out_.flat.blocks.size(); ++b) prepare_block(b);
    } catch (Error& error) {
      throw error.within(base::cat("function ", base::quoted(out_.flat.function->name)));
    }
  }

 private:
  void number_slots() {
    const auto n = out_.flat.values.size();
    out_.constants.resize(n);
    out_.uses.assign(n, 0);
    out_.list_slots.assign(n, -1);
    out_.state_slots.assign(n, -1);
    std::int32_t states = 0;
    for (std::size_t id = 0; id < n; ++id) {
      const auto kind = out_.flat.values[id].declared.kind;
      if (kind == ir::Type::Kind::list) {
        out_.list_slots[id] = static_cast<std::int32_t>(out_.list_count++);
      } else if (kind == ir::Type::Kind::state) {
        out_.state_slots[id] = states++;
      }
    }
    out_.first_spare_list = static_cast<std::int32_t>(out_.list_count);
    out_.list_count += most_loop_lists();
  }

  /// The greatest number of lists among the variables of a loop.
  std::uint32_t most_loop_lists() const {
    std::uint32_t most = 0;
    for (const auto& block : out_.flat.blocks) {
      for (const auto& call : block.calls) {
        if (call.def->effects != ops::Effects::control_flow) continue;
        const auto lists = std::ranges::count_if(
            call.args, [&](ops::ValueId id) { return out_.list_slots[id] >= 0; });
        most = std::max(most, static_cast<std::uint32_t>(lists));
      }
    }
    return most;
  }

  /// Makes a constant available as a plain tensor.
  void need_tensor(ops::ValueId id) {
    const auto& value = out_.flat.values[id];
    if (out_.constants[id] || value.known || value.declared.dtype == DataType::string) return;
    if (const auto weight = out_.weights->find(out_.flat, id)) {
      out_.constants[id] = out_.weights->dense(*weight);
    }
  }

  void count_uses() {
    for (const auto& block : out_.flat.blocks) {
      for (const auto& call : block.calls) {
        for (const auto id : call.args) ++out_.uses[id];
      }
      for (const auto id : block.outputs) ++out_.uses[id];
    }
  }

  /// Where in the block each value is an argument; of several places any one.
  static std::unordered_map<ops::ValueId, std::uint32_t> consumers(const ops::FlatBlock& block) {
    std::unordered_map<ops::ValueId, std::uint32_t> out;
    for (std::uint32_t i = 0; i < block.calls.size(); ++i) {
      for (const auto id : block.calls[i].args) out[id] = i;
    }
    return out;
  }

  exec::CallSite site_of(const ops::FlatCall& call) const {
    return {&out_.flat, &call,       &out_.facts, out_.weights.get(), out_.options.numerics,
            {},         out_.layouts};
  }

  void place(const ops::FlatCall& call, LoweredCall& lowered) const {
    if (run_by_executor(*call.def)) {
      lowered.placement.device = out_.options.devices.back();
    } else {
      lowered.placement = choose(site_of(call));
    }
  }

  void prepare_block(std::uint32_t index) {
    const auto& block = out_.flat.blocks[index];
    auto& calls = out_.calls[index];
    consumers_ = consumers(block);
    for (std::uint32_t i = 0; i < calls.size(); ++i) {
      const auto& call = block.calls[i];
      if (calls[i].absorbed || calls[i].kernel) continue;  // done with an earlier call
      if (!run_by_executor(*call.def)) {
        if (!calls[i].placement.device) place(call, calls[i]);  // a change of layout
        prepare(index, i);
      } else if (call.def->effects != ops::Effects::compress) {
        for (const auto id : call.args) need_tensor(id);
      }
    }
    for (const auto id : block.outputs) need_tensor(id);
  }

  Placement choose(const exec::CallSite& site) const {
    const auto& call = *site.call;
    Placement placement;
    const auto* const last = out_.options.devices.back();
    for (const auto* device : out_.options.devices) {
      // The reference device shows what is right and competes with nobody on speed.
      if (device == last && placement.device) break;
      auto support = device->supports(site);
      if (!support.yes) {
        placement.refusals.push_back({device->name(), std::move(support.reason)});
        continue;
      }
      const double cost = device->cost(site);
      if (!placement.device || cost < placement.cost) {
        placement.device = device;
        placement.cost = cost;
      }
    }
    if (!placement.device) {
      throw Error(ErrorCode::unsupported,
                  base::cat(call.op->place(), ": no device can run it",
                            placement.refusals.empty()
                                ? std::string()
                                : base::cat(" (", placement.refusals.front().device, ": ",
                                            placement.refusals.front().reason, ")")));
    }
    return placement;
  }

  /// Prepares a call together with the calls behind it that its device absorbs.
  void prepare(std::uint32_t block_index, std::uint32_t index) {
    const auto& block = out_.flat.blocks[block_index];
    auto& calls = out_.calls[block_index];
    auto site = site_of(block.calls[index]);
    const auto* device = calls[index].placement.device;
    std::vector<exec::Tail> tails;
    std::vector<std::uint32_t> parts{index};
    for (const auto* last = site.call; out_.options.absorb;) {
      const auto next = only_consumer(block_index, *last);
      if (!next || tails.size() == max_tails) break;
      const auto& call = block.calls[*next];
      const auto through = std::ranges::find(call.args, last->results[0]) - call.args.begin();
      const exec::Tail tail{&call, static_cast<std::size_t>(through)};
      site.tails = tails;
      if (!device->absorbs(site, tail)) break;
      tails.push_back(tail);
      parts.push_back(*next);
      last = &call;
    }
    site.tails = tails;
    auto& lowered = calls[parts.back()];
    lowered.kernel = device->prepare(site);
    std::vector<ops::ValueId> args(site.call->args.begin(), site.call->args.end());
    for (const auto& tail : tails) {
      for (std::size_t i = 0; i < tail.call->args.size(); ++i) {
        if (i != tail.through) args.push_back(tail.call->args[i]);
      }
    }
    for (std::size_t i = 0; i < args.size(); ++i) {
      if (!lowered.kernel->takes_over(i)) need_tensor(args[i]);
    }
    if (tails.empty()) return;
    for (const auto part : parts) {
      calls[part].absorbed = part != parts.back();
      if (part != index) calls[part].placement = calls[index].placement;
    }
    lowered.parts = std::move(parts);
    lowered.args = std::move(args);
  }

  /// The call of the block that alone uses the one result of `call`; nothing when there is none,
  /// or when it is not computed by a device of its own choice.
  std::optional<std::uint32_t> only_consumer(std::uint32_t block_index,
                                             const ops::FlatCall& call) const {
    const auto& block = out_.flat.blocks[block_index];
    if (call.results.size() != 1 || out_.uses[call.results[0]] != 1) return std::nullopt;
    const auto found = consumers_.find(call.results[0]);
    if (found == consumers_.end()) return std::nullopt;
    const auto& lowered = out_.calls[block_index][found->second];
    if (lowered.absorbed || lowered.kernel) return std::nullopt;
    return run_by_executor(*block.calls[found->second].def) ? std::nullopt
                                                            : std::optional(found->second);
  }

  /// Calls that one kernel may do behind its own.
  static constexpr std::size_t max_tails = 12;

  Lowered& out_;
  std::unordered_map<ops::ValueId, std::uint32_t> consumers_;  ///< of the block at hand
};

}  // namespace

std::shared_ptr<const Lowered> lower(std::shared_ptr<ir::Program> program,
                                     const ir::Function& function,
                                     std::shared_ptr<exec::WeightStore> weights,
                                     CompileOptions options) {
  auto out = std::make_shared<Lowered>();
  out->program = std::move(program);
  out->flat = ops::flatten(function);
  std::vector<ir::Type> inputs;
  for (const auto& input : function.body->inputs()) inputs.push_back(input->type);
  out->facts = ops::infer(out->flat, inputs);
  out->weights = std::move(weights);
  out->options = std::move(options);
  const auto* reference = &devices::reference_device();
  auto& devices = out->options.devices;
  std::erase(devices, reference);
  devices.push_back(reference);
  Lowerer(*out).run();
  return out;
}

}  // namespace pome::compiler
