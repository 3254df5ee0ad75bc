// Models: opened from a file or from memory, compiled for this machine, predicting.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "pome/custom_layer.h"
#include "pome/description.h"
#include "pome/error.h"
#include "pome/export.h"
#include "pome/feature.h"

namespace pome {

/// MLComputeUnits, with its numbers: which devices a model may be placed on.
enum class ComputeUnits : int {
  cpu_only = 0,
  cpu_and_gpu = 1,
  all = 2,
  cpu_and_neural_engine = 3,
};

/// "cpuOnly", "cpuAndGPU", "all" or "cpuAndNeuralEngine".
POME_API std::string_view name(ComputeUnits units) noexcept;

/// How results between a model's inputs and outputs are held.
enum class Numerics : std::uint8_t {
  exact,        ///< fp32 activations; rounded to fp16 where a cast, a state or an output says so
  as_declared,  ///< every result that the model declares fp16 is rounded to fp16
  fast,         ///< activations and products may be held in less than fp32 where that is quicker
};

/// Default of the byte budgets below: 64 GiB.
inline constexpr std::int64_t default_byte_budget = std::int64_t{64} << 30;

/// MLModelConfiguration.
struct Configuration {
  ComputeUnits compute_units = ComputeUnits::all;
  std::string function_name{};       ///< of a model with several functions; empty: its default one
  std::string model_display_name{};  ///< named in messages instead of the file
  Numerics numerics = Numerics::exact;
  /// Threads that its predictions use, the caller's included; 0: as many as this process may use.
  /// Models with the same number share their threads. Results do not depend on it.
  int threads = 0;
  /// Names of the devices to place operations on, in order of preference: "cpu", "cpu:avx2" (one
  /// instruction set of it), "reference". Empty: what compute_units allows. Operations that none of
  /// them runs go to the reference device. For tests and comparisons.
  std::vector<std::string> devices{};
  std::int64_t byte_budget = default_byte_budget;  ///< bytes that loading may allocate
  CustomLayers custom_layers{};                    ///< code for layers that a network only names
  /// Whether packed weights are kept on disk for the next load (pome/cache.h). The environment may
  /// switch that off for the whole process.
  bool use_cache = true;
};

/// How a load went.
struct LoadReport {
  /// True when all packed weights came from the cache, false when they were made ("prepare and
  /// cache").
  bool cached = false;
  std::string cache_note{};  ///< one sentence on why the cache could not serve, or empty
  struct Phase {
    std::string_view name;  ///< "open", "parse", "compile"
    double milliseconds = 0;
  };
  std::vector<Phase> phases{};
};

/// MLPredictionOptions.
struct PredictionOptions {
  std::stop_token stop{};  ///< ends the prediction early with Error{prediction_cancelled}
  std::int64_t byte_budget = default_byte_budget;  ///< bytes that this prediction may allocate
};

/// Numbers of many rows, in the caller's memory: number c of row r is element
/// r * row_stride + c * column_stride. A row holds the inputs of a model side by side, in the order
/// of its description: one number for an int64 or double (NaN where it is missing), an array's
/// elements.
struct NumberRows {
  const void* data = nullptr;
  DataType data_type = DataType::fp64;  ///< fp64 or fp32
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t row_stride = 0;  ///< in elements; 0 stands for `columns`
  std::int64_t column_stride = 1;
};

/// A row that could not be predicted.
struct RowFailure {
  std::int64_t row = 0;
  Error error;
};

/// What many rows give, in their order.
struct RowResults {
  std::int64_t rows = 0;
  /// Numbers for each row: those of the predicted feature, or of a classifier that describes
  /// probabilities one for each class label.
  std::int64_t width = 0;
  std::vector<double> numbers;       ///< rows x width; NaN in a row that failed
  std::vector<std::int64_t> labels;  ///< of a classifier: an index into class_labels, -1 of a row
                                     ///< that failed
  std::vector<RowFailure> failures;  ///< by row, ascending
};

/// One prediction of a batch: its outputs, or why it has none.
struct BatchItem {
  FeatureProvider outputs;
  std::optional<Error> error;
};

namespace runtime {
struct AssetData;
struct ModelData;
struct StateData;
}  // namespace runtime

/// MLModelAsset: a model's files, or its bytes in memory, opened and read but not compiled.
/// Opens every model type, also those that this build cannot run. A cheap handle; thread-safe.
class POME_API Asset {
 public:
  /// Opens `.mlmodel`, `.mlpackage` or `.mlmodelc`. Weights are read when they are needed, so the
  /// files must stay until the last model was made from this. Throws Error{io} when the path
  /// cannot be read or its content is damaged.
  static Asset from_path(const std::filesystem::path& path);

  /// A specification (the bytes of an `.mlmodel` file) with the weight files that it names:
  /// "weights/weight.bin" for "@model_path/weights/weight.bin". Nothing is copied; `owner` keeps
  /// all the memory alive, and when it is null the caller does. Throws Error{io}.
  static Asset from_memory(std::span<const std::byte> specification,
                           const std::map<std::string, std::span<const std::byte>>& blob_mapping,
                           const std::shared_ptr<const void>& owner = nullptr);

  /// The default function's description, or the model's only one.
  const ModelDescription& description() const noexcept;
  /// The description with this function's features. Throws Error{parameters} for an unknown name.
  ModelDescription description(std::string_view function_name) const;
  /// Empty where the model has only one function without a name of its own.
  std::vector<std::string> function_names() const;
  /// The path it was opened from; empty for memory.
  const std::filesystem::path& path() const noexcept;

  /// Writes a compiled model (`.mlmodelc`). `folder` must not exist; it is there whole or not at
  /// all, and the same model always gives the same bytes. ML Programs become MIL text (model.mil)
  /// with their weight files; every other type keeps its specification inside. Does not look at
  /// whether this build can run the model. Throws Error: io; unsupported for what is compiled
  /// already and is no ML Program.
  void write_compiled(const std::filesystem::path& folder) const;

  /// For the library's own parts.
  const std::shared_ptr<const runtime::AssetData>& data() const noexcept { return data_; }

 private:
  explicit Asset(std::shared_ptr<const runtime::AssetData> data) noexcept;
  std::shared_ptr<const runtime::AssetData> data_;
};

/// MLState: the buffers that a stateful model keeps between predictions, zero at first.
/// A handle: copies are the same state. One prediction may use a state at a time; a second one at
/// the same time is refused with Error{parameters}.
class POME_API State {
 public:
  /// A copy of one buffer. Throws Error{parameters} for an unknown name, or while a prediction
  /// uses the state.
  MultiArray read(std::string_view name) const;
  /// Overwrites one buffer; the element type is converted. Throws as read(), and
  /// Error{feature_type} for another shape.
  void write(std::string_view name, const MultiArray& value);

  const std::shared_ptr<runtime::StateData>& data() const noexcept { return data_; }

 private:
  friend class Model;
  explicit State(std::shared_ptr<runtime::StateData> data) noexcept;
  std::shared_ptr<runtime::StateData> data_;
};

/// MLModel: compiled and ready to predict.
///
/// A cheap handle on something immutable: any number of threads may predict with one model at the
/// same time, and a prediction under way keeps what it needs when the last handle is destroyed.
class POME_API Model {
 public:
  /// Opens and compiles. Throws Error: io (missing, damaged), unsupported (a model type or an
  /// operation that this build cannot run, named), parameters (unknown function name, a model that
  /// contradicts itself), out_of_memory (the configuration's byte budget does not suffice).
  static Model open(const std::filesystem::path& path, const Configuration& configuration = {});
  static Model open(const Asset& asset, const Configuration& configuration = {});

  const ModelDescription& description() const noexcept;
  const Configuration& configuration() const noexcept;
  const LoadReport& load_report() const noexcept;
  /// Waits until the cache has the entry of this load. Returns why it has none, or an empty text.
  std::string wait_for_cache() const;

  /// Predicts. Inputs are checked against the description before anything runs; the result has
  /// every output of the description, in its order, with memory of its own.
  /// Throws Error: feature_type (an input is missing, unknown or not allowed: see
  /// FeatureDescription::check_value), parameters (an operation failed; a state is needed),
  /// out_of_memory, prediction_cancelled.
  FeatureProvider predict(const FeatureProvider& inputs,
                          const PredictionOptions& options = {}) const;
  /// The same with a state that make_state() of this model gave; the prediction changes it.
  FeatureProvider predict(const FeatureProvider& inputs, State& state,
                          const PredictionOptions& options = {}) const;

  /// Predicts each of these by itself, spread over the configuration's threads. The results are in
  /// the order of the inputs and do not depend on what else is in the batch; an item that fails is
  /// told in its place. `options.byte_budget` holds for each. Throws Error: parameters (the model
  /// keeps a state), prediction_cancelled.
  std::vector<BatchItem> predict_batch(std::span<const FeatureProvider> inputs,
                                       const PredictionOptions& options = {}) const;

  /// Predicts rows of numbers, spread over the configuration's threads, with the same results as
  /// predict() of each. Tree ensembles have a fast way of their own for it.
  /// Throws Error: feature_type (the inputs are not numbers and arrays of fixed shapes, or
  /// `rows.columns` is not their count), parameters (the model gives no numbers or labels),
  /// out_of_memory, prediction_cancelled.
  RowResults predict_rows(const NumberRows& rows, const PredictionOptions& options = {}) const;

  /// A new state, all zero. For a model without states it is empty, and may be used all the same.
  State make_state() const;

  /// For the library's own parts.
  const std::shared_ptr<const runtime::ModelData>& data() const noexcept { return data_; }

 private:
  explicit Model(std::shared_ptr<const runtime::ModelData> data) noexcept;
  std::shared_ptr<const runtime::ModelData> data_;
};

}  // namespace pome
