// Feature vectorizer: numbers, arrays and sparse dictionaries side by side in one array.
#include "base/checked.h"
#include "base/text.h"
#include "frontend/classical/makers.h"
#include "frontend/classical/row.h"
#include "frontend/classical/single.h"
#include "pome/error.h"

namespace pome::classical {

using base::cat;

namespace {

class FeatureVectorizer final : public Predictor {
 public:
  FeatureVectorizer(const Source& source, const proto::FeatureVectorizer& message)
      : output_(single_output(source, {FeatureType::multi_array})) {
    if (message.inputList.empty()) fail("there are no input columns");
    std::optional<std::int64_t> total = 0;
    for (const auto& column : message.inputList) {
      const FeatureDescription* input = source.description.input(column.inputColumn);
      if (input == nullptr)
        fail(cat("column ", base::quoted(column.inputColumn),
                 " is not an input of the description"));
      const auto size = base::checked_cast<std::int64_t>(column.inputDimensions);
      if (!size || *size == 0)
        fail(cat("column ", base::quoted(column.inputColumn), " has ", column.inputDimensions,
                 " dimensions"));
      check_input(*input, *size);
      total = total ? base::checked_add(*total, *size) : std::nullopt;
      columns_.push_back({*input, *size});
    }
    if (!total) fail("the columns have more dimensions than can be counted");
    total_ = *total;
    const MultiArrayConstraint& constraint = *output_.multi_array_constraint;
    if (constraint.shape_constraint.type == ShapeConstraintType::fixed &&
        base::element_count(constraint.shape) != total_)
      fail(cat("output ", base::quoted(output_.name), " is described as ", output_.type_text(),
               ", and the columns have ", total_, " dimensions"));
  }

  FeatureProvider predict(const FeatureProvider& inputs, const Call& call) const override {
    const auto bytes = base::checked_mul<std::int64_t>(total_, 16);
    call.budget.take(bytes.value_or(call.budget.limit()), "the array of all columns");
    std::vector<double> out;
    out.reserve(static_cast<std::size_t>(total_));
    for (const Column& column : columns_) append(column, inputs, call, out);
    return provide(output_, MultiArray::copy_of(std::span<const double>(out),
                                                std::vector<std::int64_t>{total_}));
  }

  std::vector<std::string> joined() const override {
    std::vector<std::string> out;
    for (const Column& column : columns_) {
      if (column.feature.type != FeatureType::double_) return {};
      out.push_back(column.feature.name);
    }
    return output_.multi_array_constraint->data_type == DataType::fp64 ? out
                                                                       : std::vector<std::string>{};
  }

 private:
  struct Column {
    FeatureDescription feature;
    std::int64_t size;
  };

  [[noreturn]] static void fail(std::string_view message) {
    throw Error(ErrorCode::parameters, std::string(message));
  }

  static void check_input(const FeatureDescription& input, std::int64_t size) {
    const bool is_number = input.type == FeatureType::double_ || input.type == FeatureType::int64;
    const bool is_sparse =
        input.dictionary_constraint && input.dictionary_constraint->key_type == FeatureType::int64;
    if (!is_number && !is_sparse && !input.multi_array_constraint)
      fail(cat("input ", base::quoted(input.name), " is described as ", input.type_text(),
               ", expected a number, an array or a dictionary with int64 keys"));
    if (is_number && size != 1)
      fail(
          cat("column ", base::quoted(input.name), " has ", size, " dimensions and is one number"));
    if (!input.multi_array_constraint) return;
    const MultiArrayConstraint& constraint = *input.multi_array_constraint;
    if (constraint.shape_constraint.type == ShapeConstraintType::fixed &&
        base::element_count(constraint.shape) != size)
      fail(cat("column ", base::quoted(input.name), " has ", size,
               " dimensions and is described as ", input.type_text()));
  }

  static void append(const Column& column, const FeatureProvider& inputs, const Call& call,
                     std::vector<double>& out) {
    const FeatureValue& value = require(inputs, column.feature);
    switch (value.type()) {
      case FeatureType::int64: out.push_back(static_cast<double>(value.int64_value())); return;
      case FeatureType::double_: out.push_back(value.double_value()); return;
      case FeatureType::dictionary: return append_sparse(column, value, out);
      default: break;
    }
    const MultiArray& array = value.multi_array_value();
    if (array.count() != column.size)
      throw Error(ErrorCode::feature_type,
                  cat("feature ", base::quoted(column.feature.name), " has ", array.count(),
                      " elements, expected ", column.size));
    append_elements(array, call, out);
  }

  static void append_sparse(const Column& column, const FeatureValue& value,
                            std::vector<double>& out) {
    const std::size_t begin = out.size();
    out.resize(begin + static_cast<std::size_t>(column.size), 0.0);
    // An empty dictionary may be of either kind.
    if (value.key_type() != FeatureType::int64) return;
    for (const auto& [key, number] : value.int64_dictionary_value()) {
      if (key < 0 || key >= column.size)
        throw Error(ErrorCode::feature_type,
                    cat("feature ", base::quoted(column.feature.name), ": the key ", key,
                        " is outside of its ", column.size, " dimensions"));
      out[begin + static_cast<std::size_t>(key)] = number;
    }
  }

  FeatureDescription output_;
  std::vector<Column> columns_;
  std::int64_t total_ = 0;
};

}  // namespace

PredictorPtr make_feature_vectorizer(const Source& source) {
  return std::make_shared<FeatureVectorizer>(source, *source.model.featureVectorizer());
}

}  // namespace pome::classical
