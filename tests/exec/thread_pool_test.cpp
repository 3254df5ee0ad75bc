#include "exec/thread_pool.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

namespace pome::exec {
namespace {

/// Runs n tasks and gives how often each ran.
std::vector<int> run_counting(Workers& workers, std::int64_t n) {
  std::vector<std::atomic<int>> runs(static_cast<std::size_t>(n));
  TaskContext task;
  task.workers = &workers;
  task.parallel(n, [&](std::int64_t i, int) { runs[static_cast<std::size_t>(i)].fetch_add(1); });
  return {runs.begin(), runs.end()};
}

std::vector<int> ones(std::int64_t n) {
  return std::vector<int>(static_cast<std::size_t>(n), 1);
}

TEST(ThreadPool, CountsProcessors) {
  EXPECT_GE(available_processors(), 1);
  EXPECT_EQ(thread_pool()->count(), available_processors());
  EXPECT_EQ(thread_pool(3)->count(), 3);
}

TEST(ThreadPool, IsSharedByThoseWhoAskForTheSame) {
  EXPECT_EQ(thread_pool(2), thread_pool(2));
  EXPECT_NE(thread_pool(2), thread_pool(3));
}

TEST(ThreadPool, RunsEachTaskOnce) {
  for (const int threads : {1, 2, 3, 8}) {
    const auto pool = thread_pool(threads);
    for (const std::int64_t n : {0, 1, 2, 3, 7, 64, 1000}) {
      EXPECT_EQ(run_counting(*pool, n), ones(n)) << threads << " threads, " << n << " tasks";
    }
  }
}

TEST(ThreadPool, ManyShortLoops) {
  const auto pool = thread_pool(4);
  std::atomic<std::int64_t> sum{0};
  TaskContext task;
  task.workers = pool.get();
  for (int i = 0; i < 20000; ++i) task.parallel(3, [&](std::int64_t k, int) { sum += k + 1; });
  EXPECT_EQ(sum.load(), 20000 * 6);
}

TEST(ThreadPool, WorkersOfALoopNeverShareANumber) {
  const auto pool = thread_pool(4);
  std::vector<std::atomic<int>> inside(4);
  std::atomic<int> clashes{0};
  TaskContext task;
  task.workers = pool.get();
  for (int round = 0; round < 200; ++round) {
    task.parallel(64, [&](std::int64_t, int worker) {
      auto& mine = inside[static_cast<std::size_t>(worker)];
      if (mine.fetch_add(1) != 0) clashes.fetch_add(1);
      mine.fetch_sub(1);
    });
  }
  EXPECT_EQ(clashes.load(), 0);
}

TEST(ThreadPool, ServesManyCallersAtOnce) {
  const auto pool = thread_pool(3);
  std::atomic<int> wrong{0};
  std::vector<std::jthread> callers;
  for (int c = 0; c < 8; ++c) {
    callers.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        if (run_counting(*pool, 17) != ones(17)) wrong.fetch_add(1);
      }
    });
  }
  callers.clear();
  EXPECT_EQ(wrong.load(), 0);
}

TEST(ThreadPool, WakesSleepers) {
  const auto pool = thread_pool(2);
  for (int i = 0; i < 20; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    // Both tasks wait for each other: without a second thread this would never end.
    std::atomic<int> here{0};
    TaskContext task;
    task.workers = pool.get();
    task.parallel(2, [&](std::int64_t, int) {
      here.fetch_add(1);
      while (here.load() != 2) std::this_thread::yield();
    });
  }
}

TEST(ThreadPool, StartsAgainInAChild) {
  const auto pool = thread_pool(3);
  ASSERT_EQ(run_counting(*pool, 10), ones(10));
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(run_counting(*pool, 100) == ones(100) ? 0 : 1);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(run_counting(*pool, 10), ones(10));
}

}  // namespace
}  // namespace pome::exec
