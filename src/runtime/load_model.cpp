#include "runtime/load_model.h"

#include <filesystem>
#include <utility>
#include <vector>

#include "base/text.h"
#include "frontend/classical/predictor.h"
#include "frontend/pipeline/pipeline.h"
#include "pome/error.h"
#include "runtime/caching.h"
#include "runtime/describe.h"
#include "runtime/load.h"

namespace pome::runtime {

using base::cat;

namespace {

// What all models of one asset share while they are loaded.
struct Loading {
  const AssetData& asset;
  const Configuration& configuration;
  std::shared_ptr<base::Budget> budget;
  int links = 0;  // that led here
};

// A model of its own as one of a pipeline, or behind a link.
class ModelPredictor final : public classical::Predictor {
 public:
  explicit ModelPredictor(std::shared_ptr<const ModelData> model) : model_(std::move(model)) {}

  FeatureProvider predict(const FeatureProvider& inputs,
                          const classical::Call& call) const override {
    PredictionOptions options;
    options.stop = call.stop;
    options.byte_budget = call.budget.limit() - call.budget.used();
    return runtime::predict(model_, inputs, nullptr, options);
  }

 private:
  std::shared_ptr<const ModelData> model_;
};

void load_program(const Loading& loading, const proto::Model& message,
                  std::unique_ptr<ir::Program> program, ModelData& model,
                  std::shared_ptr<const exec::PackArchive> archive = nullptr) {
  model.function =
      load_function(std::move(program), loading.asset.files, model.description.function_name,
                    model.configuration, loading.budget, std::move(archive));
  if (auto classifier = network_classifier(message, model.description))
    model.function.classifier = std::move(classifier);
  connect(model);
}

// The function of a model whose cache entry is damaged, from the files once more.
LoadedFunction rebuild(const std::filesystem::path& path, Configuration configuration) {
  configuration.use_cache = false;
  return Model::open(path, configuration).data()->function;
}

classical::PredictorPtr load_predictor(const Loading& loading, const proto::Model& message,
                                       const ModelDescription& description);

classical::PredictorPtr load_part(const Loading& loading, const proto::Model& message,
                                  const ModelDescription& description) {
  if (auto predictor = load_predictor(loading, message, description)) return predictor;
  if (const auto reason = why_not_runnable(description))
    throw Error(ErrorCode::unsupported, *reason);
  auto model = std::make_shared<ModelData>();
  model->configuration = loading.configuration;
  model->configuration.function_name.clear();
  model->description = description;
  load_program(loading, message,
               import_model(message, description, loading.asset.owner, *loading.budget), *model);
  if (!model->function.executable->states().empty())
    throw Error(ErrorCode::unsupported, "it keeps a state, which models of a pipeline cannot do");
  return std::make_shared<ModelPredictor>(std::move(model));
}

// Pipelines in pipelines are walked by recursion: the reader of messages has bounded their depth.
classical::PredictorPtr load_pipeline(const Loading& loading, const proto::Pipeline& pipeline,
                                      const ModelDescription& description) {
  std::vector<pipeline::Stage> stages;
  for (std::size_t i = 0; i < pipeline.models.size(); ++i) {
    pipeline::Stage stage;
    stage.description = describe(pipeline.models[i]);
    stage.name = pipeline::stage_name(pipeline, i, stage.description.model_type);
    try {
      stage.predictor = load_part(loading, pipeline.models[i], stage.description);
    } catch (Error& error) {
      throw error.within(stage.name);
    }
    stages.push_back(std::move(stage));
  }
  return pipeline::make_pipeline(description, std::move(stages));
}

// The file that a linked model names, beside the model that names it.
std::filesystem::path find_linked(const proto::LinkedModelFile& link,
                                  const std::filesystem::path& model) {
  const std::string_view name =
      link.linkedModelFileName ? link.linkedModelFileName->defaultValue : std::string_view();
  std::string_view search =
      link.linkedModelSearchPath ? link.linkedModelSearchPath->defaultValue : std::string_view();
  if (name.empty()) throw Error(ErrorCode::parameters, "the link names no file");
  if (model.empty())
    throw Error(ErrorCode::parameters, cat("the link to ", base::quoted(name),
                                           " cannot be followed from a model in memory"));
  while (true) {
    const std::size_t colon = search.find(':');
    std::string_view folder = search.substr(0, colon);
    if (folder == "$BUNDLE_MAIN") folder = ".";
    const std::filesystem::path inside =
        (std::filesystem::path(folder) / std::filesystem::path(name)).lexically_normal();
    // A model may not point to files elsewhere on the machine.
    if (inside.is_absolute() || *inside.begin() == "..")
      throw Error(ErrorCode::parameters, cat("the link to ", base::quoted(inside.native()),
                                             " leads out of the model's folder"));
    std::filesystem::path file = model.parent_path() / inside;
    std::error_code error;
    if (std::filesystem::exists(file, error)) return file;
    if (colon == std::string_view::npos) break;
    search.remove_prefix(colon + 1);
  }
  throw Error(ErrorCode::io,
              cat("the linked model ", base::quoted(name), " is not in the folder of ",
                  base::quoted(model.filename().native())));
}

classical::PredictorPtr load_linked(const Loading& loading, const proto::LinkedModel& message) {
  constexpr int most_links = 8;
  const proto::LinkedModelFile* link = message.linkedModelFile();
  if (link == nullptr) throw Error(ErrorCode::parameters, "the link names no file");
  if (loading.links >= most_links)
    throw Error(ErrorCode::parameters, cat("more than ", most_links, " links follow each other"));
  const auto path = find_linked(*link, loading.asset.files.path());
  const auto asset = read_asset(format::open_asset(path, *loading.budget), *loading.budget);
  auto model = std::make_shared<ModelData>();
  model->configuration = loading.configuration;
  model->configuration.function_name.clear();
  model->description = asset->description;
  try {
    load_model(*asset, *model, loading.budget, loading.links + 1);
  } catch (Error& error) {
    throw error.within(base::quoted(asset->files.name()));
  }
  return std::make_shared<ModelPredictor>(std::move(model));
}

// Null for what is no predictor.
classical::PredictorPtr load_predictor(const Loading& loading, const proto::Model& message,
                                       const ModelDescription& description) {
  if (const proto::Pipeline* pipeline = pipeline::pipeline_of(message))
    return load_pipeline(loading, *pipeline, description);
  if (const proto::LinkedModel* linked = message.linkedModel())
    return load_linked(loading, *linked);
  if (classical::is_classical(description.model_type))
    return classical::make_predictor({message, description, *loading.budget});
  return nullptr;
}

std::optional<std::string> why_not(const proto::Model& message, std::string_view type) {
  if (const proto::Pipeline* pipeline = pipeline::pipeline_of(message)) {
    for (std::size_t i = 0; i < pipeline->models.size(); ++i) {
      const std::string inner = describe(pipeline->models[i]).model_type;
      if (const auto reason = why_not(pipeline->models[i], inner))
        return cat(pipeline::stage_name(*pipeline, i, inner), ": ", *reason);
    }
    return std::nullopt;
  }
  ModelDescription description;
  description.model_type = type;
  return why_not_runnable(description);
}

bool is_compiled(const AssetData& asset) {
  return asset.message.Type.which() == 0;
}

}  // namespace

std::optional<std::string> why_not_runnable(const AssetData& asset) {
  const std::string& type = asset.description.model_type;
  if (!is_compiled(asset)) return why_not(asset.message, type);
  if (auto reason = why_not_runnable(asset.description)) return reason;
  if (type == "mlProgram") return std::nullopt;
  return cat("compiled models (.mlmodelc) of type ", base::quoted(type),
             " cannot be read, open the .mlmodel or .mlpackage that they were made of");
}

void load_model(const AssetData& asset, ModelData& model, std::shared_ptr<base::Budget> budget,
                int links) {
  if (const auto reason = why_not_runnable(asset)) throw Error(ErrorCode::unsupported, *reason);
  const Loading loading{asset, model.configuration, std::move(budget), links};
  if (!is_compiled(asset))
    model.predictor = load_predictor(loading, asset.message, model.description);
  if (model.predictor != nullptr) return;
  model.session = begin_session(asset.files, model.configuration, model.description);
  load_program(loading, asset.message, read_program(asset, *loading.budget), model,
               model.session ? model.session->entry() : nullptr);
  model.rebuild = [path = asset.files.path(), configuration = model.configuration] {
    return rebuild(path, configuration);
  };
  end_session(model);
}

}  // namespace pome::runtime
