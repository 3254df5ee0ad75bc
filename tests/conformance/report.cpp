#include "report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "base/text.h"

namespace pome::conformance {
namespace {

/// Lower case without what tests and operations separate words by.
std::string squeezed(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c >= 'A' && c <= 'Z') out += static_cast<char>(c - 'A' + 'a');
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) out += c;
  }
  return out;
}

/// "TestConv::test_stress" of a test's id, without its file and its parameters.
std::string bare(const std::string& test) {
  const auto from = test.find("::");
  const auto name = from == std::string::npos ? test : test.substr(from);
  return squeezed(name.substr(0, name.find('[')));
}

/// A case as a file of known failures lists it: by name, or, where only one step of several is
/// wrong, by name and step: "name:15" is the step of inputs.15.npz.
std::string name_of(const Outcome& outcome) {
  if (outcome.steps < 2 || outcome.failed_steps.size() != 1) return outcome.name;
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

struct Row {
  int cases = 0, passed = 0, known = 0, weak = 0;
  double worst = 0;
  int f16 = 0, f16_weak = 0;
  double f16_worst = 0;

  void add(const Outcome& o, bool is_known) {
    ++cases;
    passed += o.passed ? 1 : 0;
    known += is_known ? 1 : 0;
    weak += o.passed && o.zeros_would_pass ? 1 : 0;
    if (o.passed) worst = std::max(worst, o.worst);
    f16 += o.f16_compared ? 1 : 0;
    f16_weak += o.f16_compared && o.zeros_would_pass && o.zeros_in_bound ? 1 : 0;
    f16_worst = std::max(f16_worst, o.f16_worst);
  }
};

void print_row(const std::string& name, const Row& row) {
  std::printf("%-44s %6d %6d %6d %9.3g %6d %9.3g %7d %7d\n", name.c_str(), row.cases, row.passed,
              row.known, row.worst, row.f16, row.f16_worst, row.weak, row.f16_weak);
}

void print_header() {
  std::printf("%-44s %6s %6s %6s %9s %6s %9s %7s %7s\n", "type, operation", "cases", "passed",
              "known", "worst", "f16", "f16 worst", "zeros", "of f16");
}

void print_legend() {
  std::printf(
      "worst: error in units of the case's tolerance. f16: cases with float16 values that were\n"
      "compared with the reference; f16 worst: error in units of the derived bound. zeros: passed\n"
      "cases that zeros would pass too; of f16: those that zeros would pass within the bound "
      "too.\n");
}

/// Prints failures and fills the rows; counts what was not to be expected.
class Judge {
 public:
  explicit Judge(const std::string& known) : known_(read_names(known)) {}

  void take(const Outcome& o, const std::string& operation) {
    if (!o.not_run.empty()) {
      ++not_run_[{o.type, o.not_run}];
      return;
    }
    const auto name = name_of(o);
    const bool listed = !o.passed && o.excusable && known_.erase(name) != 0;
    const std::string type = o.type.empty() ? "unreadable" : o.type;
    types_[type].add(o, listed);
    if (!operation.empty()) operations_[{type, operation}].add(o, listed);
    shapes_ += o.shapes;
    ++run_;
    if (!o.passed) {
      std::printf("%s %s: %s\n", listed ? "known" : "FAILED", name.c_str(), o.reason.c_str());
      unexpected_ += listed ? 0 : 1;
    }
    // A listed case that passes is as wrong as one that fails and is not listed.
    const auto other = std::ranges::find_if(known_, [&](const std::string& one) {
      return one == o.name || one.starts_with(o.name + ":");
    });
    if (other == known_.end()) return;
    ++unexpected_;
    std::printf("FAILED %s: is listed as failing and does not fail so\n", other->c_str());
  }

  bool finish(std::size_t cases, const Coverage& coverage) {
    for (const auto& folder : coverage.without_case) {
      std::printf("FAILED %s: has a model and no case.json\n", folder.string().c_str());
    }
    print_header();
    for (const auto& [key, row] : operations_) {
      print_row(base::cat(key.first, " ", key.second), row);
    }
    for (const auto& [type, row] : types_) print_row(type, row);
    print_legend();
    if (shapes_ != 0) {
      std::printf("shapes: %lld results have the shapes that inference gave\n",
                  static_cast<long long>(shapes_));
    }
    for (const auto& [key, count] : not_run_) {
      std::printf("not run: %d cases of type %s: %s\n", count, key.first.c_str(),
                  key.second.c_str());
    }
    std::printf("%zu of %zu cases run, %d failed unexpectedly\n", run_,
                cases + coverage.without_case.size(), unexpected_);
    return run_ != 0 && run_ == cases && coverage.without_case.empty() && unexpected_ == 0;
  }

 private:
  std::set<std::string> known_;
  std::map<std::string, Row> types_;
  std::map<std::pair<std::string, std::string>, Row> operations_;
  std::map<std::pair<std::string, std::string>, int> not_run_;
  std::size_t run_ = 0;
  std::int64_t shapes_ = 0;
  int unexpected_ = 0;
};

}  // namespace

std::vector<std::string> main_operations(const std::vector<Outcome>& outcomes) {
  std::map<std::string, int> frequency;
  for (const auto& o : outcomes) {
    for (const auto& operation : o.operations) ++frequency[operation];
  }
  std::vector<std::string> out;
  for (const auto& o : outcomes) {
    const auto test = bare(o.test);
    std::tuple<std::size_t, int, std::string> best{0, 0, ""};
    for (const auto& operation : o.operations) {
      const auto name = squeezed(operation);
      const auto named = test.find(name) != std::string::npos ? name.size() : std::size_t{0};
      best = std::max(best, {named, -frequency[operation], operation},
                      [&](const auto& a, const auto& b) {
                        if (std::get<2>(a).empty() || std::get<2>(b).empty()) {
                          return std::get<2>(a).empty() && !std::get<2>(b).empty();
                        }
                        return a < b;
                      });
    }
    out.push_back(std::get<2>(best));
  }
  return out;
}

bool report(const std::vector<Outcome>& outcomes, const Coverage& coverage,
            const std::string& known) {
  Judge judge(known);
  const auto operations = main_operations(outcomes);
  for (std::size_t i = 0; i < outcomes.size(); ++i) judge.take(outcomes[i], operations[i]);
  return judge.finish(outcomes.size(), coverage);
}

nlohmann::json to_json(const std::vector<Outcome>& outcomes) {
  const auto finite = [](double v) { return std::isfinite(v) ? v : -1; };
  const auto operations = main_operations(outcomes);
  auto out = nlohmann::json::array();
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const auto& o = outcomes[i];
    out.push_back({{"name", o.name},
                   {"test", o.test},
                   {"type", o.type},
                   {"operation", operations[i]},
                   {"not_run", o.not_run},
                   {"passed", o.passed},
                   {"worst", finite(o.worst)},
                   {"reason", o.reason},
                   {"zeros_would_pass", o.zeros_would_pass},
                   {"f16_compared", o.f16_compared},
                   {"f16_worst", finite(o.f16_worst)},
                   {"zeros_in_f16_bound", o.zeros_in_bound},
                   {"shapes", o.shapes}});
  }
  return out;
}

}  // namespace pome::conformance
