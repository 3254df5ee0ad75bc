// The numbers that a regressor or classifier computes on: its inputs side by side.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "frontend/classical/predictor.h"

namespace pome::classical {

/// Reads the numeric inputs of a model, in the order of its description, as one row of doubles:
/// int64s, doubles and the elements of arrays, row-major. A double that is missing is NaN.
class RowReader {
 public:
  /// Throws Error{parameters} where an input is neither a number nor an array, or there is none.
  explicit RowReader(const std::vector<FeatureDescription>& inputs);

  /// Length of every row, where the description fixes it.
  std::optional<std::size_t> width() const noexcept { return width_; }

  /// True when rows are numbers as they come: doubles, and arrays of fp64 whose shapes are fixed.
  bool takes_rows() const noexcept { return width_.has_value() && takes_rows_; }

  /// Throws Error{parameters} when rows are known not to have exactly `wanted` numbers; `what` says
  /// what has that many ("weights").
  void require(std::size_t wanted, std::string_view what) const;

  /// One row. Throws Error{feature_type} when `wanted` is given and the row has another length.
  std::vector<double> read(const FeatureProvider& inputs, const Call& call,
                           std::optional<std::size_t> wanted = std::nullopt) const;

 private:
  struct Column {
    std::string name;
    FeatureType type;
    std::vector<std::int64_t> default_shape;
    double filling;  // of an array that was left out
  };
  void append(const Column& column, const FeatureValue* value, const Call& call,
              std::vector<double>& out) const;

  std::vector<Column> columns_;
  std::optional<std::size_t> width_;
  bool takes_rows_ = true;
};

/// The elements of an array as doubles, row-major, behind `out`. Booked against the call's budget.
void append_elements(const MultiArray& array, const Call& call, std::vector<double>& out);

}  // namespace pome::classical
