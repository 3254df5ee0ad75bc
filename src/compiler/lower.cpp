#include <algorithm>

#include "base/text.h"
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
    number_slots();
    for (const auto& block : out_.flat.blocks) {
      auto& calls = out_.calls.emplace_back();
      for (const auto& call : block.calls) {
        try {
          calls.push_back(place(call));
        } catch (Error& error) {
          throw error.within(base::cat("function ", base::quoted(out_.flat.function->name)));
        }
      }
      for (const auto id : block.outputs) {
        ++out_.uses[id];
        need_tensor(id);
      }
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

  LoweredCall place(const ops::FlatCall& call) {
    LoweredCall lowered;
    for (const auto id : call.args) ++out_.uses[id];
    if (run_by_executor(*call.def)) {
      lowered.placement.device = out_.options.devices.back();
      if (call.def->effects != ops::Effects::compress) {
        for (const auto id : call.args) need_tensor(id);
      }
      return lowered;
    }
    const exec::CallSite site{&out_.flat, &call, &out_.facts, out_.weights.get(),
                              out_.options.numerics};
    auto& placement = lowered.placement;
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
    lowered.kernel = placement.device->prepare(site);
    for (std::size_t i = 0; i < call.args.size(); ++i) {
      if (!lowered.kernel->takes_over(i)) need_tensor(call.args[i]);
    }
    return lowered;
  }

  Lowered& out_;
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
