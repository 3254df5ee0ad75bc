// Scaler: scale * (value + shift), element by element.
#include "base/text.h"
#include "features/element.h"
#include "frontend/classical/makers.h"
#include "frontend/classical/numbers.h"
#include "frontend/classical/row.h"
#include "frontend/classical/single.h"
#include "pome/error.h"

namespace pome::classical {

using base::cat;

namespace {

class Scaler final : public Predictor {
 public:
  Scaler(const Source& source, const proto::Scaler& message)
      : input_(single_input(source,
                            {FeatureType::int64, FeatureType::double_, FeatureType::multi_array})),
        output_(single_output(
            source, {FeatureType::int64, FeatureType::double_, FeatureType::multi_array})),
        shift_(copy_numbers(message.shiftValue, source.budget, "shifts")),
        scale_(copy_numbers(message.scaleValue, source.budget, "scales")) {
    if ((input_.type == FeatureType::multi_array) != (output_.type == FeatureType::multi_array))
      throw Error(ErrorCode::parameters,
                  cat("the input is described as ", input_.type_text(), " and the output as ",
                      output_.type_text(), ", expected the same"));
    const bool is_array = input_.type == FeatureType::multi_array;
    const auto& shape =
        is_array ? input_.multi_array_constraint->shape : std::vector<std::int64_t>{};
    const std::int64_t length = is_array && shape.size() == 1 ? shape[0] : 1;
    const bool is_known = !is_array || shape.size() == 1;
    check(shift_, "shifts", length, is_known);
    check(scale_, "scales", length, is_known);
  }

  FeatureProvider predict(const FeatureProvider& inputs, const Call& call) const override {
    const FeatureValue& value = require(inputs, input_);
    if (value.type() == FeatureType::int64)
      return provide(output_, apply(static_cast<double>(value.int64_value()), 0));
    if (value.type() == FeatureType::double_)
      return provide(output_, apply(value.double_value(), 0));
    const MultiArray& array = value.multi_array_value();
    std::vector<double> numbers;
    append_elements(array, call, numbers);
    for (const auto* one : {&shift_, &scale_}) {
      if (one->size() > 1 && one->size() != numbers.size())
        throw Error(ErrorCode::feature_type,
                    cat("feature ", base::quoted(input_.name), " has ", numbers.size(),
                        " elements, and the scaler is made for ", one->size()));
    }
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = apply(numbers[i], i);
    return provide(output_, MultiArray::copy_of(std::span<const double>(numbers), array.shape()));
  }

 private:
  static void check(const std::vector<double>& values, std::string_view what, std::int64_t length,
                    bool is_known) {
    if (values.size() > 1 && is_known && static_cast<std::int64_t>(values.size()) != length)
      throw Error(ErrorCode::parameters, cat("there are ", values.size(), " ", what,
                                             " for an input of ", length, " numbers"));
  }

  // Left out: shift by 0, scale by 1; one number serves for all elements.
  double apply(double value, std::size_t i) const noexcept {
    const double shift = shift_.empty() ? 0.0 : shift_[shift_.size() == 1 ? 0 : i];
    const double scale = scale_.empty() ? 1.0 : scale_[scale_.size() == 1 ? 0 : i];
    return scale * (value + shift);
  }

  FeatureDescription input_;
  FeatureDescription output_;
  std::vector<double> shift_;
  std::vector<double> scale_;
};

}  // namespace

PredictorPtr make_scaler(const Source& source) {
  return std::make_shared<Scaler>(source, *source.model.scaler());
}

}  // namespace pome::classical
