// The threads that kernels share, and how many of them a process should have.
#pragma once

#include <memory>

#include "exec/task.h"

namespace pome::exec {

/// Processors that this process may use: its affinity, cut to the quota of its control group
/// (rounded up). At least 1.
int available_processors() noexcept;

/// Workers with `threads` threads at most, the calling one included; 0 stands for
/// available_processors(). Models that ask for the same number share them, so that predictions at
/// the same time divide the processors instead of fighting for them: a helper joins a prediction
/// only while predictions and helpers together are fewer than `threads`.
///
/// A caller whose tasks nobody helps with runs them all itself, and while it waits for helpers to
/// end theirs it runs nothing else. Works in a child after fork(): new threads are started there.
/// Thread-safe.
std::shared_ptr<Workers> thread_pool(int threads = 0);

}  // namespace pome::exec
