#include "progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>

#include "terminal.h"

namespace pome::cli {

using std::chrono::steady_clock;

Progress::Progress(std::string what, std::int64_t total) : what_(std::move(what)), total_(total) {
  if (::isatty(STDERR_FILENO) == 1) thread_ = std::thread([this] { show(); });
}

Progress::~Progress() {
  if (!thread_.joinable()) return;
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  finished_.notify_all();
  thread_.join();
}

std::string Progress::line(double seconds, int width) const {
  const std::int64_t done =
      std::clamp<std::int64_t>(done_.load(std::memory_order_relaxed), 0, total_);
  if (total_ <= 0)
    return shortened(fmt::format("{} … {:.0f} s", what_, seconds), static_cast<std::size_t>(width));
  constexpr int cells = 24;
  const int full = static_cast<int>(done * cells / total_);
  std::string bar;
  for (int i = 0; i < cells; ++i) bar += i < full ? "█" : "░";
  return shortened(fmt::format("{} {} {}/{}", what_, bar, done, total_),
                   static_cast<std::size_t>(width));
}

void Progress::show() {
  const auto start = steady_clock::now();
  std::unique_lock lock(mutex_);
  if (finished_.wait_for(lock, std::chrono::seconds(1), [this] { return stop_; })) return;
  while (!stop_) {
    const double seconds = std::chrono::duration<double>(steady_clock::now() - start).count();
    const int width = Terminal::of(stderr).width() - 1;
    fmt::print(stderr, "\r\x1b[K{}", line(seconds, width));
    std::fflush(stderr);
    finished_.wait_for(lock, std::chrono::milliseconds(100), [this] { return stop_; });
  }
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
}

}  // namespace pome::cli
