// A line on the terminal for work that takes longer than a second.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

namespace pome::cli {

/// Shows what is going on: nothing during the first second and when standard error is not a
/// terminal; after that a bar (or, while no total is known, the time that has passed), which is
/// wiped away at the end. `set` may be called from any thread.
class Progress {
 public:
  /// `what` is what is being done, as "Loading model.mlpackage". A total of 0 is unknown.
  explicit Progress(std::string what, std::int64_t total = 0);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  void set(std::int64_t done) noexcept { done_.store(done, std::memory_order_relaxed); }

 private:
  void show();
  std::string line(double seconds, int width) const;

  std::string what_;
  std::int64_t total_;
  std::atomic<std::int64_t> done_{0};
  std::mutex mutex_;
  std::condition_variable finished_;
  bool stop_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace pome::cli
