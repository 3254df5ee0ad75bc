// A compiled function: immutable, shared, predicting from any number of threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/budget.h"
#include "base/tensor.h"
#include "compiler/options.h"
#include "exec/weights.h"
#include "ir/program.h"

namespace pome::compiler {

using base::Dims;
using base::HostTensor;

struct Lowered;

/// A caller's tensor as input: any strides, element type of the caller's choice (fp16, fp32, fp64,
/// integers, bool); converted to the declared type on the way in. Read only during the call.
struct InputTensor {
  const void* data = nullptr;
  DataType dtype = DataType::invalid;
  Dims dims;
  Dims strides;  ///< in elements; empty: dense row-major
};

/// A named operand of the function.
struct Operand {
  std::string name;
  ir::Type type;  ///< as declared; unknown dimensions where the program leaves them open
};

/// State tensors of one sequence of predictions, zero at first. Used by one prediction (or reader,
/// or writer) at a time: whoever comes second is refused with Error{parameters}.
class StateSet {
 public:
  /// `operands` are the function's states; tensors are held in their storage type.
  explicit StateSet(std::span<const Operand> operands);

  /// Holds the state for one user; released on destruction.
  class Use {
   public:
    explicit Use(StateSet& set);
    ~Use() { set_.busy_.clear(std::memory_order_release); }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    std::span<HostTensor> tensors() const noexcept { return set_.tensors_; }

   private:
    StateSet& set_;
  };

  /// Position of a state by name. Throws Error{parameters} naming the states there are.
  std::size_t find(std::string_view name) const;
  const Operand& operand(std::size_t i) const noexcept { return operands_[i]; }

 private:
  std::vector<Operand> operands_;
  std::vector<HostTensor> tensors_;
  std::atomic_flag busy_;
};

struct RunOptions {
  std::stop_token stop;            ///< looked at between steps: Error{prediction_cancelled}
  base::Budget* budget = nullptr;  ///< bytes this prediction may allocate; null: default limit
};

/// What a function was compiled to. Thread-safe.
class Executable {
 public:
  virtual ~Executable() = default;

  virtual std::span<const Operand> inputs() const noexcept = 0;
  virtual std::span<const Operand> outputs() const noexcept = 0;
  virtual std::span<const Operand> states() const noexcept = 0;

  /// Runs the function. `inputs` in the order of inputs(). `outputs` receives one tensor an
  /// output, in the declared element type; tensors that are there already with the right type and
  /// dims are reused without allocation. Published only when the whole call succeeds.
  /// `state` may be null when the function has no states.
  /// Throws Error: feature_type (dims that contradict the declaration), parameters (an operation
  /// failed, naming it), out_of_memory, prediction_cancelled.
  virtual void predict(std::span<const InputTensor> inputs, std::vector<HostTensor>& outputs,
                       StateSet* state, const RunOptions& options) const = 0;

  /// Zeroed state tensors of this function.
  virtual std::shared_ptr<StateSet> make_state() const = 0;

  /// Bytes of packed weights, shared by all signatures; and number of signatures planned so far.
  virtual std::int64_t weight_bytes() const noexcept = 0;
  virtual std::int64_t planned_signatures() const noexcept = 0;
  /// Placements and tables, for plans and reports.
  virtual const Lowered& lowered() const noexcept = 0;
};

/// Compiles one function of a program: resolves it, checks its types, runs the passes, places and
/// packs. The function is rewritten by this; the program is kept alive and must not be changed by
/// anyone else from here on. Functions of one program share packs through `weights`.
/// Throws Error{unsupported or parameters or io} naming function and operation.
std::shared_ptr<const Executable> compile(std::shared_ptr<ir::Program> program,
                                          std::string_view function,
                                          std::shared_ptr<exec::WeightStore> weights,
                                          CompileOptions options);

}  // namespace pome::compiler
