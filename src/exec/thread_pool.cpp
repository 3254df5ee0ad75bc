#include "exec/thread_pool.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace pome::exec {
namespace {

constexpr int most_threads = 256;

/// Tells the processor that this is a waiting loop.
inline void relax() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Looks before a helper sleeps: some 20 microseconds, longer than the gap between two parallel
/// steps of a model, shorter than what waking a thread costs twice.
constexpr int idle_spins = 1000;
constexpr int join_spins = 4000;

/// A parallel loop that helpers may join.
struct alignas(64) Slot {
  static constexpr std::uint32_t taken = 1U << 31;   ///< belongs to a caller
  static constexpr std::uint32_t open = 1U << 30;    ///< helpers may join
  static constexpr std::uint32_t inside = open - 1;  ///< number of helpers

  std::atomic<std::uint32_t> state{0};
  TaskFunction function = nullptr;
  void* data = nullptr;
  std::int64_t tasks = 0;
  alignas(64) std::atomic<std::int64_t> next{0};

  /// Runs tasks until none is left; false when there was none.
  bool work(int worker) noexcept {
    for (bool worked = false;; worked = true) {
      const auto task = next.fetch_add(1, std::memory_order_relaxed);
      if (task >= tasks) return worked;
      function(data, task, worker);
    }
  }

  bool join() noexcept {
    auto seen = state.load(std::memory_order_relaxed);
    while ((seen & open) != 0) {
      if (state.compare_exchange_weak(seen, seen + 1, std::memory_order_acquire)) return true;
    }
    return false;
  }

  void leave() noexcept {
    const auto before = state.fetch_sub(1, std::memory_order_release);
    // Only a caller that has closed the slot may be waiting for the last helper.
    if ((before & open) == 0 && (before & inside) == 1) state.notify_one();
  }

  /// Closes the slot and waits for the helpers inside.
  void close() noexcept {
    auto seen = state.fetch_and(~open, std::memory_order_acq_rel) & ~open;
    for (int i = 0; (seen & inside) != 0 && i < join_spins; ++i) {
      relax();
      seen = state.load(std::memory_order_acquire);
    }
    while ((seen & inside) != 0) {
      state.wait(seen, std::memory_order_acquire);
      seen = state.load(std::memory_order_acquire);
    }
    state.store(0, std::memory_order_release);
  }
};

/// The threads and what they share.
class Crew {
 public:
  explicit Crew(int helpers) : size_(helpers + 1) {
    threads_.reserve(static_cast<std::size_t>(helpers));
    for (int i = 0; i < helpers; ++i) threads_.emplace_back([this, i] { help(i + 1); });
  }
  ~Crew() {
    stop_.store(true);
    work_.fetch_add(1);
    work_.notify_all();
    for (auto& thread : threads_) thread.join();
  }
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  void parallel(std::int64_t n, TaskFunction function, void* data) noexcept {
    busy_.fetch_add(1, std::memory_order_relaxed);
    if (Slot* slot = take()) {
      slot->function = function;
      slot->data = data;
      slot->tasks = n;
      slot->next.store(0, std::memory_order_relaxed);
      slot->state.store(Slot::taken | Slot::open, std::memory_order_release);
      announce(n - 1);
      slot->work(0);
      slot->close();
    } else {
      for (std::int64_t i = 0; i < n; ++i) function(data, i, 0);
    }
    busy_.fetch_sub(1, std::memory_order_relaxed);
  }

 private:
  Slot* take() noexcept {
    for (auto& slot : slots_) {
      std::uint32_t free = 0;
      if (slot.state.load(std::memory_order_relaxed) == 0 &&
          slot.state.compare_exchange_strong(free, Slot::taken, std::memory_order_acquire)) {
        return &slot;
      }
    }
    return nullptr;
  }

  /// Sequentially consistent with sleep(): either the helper sees the new number or this sees the
  /// sleeper.
  void announce(std::int64_t wanted) noexcept {
    work_.fetch_add(1);
    const auto asleep = sleepers_.load();
    if (asleep == 0) return;
    if (wanted < asleep) {
      for (std::int64_t i = 0; i < wanted; ++i) work_.notify_one();
    } else {
      work_.notify_all();
    }
  }

  void help(int worker) noexcept {
    auto seen = work_.load();
    while (!stop_.load(std::memory_order_relaxed)) {
      if (look(worker)) continue;
      seen = wait(seen);
    }
  }

  /// Helps with one loop, if there is one with tasks left and a processor to spare.
  bool look(int worker) noexcept {
    for (auto& slot : slots_) {
      if ((slot.state.load(std::memory_order_relaxed) & Slot::open) == 0) continue;
      bool worked = false;
      if (busy_.fetch_add(1, std::memory_order_relaxed) < size_ && slot.join()) {
        worked = slot.work(worker);
        slot.leave();
      }
      busy_.fetch_sub(1, std::memory_order_relaxed);
      if (worked) return true;
    }
    return false;
  }

  std::uint32_t wait(std::uint32_t seen) noexcept {
    for (int i = 0; i < idle_spins; ++i) {
      const auto now = work_.load(std::memory_order_relaxed);
      if (now != seen) return now;
      relax();
    }
    sleepers_.fetch_add(1);
    work_.wait(seen);
    sleepers_.fetch_sub(1);
    return work_.load();
  }

  const int size_;
  std::array<Slot, 64> slots_;
  alignas(64) std::atomic<std::uint32_t> work_{0};  ///< changes when there is something to do
  std::atomic<int> sleepers_{0};
  std::atomic<int> busy_{0};  ///< callers in a loop and helpers that work
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

/// Number of fork() calls between the first process and this one. The only state outside of
/// objects: it is what the system's fork handler can reach.
std::atomic<std::uint32_t> generation{0};

void watch_forks() {
  static std::once_flag once;
  std::call_once(once, [] {
    pthread_atfork(nullptr, nullptr, [] { generation.fetch_add(1, std::memory_order_relaxed); });
  });
}

class ThreadPool final : public Workers {
 public:
  explicit ThreadPool(int threads) : threads_(threads) { watch_forks(); }
  ~ThreadPool() override {
    // The threads of the parent are not here; their memory is left to the process.
    if (made_in_.load() == generation.load()) delete crew_.load();
  }
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int count() const noexcept override { return threads_; }

  void parallel(std::int64_t n, TaskFunction function, void* data) noexcept override {
    Crew* crew = n > 1 ? this->crew() : nullptr;
    if (crew == nullptr) return Workers::parallel(n, function, data);
    crew->parallel(n, function, data);
  }

 private:
  /// The threads of this process, started when they are first needed; null when they cannot be.
  Crew* crew() noexcept {
    if (made_in_.load(std::memory_order_acquire) == generation.load(std::memory_order_relaxed)) {
      return crew_.load(std::memory_order_relaxed);
    }
    const std::lock_guard lock(starting_);
    const auto now = generation.load(std::memory_order_relaxed);
    if (made_in_.load(std::memory_order_relaxed) != now) {
      try {
        crew_.store(new Crew(threads_ - 1), std::memory_order_relaxed);
      } catch (...) {
        crew_.store(nullptr, std::memory_order_relaxed);
      }
      made_in_.store(now, std::memory_order_release);
    }
    return crew_.load(std::memory_order_relaxed);
  }

  const int threads_;
  std::mutex starting_;
  std::atomic<Crew*> crew_{nullptr};
  std::atomic<std::uint32_t> made_in_{~0U};
};

/// Processors that a control group's quota pays for, rounded up; 0 when there is no quota.
int quota_processors() noexcept {
  try {
    std::ifstream file("/sys/fs/cgroup/cpu.max");
    std::string quota;
    double period = 0;
    if (!(file >> quota >> period) || quota == "max" || period <= 0) return 0;
    double microseconds = 0;
    const auto* const end = quota.data() + quota.size();
    if (std::from_chars(quota.data(), end, microseconds).ptr != end) return 0;
    return static_cast<int>(std::min(microseconds / period + 0.999, 1.0 * most_threads));
  } catch (...) {
    return 0;
  }
}

}  // namespace

int available_processors() noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  int count = 1;
  if (sched_getaffinity(0, sizeof set, &set) == 0) count = std::max(1, CPU_COUNT(&set));
  if (const int quota = quota_processors(); quota > 0) count = std::min(count, quota);
  return std::min(count, most_threads);
}

std::shared_ptr<Workers> thread_pool(int threads) {
  if (threads <= 0) threads = available_processors();
  threads = std::min(threads, most_threads);
  static std::mutex mutex;
  static std::map<int, std::weak_ptr<Workers>> pools;
  const std::lock_guard lock(mutex);
  auto& known = pools[threads];
  auto pool = known.lock();
  if (!pool) {
    pool = std::make_shared<ThreadPool>(threads);
    known = pool;
  }
  return pool;
}

}  // namespace pome::exec
