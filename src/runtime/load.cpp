#include "runtime/load.h"

#include <array>
#include <utility>

#include "base/checked.h"
#include "base/text.h"
#include "compiler/executable.h"
#include "devices/cpu/cpu_device.h"
#include "devices/reference/reference_device.h"
#include "exec/thread_pool.h"
#include "format/blob_storage.h"
#include "frontend/classical/predictor.h"
#include "pome/error.h"

namespace pome::runtime {

using base::cat;

namespace {

// What is missing for a model type, to follow "models of type '...'".
struct Missing {
  std::string_view type;
  std::string_view reason;
};

constexpr std::string_view later = "they arrive with a later version";
constexpr std::string_view apple =
    "the computation is part of Apple's operating systems and not of the file, so it runs on Apple "
    "devices only";
constexpr std::string_view app = "they need code of the app that they were made for";

constexpr std::array missing_types{
    Missing{"visionFeaturePrint", apple},
    Missing{"audioFeaturePrint", apple},
    Missing{"soundAnalysisPreprocessing", apple},
    Missing{"textClassifier", apple},
    Missing{"wordTagger", apple},
    Missing{"gazetteer", apple},
    Missing{"wordEmbedding", apple},
    Missing{"customModel", app},
    Missing{"serializedModel", "their content is private to the program that wrote it"},
};

std::string find_function(const ir::Program& program, const std::string& wanted) {
  if (!wanted.empty()) return wanted;
  if (program.find("main") == nullptr && program.functions.size() == 1)
    return program.functions.front()->name;
  return "main";
}

// Every choice of compute units includes the CPU, the only device of this build beside the
// reference one, which the compiler adds itself.
std::vector<const exec::Device*> chosen_devices(const Configuration& configuration) {
  if (configuration.devices.empty()) return {&devices::cpu_device()};
  std::vector<const exec::Device*> chosen;
  for (const std::string& name : configuration.devices) {
    constexpr std::string_view one_isa = "cpu:";
    const exec::Device* device = nullptr;
    if (name == "cpu") device = &devices::cpu_device();
    if (name == "reference") device = &devices::reference_device();
    if (name.starts_with(one_isa)) device = devices::cpu_device(std::string_view(name).substr(4));
    if (device == nullptr)
      throw Error(ErrorCode::parameters,
                  cat("this machine has no device ", base::quoted(name),
                      "; known are 'cpu', 'cpu:' with an instruction set, and 'reference'"));
    chosen.push_back(device);
  }
  return chosen;
}

exec::Numerics numerics_of(Numerics numerics) noexcept {
  switch (numerics) {
    case Numerics::as_declared: return exec::Numerics::as_declared;
    case Numerics::fast: return exec::Numerics::fast;
    case Numerics::exact: break;
  }
  return exec::Numerics::exact;
}

bool is_program(std::string_view type) noexcept {
  return type == "mlProgram" || type == "neuralNetwork" || type == "neuralNetworkClassifier" ||
         type == "neuralNetworkRegressor";
}

// Types whose models run when what is inside does.
bool is_container(std::string_view type) noexcept {
  return type == "linkedModel" || type == "pipeline" || type == "pipelineClassifier" ||
         type == "pipelineRegressor";
}

}  // namespace

std::optional<std::string> why_not_runnable(const ModelDescription& description) {
  const std::string& type = description.model_type;
  if (is_program(type) || classical::is_classical(type) || is_container(type)) return std::nullopt;
  std::string_view reason = later;
  for (const Missing& one : missing_types) {
    if (one.type == description.model_type) reason = one.reason;
  }
  if (description.model_type.starts_with("type ")) reason = "it is not known to this version";
  return cat("models of type ", base::quoted(description.model_type), " cannot run here: ", reason);
}

exec::BlobReader blob_reader(const format::Asset& files) {
  return [files](const ir::BlobReference& reference, const ir::Type& type) {
    const auto count = base::element_count(type.dims);
    if (!type.is_tensor() || !count)
      throw Error(ErrorCode::io, cat("a weight of type ", ir::text(type), " cannot be in a file"));
    const format::BlobFile file(files.blob(reference.file));
    const format::Blob blob = file.at(reference.offset, type.dtype, *count);
    return exec::BlobRange{file.source(), blob.offset, blob.size};
  };
}

LoadedFunction load_function(std::shared_ptr<ir::Program> program, const format::Asset& files,
                             const std::string& function_name, const Configuration& configuration,
                             std::shared_ptr<base::Budget> budget,
                             std::shared_ptr<const exec::PackArchive> archive) {
  const std::string name = find_function(*program, function_name);
  LoadedFunction out;
  if (ir::Function* function = program->find(name)) {
    try {
      out.classifier = take_classifier(*function);
    } catch (Error& error) {
      throw error.within(cat("function ", base::quoted(name)));
    }
  }
  compiler::CompileOptions options;
  options.devices = chosen_devices(configuration);
  options.numerics = numerics_of(configuration.numerics);
  options.workers = exec::thread_pool(configuration.threads);
  auto weights = std::make_shared<exec::WeightStore>(
      blob_reader(files), std::move(budget), options.numerics == exec::Numerics::as_declared,
      std::move(archive));
  out.executable =
      compiler::compile(std::move(program), name, std::move(weights), std::move(options));
  return out;
}

}  // namespace pome::runtime
