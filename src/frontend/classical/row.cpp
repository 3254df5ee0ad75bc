#include "frontend/classical/row.h"

#include <limits>

#include "base/checked.h"
#include "base/text.h"
#include "pome/error.h"

namespace pome::classical {

using base::cat;

void append_elements(const MultiArray& array, const Call& call, std::vector<double>& out) {
  call.budget.take(array.count() * 16, "the numbers of an array");
  if (array.data_type() == DataType::fp64 && array.is_dense()) {
    const auto elements = array.elements<double>();
    out.insert(out.end(), elements.begin(), elements.end());
    return;
  }
  const MultiArray wide = array.converted_to(DataType::fp64);
  const auto elements = wide.elements<double>();
  out.insert(out.end(), elements.begin(), elements.end());
}

RowReader::RowReader(const std::vector<FeatureDescription>& inputs) {
  if (inputs.empty())
    throw Error(ErrorCode::parameters, "the description has no inputs to compute on");
  std::optional<std::int64_t> width = 0;
  for (const FeatureDescription& feature : inputs) {
    Column column{feature.name, feature.type, {}, 0.0};
    std::optional<std::int64_t> size = 1;
    if (feature.multi_array_constraint) {
      const MultiArrayConstraint& constraint = *feature.multi_array_constraint;
      takes_rows_ = takes_rows_ && constraint.data_type == DataType::fp64;
      column.default_shape = constraint.shape;
      column.filling = constraint.default_optional_value.value_or(0.0);
      const bool is_fixed = constraint.shape_constraint.type == ShapeConstraintType::fixed;
      size = is_fixed ? base::element_count(constraint.shape) : std::nullopt;
    } else if (feature.type != FeatureType::int64 && feature.type != FeatureType::double_) {
      throw Error(ErrorCode::parameters,
                  cat("input ", base::quoted(feature.name), " is described as ",
                      feature.type_text(), ", expected numbers"));
    } else {
      takes_rows_ = takes_rows_ && feature.type == FeatureType::double_;
    }
    width = width && size ? base::checked_add(*width, *size) : std::nullopt;
    columns_.push_back(std::move(column));
  }
  if (width) width_ = static_cast<std::size_t>(*width);
}

void RowReader::require(std::size_t wanted, std::string_view what) const {
  if (width_ && *width_ != wanted)
    throw Error(ErrorCode::parameters, cat("there are ", wanted, " ", what,
                                           ", and the inputs hold ", *width_, " numbers"));
}

void RowReader::append(const Column& column, const FeatureValue* value, const Call& call,
                       std::vector<double>& out) const {
  const bool is_missing = value == nullptr || value->is_undefined();
  switch (column.type) {
    case FeatureType::double_:
      out.push_back(is_missing ? std::numeric_limits<double>::quiet_NaN() : value->double_value());
      return;
    case FeatureType::int64:
      out.push_back(is_missing ? std::numeric_limits<double>::quiet_NaN()
                               : static_cast<double>(value->int64_value()));
      return;
    default: break;
  }
  if (!is_missing) return append_elements(value->multi_array_value(), call, out);
  const auto size = base::element_count(column.default_shape);
  if (!size || column.default_shape.empty())
    throw Error(ErrorCode::feature_type, cat("feature ", base::quoted(column.name),
                                             ": it was left out, and has no default shape"));
  call.budget.take(*size * 8, "an array that was left out");
  out.insert(out.end(), static_cast<std::size_t>(*size), column.filling);
}

std::vector<double> RowReader::read(const FeatureProvider& inputs, const Call& call,
                                    std::optional<std::size_t> wanted) const {
  std::vector<double> row;
  row.reserve(columns_.size());
  for (const Column& column : columns_) append(column, inputs.find(column.name), call, row);
  if (wanted && row.size() != *wanted)
    throw Error(ErrorCode::feature_type, cat("the inputs hold ", row.size(),
                                             " numbers, and the model computes on ", *wanted));
  return row;
}

}  // namespace pome::classical
