// What a classical model becomes: a small predictor on feature values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/budget.h"
#include "pome/description.h"
#include "pome/feature.h"
#include "proto/Model.pb.h"

namespace pome::classical {

/// What travels with one prediction.
struct Call {
  std::stop_token stop;
  base::Budget& budget;
};

/// Many rows of numbers in someone's memory: fp32 or fp64, number c of row r at element
/// r * row_stride + c * column_stride.
struct RowsView {
  const void* data = nullptr;
  bool is_double = true;
  std::int64_t row_stride = 0;
  std::int64_t column_stride = 1;
};

/// A faster way for many rows, of models whose inputs are doubles (NaN where one is missing) and
/// arrays of fp64, side by side in the order of the description. Thread-safe.
class RowPredictor {
 public:
  RowPredictor() = default;
  RowPredictor(const RowPredictor&) = delete;
  RowPredictor& operator=(const RowPredictor&) = delete;
  virtual ~RowPredictor() = default;

  /// Numbers of a row, and numbers that it gives: those of a regressor, or the probability of each
  /// class. Exactly those of Predictor::predict.
  virtual std::size_t width() const noexcept = 0;
  virtual std::size_t dimensions() const noexcept = 0;
  /// How many rows are best given at once, and the memory (zeros at first) that one call needs.
  virtual std::int64_t rows_at_once() const noexcept = 0;
  virtual std::size_t scratch_bytes() const noexcept = 0;
  /// At most rows_at_once() rows from `first` on; `out` has dimensions() numbers for each.
  /// `scratch` is aligned for any number and used by one call at a time.
  virtual void predict(const RowsView& rows, std::int64_t first, std::int64_t count, double* out,
                       std::byte* scratch) const noexcept = 0;
};

/// A model that was validated and laid out. Immutable: any number of threads may predict at once.
class Predictor {
 public:
  Predictor() = default;
  Predictor(const Predictor&) = delete;
  Predictor& operator=(const Predictor&) = delete;
  virtual ~Predictor() = default;

  /// `inputs` holds the model's inputs by name, each of the declared type (features::convert); what
  /// is optional may be missing or undefined. The result holds at least the described outputs.
  /// Throws Error: feature_type (a value that the model cannot take), out_of_memory,
  /// prediction_cancelled.
  virtual FeatureProvider predict(const FeatureProvider& inputs, const Call& call) const = 0;

  /// The faster way for rows, laid out at the first call (booked against `budget`) and kept; null
  /// where there is none. Throws Error{out_of_memory}.
  virtual std::shared_ptr<const RowPredictor> rows(base::Budget& budget) const;

  /// Of a model whose single output is its inputs, all doubles, side by side: their names in the
  /// order in which they come; empty for all others.
  virtual std::vector<std::string> joined() const { return {}; }
};

using PredictorPtr = std::shared_ptr<const Predictor>;

/// What a predictor is made of. Nothing of it is kept: predictors copy what they need.
struct Source {
  const proto::Model& model;
  const ModelDescription& description;
  base::Budget& budget;
};

/// True for the model types ("glmRegressor", ...) that `make_predictor` makes.
bool is_classical(std::string_view model_type) noexcept;

/// Validates a model and makes its predictor. `description.model_type` must be a classical type.
/// Throws Error: parameters (the model contradicts itself; the message starts with the model type),
/// out_of_memory.
PredictorPtr make_predictor(const Source& source);

}  // namespace pome::classical
