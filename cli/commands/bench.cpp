#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <fstream>
#include <limits>
#include <memory>
#include <optional>

#include "base/text.h"
#include "checks.h"
#include "command.h"
#include "describe_json.h"
#include "flop_count.h"
#include "inputs.h"
#include "npy.h"
#include "pome/model.h"
#include "runtime/asset_data.h"
#include "table.h"

namespace pome::cli {

using base::cat;
using Clock = std::chrono::steady_clock;

namespace {

struct Options {
  std::string model;
  int threads = 0;
  std::string accuracy = "exact";
  std::string function;
  std::vector<std::string> devices;
  std::vector<std::string> inputs;
  std::uint64_t seed = 0;
  std::string reference;
  std::size_t repeat = 0;
  double seconds = 1;
  bool json = false;
};

struct OutputError {
  double relative_rms = 0;  ///< root of (mean square of the differences / mean square expected)
  double max_absolute = 0;
};

/// Everything that was measured; times in milliseconds.
struct Measured {
  std::vector<double> latency;  ///< sorted
  double load = 0, second_load = 0, first = 0;
  double peak_mb = 0;    ///< of the process, behind load and first prediction
  double steady_mb = 0;  ///< behind the timed predictions
  bool cached = false;   ///< the second load
  double flops = 0;      ///< of one prediction; 0 where not known
  std::optional<OutputError> error;

  double least() const { return latency.front(); }
  double median() const { return latency[(latency.size() - 1) / 2]; }
};

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// A line of /proc/self/status in megabytes of 2^20 bytes, as other engines' harnesses give it.
double status_megabytes(std::string_view key) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key) && line.size() > key.size() && line[key.size()] == ':')
      return std::strtod(line.c_str() + key.size() + 1, nullptr) / 1024;
  }
  return 0;
}

Configuration configuration_of(const Options& options) {
  Configuration out;
  out.function_name = options.function;
  out.threads = options.threads;
  out.numerics = options.accuracy == "fast" ? Numerics::fast : Numerics::exact;
  out.devices = options.devices;
  return out;
}

// Values without a name go to the inputs in their order; what is not given is random.
FeatureProvider read_inputs(const Options& options, const ModelDescription& description,
                            base::Budget& budget) {
  InputCollector collector(description, {}, budget);
  std::size_t unnamed = 0;
  for (const std::string& input : options.inputs) {
    const bool named = input.find('=') != std::string::npos;
    const bool ordered = !named && description.inputs.size() > 1 && has_suffix(input, ".npy") &&
                         unnamed < description.inputs.size();
    collector.add(ordered ? cat(description.inputs[unnamed++].name, "=", input) : input);
  }
  collector.fill_random(options.seed);
  const std::vector<Case> cases = collector.cases();
  if (cases.size() != 1)
    throw UsageError(cat("bench times one prediction, found inputs for ", cases.size()));
  description.check_inputs(cases.front().inputs);
  return cases.front().inputs;
}

MultiArray read_reference(const std::string& path, base::Budget& budget) {
  NpzEntries entries = read_npz(path, budget);
  if (entries.size() != 1 || !std::holds_alternative<MultiArray>(entries.front().second))
    throw Error(ErrorCode::io, cat(base::quoted(path), ": expected an .npy file of numbers"));
  return std::get<MultiArray>(std::move(entries.front().second));
}

OutputError error_of(const FeatureValue& output, const MultiArray& expected,
                     const std::string& name) {
  if (output.type() != FeatureType::multi_array)
    throw UsageError(cat("--ref needs a model whose first output is an array, ", base::quoted(name),
                         " is ", output.text()));
  const MultiArray got = output.multi_array_value().converted_to(DataType::fp64);
  if (got.count() != expected.count())
    throw Error(ErrorCode::feature_type,
                cat("the reference has shape ", base::shape_text(expected.shape()), ", output ",
                    base::quoted(name), " has ", base::shape_text(got.shape())));
  const MultiArray wanted = expected.converted_to(DataType::fp64);
  const auto a = got.elements<double>();
  const auto b = wanted.elements<double>();
  OutputError out;
  double squares = 0, scale = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double error = std::abs(a[i] - b[i]);
    out.max_absolute = error > out.max_absolute || std::isnan(error) ? error : out.max_absolute;
    squares += error * error;
    scale += b[i] * b[i];
  }
  out.relative_rms = std::sqrt(squares / scale);
  return out;
}

double flops_of(const Asset& asset, const std::string& function_name) {
  if (asset.description().model_type != "mlProgram") return 0;
  base::Budget budget;
  const auto program = runtime::read_program(*asset.data(), budget);
  ir::Function* function = program->find(function_name.empty() ? "main" : function_name);
  return function == nullptr ? 0 : count_flops(*function);
}

void time_predictions(const Model& model, const FeatureProvider& inputs, const Options& options,
                      Measured& out) {
  const bool fixed = options.repeat > 0;
  const std::size_t least = fixed ? options.repeat : 3;
  const std::size_t most = fixed ? options.repeat : 100000;
  State state = model.make_state();
  const auto begin = Clock::now();
  while (out.latency.size() < most &&
         (out.latency.size() < least || milliseconds_since(begin) < options.seconds * 1000)) {
    const auto start = Clock::now();
    const FeatureProvider outputs = model.predict(inputs, state);
    out.latency.push_back(milliseconds_since(start));
  }
  std::sort(out.latency.begin(), out.latency.end());
}

// Loads, predicts once, then repeatedly; the model is gone when this returns.
void time_first_model(const Options& options, const FeatureProvider& inputs,
                      const std::optional<MultiArray>& reference, Measured& out) {
  auto start = Clock::now();
  Configuration configuration = configuration_of(options);
  configuration.use_cache = false;
  const Model model = Model::open(options.model, configuration);
  out.load = milliseconds_since(start);
  State state = model.make_state();
  start = Clock::now();
  const FeatureProvider outputs = model.predict(inputs, state);
  out.first = milliseconds_since(start);
  out.peak_mb = status_megabytes("VmHWM");
  if (reference) {
    const std::string& name = model.description().outputs.front().name;
    out.error = error_of(outputs.at(name), *reference, name);
  }
  time_predictions(model, inputs, options, out);
  out.steady_mb = status_megabytes("VmRSS");
}

Measured measure(const Options& options) {
  Measured out;
  base::Budget budget;
  const auto [inputs, flops] = [&] {  // the asset with its buffers is gone before anything is timed
    const Asset asset = Asset::from_path(options.model);
    const ModelDescription description =
        options.function.empty() ? asset.description() : asset.description(options.function);
    return std::pair(read_inputs(options, description, budget), flops_of(asset, options.function));
  }();
  std::optional<MultiArray> reference;
  if (!options.reference.empty()) reference = read_reference(options.reference, budget);
  out.flops = flops;
  time_first_model(options, inputs, reference, out);
  // The first load that is not cached leaves an entry, where the cache is on.
  Model::open(options.model, configuration_of(options)).wait_for_cache();
  const auto start = Clock::now();
  const Model again = Model::open(options.model, configuration_of(options));
  out.second_load = milliseconds_since(start);
  out.cached = again.load_report().cached;
  return out;
}

double gflops(const Measured& result) {
  return result.flops / result.least() / 1e6;
}

Json result_json(const Options& options, const Measured& result) {
  Json out;
  out["model"] = options.model;
  out["threads"] = options.threads;
  out["accuracy"] = options.accuracy;
  out["latency_ms_min"] = result.least();
  out["latency_ms_median"] = result.median();
  out["predictions"] = result.latency.size();
  out["first_ms"] = result.first;
  out["load_ms"] = result.load;
  out["load_cached_ms"] = result.second_load;
  out["load2_ms"] = result.second_load;  // the name that peerbench.py reads
  out["rss_mb"] = result.peak_mb;
  out["rss_steady_mb"] = result.steady_mb;
  out["gflop"] = result.flops / 1e9;
  out["gflops"] = gflops(result);
  if (result.error) {
    out["rel_rms"] = result.error->relative_rms;
    out["max_abs"] = result.error->max_absolute;
  }
  return out;
}

std::string result_text(const Measured& result, const Terminal& terminal) {
  Table table("lr");
  const auto add = [&](std::string_view what, std::string value) {
    table.add({{what, Color::dim}, std::move(value)});
  };
  add("latency, least", fmt::format("{:.3f} ms", result.least()));
  add("latency, median", fmt::format("{:.3f} ms", result.median()));
  add("predictions", cat(result.latency.size()));
  if (result.flops > 0)
    add("arithmetic",
        fmt::format("{:.1f} GFLOP/s ({:.3f} GFLOP)", gflops(result), result.flops / 1e9));
  add("first prediction", fmt::format("{:.3f} ms", result.first));
  add("load", fmt::format("{:.1f} ms", result.load));
  add(result.cached ? "cached load" : "second load", fmt::format("{:.1f} ms", result.second_load));
  add("memory, peak", fmt::format("{:.1f} MB", result.peak_mb));
  add("memory, steady", fmt::format("{:.1f} MB", result.steady_mb));
  if (result.error) {
    add("relative rms error", fmt::format("{:.2e}", result.error->relative_rms));
    add("largest error", fmt::format("{:.2e}", result.error->max_absolute));
  }
  return table.render(terminal);
}

ExitCode run_bench(const Context& context, const Options& options) {
  const Measured result = measure(options);
  context.print(options.json ? result_json(options, result).dump() + "\n"
                             : result_text(result, context.out));
  return ExitCode::ok;
}

Runner declare_bench(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->model, "A .mlmodel, .mlpackage or .mlmodelc")->required();
  app.add_option("-t,--threads", options->threads, "Threads to use (default: all of this process)")
      ->type_name("N")
      ->check(whole_number(0, 1024));
  app.add_option("--accuracy", options->accuracy, "exact (default) or fast")
      ->type_name("CLASS")
      ->check(one_of({"exact", "fast"}));
  app.add_option("-i,--input", options->inputs,
                 "A value for an input, the next one where NAME= is left out; random otherwise")
      ->type_name("[NAME=]VALUE")
      ->expected(1)
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--seed", options->seed, "Which random values (default 0)")
      ->type_name("N")
      ->check(whole_number(0, std::numeric_limits<std::uint64_t>::max()));
  app.add_option("--ref", options->reference, "What the first output should be, to give its error")
      ->type_name("FILE.npy");
  app.add_option("--seconds", options->seconds, "How long to predict (default 1)")
      ->type_name("S")
      ->check(not_negative());
  app.add_option("--repeat", options->repeat, "Predict N times instead")
      ->type_name("N")
      ->check(whole_number(1, 1000000));
  app.add_option("--function", options->function, "Which function of a model with several")
      ->type_name("NAME");
  app.add_option("--device", options->devices, "A device to use: cpu, cpu:avx2, reference")
      ->type_name("NAME")
      ->expected(1)
      ->take_all()
      ->allow_extra_args(false);
  app.add_flag("--json", options->json, "Print JSON, one line");
  return [options](const Context& context) { return run_bench(context, *options); };
}

constexpr std::array examples{
    Example{"pome bench Model.mlpackage --threads 1", "One thread, random inputs"},
    Example{"pome bench Model.mlpackage --input in.npy --ref out.npy --json",
            "With the error against a reference, for scripts"},
};

}  // namespace

const Command bench_command{
    "bench", "Measure how fast a model is",
    "A prediction is timed with the conversion of its inputs and the delivery of its outputs. The "
    "peak of memory is the process' own behind loading and the first prediction.",
    examples, declare_bench};

}  // namespace pome::cli
