#include "run.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <optional>
#include <thread>

#include "base/text.h"
#include "compare.h"
#include "npy.h"
#include "pome/pome.h"
#include "program.h"
#include "runtime/load_model.h"
#include "values.h"

namespace pome::conformance {
namespace {

using base::cat;

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
      out.reason = cat("output ", base::quoted(name), !got ? " is missing" : " has no value");
      passed = false;
      continue;
    }
    const auto result = compare(*got, *wanted, tolerance);
    if (result.passed) out.worst = std::max(out.worst, result.worst);
    out.zeros_would_pass = out.zeros_would_pass && result.zeros_would_pass;
    if (!result.passed) {
      passed = false;
      out.reason = cat(name, ": ", result.reason);
    }
  }
  return passed;
}

/// Outputs of a device against those of the reference. Both compute with float32 between
/// operations or better, so they differ by roundings: each of the `terms` behind an element adds
/// at most 2^-23 of the greatest value around (one for the product or sum, one for storing it).
/// A published float16 adds one rounding on either side: 2^-10 of the value.
void check_bound(const FeatureProvider& got, const FeatureProvider& reference, const FullRun& full,
                 Outcome& out) {
  const double single = std::ldexp(full.terms * full.greatest, -23);
  for (const auto& [name, want] : reference) {
    if (want.type() != FeatureType::multi_array) continue;
    const auto& array = want.multi_array_value();
    if (!is_float(array.data_type())) continue;
    const auto a = got.find(name)->multi_array_value().converted_to(DataType::fp64);
    const auto b = array.converted_to(DataType::fp64);
    out.f16_compared = true;
    if (!std::ranges::equal(a.shape(), b.shape())) {
      out.f16_worst = INFINITY;
      return;
    }
    const bool half = array.data_type() == DataType::fp16;
    for (std::size_t i = 0; i < b.elements<double>().size(); ++i) {
      const double x = a.elements<double>()[i];
      const double y = b.elements<double>()[i];
      if (x == y || (std::isnan(x) && std::isnan(y))) {
        if (y != 0) out.zeros_in_bound = out.zeros_in_bound && std::fabs(y) <= single;
        continue;
      }
      const double bound =
          single + (half ? std::ldexp(std::fabs(y), -10) + std::ldexp(1.0, -24) : 0);
      const double error = std::fabs(x - y);
      out.f16_worst = std::max(out.f16_worst, std::isfinite(error) ? error / bound : INFINITY);
      out.zeros_in_bound = out.zeros_in_bound && std::fabs(y) <= bound;
    }
  }
}

/// What is compared beside the expected values.
class Beside {
 public:
  Beside(const Asset& asset, const Case& test, const ProgramFacts& facts) {
    full_.emplace(asset, test.function);
    if (!facts.has_f16 || facts.random) return;
    Configuration configuration;
    configuration.function_name = test.function;
    configuration.devices = {"reference"};
    reference_ = Model::open(asset, configuration);
  }

  /// False when the step fails.
  bool check(const FeatureProvider& inputs, const FeatureProvider& outputs, bool with_state,
             Outcome& out) {
    const auto full = full_->run(inputs);
    out.shapes += full.values;
    if (!full.wrong.empty()) {
      out.reason = full.wrong.front();
      return false;
    }
    if (!reference_) return true;
    if (with_state && !state_) state_ = reference_->make_state();
    check_bound(outputs,
                with_state ? reference_->predict(inputs, *state_) : reference_->predict(inputs),
                full, out);
    if (out.f16_worst <= 1) return true;
    out.reason = cat("is ", out.f16_worst, " times the float16 bound from the reference");
    return false;
  }

 private:
  std::optional<FullRunner> full_;
  std::optional<Model> reference_;
  std::optional<State> state_;
};

void run_steps(const Case& test, const Asset& asset, const RunOptions& options, Outcome& out) {
  Configuration configuration;
  configuration.function_name = test.function;
  if (!options.device.empty()) configuration.devices = {options.device};
  const auto model = Model::open(asset, configuration);
  std::optional<Beside> beside;
  if (asset.description().model_type == "mlProgram") {
    const auto facts = read_facts(asset, test.function);
    out.operations = facts.operations;
    out.has_f16 = facts.has_f16;
    if (options.with_program) beside.emplace(asset, test, facts);
  }
  std::optional<State> state;
  for (std::size_t i = 0; i < test.steps.size(); ++i) {
    const auto& step = test.steps[i];
    base::Budget budget;
    const auto inputs = read_inputs(model.description(), step, budget);
    if (step.state && !state) state = model.make_state();
    const auto outputs = step.state ? model.predict(inputs, *state) : model.predict(inputs);
    bool passed = check_outputs(outputs, step, budget, out);
    if (beside && !beside->check(inputs, outputs, step.state, out)) {
      passed = false;
      out.excusable = false;
    }
    if (!passed) out.failed_steps.insert(i);
  }
}

}  // namespace

Outcome run_case(const std::filesystem::path& file, const RunOptions& options) {
  Outcome out;
  out.name = file.parent_path().filename().string();
  try {
    const auto test = read_case(file);
    out.test = test.test;
    out.type = test.type;
    out.steps = test.steps.size();
    const auto asset = Asset::from_path(test.model);
    if (const auto reason = runtime::why_not_runnable(*asset.data())) {
      out.not_run = *reason;
      return out;
    }
    run_steps(test, asset, options, out);
    out.passed = out.failed_steps.empty() && out.steps != 0;
  } catch (const std::exception& error) {
    out.failed_steps.clear();
    out.reason = error.what();
  }
  return out;
}

std::vector<Outcome> run_all(const std::vector<std::filesystem::path>& files,
                             const RunOptions& options) {
  std::vector<Outcome> outcomes(files.size());
  std::atomic<std::size_t> next{0};
  std::vector<std::jthread> threads;
  for (unsigned t = 0; t < std::max(1U, std::thread::hardware_concurrency()); ++t) {
    threads.emplace_back([&] {
      for (std::size_t i = next++; i < files.size(); i = next++) {
        outcomes[i] = run_case(files[i], options);
      }
    });
  }
  threads.clear();
  return outcomes;
}

}  // namespace pome::conformance
