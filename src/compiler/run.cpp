#include "compiler/run.h"

#include <cstring>
#include <limits>
#include <utility>

#include "base/checked.h"
#include "base/text.h"
#include "pome/error.h"

namespace pome::compiler {
namespace {

using base::cat;
using base::HostTensor;
using exec::Code;
using exec::TensorRef;
using ops::FlatCall;
using ops::ValueId;

/// Iterations after which a loop is taken for endless.
constexpr std::int64_t max_iterations = std::int64_t{1} << 31;

bool truth(const TensorRef& ref) {
  return *ref.as<const std::uint8_t>() != 0;
}

}  // namespace

Run::Run(const Lowered& lowered, exec::Slots& slots, std::stop_token stop, base::Budget& budget)
    : low_(lowered), slots_(slots), budget_(budget) {
  task_.workers = lowered.options.workers.get();
  task_.stop = std::move(stop);
  task_.slots = &slots_;
  for (auto& list : slots_.lists) list.memory.charge(&budget_);
}

Run::~Run() {
  for (auto& [plan, context] : lent_) plan->release(std::move(context));
  if (root_.context) root_.plan->release(std::move(root_.context));
  budget_.give_back(booked_);
  slots_.lists.clear();  // the budget need not live longer
}

void Run::book(const Plan& plan) {
  const auto bytes = static_cast<std::int64_t>(plan.arena_bytes);
  if (!budget_.try_take(bytes)) {
    const auto* op = plan.largest_op;
    budget_.take(bytes, cat("function ", base::quoted(low_.flat.function->name),
                            ": the memory of a prediction",
                            op ? cat(", most of it for ", op->place(), ",") : std::string()));
  }
  booked_ += bytes;
}

Context& Run::lend(const std::shared_ptr<Plan>& plan) {
  book(*plan);
  lent_.push_back({plan, plan->acquire()});
  return *lent_.back().context;
}

std::span<const TensorRef> Run::root(const std::shared_ptr<Plan>& plan,
                                     std::span<void* const> imports,
                                     const std::function<void(std::size_t, void*)>& stage) {
  book(*plan);
  root_ = {plan, plan->acquire()};
  auto& context = *root_.context;
  const auto address = [&](std::size_t i) -> void* {
    if (imports[i]) return imports[i];
    return context.arena.get() + plan->buffers[plan->staging[i]].offset;
  };
  for (std::size_t i = 0; i < imports.size(); ++i) {
    if (!imports[i]) stage(i, address(i));
  }
  for (const auto at : plan->import_refs) {
    context.refs[at].data = address(plan->refs[at].index);
  }
  run_steps(*plan, context, {0, static_cast<std::uint32_t>(plan->steps.size())});
  if (plan->complete) {
    outputs_.clear();
    for (const auto at : plan->output_refs) outputs_.push_back(context.refs[at]);
    return outputs_;
  }
  frame_.values.resize(low_.flat.values.size());
  publish(*plan, context, frame_);
  finish_block(plan, frame_, outputs_);
  return outputs_;
}

void Run::run_steps(const Plan& plan, Context& context, StepRange range) {
  for (std::uint32_t i = range.first; i < range.last;) {
    const auto& step = plan.steps[i];
    run_step(plan, context, step);
    i = step.end != 0 ? step.end : i + 1;
  }
}

void Run::run_step(const Plan& plan, Context& context, const Step& step) {
  auto* refs = context.refs.data() + step.refs;
  switch (step.kind) {
    case StepKind::run: {
      if (task_.stop.stop_requested()) raise({.code = Code::cancelled}, step);
      task_.scratch = context.arena.get() + step.scratch;
      task_.worker_scratch = context.arena.get() + step.worker_scratch;
      task_.worker_scratch_bytes = step.worker_scratch_bytes;
      const auto status = step.kernel(plan.params.data() + step.params, refs, task_);
      if (!status.ok()) raise(status, step);
      return;
    }
    case StepKind::branch: return run_steps(plan, context, step.blocks[truth(refs[0]) ? 0 : 1]);
    case StepKind::loop:
      for (std::int64_t i = 0;; ++i) {
        // Here too, since blocks need not hold a kernel.
        if (task_.stop.stop_requested()) raise({.code = Code::cancelled}, step);
        run_steps(plan, context, step.blocks[0]);
        if (!truth(refs[0])) return;
        if (i == max_iterations) {
          throw Error(ErrorCode::parameters,
                      cat(step.op->place(), ": did not end after ", max_iterations, " iterations"));
        }
        run_steps(plan, context, step.blocks[1]);
      }
    case StepKind::copy_list: return move_list(refs[0].slot, refs[1].slot);
  }
}

void Run::raise(const exec::Status& status, const Step& step) {
  const auto place = cat("function ", base::quoted(low_.flat.function->name), ": ",
                         step.op ? step.op->place() : std::string("executor"));
  switch (status.code) {
    case Code::cancelled:
      throw Error(ErrorCode::prediction_cancelled, cat(place, ": the prediction was cancelled"));
    case Code::bad_index:
      throw Error(
          ErrorCode::parameters,
          cat(place, ": ",
              status.param ? cat("parameter ", base::quoted(status.param), ": ") : std::string(),
              "index ", status.payload[0], " is outside a dimension of ", status.payload[1]));
    case Code::division_by_zero:
      throw Error(ErrorCode::parameters, cat(place, ": integer division by zero"));
    case Code::out_of_memory: throw Error(ErrorCode::out_of_memory, cat(place, ": out of memory"));
    case Code::failed:
      if (task_.error) raise_error(place);
      break;
    case Code::ok: break;
  }
  throw Error(ErrorCode::generic, cat(place, ": failed"));
}

/// Throws what a kernel left in the task context. An Error names its operation already.
void Run::raise_error(const std::string& place) {
  try {
    std::rethrow_exception(std::exchange(task_.error, nullptr));
  } catch (Error& error) {
    throw error.within(cat("function ", base::quoted(low_.flat.function->name)));
  } catch (const std::bad_alloc&) {
    throw Error(ErrorCode::out_of_memory, cat(place, ": out of memory"));
  } catch (const std::exception& error) {
    throw Error(ErrorCode::generic, cat(place, ": ", error.what()));
  }
}

void Run::move_list(std::int32_t to, std::int32_t from) {
  if (to != from) {
    slots_.lists[static_cast<std::size_t>(to)] = slots_.lists[static_cast<std::size_t>(from)];
  }
}

// --- Parts whose shapes depend on data -------------------------------------------------------

void Run::link(const Plan& plan, Context& context, const Frame& frame) {
  for (const auto at : plan.import_refs) {
    context.refs[at].data = frame.values[plan.imports[plan.refs[at].index]].data;
  }
}

void Run::publish(const Plan& plan, const Context& context, Frame& frame) {
  for (const auto& [id, at] : plan.exports) frame.values[id] = context.refs[at];
}

/// Goes on behind `plan`, which stopped at a call that depends on data, to the block's end.
void Run::finish_block(std::shared_ptr<Plan> plan, Frame& frame, Refs& out) {
  for (;;) {
    auto facts = run_dynamic(plan, frame);
    const auto& call = low_.flat.blocks[plan->block].calls[plan->end_call];
    Dims key;
    for (const auto id : call.results) {
      if (facts.types[id].kind == ir::Type::Kind::list) continue;
      for (const auto d : facts.types[id].dims) key.push_back(d);
      key.push_back(-1);
    }
    auto child = plan->children.get(key, [&] {
      ops::infer_from(low_.flat, facts, plan->block, plan->end_call + 1);
      return make_plan(plan->lowered, plan->block, plan->end_call + 1, std::move(facts),
                       plan->list_slots);
    });
    auto& context = lend(child);
    link(*child, context, frame);
    run_steps(*child, context, {0, static_cast<std::uint32_t>(child->steps.size())});
    if (child->complete) {
      out.clear();
      for (const auto at : child->output_refs) out.push_back(context.refs[at]);
      return;
    }
    publish(*child, context, frame);
    plan = std::move(child);
  }
}

/// Runs the call at which `plan` stopped; returns the plan's facts with its result types.
ops::Facts Run::run_dynamic(const std::shared_ptr<Plan>& plan, Frame& frame) {
  if (task_.stop.stop_requested()) {
    throw Error(ErrorCode::prediction_cancelled, "the prediction was cancelled");
  }
  const auto& call = low_.flat.blocks[plan->block].calls[plan->end_call];
  ops::Facts facts = plan->facts;
  try {
    if (call.def->effects == ops::Effects::control_flow) {
      if (call.def->name == "cond") {
        run_dynamic_cond(plan, call, frame, facts);
      } else {
        run_dynamic_while(plan, call, frame, facts);
      }
    } else if (const auto& lowered = low_.calls[plan->block][plan->end_call];
               lowered.absorbed || !lowered.parts.empty()) {
      // Devices absorb only calls whose shapes follow from those of their arguments.
      throw Error(ErrorCode::generic, cat(call.op->place(),
                                          ": its shape is not known when it is "
                                          "run together with other operations"));
    } else if (call.def->evaluate) {
      evaluate(*plan, call, frame, facts);
    } else {
      throw Error(ErrorCode::unsupported,
                  cat(call.op->place(), ": a state's shape must be known before the run"));
    }
  } catch (Error& error) {
    throw error.within(cat("function ", base::quoted(low_.flat.function->name)));
  }
  return facts;
}

TensorRef Run::value(const Plan& plan, ValueId id, Frame& frame) {
  if (frame.values[id].dtype != DataType::invalid) return frame.values[id];
  const auto& flat = low_.flat.values[id];
  TensorRef ref;
  if (plan.list_slots[id] >= 0) {
    ref.slot = plan.list_slots[id];
    return ref;
  }
  if (const auto& known = plan.facts.known[id]) {
    const auto view = known->view();
    ref.data = const_cast<void*>(view.data);
    ref.dtype = view.dtype;
    ref.dims = known->dims().data();
    ref.rank = static_cast<std::int32_t>(known->dims().size());
    return ref;
  }
  std::shared_ptr<const exec::Pack> pack = low_.constants[id];
  if (!pack) {
    // Taken over by a kernel, which cannot be used here: expand it for this run.
    const auto weight = low_.weights->find(low_.flat, id);
    if (!weight) {
      throw Error(ErrorCode::generic,
                  cat("a value has no place in this run: ",
                      base::quoted(flat.value ? flat.value->name : std::string("literal"))));
    }
    auto tensor = std::make_unique<HostTensor>(weight->tensor());
    const auto view = tensor->mutable_view();
    ref.data = view.data;
    ref.dtype = view.dtype;
    ref.dims = tensor->dims().data();
    ref.rank = static_cast<std::int32_t>(tensor->dims().size());
    frame.owned.push_back(std::move(tensor));
    return ref;
  }
  ref.data = const_cast<std::byte*>(pack->bytes().data());
  ref.dtype = base::storage_type(flat.declared.dtype);
  ref.dims = flat.declared.dims.data();
  ref.rank = static_cast<std::int32_t>(flat.declared.dims.size());
  return ref;
}

void Run::hold(Frame& frame, ValueId id, std::unique_ptr<HostTensor> tensor, ops::Facts& facts) {
  auto& ref = frame.values[id];
  const auto view = tensor->mutable_view();
  ref.data = view.data;
  ref.dtype = view.dtype;
  ref.dims = tensor->dims().data();
  ref.strides = nullptr;
  ref.rank = static_cast<std::int32_t>(tensor->dims().size());
  facts.types[id].ranked = true;
  facts.types[id].dims = tensor->dims();
  facts.known[id] = nullptr;
  frame.owned.push_back(std::move(tensor));
}

void Run::evaluate(const Plan& plan, const FlatCall& call, Frame& frame, ops::Facts& facts) {
  std::vector<std::unique_ptr<HostTensor>> made(call.results.size());
  std::vector<ops::EvalContext::Result> results;
  std::vector<ir::Type> result_types;
  const auto list_of = [&](std::int32_t slot) {
    return slot < 0 ? nullptr : &slots_.lists[static_cast<std::size_t>(slot)];
  };
  for (const auto id : call.results) result_types.push_back(facts.types[id]);
  for (std::size_t i = 0; i < call.results.size(); ++i) {
    results.push_back({&result_types[i], {}, list_of(plan.list_slots[call.results[i]])});
  }
  ops::EvalContext context(
      *call.def, call.op, results, [&](std::size_t i, const Dims& dims) -> base::MutableTensorView {
        const auto type = base::storage_type(result_types[i].dtype);
        const auto count = base::element_count(dims);
        const auto bytes = count ? base::byte_count(*count, type) : count;
        budget_.take(bytes.value_or(std::numeric_limits<std::int64_t>::max()), call.op->place());
        booked_ += *bytes;
        made[i] = std::make_unique<HostTensor>(type, dims);
        return made[i]->mutable_view();
      });
  for (std::size_t p = 0; p < call.params.size(); ++p) {
    base::InlineVector<ops::Call::Arg, 4> args;
    for (const auto id : call.param(static_cast<int>(p))) {
      const auto ref = value(plan, id, frame);
      args.push_back({&facts.types[id], {ref.data, ref.dtype, ref.shape()}, list_of(ref.slot)});
    }
    context.push_param(args);
  }
  call.def->evaluate(context);
  for (std::size_t i = 0; i < made.size(); ++i) {
    if (made[i]) hold(frame, call.results[i], std::move(made[i]), facts);
  }
}

std::unique_ptr<HostTensor> Run::copy_of(const TensorRef& ref, const ir::Type& type,
                                         const ir::Op& op) {
  const auto storage = base::storage_type(type.dtype);
  const auto bytes = base::byte_count(ref.size(), storage);  // of a tensor that is there: fits
  budget_.take(bytes.value_or(-1), cat(op.place(), ": a block's result"));
  booked_ += *bytes;
  auto tensor = std::make_unique<HostTensor>(storage, Dims(ref.shape()));
  if (tensor->byte_size() != 0) {
    std::memcpy(tensor->mutable_view().data, ref.data, tensor->byte_size());
  }
  return tensor;
}

void Run::run_block(const std::shared_ptr<Plan>& parent, std::uint32_t block, Frame& frame,
                    const ops::Facts& facts, std::span<const TensorRef> inputs, Refs& out) {
  const auto& flat = low_.flat.blocks[block];
  Dims key;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    for (const auto d : inputs[i].shape()) key.push_back(d);
    key.push_back(-1);
  }
  PlanCache* cache = nullptr;
  {
    const std::scoped_lock lock(parent->nested_mutex);
    auto& slot = parent->nested[block];
    if (!slot) slot = std::make_unique<PlanCache>(32);
    cache = slot.get();
  }
  auto plan = cache->get(key, [&] {
    ops::Facts inner = facts;
    auto lists = parent->list_slots;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const auto id = flat.inputs[i];
      if (inputs[i].slot >= 0) {
        lists[id] = inputs[i].slot;
      } else {
        inner.types[id].ranked = true;
        inner.types[id].dims = Dims(inputs[i].shape());
      }
    }
    ops::infer_from(low_.flat, inner, block, 0);
    return make_plan(parent->lowered, block, 0, std::move(inner), std::move(lists));
  });
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].slot < 0) frame.values[flat.inputs[i]] = inputs[i];
  }
  // Values that the block takes from outside and that are constants there are linked by plans.
  auto& context = lend(plan);
  link(*plan, context, frame);
  run_steps(*plan, context, {0, static_cast<std::uint32_t>(plan->steps.size())});
  if (plan->complete) {
    out.clear();
    for (const auto at : plan->output_refs) out.push_back(context.refs[at]);
    return;
  }
  publish(*plan, context, frame);
  finish_block(plan, frame, out);
}

void Run::run_dynamic_cond(const std::shared_ptr<Plan>& plan, const FlatCall& call, Frame& frame,
                           ops::Facts& facts) {
  const auto pred = value(*plan, call.args[0], frame);
  if (pred.size() != 1) {
    throw Error(ErrorCode::parameters,
                cat(call.op->place(), ": parameter 'pred': expected one value, found shape ",
                    base::shape_text(pred.shape())));
  }
  const bool taken = truth(pred);
  Refs out;
  run_block(plan, call.blocks[taken ? 0 : 1], frame, facts, {}, out);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto id = call.results[i];
    if (out[i].slot >= 0) {
      move_list(plan->list_slots[id], out[i].slot);
    } else {
      hold(frame, id, copy_of(out[i], facts.types[id], *call.op), facts);
    }
  }
}

void Run::run_dynamic_while(const std::shared_ptr<Plan>& plan, const FlatCall& call, Frame& frame,
                            ops::Facts& facts) {
  std::vector<TensorRef> vars;
  std::vector<std::unique_ptr<HostTensor>> held(call.args.size());
  const auto take = [&](std::size_t i, const TensorRef& ref) {
    if (ref.slot >= 0) {
      const auto own = plan->list_slots[call.results[i]];
      move_list(own, ref.slot);
      vars[i] = {};
      vars[i].slot = own;
      return;
    }
    auto copy = copy_of(ref, facts.types[call.results[i]], *call.op);
    held[i] = std::move(copy);
    const auto view = held[i]->mutable_view();
    vars[i] = {view.data, held[i]->dims().data(), nullptr,
               static_cast<std::int32_t>(held[i]->dims().size()), view.dtype};
  };
  vars.resize(call.args.size());
  for (std::size_t i = 0; i < vars.size(); ++i) take(i, value(*plan, call.args[i], frame));
  for (std::int64_t iteration = 0;; ++iteration) {
    const auto mark = lent_.size();
    const auto owned = frame.owned.size();
    Refs out;
    run_block(plan, call.blocks[0], frame, facts, vars, out);
    if (out[0].size() != 1) {
      throw Error(ErrorCode::parameters,
                  cat(call.op->place(), ": its condition block returns a tensor of shape ",
                      base::shape_text(out[0].shape()), ", expected one bool"));
    }
    const bool go_on = truth(out[0]);
    if (go_on) {
      if (iteration == max_iterations) {
        throw Error(ErrorCode::parameters,
                    cat(call.op->place(), ": did not end after ", max_iterations, " iterations"));
      }
      run_block(plan, call.blocks[1], frame, facts, vars, out);
      // Copies first: an output may be the memory of another variable.
      std::vector<std::unique_ptr<HostTensor>> next(vars.size());
      auto spare = low_.first_spare_list;
      for (std::size_t i = 0; i < vars.size(); ++i) {
        if (out[i].slot < 0) {
          next[i] = copy_of(out[i], facts.types[call.results[i]], *call.op);
        } else if (out[i].slot != vars[i].slot) {
          move_list(spare, out[i].slot);
          out[i].slot = spare++;
        }
      }
      for (std::size_t i = 0; i < vars.size(); ++i) {
        if (out[i].slot >= 0) {
          move_list(vars[i].slot, out[i].slot);
          continue;
        }
        booked_ -= static_cast<std::int64_t>(held[i]->byte_size());
        budget_.give_back(static_cast<std::int64_t>(held[i]->byte_size()));
        held[i] = std::move(next[i]);
        vars[i].data = held[i]->mutable_view().data;
        vars[i].dims = held[i]->dims().data();
        vars[i].rank = static_cast<std::int32_t>(held[i]->dims().size());
      }
    }
    // What the iteration used is free again.
    while (lent_.size() > mark) {
      const auto bytes = static_cast<std::int64_t>(lent_.back().plan->arena_bytes);
      lent_.back().plan->release(std::move(lent_.back().context));
      lent_.pop_back();
      booked_ -= bytes;
      budget_.give_back(bytes);
    }
    frame.owned.resize(owned);
    if (!go_on) break;
  }
  for (std::size_t i = 0; i < vars.size(); ++i) {
    if (held[i]) hold(frame, call.results[i], std::move(held[i]), facts);
  }
}

}  // namespace pome::compiler
