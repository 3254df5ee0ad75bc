#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>

#include "base/text.h"
#include "checks.h"
#include "command.h"
#include "describe_json.h"
#include "expect.h"
#include "inputs.h"
#include "outputs.h"
#include "pome/model.h"
#include "progress.h"

namespace pome::cli {

namespace fs = std::filesystem;
using base::cat;
using Clock = std::chrono::steady_clock;

namespace {

struct Options {
  std::string model;
  std::vector<std::string> values;
  std::vector<std::string> inputs;
  bool random = false;
  std::uint64_t seed = 0;
  std::string fit = "center-crop";
  std::string custom_layers;
  std::string function;
  std::string compute_units = "all";
  std::string numerics = "exact";
  std::size_t top = 0;
  std::size_t repeat = 1;
  bool json = false;
  std::string output;
  std::string expect;
  Tolerance tolerance;
};

/// Milliseconds of the repetitions of one prediction, sorted.
struct Timing {
  std::vector<double> milliseconds;

  double least() const { return milliseconds.front(); }
  // The value that this share of the repetitions does not exceed (nearest rank).
  double percentile(double share) const {
    const double rank = std::ceil(share * static_cast<double>(milliseconds.size()));
    return milliseconds[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
  }
};

struct Result {
  std::string label;
  FeatureProvider outputs;
  Timing timing;
  std::vector<Comparison> comparisons;
};

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

std::string time_text(double milliseconds) {
  if (milliseconds >= 10000) return fmt::format("{:.1f} s", milliseconds / 1000);
  if (milliseconds >= 100) return fmt::format("{:.0f} ms", milliseconds);
  if (milliseconds >= 1) return fmt::format("{:.1f} ms", milliseconds);
  return fmt::format("{:.0f} µs", milliseconds * 1000);
}

Configuration configuration_of(const Options& options) {
  Configuration out;
  for (const ComputeUnits units : {ComputeUnits::cpu_only, ComputeUnits::cpu_and_gpu,
                                   ComputeUnits::all, ComputeUnits::cpu_and_neural_engine}) {
    if (name(units) == options.compute_units) out.compute_units = units;
  }
  out.function_name = options.function;
  if (!options.custom_layers.empty()) out.custom_layers.add_folder(options.custom_layers);
  if (options.numerics == "as-declared") out.numerics = Numerics::as_declared;
  if (options.numerics == "fast") out.numerics = Numerics::fast;
  return out;
}

struct FitName {
  std::string_view text;
  CropAndScale mode;
};

// What --fit takes: short words, and Vision's own.
constexpr std::array fit_names{
    FitName{"center-crop", CropAndScale::center_crop},
    FitName{"fit", CropAndScale::scale_fit},
    FitName{"fill", CropAndScale::scale_fill},
    FitName{"centerCrop", CropAndScale::center_crop},
    FitName{"scaleFit", CropAndScale::scale_fit},
    FitName{"scaleFill", CropAndScale::scale_fill},
};

CropAndScale image_mode(const Options& options) {
  const auto found = std::find_if(fit_names.begin(), fit_names.end(),
                                  [&](const FitName& one) { return one.text == options.fit; });
  return found != fit_names.end() ? found->mode : CropAndScale::center_crop;
}

// Inputs are read before the model is compiled: a wrong one is told at once.
std::vector<Case> read_cases(const Options& options, const ModelDescription& description,
                             base::Budget& budget) {
  InputCollector collector(description, {image_mode(options)}, budget);
  for (const std::string& input : options.inputs) collector.add(input);
  for (const std::string& value : options.values) collector.add(value);
  if (options.random) collector.fill_random(options.seed);
  std::vector<Case> cases = collector.cases();
  for (const Case& one : cases) description.check_inputs(one.inputs);
  return cases;
}

std::vector<Result> predict_all(const Model& model, const std::vector<Case>& cases,
                                std::size_t repeat) {
  Progress progress("Predicting", static_cast<std::int64_t>(cases.size() * repeat));
  std::vector<Result> out;
  std::int64_t done = 0;
  std::optional<State> state;
  if (!model.description().states.empty()) state = model.make_state();
  for (const Case& one : cases) {
    Result result;
    result.label = one.label;
    for (std::size_t i = 0; i < repeat; ++i) {
      // Repetitions are there to be timed: of a model with states only the first one counts.
      State own = i == 0 && state ? *state : model.make_state();
      const auto begin = Clock::now();
      FeatureProvider outputs = model.predict(one.inputs, own);
      result.timing.milliseconds.push_back(milliseconds_since(begin));
      if (i == 0) result.outputs = std::move(outputs);
      progress.set(++done);
    }
    std::sort(result.timing.milliseconds.begin(), result.timing.milliseconds.end());
    out.push_back(std::move(result));
  }
  return out;
}

void write_outputs(const std::string& path, const std::vector<Result>& results) {
  NpzEntries entries;
  for (std::size_t i = 0; i < results.size(); ++i) {
    for (const auto& [name, value] : results[i].outputs) {
      std::string entry = results.size() == 1 ? name : cat(i, ".", name);
      for (std::size_t at = entry.find('/'); at != std::string::npos; at = entry.find('/', at))
        entry.replace(at, 1, "__slash__");
      add_entries(entry, value, entries);
    }
  }
  try {
    write_npz(path, entries);
  } catch (const Error& error) {
    throw WriteError(error.what());
  }
}

bool all_agree(const std::vector<Result>& results) {
  return std::all_of(results.begin(), results.end(), [](const Result& one) {
    return std::all_of(one.comparisons.begin(), one.comparisons.end(),
                       [](const Comparison& comparison) { return comparison.agrees(); });
  });
}

// How the model was loaded.
struct Load {
  double milliseconds = 0;
  LoadReport report;
};

std::string results_text(const std::vector<Result>& results, const Options& options,
                         const Load& load, const Terminal& terminal) {
  std::string out;
  for (const Result& one : results) {
    const std::string title = one.label.empty() || (results.size() == 1 && options.values.empty())
                                  ? std::string("Outputs")
                                  : printable(one.label);
    std::string time = time_text(one.timing.percentile(0.5));
    if (options.repeat > 1)
      time = cat(options.repeat, " times: min ", time_text(one.timing.least()), ", median ",
                 time_text(one.timing.percentile(0.5)), ", p90 ",
                 time_text(one.timing.percentile(0.9)));
    out += cat(out.empty() ? "" : "\n", terminal.paint(Color::bold, title), "  ",
               terminal.paint(Color::dim, time), "\n",
               outputs_text(one.outputs, options.top, terminal));
    if (!one.comparisons.empty())
      out += cat("  ", terminal.paint(Color::bold, "Compared"), "\n",
                 comparisons_text(one.comparisons, terminal));
  }
  out += cat("\n",
             terminal.paint(Color::dim, cat("Loaded in ", time_text(load.milliseconds),
                                            load.report.cached ? ", cached" : "")),
             "\n");
  if (!load.report.cache_note.empty())
    out += cat("Not cached: ", printable(load.report.cache_note), "\n");
  return out;
}

Json results_json(const std::vector<Result>& results, const Options& options, const Load& load) {
  Json out;
  out["model"] = options.model;
  out["load_milliseconds"] = load.milliseconds;
  out["cached"] = load.report.cached;
  out["predictions"] = Json::array();
  for (const Result& one : results) {
    Json prediction;
    if (!one.label.empty()) prediction["input"] = one.label;
    prediction["outputs"] = Json::object();
    for (const auto& [name, value] : one.outputs)
      prediction["outputs"][name] = value_json(value, options.top);
    Json& time = prediction["milliseconds"];
    time["repetitions"] = one.timing.milliseconds.size();
    time["min"] = one.timing.least();
    time["median"] = one.timing.percentile(0.5);
    time["p90"] = one.timing.percentile(0.9);
    if (!one.comparisons.empty()) prediction["comparisons"] = comparisons_json(one.comparisons);
    out["predictions"].push_back(std::move(prediction));
  }
  if (!options.expect.empty()) out["agrees"] = all_agree(results);
  return out;
}

// The first output that differs, in one sentence.
std::string difference(const std::vector<Result>& results) {
  for (const Result& result : results) {
    for (const Comparison& one : result.comparisons) {
      if (one.agrees()) continue;
      const bool is_only = results.size() == 1;
      const std::string place = cat(is_only ? "" : printable(result.label), is_only ? "" : ": ",
                                    "output ", base::quoted(one.output), ": ");
      if (!one.problem.empty()) return cat(place, one.problem);
      return cat(place, one.wrong, " of ", one.elements, " elements differ, worst",
                 one.worst.empty() ? "" : " at ", one.worst, ": found ", one.got, ", expected ",
                 one.expected);
    }
  }
  return "the outputs differ";
}

ExitCode run_predict(const Context& context, const Options& options) {
  if (!options.output.empty() && !options.output.ends_with(".npz"))
    throw UsageError(cat("--output writes an .npz file, found ", base::quoted(options.output)));
  const Asset asset = Asset::from_path(options.model);
  const ModelDescription description =
      options.function.empty() ? asset.description() : asset.description(options.function);
  base::Budget budget;
  const std::vector<Case> cases = read_cases(options, description, budget);
  std::optional<Golden> golden;
  if (!options.expect.empty()) golden.emplace(options.expect, description, cases.size(), budget);
  const auto start = Clock::now();
  const Model model = [&] {
    const Progress progress(cat("Loading ", fs::path(options.model).filename().native()));
    return Model::open(asset, configuration_of(options));
  }();
  const Load load{milliseconds_since(start), model.load_report()};
  std::vector<Result> results = predict_all(model, cases, options.repeat);
  for (std::size_t i = 0; golden && i < results.size(); ++i)
    results[i].comparisons = golden->compare(i, results[i].outputs, options.tolerance);
  if (!options.output.empty()) write_outputs(options.output, results);
  context.print(options.json ? json_text(results_json(results, options, load))
                             : results_text(results, options, load, context.out));
  if (!all_agree(results)) throw Difference(difference(results));
  return ExitCode::ok;
}

void declare_inputs(CLI::App& app, Options& options) {
  app.add_option("MODEL", options.model, "A .mlmodel, .mlpackage or .mlmodelc")->required();
  app.add_option("VALUES", options.values,
                 "Values for the model's only input, one a prediction: pictures, arrays, ...");
  app.add_option("-i,--input", options.inputs,
                 "A value for an input; NAME= may be left out where there is only one")
      ->type_name("[NAME=]VALUE")
      ->expected(1)
      ->take_all()
      ->allow_extra_args(false);
  app.add_flag("--random", options.random, "Random values for inputs that are not given");
  app.add_option("--seed", options.seed, "Which random values (default 0)")
      ->type_name("N")
      ->check(whole_number(0, std::numeric_limits<std::uint64_t>::max()));
  std::vector<std::string> fits;
  for (const FitName& one : fit_names) fits.emplace_back(one.text);
  app.add_option("--fit", options.fit,
                 "How pictures are brought to size: center-crop (default), fit (black borders) or "
                 "fill (stretched)")
      ->type_name("MODE")
      ->check(one_of(fits));
  // Its first name, in no help text.
  app.add_option("--image-resize", options.fit)->group("")->check(one_of(fits));
}

void declare_results(CLI::App& app, Options& options) {
  app.add_option("--top", options.top, "Show the K likeliest classes, or the K largest elements")
      ->type_name("K")
      ->check(whole_number(1, 1000000));
  app.add_option("-o,--output", options.output, "Write the outputs to an .npz file")
      ->type_name("FILE");
  app.add_flag("--json", options.json, "Print JSON");
  app.add_option("--expect", options.expect,
                 "Compare with the outputs in an .npz or .json file; exit code 1 if they differ")
      ->type_name("FILE");
  app.add_option("--rtol", options.tolerance.relative,
                 "Allowed relative difference (default 0.001)")
      ->type_name("R")
      ->check(not_negative());
  app.add_option("--atol", options.tolerance.absolute,
                 "Allowed absolute difference (default 0.0001), added to the relative one")
      ->type_name("A")
      ->check(not_negative());
}

Runner declare_predict(CLI::App& app) {
  auto options = std::make_shared<Options>();
  declare_inputs(app, *options);
  declare_results(app, *options);
  app.add_option("--repeat", options->repeat, "Predict N times and show how long that takes")
      ->type_name("N")
      ->check(whole_number(1, 1000000));
  app.add_option("--function", options->function, "Which function of a model with several")
      ->type_name("NAME");
  app.add_option("--custom-layers", options->custom_layers,
                 "Folder with libraries of custom layers: libNAME.so for class NAME")
      ->type_name("FOLDER");
  app.add_option("--compute-units", options->compute_units,
                 "Devices to use: all (default), cpuOnly, cpuAndGPU or cpuAndNeuralEngine")
      ->type_name("UNITS")
      ->check(one_of({"all", "cpuOnly", "cpuAndGPU", "cpuAndNeuralEngine"}));
  app.add_option(
         "--numerics", options->numerics,
         "exact (default), as-declared: every fp16 result is rounded to fp16, or fast: less "
         "than fp32 where that is quicker")
      ->type_name("MODE")
      ->check(one_of({"exact", "as-declared", "fast"}));
  return [options](const Context& context) { return run_predict(context, *options); };
}

constexpr std::array examples{
    Example{"pome predict Model.mlpackage cat.jpg coffee.jpg --top 5", "Classify pictures"},
    Example{"pome predict Model.mlpackage -i audio=clip.npy -i 'state=[0, 0]'", "Name each input"},
    Example{"pome predict Model.mlpackage -i rows.csv --json", "A prediction for each row"},
    Example{"pome predict Model.mlpackage --random --seed 1 --repeat 100", "Measure the time"},
    Example{"pome predict Model.mlpackage -i in.npz --expect out.npz --rtol 1e-3",
            "Check outputs, for continuous integration"},
};

}  // namespace

const Command predict_command{
    "predict", "Run a model, show or compare its outputs",
    "A VALUE is a picture, an .npy or .npz file (FILE.npz:ARRAY names one array of several), a "
    ".json "
    "file or JSON in place, a .csv file (one prediction a row), a number, or a text (@FILE: the "
    "text "
    "in a file).\n"
    "Without NAME=, an .npz file, a JSON object and a CSV file with a header name their inputs "
    "themselves. An input that is given several values makes as many predictions; states are kept "
    "from one to the next.\n"
    "An element agrees with the expected one when |got - expected| <= atol + rtol x |expected|.",
    examples, declare_predict};

}  // namespace pome::cli
