// What a kernel may use while it runs: threads, scratch memory, the stop token, an error slot.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <stop_token>
#include <vector>

#include "exec/status.h"
#include "exec/tensor_ref.h"
#include "ops/call.h"

namespace pome::exec {

/// Body of a parallel loop: plain function and its data, called once per task index.
/// `worker` is below `Workers::count()`; two calls at the same time never share it.
using TaskFunction = void (*)(void* data, std::int64_t task, int worker) noexcept;

/// Threads as kernels see them. The grid of tasks is fixed by the kernel from shapes alone; which
/// worker runs which task does not influence results.
class Workers {
 public:
  virtual ~Workers() = default;
  virtual int count() const noexcept { return 1; }
  /// Runs tasks 0..n-1 and returns when all are done.
  virtual void parallel(std::int64_t n, TaskFunction function, void* data) noexcept {
    for (std::int64_t i = 0; i < n; ++i) function(data, i, 0);
  }
};

/// Lists and states of a running prediction, by the slot numbers that the plan gave them.
struct Slots {
  std::vector<ops::List> lists;
  std::span<base::HostTensor> states;
};

struct TaskContext {
  Workers* workers = nullptr;
  std::byte* scratch = nullptr;         ///< shared by all tasks of the step, 64-byte aligned
  std::byte* worker_scratch = nullptr;  ///< `worker_scratch_bytes` for each worker
  std::size_t worker_scratch_bytes = 0;
  std::stop_token stop;
  Slots* slots = nullptr;
  std::exception_ptr error;  ///< set together with Code::failed

  std::byte* scratch_of(int worker) const noexcept {
    return worker_scratch + static_cast<std::size_t>(worker) * worker_scratch_bytes;
  }

  /// Calls `body(task, worker)` for tasks 0..n-1 on the workers.
  template <typename Body>
  void parallel(std::int64_t n, Body&& body) noexcept {
    if (n <= 1 || workers == nullptr) {
      for (std::int64_t i = 0; i < n; ++i) body(i, 0);
      return;
    }
    workers->parallel(
        n,
        [](void* data, std::int64_t task, int worker) noexcept {
          (*static_cast<std::remove_reference_t<Body>*>(data))(task, worker);
        },
        &body);
  }
};

/// A kernel: results first, then the arguments of the call in order of the canonical signature
/// (arguments that the kernel took over when it was prepared have null data).
using Kernel = Status (*)(const void* params, TensorRef* args, TaskContext& task) noexcept;

}  // namespace pome::exec
