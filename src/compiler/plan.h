// A plan: the steps of one function (or of a part of it) for concrete dimensions.
//
// A plan covers the calls of one block from `first_call` up to the first call whose result shapes
// depend on data, or up to the block's end. Behind such a call the run goes on with a child plan,
// found by the dimensions that came out. Blocks of control flow with static shapes are nested step
// ranges of the same plan over the same arena.
#pragma once

#include <algorithm>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "compiler/arena.h"
#include "compiler/lowered.h"
#include "exec/task.h"

namespace pome::compiler {

using base::Dims;

enum class StepKind : std::uint8_t { run, branch, loop, copy_list };

/// Half-open range of steps.
struct StepRange {
  std::uint32_t first = 0, last = 0;
};

struct Step {
  StepKind kind = StepKind::run;
  exec::Kernel kernel = nullptr;
  std::uint32_t params = 0;        ///< offset into Plan::params
  std::uint32_t refs = 0;          ///< first of the step's refs
  const ir::Op* op = nullptr;      ///< the user's operation, for errors, traces and reports
  std::size_t scratch = 0;         ///< arena offset
  std::size_t worker_scratch = 0;  ///< arena offset
  std::size_t worker_scratch_bytes = 0;
  /// branch: taken when ref 0 is true / false. loop: condition (its value is ref 0) and body.
  /// Nested ranges follow the step; `end` is the step behind them.
  StepRange blocks[2] = {};
  std::uint32_t end = 0;
};

/// Where a ref's memory is.
enum class Home : std::uint8_t { none, arena, constant, import, slot };

/// A tensor argument of a step, before it is linked to memory.
struct Ref {
  Home home = Home::none;
  DataType dtype = DataType::invalid;
  std::int32_t rank = 0;
  std::uint32_t dims = 0;   ///< first of 2 * rank entries (dims, strides) in Plan::dims
  std::uint32_t index = 0;  ///< arena: buffer; import: position in Plan::imports
  std::int32_t slot = -1;
  const void* constant = nullptr;
};

/// Where a value can be found while the plan runs.
struct Place {
  Home home = Home::none;
  std::uint32_t index = 0;
  const void* constant = nullptr;
};

struct Plan;

/// Plans by the dimensions that decide them; bounded, least recently used goes first.
class PlanCache {
 public:
  explicit PlanCache(std::size_t capacity) : capacity_(capacity) {}
  /// The plan for `key`, made by `make` when it is not there. Thread-safe; two threads that miss
  /// together may both make it.
  template <typename Make>
  std::shared_ptr<Plan> get(std::span<const std::int64_t> key, Make&& make) {
    {
      const std::scoped_lock lock(mutex_);
      if (auto found = find(key)) return found;
    }
    auto plan = make();
    const std::scoped_lock lock(mutex_);
    if (auto found = find(key)) return found;
    entries_.emplace_front(Dims(key), plan);
    if (entries_.size() > capacity_) entries_.pop_back();
    return plan;
  }
  std::size_t size() const {
    const std::scoped_lock lock(mutex_);
    return entries_.size();
  }

 private:
  std::shared_ptr<Plan> find(std::span<const std::int64_t> key) {
    for (auto it = entries_.begin(); it != entries_.end(); ++it) {
      if (std::ranges::equal(it->first, key)) {
        entries_.splice(entries_.begin(), entries_, it);
        return it->second;
      }
    }
    return nullptr;
  }

  std::size_t capacity_;
  mutable std::mutex mutex_;
  std::list<std::pair<Dims, std::shared_ptr<Plan>>> entries_;
};

/// A run's memory for one plan: arena and linked refs. Borrowed from the plan's pool.
struct Context {
  struct Free {
    void operator()(std::byte* p) const noexcept { ::operator delete[](p, std::align_val_t{64}); }
  };
  std::unique_ptr<std::byte[], Free> arena;
  std::vector<exec::TensorRef> refs;
};

struct Plan {
  std::shared_ptr<const Lowered> lowered;
  std::uint32_t block = 0;
  std::uint32_t first_call = 0;
  std::uint32_t end_call = 0;  ///< call that depends on data, or the number of calls
  bool complete = false;       ///< the block's end was reached
  ops::Facts facts;            ///< of every value, for these dimensions

  std::vector<Step> steps;
  std::vector<std::byte> params;
  std::vector<Ref> refs;
  std::vector<std::int64_t> dims;
  std::vector<Buffer> buffers;
  std::vector<ops::ValueId> imports;       ///< values that come from outside, by position
  std::vector<std::uint32_t> staging;      ///< root plans: buffer for the conversion of import i
  std::vector<std::uint32_t> import_refs;  ///< refs whose home is `import`
  std::vector<std::uint32_t> output_refs;  ///< complete plans: one ref a block output
  std::vector<std::pair<ops::ValueId, std::uint32_t>> exports;  ///< incomplete: refs of live values
  std::vector<std::int32_t> list_slots;  ///< by value: the slot that holds it here
  std::size_t arena_bytes = 0;
  const ir::Op* largest_op = nullptr;  ///< with the largest result in the arena, for messages

  PlanCache children{32};  ///< continuations behind `end_call`
  std::mutex nested_mutex;
  std::map<std::uint32_t, std::unique_ptr<PlanCache>> nested;  ///< plans of blocks run by end_call

  /// A context of this plan; `release` returns it. Thread-safe; allocates only when all are lent.
  std::unique_ptr<Context> acquire();
  void release(std::unique_ptr<Context> context) noexcept;

 private:
  std::mutex pool_mutex_;
  std::vector<std::unique_ptr<Context>> pool_;
};

/// Plans a block from `first_call` on. `facts` holds the types of everything known before;
/// `list_slots` says where the lists of values before are (the lowered ones for a root).
/// Throws Error{parameters or out_of_memory}.
std::shared_ptr<Plan> make_plan(std::shared_ptr<const Lowered> lowered, std::uint32_t block,
                                std::uint32_t first_call, ops::Facts facts,
                                std::vector<std::int32_t> list_slots);

}  // namespace pome::compiler
