#include "report.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/checked.h"
#include "base/text.h"
#include "format/model_type.h"
#include "network.h"
#include "ops/resolve.h"
#include "pipeline.h"
#include "runtime/classifier.h"
#include "runtime/load_model.h"

namespace pome::cli {

using base::cat;

namespace {

using CountMap = std::map<std::string, std::size_t>;
using ByteMap = std::map<std::string, std::int64_t>;

Counts sorted(const CountMap& counts) {
  Counts out(counts.begin(), counts.end());
  std::stable_sort(out.begin(), out.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return out;
}

std::vector<PrecisionShare> sorted(const ByteMap& bytes) {
  std::vector<PrecisionShare> out;
  for (const auto& [type, size] : bytes) out.push_back({type, size});
  std::stable_sort(out.begin(), out.end(), [](const PrecisionShare& a, const PrecisionShare& b) {
    return a.bytes > b.bytes;
  });
  return out;
}

// Immediates below this are parameters (axes, pads, strides) rather than weights.
constexpr std::int64_t smallest_weight = 16;

// Sums up the constants of a program, a blob that is named twice only once.
class WeightCounter {
 public:
  // `kind` names how it is stored; empty: by its element type.
  void add(const ir::Constant& constant, const std::string& kind = {}) {
    const auto count = base::element_count(constant.type.dims);
    if (!constant.type.is_tensor() || !count) return;
    const auto bytes = base::byte_count(*count, constant.type.dtype);
    if (!bytes) return;
    if (const auto* blob = std::get_if<ir::BlobReference>(&constant.data)) {
      if (!seen_.emplace(blob->file, blob->offset).second) return;
      files_.insert(blob->file);
    } else if (*count < smallest_weight) {
      return;
    }
    bytes_[kind.empty() ? std::string(name(constant.type.dtype)) : kind] += *bytes;
  }

  void add(const ir::Op& op) {
    const std::string packed = packed_kind(op);
    for (const auto& [key, value] : op.attributes()) {
      const bool is_packed = key == "indices" || key == "quantized_data";
      if (value != nullptr && key != "name") add(*value, is_packed ? packed : std::string());
    }
    for (const ir::Argument& argument : op.arguments()) {
      for (const ir::Binding& binding : argument.bindings) {
        if (binding.literal != nullptr) add(*binding.literal);
      }
    }
  }

  const ByteMap& bytes() const noexcept { return bytes_; }
  const std::set<std::string>& files() const noexcept { return files_; }

 private:
  // Opset iOS16 keeps indices and integers of compressed weights as bytes, whatever they mean.
  static std::string packed_kind(const ir::Op& op) {
    if (op.type() == "constexpr_affine_dequantize") return "8 bits (linear)";
    const ir::Constant* table = op.attribute("lut");
    if (op.type() != "constexpr_lut_to_dense" || table == nullptr) return {};
    const auto size = base::element_count(table->type.dims);
    int bits = 0;
    while (size && bits < 8 && (std::int64_t{1} << bits) < *size) ++bits;
    return bits == 0 ? std::string() : cat(bits, bits == 1 ? " bit" : " bits", " (table)");
  }

  std::set<std::pair<std::string, std::uint64_t>> seen_;
  std::set<std::string> files_;
  ByteMap bytes_;
};

FunctionReport count_operations(const ir::Function& function, WeightCounter& weights) {
  FunctionReport out{function.name, opset_text(function.opset), {}, 0};
  CountMap counts;
  ir::for_each_op(*function.body, [&](const ir::Op& op) {
    weights.add(op);
    if (op.type() == "const") {
      ++out.constants;
    } else {
      ++counts[op.type()];
    }
  });
  out.operations = sorted(counts);
  return out;
}

// What keeps one function from running, as far as can be told without its weights.
void check_function(ir::Function& function, std::vector<Obstacle>& obstacles) {
  const std::string place = cat("function ", base::quoted(function.name));
  try {
    runtime::take_classifier(function);
    const auto unresolved = ops::find_unresolved(function);
    for (const ops::Unresolved& one : unresolved) {
      const std::string prefix = one.place + ": ";
      const bool repeats = one.reason.starts_with(prefix);
      obstacles.push_back({one.place, one.type, one.reason.substr(repeats ? prefix.size() : 0)});
    }
    if (unresolved.empty()) ops::infer_types(function);
  } catch (const Error& error) {
    const std::string_view reason = error.what();
    const std::string prefix = place + ": ";
    const bool repeats = reason.starts_with(prefix);
    obstacles.push_back({place, "", std::string(reason.substr(repeats ? prefix.size() : 0))});
  }
}

void check_files(const format::Asset& files, const std::set<std::string>& wanted,
                 std::vector<Obstacle>& obstacles) {
  for (const std::string& file : wanted) {
    try {
      (void)files.blob(file);
    } catch (const Error& error) {
      obstacles.push_back({"", "", error.what()});
    }
  }
}

void report_program(ModelFile& model, Report& report) {
  WeightCounter weights;
  for (const auto& function : model.program->functions) {
    report.functions.push_back(count_operations(*function, weights));
    if (std::holds_alternative<std::monostate>(report.class_labels))
      report.class_labels = runtime::class_labels(*function);
  }
  report.precision = sorted(weights.bytes());
  check_files(model.files(), weights.files(), report.obstacles);
  if (report.obstacles.empty()) {  // else the missing file has been named
    for (const std::string& item : model.files().missing_items())
      report.obstacles.push_back({"", "", cat("the package lacks its item ", base::quoted(item))});
  }
  for (const auto& function : model.program->functions) check_function(*function, report.obstacles);
}

Counts count_layers(const std::vector<proto::NeuralNetworkLayer>& layers, ByteMap& bytes) {
  CountMap counts;
  for_each_layer(layers, [&](const proto::NeuralNetworkLayer& layer) {
    ++counts[layer_type(layer)];
    add_weight_bytes(layer, bytes);
  });
  return sorted(counts);
}

std::vector<SubmodelReport> report_pipeline(const proto::Pipeline& pipeline, ByteMap& bytes,
                                            int depth) {
  constexpr int deepest = 8;
  std::vector<SubmodelReport> out;
  if (depth >= deepest) return out;
  for (std::size_t i = 0; i < pipeline.models.size(); ++i) {
    const proto::Model& inner = pipeline.models[i];
    SubmodelReport one;
    one.name = i < pipeline.names.size() ? std::string(pipeline.names[i]) : cat("model ", i);
    one.type = format::model_type_name(static_cast<std::uint32_t>(inner.Type.which()));
    if (const auto* layers = layers_of(inner)) one.layers = count_layers(*layers, bytes);
    if (const auto* nested = pipeline_of(inner))
      one.submodels = report_pipeline(*nested, bytes, depth + 1);
    out.push_back(std::move(one));
  }
  return out;
}

void add_tree_facts(const proto::Box<proto::TreeEnsembleParameters>& trees, Report& report) {
  if (!trees) return;
  std::set<std::uint64_t> ids;
  for (const auto& node : trees->nodes) ids.insert(node.treeId);
  report.facts.emplace_back("trees", cat(ids.size()));
  report.facts.emplace_back("nodes", cat(trees->nodes.size()));
}

// Custom layers need code that is no part of the file.
void check_custom_layers(const std::vector<proto::NeuralNetworkLayer>& layers, Report& report) {
  std::set<std::string_view> told;
  for_each_layer(layers, [&](const proto::NeuralNetworkLayer& layer) {
    const auto* custom = layer.custom();
    if (custom == nullptr || !told.insert(custom->className).second) return;
    report.obstacles.push_back(
        {cat("layer ", base::quoted(layer.name)), "custom",
         cat("needs code for the custom layer of class ", base::quoted(custom->className),
             " (pome predict --custom-layers FOLDER)")});
  });
}

void report_message(const proto::Model& message, Report& report) {
  ByteMap bytes;
  if (const auto* layers = layers_of(message)) {
    report.layers = count_layers(*layers, bytes);
    check_custom_layers(*layers, report);
  }
  if (const auto* pipeline = pipeline_of(message))
    report.submodels = report_pipeline(*pipeline, bytes, 0);
  if (const auto* trees = message.treeEnsembleClassifier())
    add_tree_facts(trees->treeEnsemble, report);
  if (const auto* trees = message.treeEnsembleRegressor())
    add_tree_facts(trees->treeEnsemble, report);
  if (const auto* text = message.textClassifier()) {
    report.facts.emplace_back("language", std::string(text->language));
    report.facts.emplace_back("parameters", base::size_text(text->modelParameterData.size()));
  }
  if (const auto* custom = message.customModel())
    report.facts.emplace_back("class", std::string(custom->className));
  report.precision = sorted(bytes);
}

}  // namespace

std::string opset_text(const std::string& opset) {
  ops::Opset known{};
  return ops::parse_opset(opset, known) ? std::string(name(known)) : opset;
}

Report make_report(ModelFile& model) {
  Report report;
  report.class_labels = model.description().class_labels;
  if (const auto why = runtime::why_not_runnable(*model.asset.data()))
    report.obstacles.push_back({"", "", *why});
  if (model.program != nullptr) {
    report_program(model, report);
  } else if (model.espresso.is_null()) {
    report_message(model.message(), report);
  } else {
    CountMap counts;
    for (const EspressoLayer& layer : espresso_layers(model.espresso)) ++counts[layer.type];
    report.layers = sorted(counts);
  }
  return report;
}

std::string minimum_systems(std::int64_t specification_version) {
  switch (specification_version) {
    case 1: return "iOS 11, macOS 10.13, watchOS 4, tvOS 11";
    case 2: return "iOS 11.2, macOS 10.13.2, watchOS 4.2, tvOS 11.2";
    case 3: return "iOS 12, macOS 10.14, watchOS 5, tvOS 12";
    case 4: return "iOS 13, macOS 10.15, watchOS 6, tvOS 13";
    case 5: return "iOS 14, macOS 11, watchOS 7, tvOS 14";
    case 6: return "iOS 15, macOS 12, watchOS 8, tvOS 15";
    case 7: return "iOS 16, macOS 13, watchOS 9, tvOS 16";
    case 8: return "iOS 17, macOS 14, watchOS 10, tvOS 17, visionOS 1";
    case 9: return "iOS 18, macOS 15, watchOS 11, tvOS 18, visionOS 2";
    case 10: return "iOS 26, macOS 26, watchOS 26, tvOS 26, visionOS 26";
    default: return "";
  }
}

}  // namespace pome::cli
