// Time and memory of a large model, in a process of its own.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <thread>

#include "oracle.h"
#include "support/shared.h"
#include "temporary_folder.h"

namespace pome::test {
namespace {

namespace fs = std::filesystem;

struct Cost {
  std::int64_t peak_bytes = 0;  ///< of resident memory, mapped files included
  nlohmann::json report;        ///< what the program printed
};

// After fork() only what the standard allows between fork and exec is called.
[[noreturn]] void become_program(const char* const* arguments, const char* output, bool one_core) {
  if (one_core) {
    cpu_set_t now;
    cpu_set_t first;
    CPU_ZERO(&first);
    sched_getaffinity(0, sizeof now, &now);
    for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&first) == 0; ++i) {
      if (CPU_ISSET(i, &now)) CPU_SET(i, &first);
    }
    sched_setaffinity(0, sizeof first, &first);
  }
  if (std::freopen(output, "w", stdout) == nullptr) _exit(125);
  execv(arguments[0], const_cast<char* const*>(arguments));
  _exit(126);
}

// Peak of a process' resident memory; nothing once it has none.
std::optional<std::int64_t> peak_of(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/status");
  for (std::string word; file >> word;) {
    std::int64_t kibibytes = 0;
    if (word == "VmHWM:" && file >> kibibytes) return kibibytes * 1024;
  }
  return std::nullopt;
}

// Runs `pome predict MODEL --random --repeat N --json`.
Cost predict(const fs::path& model, const char* repetitions, bool one_core) {
  const TemporaryFolder folder;
  const fs::path output = folder / "out.json";
  const char* const arguments[] = {POME_PROGRAM, "predict",   model.c_str(), "--random",
                                   "--repeat",   repetitions, "--json",      nullptr};
  const pid_t child = fork();
  if (child == 0) become_program(arguments, output.c_str(), one_core);
  // What wait4() reports would count this process' own memory at fork() too, hence the sampling:
  // the peak only grows, and repeated predictions have reached it long before the last sample.
  Cost out;
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    out.peak_bytes = peak_of(child).value_or(out.peak_bytes);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
  std::ifstream file(output);
  out.report = nlohmann::json::parse(file);
  return out;
}

class LargeModel : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (POME_SANITIZED) GTEST_SKIP() << "sanitizers change time and memory";
    const auto path = sample_model(GetParam());
    if (!path) GTEST_SKIP() << sample_absent;
    path_ = *path;
  }
  fs::path path_;
};

TEST_P(LargeModel, TakesLessThanThreeTimesItsWeights) {
  const auto weights = static_cast<double>(fs::file_size(weight_file(path_)));
  const double times = static_cast<double>(predict(path_, "5", false).peak_bytes) / weights;
  std::cout << GetParam() << ": peak memory " << times << " times the weights of " << weights / 1e6
            << " MB\n";
  RecordProperty("times_the_weights", std::to_string(times));
  EXPECT_LT(times, 3);
}

TEST_P(LargeModel, PredictsInASecondOnOneCore) {
  const Cost cost = predict(path_, "3", true);
  const double best = cost.report.at("predictions").at(0).at("milliseconds").at("min");
  std::cout << GetParam() << ": " << best << " ms on one core\n";
  RecordProperty("milliseconds", std::to_string(best));
  EXPECT_LT(best, 1000);
}

INSTANTIATE_TEST_SUITE_P(MobileClip, LargeModel,
                         ::testing::Values("clip_mci_image.mlpackage", "clip_text.mlpackage"),
                         [](const auto& param) {
                           return std::string(param.param).find("text") == std::string::npos
                                      ? "Image"
                                      : "Text";
                         });

}  // namespace
}  // namespace pome::test
