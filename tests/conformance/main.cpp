// pome-conformance: runs every case below a folder and says which pass.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "case.h"
#include "devices/cpu/cpu_device.h"
#include "report.h"
#include "run.h"
#include "support/shared.h"

namespace pome::conformance {
namespace {

/// What ctest takes for a skipped test.
constexpr int skipped = 77;

struct Options {
  std::string folder, filter, json, known;
  RunOptions run;
  bool in_shared = false;
};

/// Folders that hold a model beside no case.json: cases that would be left out silently.
std::vector<std::filesystem::path> without_case(const std::filesystem::path& folder,
                                                const std::string& filter) {
  std::vector<std::filesystem::path> out;
  for (std::filesystem::recursive_directory_iterator it(folder), end; it != end; ++it) {
    const auto name = it->path().filename();
    if (name != "model.mlpackage" && name != "model.mlmodel") continue;
    it.disable_recursion_pending();
    const auto parent = it->path().parent_path();
    if (std::filesystem::exists(parent / "case.json")) continue;
    if (parent.string().find(filter) != std::string::npos) out.push_back(parent);
  }
  std::ranges::sort(out);
  return out;
}

/// False for an instruction set that this machine lacks.
bool has_device(const std::string& name) {
  constexpr std::string_view one_isa = "cpu:";
  return !name.starts_with(one_isa) ||
         devices::cpu_device(std::string_view(name).substr(one_isa.size())) != nullptr;
}

int run(const Options& options) {
  std::filesystem::path folder = options.folder;
  if (options.in_shared) {
    const auto found = test::shared(options.folder);
    if (!found) {
      std::printf("skipped: %s\n", std::string(test::shared_absent).c_str());
      return skipped;
    }
    folder = *found;
  }
  if (!has_device(options.run.device)) {
    std::printf("skipped: this machine has no device %s\n", options.run.device.c_str());
    return skipped;
  }
  auto files = find_cases(folder);
  std::erase_if(files, [&](const auto& file) {
    return file.string().find(options.filter) == std::string::npos;
  });
  const auto outcomes = run_all(files, options.run);
  if (!options.json.empty()) std::ofstream(options.json) << to_json(outcomes).dump(1) << '\n';
  return report(outcomes, {without_case(folder, options.filter)}, options.known) ? 0 : 1;
}

}  // namespace
}  // namespace pome::conformance

int main(int argc, char** argv) {
  pome::conformance::Options options;
  CLI::App app("Runs every conformance case below a folder.");
  bool brief = false;
  app.add_option("DIR", options.folder, "folder of cases")->required();
  app.add_option("--filter", options.filter, "only cases whose path contains this text");
  app.add_option("--device", options.run.device,
                 "'reference', 'cpu', 'cpu:avx2', ...; by default what Model::open chooses");
  app.add_option("--json", options.json, "write the outcomes to this file");
  app.add_option("--known", options.known, "file that lists failing cases by name");
  app.add_flag("--shared", options.in_shared, "DIR lies in the shared folder of test data");
  app.add_flag("--expected-only", brief,
               "compare with the expected values only: no float16 bound, no shapes");
  CLI11_PARSE(app, argc, argv);
  options.run.with_program = !brief;
  try {
    return pome::conformance::run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "pome-conformance: %s\n", error.what());
    return 1;
  }
}
