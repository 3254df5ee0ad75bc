// Running plans: one prediction from bound inputs to published outputs.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/budget.h"
#include "base/inline_vector.h"
#include "compiler/plan.h"

namespace pome::compiler {

/// One run of a function. Lives on the stack of the predicting thread.
class Run {
 public:
  Run(const Lowered& lowered, exec::Slots& slots, std::stop_token stop, base::Budget& budget);
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  /// Runs the root plan with imports at these addresses (null: the plan's staging buffer, which
  /// `stage` fills), and returns one ref an output, valid while this object lives.
  /// `stage(i, data)` writes import i into its staging buffer.
  std::span<const exec::TensorRef> root(const std::shared_ptr<Plan>& plan,
                                        std::span<void* const> imports,
                                        const std::function<void(std::size_t, void*)>& stage);

 private:
  struct Lent {
    std::shared_ptr<Plan> plan;
    std::unique_ptr<Context> context;
  };
  /// Values of a run that goes through data-dependent parts, by ValueId.
  struct Frame {
    std::vector<exec::TensorRef> values;
    std::vector<std::unique_ptr<base::HostTensor>> owned;
  };

  /// Outputs of a function or block; on the heap only when there are very many.
  using Refs = base::InlineVector<exec::TensorRef, 16>;

  void book(const Plan& plan);
  Context& lend(const std::shared_ptr<Plan>& plan);
  void link(const Plan& plan, Context& context, const Frame& frame);
  void run_steps(const Plan& plan, Context& context, StepRange range);
  void run_step(const Plan& plan, Context& context, const Step& step);
  [[noreturn]] void raise(const exec::Status& status, const Step& step);
  [[noreturn]] void raise_error(const std::string& place);
  void finish_block(std::shared_ptr<Plan> plan, Frame& frame, Refs& out);
  void publish(const Plan& plan, const Context& context, Frame& frame);
  ops::Facts run_dynamic(const std::shared_ptr<Plan>& plan, Frame& frame);
  void run_dynamic_cond(const std::shared_ptr<Plan>& plan, const ops::FlatCall& call, Frame& frame,
                        ops::Facts& facts);
  void run_dynamic_while(const std::shared_ptr<Plan>& plan, const ops::FlatCall& call, Frame& frame,
                         ops::Facts& facts);
  void run_block(const std::shared_ptr<Plan>& parent, std::uint32_t block, Frame& frame,
                 const ops::Facts& facts, std::span<const exec::TensorRef> inputs, Refs& out);
  void evaluate(const Plan& plan, const ops::FlatCall& call, Frame& frame, ops::Facts& facts);
  exec::TensorRef value(const Plan& plan, ops::ValueId id, Frame& frame);
  void hold(Frame& frame, ops::ValueId id, std::unique_ptr<base::HostTensor> tensor,
            ops::Facts& facts);
  std::unique_ptr<base::HostTensor> copy_of(const exec::TensorRef& ref, const ir::Type& type,
                                            const ir::Op& op);
  void move_list(std::int32_t to, std::int32_t from);

  const Lowered& low_;
  exec::Slots& slots_;
  base::Budget& budget_;
  exec::TaskContext task_;
  Lent root_;
  std::vector<Lent> lent_;  ///< all but the root plan's, which so needs no allocation
  std::int64_t booked_ = 0;
  Frame frame_;
  Refs outputs_;
};

}  // namespace pome::compiler
