// pome-conformance: runs every case below a folder and says which pass.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <thread>

#include "base/text.h"
#include "compare.h"
#include "npy.h"
#include "pome/pome.h"
#include "support/shared.h"
#include "values.h"

namespace pome::conformance {
namespace {

struct Outcome {
  std::string name, test, type;
  bool passed = false;
  std::set<std::size_t> failed_steps;
  double worst = 0;
  bool zeros_would_pass = true;  ///< of every compared output
  std::string reason;
};

const cli::NpyValue* find(const cli::NpzEntries& entries, std::string name) {
  // A slash cannot stand in an archive's names.
  for (std::size_t at = name.find('/'); at != std::string::npos; at = name.find('/', at)) {
    name.replace(at, 1, "__slash__");
  }
  for (const auto& [entry, value] : entries) {
    if (entry == name) return &value;
  }
  return nullptr;
}

FeatureProvider read_inputs(const ModelDescription& description, const Step& step,
                            base::Budget& budget) {
  const auto entries = cli::read_npz(step.inputs, budget);
  FeatureProvider inputs;
  for (const auto& feature : description.inputs) {
    if (const auto* value = find(entries, feature.name)) {
      inputs.set(feature.name, cli::value_from_array(feature, *value, budget));
    }
  }
  return inputs;
}

bool check_outputs(const FeatureProvider& outputs, const Step& step, base::Budget& budget,
                   Outcome& out) {
  bool passed = true;
  const auto expected = cli::read_npz(step.expected, budget);
  for (const auto& [name, tolerance] : step.tolerances) {
    const auto* wanted = find(expected, name);
    const auto* got = outputs.find(name);
    if (!wanted || !got) {
      out.reason = base::cat("output ", base::quoted(name), !got ? " is missing" : " has no value");
      passed = false;
      continue;
    }
    const auto result = compare(*got, *wanted, tolerance);
    if (result.passed) out.worst = std::max(out.worst, result.worst);
    out.zeros_would_pass = out.zeros_would_pass && result.zeros_would_pass;
    if (!result.passed) {
      passed = false;
      out.reason = base::cat(name, ": ", result.reason);
    }
  }
  return passed;
}

Outcome run_case(const std::filesystem::path& file) {
  Outcome out;
  out.name = file.parent_path().filename().string();
  try {
    const auto test = read_case(file);
    out.test = test.test;
    out.type = test.type;
    Configuration configuration;
    configuration.function_name = test.function;
    const auto model = Model::open(test.model, configuration);
    std::optional<State> state;
    for (std::size_t i = 0; i < test.steps.size(); ++i) {
      const auto& step = test.steps[i];
      base::Budget budget;
      const auto inputs = read_inputs(model.description(), step, budget);
      if (step.state && !state) state = model.make_state();
      const auto outputs = step.state ? model.predict(inputs, *state) : model.predict(inputs);
      if (!check_outputs(outputs, step, budget, out)) out.failed_steps.insert(i);
    }
    out.passed = out.failed_steps.empty();
  } catch (const std::exception& error) {
    out.passed = false;
    out.failed_steps.clear();
    out.reason = error.what();
  }
  return out;
}

std::vector<Outcome> run_all(const std::vector<std::filesystem::path>& files) {
  std::vector<Outcome> outcomes(files.size());
  std::atomic<std::size_t> next{0};
  std::vector<std::jthread> threads;
  for (unsigned t = 0; t < std::max(1U, std::thread::hardware_concurrency()); ++t) {
    threads.emplace_back([&] {
      for (std::size_t i = next++; i < files.size(); i = next++) outcomes[i] = run_case(files[i]);
    });
  }
  threads.clear();
  return outcomes;
}

/// A case as a file of known failures lists it: by name, or, where only one step of it is wrong, by
/// name and step: "name:15" is the step of inputs.15.npz.
std::string name_of(const Outcome& outcome) {
  if (outcome.passed || outcome.failed_steps.size() != 1) return outcome.name;
  return base::cat(outcome.name, ":", *outcome.failed_steps.begin());
}

/// Lines of a file that lists cases by name; what stands behind '#' is the reason.
std::set<std::string> read_names(const std::string& path) {
  std::set<std::string> names;
  std::ifstream stream(path);
  for (std::string line; std::getline(stream, line);) {
    const auto name = line.substr(0, line.find_first_of(" \t#"));
    if (!name.empty()) names.insert(name);
  }
  return names;
}

nlohmann::json to_json(const std::vector<Outcome>& outcomes) {
  auto out = nlohmann::json::array();
  for (const auto& o : outcomes) {
    out.push_back({{"name", o.name},
                   {"test", o.test},
                   {"type", o.type},
                   {"passed", o.passed},
                   {"worst", std::isfinite(o.worst) ? o.worst : -1},
                   {"reason", o.reason},
                   {"zeros_would_pass", o.zeros_would_pass}});
  }
  return out;
}

struct Options {
  std::string folder, filter, json, known;
  bool in_shared = false;
};

int report(const std::vector<Outcome>& outcomes, const Options& options) {
  struct Row {
    int cases = 0, passed = 0, weak = 0;
    double worst = 0;
  };
  std::map<std::string, Row> rows;
  auto known = read_names(options.known);
  int unexpected = 0;
  for (const auto& o : outcomes) {
    auto& row = rows[o.type.empty() ? "unreadable" : o.type];
    ++row.cases;
    row.passed += o.passed ? 1 : 0;
    row.weak += o.passed && o.zeros_would_pass ? 1 : 0;
    if (o.passed) row.worst = std::max(row.worst, o.worst);
    const std::string name = name_of(o);
    const auto listed = known.find(name);
    if (!o.passed)
      std::printf("%s %s: %s\n", listed != known.end() ? "known" : "FAILED", name.c_str(),
                  o.reason.c_str());
    if (!o.passed && listed == known.end()) ++unexpected;
    if (!o.passed && listed != known.end()) known.erase(listed);
    // A listed case that passes is as wrong as one that fails and is not listed.
    const auto other = std::ranges::find_if(known, [&](const std::string& one) {
      return one == o.name || one.starts_with(o.name + ":");
    });
    if (other == known.end()) continue;
    ++unexpected;
    std::printf("FAILED %s: is listed as failing and passes\n", other->c_str());
  }
  std::printf("%-28s %7s %7s %10s %18s\n", "type", "cases", "passed", "worst", "zeros would pass");
  for (const auto& [type, row] : rows) {
    std::printf("%-28s %7d %7d %10.3g %18d\n", type.c_str(), row.cases, row.passed, row.worst,
                row.weak);
  }
  if (outcomes.empty()) std::printf("no cases\n");
  return outcomes.empty() || unexpected != 0 ? 1 : 0;
}

int run(const Options& options) {
  std::filesystem::path folder = options.folder;
  if (options.in_shared) {
    const auto found = test::shared(options.folder);
    if (!found) {
      std::printf("skipped: %s\n", std::string(test::shared_absent).c_str());
      return 77;
    }
    folder = *found;
  }
  auto files = find_cases(folder);
  std::erase_if(files, [&](const auto& file) {
    return file.string().find(options.filter) == std::string::npos;
  });
  const auto outcomes = run_all(files);
  if (!options.json.empty()) std::ofstream(options.json) << to_json(outcomes).dump(1) << '\n';
  return report(outcomes, options);
}

}  // namespace
}  // namespace pome::conformance

int main(int argc, char** argv) {
  pome::conformance::Options options;
  CLI::App app("Runs every conformance case below a folder.");
  app.add_option("DIR", options.folder, "folder of cases")->required();
  app.add_option("--filter", options.filter, "only cases whose path contains this text");
  app.add_option("--json", options.json, "write the outcomes to this file");
  app.add_option("--known", options.known, "file that lists failing cases by name");
  app.add_flag("--shared", options.in_shared, "DIR lies in the shared folder of test data");
  CLI11_PARSE(app, argc, argv);
  try {
    return pome::conformance::run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "pome-conformance: %s\n", error.what());
    return 1;
  }
}
