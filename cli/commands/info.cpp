#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <array>
#include <map>
#include <memory>

#include "base/text.h"
#include "command.h"
#include "describe_json.h"
#include "report.h"
#include "table.h"

namespace pome::cli {

using base::cat;

namespace {

struct Options {
  std::string model;
  bool json = false;
};

std::size_t label_count(const ClassLabels& labels) {
  if (const auto* texts = std::get_if<std::vector<std::string>>(&labels)) return texts->size();
  if (const auto* numbers = std::get_if<std::vector<std::int64_t>>(&labels)) return numbers->size();
  return 0;
}

std::size_t total(const Counts& counts) {
  std::size_t out = 0;
  for (const auto& [kind, count] : counts) out += count;
  return out;
}

std::int64_t total(const std::vector<PrecisionShare>& shares) {
  std::int64_t out = 0;
  for (const PrecisionShare& share : shares) out += share.bytes;
  return out;
}

std::string plural(std::size_t count, std::string_view noun) {
  return cat(count, " ", noun, count == 1 ? "" : "s");
}

// --- JSON -------------------------------------------------------------------------------------

Json counts_json(const Counts& counts) {
  Json out = Json::object();
  for (const auto& [kind, count] : counts) out[kind] = count;
  return out;
}

Json submodels_json(const std::vector<SubmodelReport>& submodels) {
  Json out = Json::array();
  for (const SubmodelReport& one : submodels) {  // as deep as pipelines may nest: 8
    Json model;
    model["name"] = one.name;
    model["type"] = one.type;
    if (!one.layers.empty()) model["layers"] = counts_json(one.layers);
    if (!one.submodels.empty()) model["submodels"] = submodels_json(one.submodels);
    out.push_back(std::move(model));
  }
  return out;
}

Json functions_json(const ModelFile& model, const Report& report) {
  Json out = Json::array();
  for (const FunctionReport& function : report.functions) {
    Json one;
    one["name"] = function.name;
    one["opset"] = function.opset;
    one["operation_count"] = total(function.operations);
    one["operations"] = counts_json(function.operations);
    one["constants"] = function.constants;
    for (const FunctionDescription& described : model.description().functions) {
      if (described.name != function.name) continue;
      one["inputs"] = features_json(described.inputs);
      one["outputs"] = features_json(described.outputs);
      one["states"] = features_json(described.states);
    }
    out.push_back(std::move(one));
  }
  return out;
}

Json obstacles_json(const std::vector<Obstacle>& obstacles) {
  Json out = Json::array();
  for (const Obstacle& obstacle : obstacles) {
    Json one;
    if (!obstacle.place.empty()) one["place"] = obstacle.place;
    if (!obstacle.kind.empty()) one["operation"] = obstacle.kind;
    one["reason"] = obstacle.reason;
    out.push_back(std::move(one));
  }
  return out;
}

Json contents_json(const ModelFile& model, const Report& report) {
  Json out;
  if (!report.functions.empty()) out["functions"] = functions_json(model, report);
  if (!report.layers.empty()) {
    out["layer_count"] = total(report.layers);
    out["layers"] = counts_json(report.layers);
  }
  if (!report.submodels.empty()) out["submodels"] = submodels_json(report.submodels);
  for (const auto& [key, value] : report.facts) out["facts"][key] = value;
  if (label_count(report.class_labels) != 0) out["class_labels"] = label_count(report.class_labels);
  out["weights_by_type"] = Json::object();
  for (const PrecisionShare& share : report.precision)
    out["weights_by_type"][share.type] = share.bytes;
  return out;
}

Json info_json(const ModelFile& model, const Report& report) {
  const ModelDescription& description = model.description();
  Json out;
  out["path"] = model.files().path().native();
  out["form"] = format::name(model.files().kind());
  out["type"] = description.model_type;
  out["specification_version"] = description.specification_version;
  out["minimum_systems"] = minimum_systems(description.specification_version);
  out["updatable"] = description.is_updatable;
  out["size"] = model.files().total_size();
  out["weights_size"] = model.files().weights_size();
  out["inputs"] = features_json(description.inputs);
  out["outputs"] = features_json(description.outputs);
  out["states"] = features_json(description.states);
  if (!description.training_inputs.empty())
    out["training_inputs"] = features_json(description.training_inputs);
  if (!description.predicted_feature_name.empty())
    out["predicted_feature"] = description.predicted_feature_name;
  if (!description.predicted_probabilities_name.empty())
    out["predicted_probabilities"] = description.predicted_probabilities_name;
  if (!description.default_function_name.empty())
    out["default_function"] = description.default_function_name;
  out["metadata"] = metadata_json(description.metadata);
  out.update(contents_json(model, report));
  out["runs"] = report.obstacles.empty();
  out["cannot_run"] = obstacles_json(report.obstacles);
  return out;
}

// --- text -------------------------------------------------------------------------------------

class Text {
 public:
  Text(const ModelFile& model, const Report& report, const Terminal& terminal)
      : model_(model), report_(report), terminal_(terminal) {}

  std::string render() {
    head();
    const ModelDescription& description = model_.description();
    features("Inputs", description.inputs);
    features("Outputs", description.outputs);
    features("States", description.states);
    features("Training inputs", description.training_inputs);
    functions();
    layers();
    metadata();
    verdict();
    return out_;
  }

 private:
  void heading(std::string_view text, std::string_view note = {}) {
    out_ += cat("\n", terminal_.paint(Color::bold, text), note.empty() ? "" : "  ",
                terminal_.paint(Color::dim, note), "\n");
  }

  std::string weights_text() const {
    const std::int64_t all = total(report_.precision);
    if (all == 0) return "";
    std::string shares;
    for (const PrecisionShare& share : report_.precision) {
      const double percent = 100.0 * static_cast<double>(share.bytes) / static_cast<double>(all);
      if (percent < 0.05 && !shares.empty()) continue;
      shares += fmt::format("{}{} {:.1f} %", shares.empty() ? "" : ", ", share.type, percent);
    }
    return cat(base::size_text(static_cast<std::uint64_t>(all)), ": ", shares);
  }

  void head() {
    const ModelDescription& description = model_.description();
    const format::Asset& files = model_.files();
    std::filesystem::path path = files.path();
    if (!path.has_filename()) path = path.parent_path();
    out_ += cat(terminal_.paint(Color::bold, printable(path.filename().native())), "\n");
    Table table("ll");
    const auto row = [&](std::string_view key, const std::string& value) {
      if (!value.empty()) table.add({{key, Color::dim}, value});
    };
    row("type",
        cat(type_text(description.model_type), description.is_updatable ? ", updatable" : ""));
    row("form", std::string(format::name(files.kind())));
    const std::string systems = minimum_systems(description.specification_version);
    row("specification",
        cat(description.specification_version,
            systems.empty() ? ", newer than this version of pome knows" : cat(" (", systems, ")")));
    row("size", base::size_text(static_cast<std::uint64_t>(files.total_size())));
    row("weights", weights_text());
    if (const std::size_t labels = label_count(report_.class_labels); labels != 0)
      row("classes", cat(labels));
    for (const auto& [key, value] : report_.facts) row(key, printable(value));
    out_ += table.render(terminal_);
  }

  void features(std::string_view title, const std::vector<FeatureDescription>& list) {
    if (list.empty()) return;
    heading(title);
    Table table("lll");
    const std::size_t shown = list.size() <= most_features ? list.size() : most_features / 2;
    for (std::size_t i = 0; i < shown; ++i) {
      const FeatureDescription& feature = list[i];
      std::string type = feature.type_text();
      if (feature.is_optional) type += ", optional";
      std::string note = printable(feature.short_description);
      table.add({{printable(feature.name), Color::cyan}, type, {std::move(note), Color::dim}});
    }
    out_ += table.render(terminal_);
    if (shown < list.size())
      out_ += terminal_.paint(Color::dim, cat("  and ", list.size() - shown, " more\n"));
  }

  void functions() {
    for (const FunctionReport& function : report_.functions) {
      const bool is_default = report_.functions.size() > 1 &&
                              function.name == model_.description().default_function_name;
      heading(cat("Function ", printable(function.name)),
              cat(printable(function.opset), ", ", plural(total(function.operations), "operation"),
                  " of ", plural(function.operations.size(), "kind"), ", ",
                  plural(function.constants, "constant"), is_default ? ", default" : ""));
      out_ += columns_of_counts(function.operations, terminal_);
      for (const FunctionDescription& described : model_.description().functions) {
        if (report_.functions.size() < 2 || described.name != function.name) continue;
        features("  inputs", described.inputs);
        features("  outputs", described.outputs);
      }
    }
  }

  void submodels(const std::vector<SubmodelReport>& list, std::size_t indent) {
    Table table("rll");
    std::size_t number = 0;
    for (const SubmodelReport& one : list) {
      std::string layers = one.layers.empty() ? "" : plural(total(one.layers), "layer");
      table.add({{cat(++number), Color::dim},
                 {printable(one.name), Color::cyan},
                 cat(type_text(one.type), layers.empty() ? "" : ", ", layers)});
    }
    out_ += table.render(terminal_, indent);
    for (const SubmodelReport& one : list) {
      if (!one.layers.empty()) out_ += columns_of_counts(one.layers, terminal_, indent + 4);
      if (!one.submodels.empty()) submodels(one.submodels, indent + 4);
    }
  }

  void layers() {
    if (!report_.layers.empty()) {
      heading("Layers", cat(plural(total(report_.layers), "layer"), " of ",
                            plural(report_.layers.size(), "kind")));
      out_ += columns_of_counts(report_.layers, terminal_);
    }
    if (!report_.submodels.empty()) {
      heading("Pipeline", plural(report_.submodels.size(), "model"));
      submodels(report_.submodels, 2);
    }
  }

  void metadata() {
    const Metadata& data = model_.description().metadata;
    Table table("ll");
    const auto row = [&](std::string_view key, const std::string& value) {
      if (!value.empty()) table.add({{printable(key), Color::dim}, printable(value)});
    };
    row("description", data.short_description);
    row("author", data.author);
    row("license", data.license);
    row("version", data.version);
    for (const auto& [key, value] : data.creator_defined) row(key, value);
    if (table.empty()) return;
    heading("Metadata");
    out_ += table.render(terminal_);
  }

  // Operations of one kind with one reason stand together: the first is named, the rest counted.
  void verdict() {
    if (report_.obstacles.empty()) {
      out_ += cat("\n", terminal_.paint(Color::green, "Runs here"), "\n");
      return;
    }
    out_ += cat("\n", terminal_.paint(Color::yellow, "Does not run here"), "\n");
    std::map<std::pair<std::string, std::string>, std::size_t> more;
    for (const Obstacle& one : report_.obstacles) ++more[{one.kind, one.reason}];
    for (const Obstacle& one : report_.obstacles) {
      std::size_t& count = more[{one.kind, one.reason}];
      if (count == 0) continue;
      std::string line =
          printable(one.place.empty() ? one.reason : cat(one.place, ": ", one.reason));
      if (count > 1) line += cat(" (and ", count - 1, " more)");
      const auto width = static_cast<std::size_t>(terminal_.width() - 4);
      out_ += cat("  ", wrapped(line, width, 4), "\n");
      count = 0;
    }
  }

  // Longer lists of features are cut in half of this; --json has all.
  static constexpr std::size_t most_features = 24;

  const ModelFile& model_;
  const Report& report_;
  const Terminal& terminal_;
  std::string out_;
};

ExitCode run_info(const Context& context, const Options& options) {
  ModelFile model = open_model(options.model);
  const Report report = make_report(model);
  context.print(options.json ? json_text(info_json(model, report))
                             : Text(model, report, context.out).render());
  return ExitCode::ok;
}

Runner declare_info(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->model, "A .mlmodel, .mlpackage or .mlmodelc")->required();
  app.add_flag("--json", options->json, "Print JSON");
  return [options](const Context& context) { return run_info(context, *options); };
}

constexpr std::array examples{
    Example{"pome info Model.mlpackage", "Everything at a glance"},
    Example{"pome info Model.mlpackage --json | jq .cannot_run", "What keeps it from running"},
};

}  // namespace

const Command info_command{
    "info", "Show what a model is: features, sizes, operations, and whether it runs here",
    "Works on every type of model, also on those that this version cannot run: then it says what "
    "is missing.",
    examples, declare_info};

}  // namespace pome::cli
