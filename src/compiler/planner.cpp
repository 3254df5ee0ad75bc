// Makes plans: walks the calls of a block, gives every value a place, every call a step.
#include <algorithm>
#include <limits>

#include "base/checked.h"
#include "base/text.h"
#include "compiler/builtin.h"
#include "compiler/plan.h"
#include "ops/layout.h"
#include "pome/error.h"

namespace pome::compiler {
namespace {

using base::cat;
using ops::FlatCall;
using ops::ValueId;

constexpr std::uint32_t forever = std::numeric_limits<std::uint32_t>::max();

class Planner {
 public:
  explicit Planner(Plan& plan)
      : plan_(plan), low_(*plan.lowered), flat_(plan.lowered->flat), places_(flat_.values.size()) {}

  void run() {
    import_root_inputs();
    const auto& calls = flat_.blocks[plan_.block].calls;
    std::uint32_t i = plan_.first_call;
    for (; i < calls.size() && is_static(calls[i]); ++i) plan_call(plan_.block, i);
    plan_.end_call = i;
    plan_.complete = i == calls.size();
    finish(calls);
    for (auto& buffer : plan_.buffers) buffer.last = std::min(buffer.last, position_);
    plan_.arena_bytes = pack_buffers(plan_.buffers);
    for (auto& step : plan_.steps) place_scratch(step);
  }

 private:
  const ir::Type& type(ValueId id) const { return plan_.facts.types[id]; }

  // --- what can be planned ---

  bool is_static(const ir::Type& t) const {
    return t.kind == ir::Type::Kind::list || (t.ranked && t.is_static());
  }

  bool is_static(const FlatCall& call) const {
    if (call.def->effects == ops::Effects::compress) return true;
    for (const auto id : call.results) {
      if (!is_static(type(id))) return false;
    }
    // Arguments matter too: a list or control-flow result may be static above a dynamic body.
    for (const auto id : call.args) {
      if (!is_static(type(id))) return false;
    }
    for (const auto block : call.blocks) {
      const auto& nested = flat_.blocks[block];
      for (const auto id : nested.inputs) {
        if (!is_static(type(id))) return false;
      }
      for (const auto& inner : nested.calls) {
        if (!is_static(inner)) return false;
      }
    }
    return true;
  }

  // --- memory ---

  std::size_t bytes_of(ValueId id) const {
    const auto& t = type(id);
    const auto count = base::element_count(t.dims);
    const auto bytes = count ? base::byte_count(*count, base::storage_type(t.dtype)) : count;
    // One tensor above a terabyte is a broken model, not a big one.
    constexpr std::int64_t limit = std::int64_t{1} << 40;
    if (!bytes || *bytes > limit) {
      const auto* value = flat_.values[id].value;
      throw Error(ErrorCode::out_of_memory,
                  cat(value && value->producer ? value->producer->place() + ": its result"
                                               : std::string("a value"),
                      " of type ", ir::text(t), " is too large"));
    }
    return static_cast<std::size_t>(*bytes);
  }

  std::uint32_t new_buffer(std::size_t size, std::uint32_t region, std::int64_t pending) {
    plan_.buffers.push_back({.size = size,
                             .first = position_,
                             .last = position_,
                             .region = region,
                             .pending = pending});
    return static_cast<std::uint32_t>(plan_.buffers.size() - 1);
  }

  void note_largest(std::size_t bytes, const ir::Op* op) {
    if (bytes <= largest_ || !op) return;
    largest_ = bytes;
    plan_.largest_op = op;
  }

  void give_buffer(ValueId id, std::uint32_t region) {
    const auto bytes = bytes_of(id);
    if (const auto* value = flat_.values[id].value) note_largest(bytes, value->producer);
    places_[id] = {Home::arena, new_buffer(bytes, region, low_.uses[id]), nullptr};
  }

  void touch(ValueId id) {
    const auto& place = places_[id];
    if (place.home == Home::arena) {
      auto& buffer = plan_.buffers[place.index];
      buffer.last = std::max(buffer.last, position_);
    }
  }

  void consume(ValueId id) {
    touch(id);
    if (places_[id].home == Home::arena) --plan_.buffers[places_[id].index].pending;
    if (type(id).kind == ir::Type::Kind::list) --list_pending(id);
  }

  std::int64_t& list_pending(ValueId id) { return list_uses_[plan_.list_slots[id]]; }

  /// Place of a value used as an argument; constants and outside values get theirs here.
  const Place& place(ValueId id) {
    auto& p = places_[id];
    if (p.home != Home::none) return p;
    const auto& value = flat_.values[id];
    if (const auto& known = plan_.facts.known[id]) {
      p = {Home::constant, 0, known->view().data};
    } else if (low_.constants[id]) {
      p = {Home::constant, 0, low_.constants[id]->bytes().data()};
    } else if (value.constant || low_.state_slots[id] >= 0 ||
               type(id).kind == ir::Type::Kind::list) {
      p.home = Home::slot;  // taken over by the kernel, a state, or a list
    } else {
      p = {Home::import, static_cast<std::uint32_t>(plan_.imports.size()), nullptr};
      plan_.imports.push_back(id);
    }
    return p;
  }

  void import_root_inputs() {
    if (plan_.block != 0 || plan_.first_call != 0) return;
    for (const auto id : flat_.body().inputs) {
      if (low_.state_slots[id] >= 0) continue;
      places_[id] = {Home::import, static_cast<std::uint32_t>(plan_.imports.size()), nullptr};
      plan_.imports.push_back(id);
      // Used when the caller's tensor cannot be read in place. Alive throughout: the conversion
      // happens before the first step.
      plan_.staging.push_back(new_buffer(bytes_of(id), 0, 0));
      plan_.buffers.back().last = forever;
    }
  }

  // --- steps ---

  std::uint32_t add_dims(const ir::Type& t) {
    const auto at = static_cast<std::uint32_t>(plan_.dims.size());
    const auto rank = t.dims.size();
    plan_.dims.insert(plan_.dims.end(), t.dims.begin(), t.dims.end());
    plan_.dims.resize(at + 2 * rank, 1);
    for (std::size_t i = rank; i-- > 1;) {
      plan_.dims[at + rank + i - 1] = plan_.dims[at + rank + i] * t.dims[i];
    }
    return at;
  }

  Ref make_ref(ValueId id) {
    const auto& t = type(id);
    const auto& p = place(id);
    Ref ref;
    ref.home = p.home;
    ref.index = p.index;
    ref.constant = p.constant;
    if (t.kind == ir::Type::Kind::list) {
      ref.slot = plan_.list_slots[id];
      return ref;
    }
    if (low_.state_slots[id] >= 0) ref.slot = low_.state_slots[id];
    ref.dtype = base::storage_type(t.dtype);
    ref.rank = static_cast<std::int32_t>(t.dims.size());
    ref.dims = add_dims(t);
    return ref;
  }

  std::uint32_t add_ref(Ref ref) {
    const auto at = static_cast<std::uint32_t>(plan_.refs.size());
    if (ref.home == Home::import) plan_.import_refs.push_back(at);
    plan_.refs.push_back(ref);
    return at;
  }

  template <typename Params>
  std::uint32_t add_params(const Params& params) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&params);
    return add_params(std::span(bytes, sizeof params));
  }
  std::uint32_t add_params(std::span<const std::byte> bytes) {
    constexpr std::size_t alignment = 16;
    const auto at = (plan_.params.size() + alignment - 1) & ~(alignment - 1);
    plan_.params.resize(at + bytes.size());
    std::ranges::copy(bytes, plan_.params.begin() + static_cast<std::ptrdiff_t>(at));
    return static_cast<std::uint32_t>(at);
  }

  Step& add_step(StepKind kind, exec::Kernel kernel, const ir::Op* op) {
    Step step;
    step.kind = kind;
    step.kernel = kernel;
    step.op = op;
    step.refs = static_cast<std::uint32_t>(plan_.refs.size());
    step.scratch = step.worker_scratch = no_scratch;
    plan_.steps.push_back(step);
    ++position_;
    return plan_.steps.back();
  }

  static constexpr std::size_t no_scratch = std::numeric_limits<std::size_t>::max();

  /// Step fields hold buffer numbers until the arena is packed.
  void place_scratch(Step& step) {
    const auto offset = [&](std::size_t buffer) {
      return buffer == no_scratch ? 0 : plan_.buffers[buffer].offset;
    };
    step.scratch = offset(step.scratch);
    step.worker_scratch = offset(step.worker_scratch);
  }

  void plan_call(std::uint32_t block, std::uint32_t index) {
    const auto& call = flat_.blocks[block].calls[index];
    try {
      plan_call(call, low_.calls[block][index], block);
    } catch (Error& error) {
      throw error.within(cat("function ", base::quoted(flat_.function->name)));
    }
  }

  void plan_call(const FlatCall& call, const LoweredCall& lowered, std::uint32_t block) {
    using ops::Effects;
    if (lowered.absorbed) return;
    switch (call.def->effects) {
      case Effects::compress: return;
      case Effects::control_flow:
        return call.def->name == "cond" ? plan_cond(call, block) : plan_while(call, block);
      case Effects::reads_state: return plan_read_state(call, block);
      case Effects::writes_state: return plan_write_state(call, block);
      case Effects::none:
      case Effects::random: break;
    }
    if (all_known(call)) {
      for (const auto id : call.args) consume(id);
      return;
    }
    if (call.def->alias == ops::Alias::view && type(call.results[0]).is_tensor()) {
      return plan_view(call);
    }
    if (ops::is_layout_change(*call.def) && is_trivial_change(type(call.args[0]))) {
      return plan_view(call);
    }
    plan_kernel(call, lowered, block);
  }

  /// Whether the elements are in the same order in every layout.
  static bool is_trivial_change(const ir::Type& t) {
    return !exec::has_layout(t, t.rank()) || base::element_count(t.dims) == 0;
  }

  bool all_known(const FlatCall& call) const {
    return std::ranges::all_of(call.results,
                               [&](ValueId id) { return plan_.facts.known[id] != nullptr; });
  }

  void plan_view(const FlatCall& call) {
    const auto from = call.args[0];
    const auto result = call.results[0];
    places_[result] = place(from);
    if (places_[result].home == Home::arena) {
      plan_.buffers[places_[result].index].pending += low_.uses[result];
    }
    for (const auto id : call.args) consume(id);
    touch(result);
  }

  void plan_kernel(const FlatCall& call, const LoweredCall& lowered, std::uint32_t block) {
    // With parts, the first one says what runs and the last one, which is `call`, gives the result.
    const auto& head =
        lowered.parts.empty() ? call : flat_.blocks[block].calls[lowered.parts.front()];
    const auto args = lowered.parts.empty() ? std::span<const ValueId>(call.args)
                                            : std::span<const ValueId>(lowered.args);
    const exec::PlanCall site{&head, &plan_.facts, worker_count()};
    auto planned = lowered.kernel->plan(site);
    for (std::size_t i = 0; i < args.size(); ++i) {
      if (!lowered.kernel->takes_over(i)) place(args[i]);
      consume(args[i]);
    }
    const bool in_place = planned.in_place && !is_read_twice(args);
    for (std::size_t r = 0; r < call.results.size(); ++r) {
      give_result(call, r, args, block, in_place);
    }
    auto& step = add_step(StepKind::run, planned.run, head.op);
    step.params = add_params(std::span<const std::byte>(planned.params));
    --position_;  // scratch lives in the step's own position
    note_largest(planned.scratch_bytes, call.op);
    note_largest(planned.worker_scratch_bytes * static_cast<std::size_t>(worker_count()), call.op);
    if (planned.scratch_bytes != 0) step.scratch = new_buffer(planned.scratch_bytes, block, 0);
    if (planned.worker_scratch_bytes != 0) {
      step.worker_scratch_bytes = (planned.worker_scratch_bytes + 63) & ~std::size_t{63};
      step.worker_scratch = new_buffer(
          step.worker_scratch_bytes * static_cast<std::size_t>(worker_count()), block, 0);
    }
    ++position_;
    for (const auto id : call.results) add_ref(make_ref(id));
    for (std::size_t i = 0; i < args.size(); ++i) {
      add_ref(lowered.kernel->takes_over(i) ? make_shape_ref(args[i]) : make_ref(args[i]));
    }
    round_results(call);
  }

  /// Whether the memory of the first argument is that of another argument too.
  bool is_read_twice(std::span<const ValueId> args) const {
    if (args.empty() || places_[args[0]].home != Home::arena) return false;
    return std::ranges::any_of(args.subspan(1), [&](ValueId id) {
      return places_[id].home == Home::arena && places_[id].index == places_[args[0]].index;
    });
  }

  /// A ref with shape and type and no data, for arguments that the kernel holds itself.
  Ref make_shape_ref(ValueId id) {
    Ref ref;
    const auto& t = type(id);
    if (t.kind != ir::Type::Kind::tensor) return ref;
    ref.dtype = base::storage_type(t.dtype);
    ref.rank = static_cast<std::int32_t>(t.dims.size());
    ref.dims = add_dims(t);
    return ref;
  }

  int worker_count() const { return low_.options.workers ? low_.options.workers->count() : 1; }

  void give_result(const FlatCall& call, std::size_t r, std::span<const ValueId> args,
                   std::uint32_t block, bool in_place) {
    const auto id = call.results[r];
    if (type(id).kind == ir::Type::Kind::list) {
      give_list(call, id);
      return;
    }
    if (r == 0 && in_place && can_overwrite(args, id, block)) {
      places_[id] = places_[args[0]];
      plan_.buffers[places_[id].index].pending = low_.uses[id];
      touch(id);
      return;
    }
    give_buffer(id, block);
  }

  bool can_overwrite(std::span<const ValueId> args, ValueId result, std::uint32_t block) {
    if (args.empty()) return false;
    const auto from = args[0];
    const auto& place = places_[from];
    if (place.home != Home::arena) return false;
    const auto& buffer = plan_.buffers[place.index];
    // `pending` counts the uses still to come of every value in the buffer, over all blocks; a
    // buffer of another block may be needed again by the next iteration of a loop.
    return buffer.pending == 0 && buffer.region == block && type(from).dims == type(result).dims &&
           base::storage_type(type(from).dtype) == base::storage_type(type(result).dtype);
  }

  /// A list result takes over its argument's slot when that is used no more.
  void give_list(const FlatCall& call, ValueId id) {
    for (const auto from : call.args) {
      if (type(from).kind == ir::Type::Kind::list && list_pending(from) == 0 &&
          list_region_[plan_.list_slots[from]] == flat_.values[id].block) {
        plan_.list_slots[id] = plan_.list_slots[from];
        break;
      }
    }
    list_pending(id) = low_.uses[id];
    list_region_[plan_.list_slots[id]] = flat_.values[id].block;
    places_[id].home = Home::slot;
  }

  void round_results(const FlatCall& call) {
    if (low_.options.numerics != exec::Numerics::as_declared) return;
    for (const auto id : call.results) {
      if (type(id).is_tensor() && type(id).dtype == DataType::fp16) {
        touch(id);
        add_step(StepKind::run, round_f16, call.op);
        add_ref(make_ref(id));
      }
    }
  }

  void plan_copy(Ref to, Ref from, const ir::Op* op) {
    add_step(StepKind::run, copy_tensor, op);
    add_ref(to);
    add_ref(from);
  }

  void plan_read_state(const FlatCall& call, std::uint32_t block) {
    give_buffer(call.results[0], block);
    add_step(StepKind::run, read_state, call.op);
    add_ref(make_ref(call.results[0]));
    add_ref(make_ref(call.args[0]));
  }

  void plan_write_state(const FlatCall& call, std::uint32_t block) {
    place(call.args[1]);
    consume(call.args[1]);
    if (!call.results.empty()) give_buffer(call.results[0], block);
    const auto wrapped = type(call.args[0]).dtype;
    auto& step = add_step(StepKind::run, write_state, call.op);
    step.params = add_params(StateParams{wrapped == DataType::fp16});
    add_ref(call.results.empty() ? Ref{} : make_ref(call.results[0]));
    add_ref(make_ref(call.args[0]));
    add_ref(make_ref(call.args[1]));
  }

  // --- control flow ---

  StepRange plan_nested(std::uint32_t block) {
    const auto first = static_cast<std::uint32_t>(plan_.steps.size());
    const auto& calls = flat_.blocks[block].calls;
    for (std::uint32_t i = 0; i < calls.size(); ++i) plan_call(block, i);
    return {first, static_cast<std::uint32_t>(plan_.steps.size())};
  }

  void deliver(ValueId from, ValueId to, const ir::Op* op) {
    if (type(from).kind == ir::Type::Kind::list) {
      place(from);
      consume(from);
      plan_list_copy(make_ref(to), make_ref(from), op);
      return;
    }
    place(from);
    consume(from);
    touch(to);
    plan_copy(make_ref(to), make_ref(from), op);
  }

  void plan_cond(const FlatCall& call, std::uint32_t block) {
    const auto pred = call.args[0];
    place(pred);
    consume(pred);
    for (const auto id : call.results) {
      if (type(id).kind == ir::Type::Kind::list) {
        places_[id].home = Home::slot;
        list_pending(id) = low_.uses[id];
        list_region_[plan_.list_slots[id]] = block;
      } else {
        give_buffer(id, block);
      }
    }
    const auto at = plan_.steps.size();
    add_step(StepKind::branch, nullptr, call.op);
    add_ref(make_ref(pred));
    StepRange ranges[2];
    for (std::size_t b = 0; b < 2; ++b) {
      ranges[b] = plan_nested(call.blocks[b]);
      const auto& outputs = flat_.blocks[call.blocks[b]].outputs;
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        deliver(outputs[i], call.results[i], call.op);
      }
      ranges[b].last = static_cast<std::uint32_t>(plan_.steps.size());
    }
    plan_.steps[at].blocks[0] = ranges[0];
    plan_.steps[at].blocks[1] = ranges[1];
    plan_.steps[at].end = ranges[1].last;
  }

  void plan_while(const FlatCall& call, std::uint32_t block) {
    const auto& condition = flat_.blocks[call.blocks[0]];
    const auto& body = flat_.blocks[call.blocks[1]];
    // The results are the loop variables: block inputs name the same memory.
    for (std::size_t i = 0; i < call.results.size(); ++i) {
      const auto result = call.results[i];
      if (type(result).kind == ir::Type::Kind::list) {
        places_[result].home = Home::slot;
      } else {
        give_buffer(result, block);
      }
      for (const auto id : {condition.inputs[i], body.inputs[i]}) {
        places_[id] = places_[result];
        if (places_[id].home == Home::arena) {
          plan_.buffers[places_[id].index].pending += low_.uses[id];
        } else {
          plan_.list_slots[id] = plan_.list_slots[result];
        }
      }
      if (places_[result].home == Home::slot) {
        list_pending(result) =
            std::int64_t{low_.uses[condition.inputs[i]]} + low_.uses[body.inputs[i]];
        list_region_[plan_.list_slots[result]] = call.blocks[1];
      }
      deliver(call.args[i], result, call.op);
    }
    const auto start = position_;
    const auto at = plan_.steps.size();
    add_step(StepKind::loop, nullptr, call.op);
    StepRange ranges[2];
    ranges[0] = plan_nested(call.blocks[0]);
    place(condition.outputs[0]);
    consume(condition.outputs[0]);
    const auto test = add_ref(make_ref(condition.outputs[0]));
    ranges[1] = plan_nested(call.blocks[1]);
    deliver_body(call, body);
    ranges[1].last = static_cast<std::uint32_t>(plan_.steps.size());
    plan_.steps[at].refs = test;
    plan_.steps[at].blocks[0] = ranges[0];
    plan_.steps[at].blocks[1] = ranges[1];
    plan_.steps[at].end = ranges[1].last;
    // What was born before the loop and is read inside is read again by the next iteration.
    for (auto& buffer : plan_.buffers) {
      if (buffer.first <= start && buffer.last >= start)
        buffer.last = std::max(buffer.last, position_);
    }
    for (const auto result : call.results) {
      touch(result);
      if (places_[result].home == Home::slot) {
        list_pending(result) = low_.uses[result];
        list_region_[plan_.list_slots[result]] = block;
      }
    }
  }

  /// Body outputs become the next loop variables. An output that lives in another variable's
  /// memory is saved first, since that variable may be overwritten before it is read.
  void deliver_body(const FlatCall& call, const ops::FlatBlock& body) {
    const auto in_loop_memory = [&](ValueId id) {
      const auto& p = places_[id];
      return p.home == Home::arena && std::ranges::any_of(call.results, [&](ValueId result) {
               return places_[result].home == Home::arena && places_[result].index == p.index;
             });
    };
    std::vector<std::pair<std::size_t, Ref>> saved;
    std::int32_t spare = low_.first_spare_list;
    for (std::size_t i = 0; i < body.outputs.size(); ++i) {
      const auto from = body.outputs[i];
      if (is_list(from)) {
        if (!in_loop_list(call, from, i)) continue;
        Ref temporary;
        temporary.home = Home::slot;
        temporary.slot = spare++;
        plan_list_copy(temporary, make_ref(from), call.op);
        consume(from);
        saved.emplace_back(i, temporary);
        continue;
      }
      place(from);
      const bool own = places_[from].home == Home::arena &&
                       places_[call.results[i]].home == Home::arena &&
                       places_[from].index == places_[call.results[i]].index;
      if (own || !in_loop_memory(from)) continue;
      Ref temporary = make_ref(from);
      temporary.home = Home::arena;
      temporary.index = new_buffer(bytes_of(from), 0, 0);
      const Ref source = make_ref(from);
      consume(from);
      plan_copy(temporary, source, call.op);
      saved.emplace_back(i, temporary);
    }
    for (std::size_t i = 0; i < body.outputs.size(); ++i) {
      const auto from = body.outputs[i];
      const auto to = call.results[i];
      const auto kept = std::ranges::find(saved, i, &std::pair<std::size_t, Ref>::first);
      if (kept != saved.end() && is_list(from)) {
        plan_list_copy(make_ref(to), kept->second, call.op);
      } else if (kept != saved.end()) {
        plan_.buffers[kept->second.index].last = position_;
        touch(to);
        plan_copy(make_ref(to), kept->second, call.op);
      } else {
        deliver_loop_output(from, to, call.op);
      }
    }
  }

  bool is_list(ValueId id) const { return type(id).kind == ir::Type::Kind::list; }

  /// Whether a list is in the slot of a loop variable other than variable `own`.
  bool in_loop_list(const FlatCall& call, ValueId id, std::size_t own) const {
    const auto slot = plan_.list_slots[id];
    return slot != plan_.list_slots[call.results[own]] &&
           std::ranges::any_of(call.results,
                               [&](ValueId result) { return plan_.list_slots[result] == slot; });
  }

  void plan_list_copy(Ref to, Ref from, const ir::Op* op) {
    add_step(StepKind::copy_list, nullptr, op);
    add_ref(to);
    add_ref(from);
  }

  void deliver_loop_output(ValueId from, ValueId to, const ir::Op* op) {
    const bool same_list =
        type(to).kind == ir::Type::Kind::list && plan_.list_slots[from] == plan_.list_slots[to];
    const bool same_buffer = places_[from].home == Home::arena && places_[to].home == Home::arena &&
                             places_[from].index == places_[to].index;
    if (same_list || same_buffer) {
      consume(from);
    } else {
      deliver(from, to, op);
    }
  }

  // --- the end of the plan ---

  void finish(const std::vector<FlatCall>& calls) {
    if (plan_.complete) {
      for (const auto id : flat_.blocks[plan_.block].outputs) {
        plan_.output_refs.push_back(add_ref(make_ref(id)));
        keep(id);
      }
      return;
    }
    // Every value made or seen so far may be wanted behind the call that depends on data.
    (void)calls;
    for (ValueId id = 0; id < places_.size(); ++id) {
      const auto home = places_[id].home;
      // A constant is found again by its own number; a view of one is not.
      const bool view = home == Home::constant && !plan_.facts.known[id] && !low_.constants[id];
      if (home != Home::arena && home != Home::import && !view) continue;
      if (!type(id).is_tensor() || !is_static(type(id))) continue;
      plan_.exports.emplace_back(id, add_ref(make_ref(id)));
      keep(id);
    }
    // Lists and constants have homes of their own; arguments of the stopping call that this plan
    // did not touch come from earlier plans.
  }

  void keep(ValueId id) {
    if (places_[id].home == Home::arena) plan_.buffers[places_[id].index].last = forever;
  }

  Plan& plan_;
  const Lowered& low_;
  const ops::FlatFunction& flat_;
  std::vector<Place> places_;
  std::uint32_t position_ = 0;
  std::size_t largest_ = 0;  ///< bytes of the largest result or working memory of an operation
  std::map<std::int32_t, std::int64_t> list_uses_;
  std::map<std::int32_t, std::uint32_t> list_region_;
};

}  // namespace

std::shared_ptr<Plan> make_plan(std::shared_ptr<const Lowered> lowered, std::uint32_t block,
                                std::uint32_t first_call, ops::Facts facts,
                                std::vector<std::int32_t> list_slots) {
  auto plan = std::make_shared<Plan>();
  plan->lowered = std::move(lowered);
  plan->block = block;
  plan->first_call = first_call;
  plan->facts = std::move(facts);
  plan->list_slots = std::move(list_slots);
  Planner(*plan).run();
  return plan;
}

std::unique_ptr<Context> Plan::acquire() {
  {
    const std::scoped_lock lock(pool_mutex_);
    if (!pool_.empty()) {
      auto context = std::move(pool_.back());
      pool_.pop_back();
      return context;
    }
  }
  auto context = std::make_unique<Context>();
  context->arena.reset(static_cast<std::byte*>(
      ::operator new[](std::max<std::size_t>(arena_bytes, 1), std::align_val_t{64})));
  context->refs.reserve(refs.size());
  for (const auto& ref : refs) {
    exec::TensorRef linked;
    linked.dtype = ref.dtype;
    linked.rank = ref.rank;
    linked.slot = ref.slot;
    linked.dims = dims.data() + ref.dims;
    linked.strides = linked.dims + ref.rank;
    if (ref.home == Home::arena) linked.data = context->arena.get() + buffers[ref.index].offset;
    // Kernels write to results only; a constant is never one.
    if (ref.home == Home::constant) linked.data = const_cast<void*>(ref.constant);
    context->refs.push_back(linked);
  }
  return context;
}

void Plan::release(std::unique_ptr<Context> context) noexcept {
  const std::scoped_lock lock(pool_mutex_);
  pool_.push_back(std::move(context));
}

}  // namespace pome::compiler
