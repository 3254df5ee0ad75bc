#include "pome/model.h"

#include <utility>

#include "base/text.h"
#include "runtime/asset_data.h"
#include "runtime/batch.h"
#include "runtime/load_model.h"
#include "runtime/predict.h"

namespace pome {

namespace {

std::string display_name(const runtime::AssetData& asset, const Configuration& configuration) {
  return configuration.model_display_name.empty() ? asset.files.name()
                                                  : configuration.model_display_name;
}

}  // namespace

std::string_view name(ComputeUnits units) noexcept {
  switch (units) {
    case ComputeUnits::cpu_only: return "cpuOnly";
    case ComputeUnits::cpu_and_gpu: return "cpuAndGPU";
    case ComputeUnits::all: return "all";
    case ComputeUnits::cpu_and_neural_engine: return "cpuAndNeuralEngine";
  }
  return "all";
}

State::State(std::shared_ptr<runtime::StateData> data) noexcept : data_(std::move(data)) {}
Model::Model(std::shared_ptr<const runtime::ModelData> data) noexcept : data_(std::move(data)) {}

Model Model::open(const std::filesystem::path& path, const Configuration& configuration) {
  return open(Asset::from_path(path), configuration);
}

Model Model::open(const Asset& asset, const Configuration& configuration) {
  const runtime::AssetData& source = *asset.data();
  auto budget = std::make_shared<base::Budget>(configuration.byte_budget);
  auto model = std::make_shared<runtime::ModelData>();
  model->configuration = configuration;
  try {
    model->description = configuration.function_name.empty()
                             ? asset.description()
                             : asset.description(configuration.function_name);
    runtime::load_model(source, *model, std::move(budget));
  } catch (Error& error) {
    throw error.within(base::quoted(display_name(source, configuration)));
  }
  return Model(std::move(model));
}

const ModelDescription& Model::description() const noexcept {
  return data_->description;
}
const Configuration& Model::configuration() const noexcept {
  return data_->configuration;
}

const LoadReport& Model::load_report() const noexcept {
  return data_->load_report;
}
std::string Model::wait_for_cache() const {
  return data_->session ? data_->session->wait() : std::string();
}

FeatureProvider Model::predict(const FeatureProvider& inputs,
                               const PredictionOptions& options) const {
  // Held here, so that the last handle may be destroyed while the prediction
  // runs.
  const std::shared_ptr<const runtime::ModelData> model = data_;
  return runtime::predict(model, inputs, nullptr, options);
}

FeatureProvider Model::predict(const FeatureProvider& inputs, State& state,
                               const PredictionOptions& options) const {
  const std::shared_ptr<const runtime::ModelData> model = data_;
  return runtime::predict(model, inputs, state.data().get(), options);
}

MultiArray State::read(std::string_view name) const {
  return runtime::read_state(*data_, name);
}

void State::write(std::string_view name, const MultiArray& value) {
  runtime::write_state(*data_, name, value);
}

std::vector<BatchItem> Model::predict_batch(std::span<const FeatureProvider> inputs,
                                            const PredictionOptions& options) const {
  const std::shared_ptr<const runtime::ModelData> model = data_;
  return runtime::predict_batch(model, inputs, options);
}

RowResults Model::predict_rows(const NumberRows& rows, const PredictionOptions& options) const {
  const std::shared_ptr<const runtime::ModelData> model = data_;
  return runtime::predict_rows(model, rows, options);
}

State Model::make_state() const {
  auto state = std::make_shared<runtime::StateData>();
  state->model = data_;
  if (data_->predictor == nullptr && !data_->function.executable->states().empty())
    state->set = data_->function.executable->make_state();
  return State(std::move(state));
}

}  // namespace pome
