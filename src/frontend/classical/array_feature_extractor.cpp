// Array feature extractor: the elements of an array at a list of places.
#include <limits>

#include "base/checked.h"
#include "base/text.h"
#include "frontend/classical/makers.h"
#include "frontend/classical/single.h"
#include "pome/error.h"

namespace pome::classical {

using base::cat;

namespace {

class ArrayFeatureExtractor final : public Predictor {
 public:
  ArrayFeatureExtractor(const Source& source, const proto::ArrayFeatureExtractor& message)
      : input_(single_input(source, {FeatureType::multi_array})),
        output_(single_output(
            source, {FeatureType::double_, FeatureType::int64, FeatureType::multi_array})) {
    if (message.extractIndex.empty()) throw Error(ErrorCode::parameters, "there are no indices");
    const MultiArrayConstraint& constraint = *input_.multi_array_constraint;
    const bool is_fixed = constraint.shape_constraint.type == ShapeConstraintType::fixed;
    const auto count = is_fixed ? base::element_count(constraint.shape) : std::nullopt;
    source.budget.take(static_cast<std::int64_t>(message.extractIndex.size() * 8), "indices");
    for (const std::uint64_t index : message.extractIndex) {
      const auto limit =
          static_cast<std::uint64_t>(count.value_or(std::numeric_limits<std::int64_t>::max()));
      if (index >= limit)
        throw Error(ErrorCode::parameters,
                    cat("index ", index, " is outside of input ", base::quoted(input_.name), ", ",
                        input_.type_text()));
      indices_.push_back(static_cast<std::int64_t>(index));
    }
    if (output_.type != FeatureType::multi_array && indices_.size() != 1)
      throw Error(ErrorCode::parameters,
                  cat("there are ", indices_.size(), " indices, and the output is described as ",
                      output_.type_text()));
  }

  FeatureProvider predict(const FeatureProvider& inputs, const Call& /*call*/) const override {
    const MultiArray& array = require(inputs, input_).multi_array_value();
    const MultiArray flat = array.reshaped(std::vector<std::int64_t>{array.count()});
    std::vector<double> out;
    out.reserve(indices_.size());
    for (const std::int64_t index : indices_) {
      if (index >= array.count())
        throw Error(ErrorCode::feature_type,
                    cat("feature ", base::quoted(input_.name), " has ", array.count(),
                        " elements, and element ", index, " is wanted"));
      out.push_back(flat.at({index}));
    }
    if (output_.type != FeatureType::multi_array) return provide(output_, out[0]);
    const std::vector<std::int64_t> shape{static_cast<std::int64_t>(out.size())};
    return provide(output_, MultiArray::copy_of(std::span<const double>(out), shape));
  }

 private:
  FeatureDescription input_;
  FeatureDescription output_;
  std::vector<std::int64_t> indices_;
};

}  // namespace

PredictorPtr make_array_feature_extractor(const Source& source) {
  return std::make_shared<ArrayFeatureExtractor>(source, *source.model.arrayFeatureExtractor());
}

}  // namespace pome::classical
