// Normalizer: an array divided by its norm.
#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "frontend/classical/makers.h"
#include "frontend/classical/row.h"
#include "frontend/classical/single.h"
#include "pome/error.h"

namespace pome::classical {

namespace {

class Normalizer final : public Predictor {
 public:
  using Norm = proto::Normalizer_NormType;

  Normalizer(const Source& source, const proto::Normalizer& message)
      : input_(single_input(source, {FeatureType::multi_array})),
        output_(single_output(source, {FeatureType::multi_array})),
        norm_(message.normType) {
    if (norm_ != Norm::LMax && norm_ != Norm::L1 && norm_ != Norm::L2)
      throw Error(ErrorCode::parameters,
                  base::cat("norm ", static_cast<int>(norm_), " is not known"));
  }

  FeatureProvider predict(const FeatureProvider& inputs, const Call& call) const override {
    const MultiArray& array = require(inputs, input_).multi_array_value();
    std::vector<double> numbers;
    append_elements(array, call, numbers);
    // Zeros stay zeros.
    if (const double by = norm(numbers); by != 0) {
      for (double& number : numbers) number /= by;
    }
    return provide(output_, MultiArray::copy_of(std::span<const double>(numbers), array.shape()));
  }

 private:
  double norm(const std::vector<double>& numbers) const noexcept {
    if (numbers.empty()) return 0;
    // The format defines this one without absolute values.
    if (norm_ == Norm::LMax) return *std::ranges::max_element(numbers);
    double sum = 0;
    for (const double number : numbers)
      sum += norm_ == Norm::L1 ? std::fabs(number) : number * number;
    return norm_ == Norm::L1 ? sum : std::sqrt(sum);
  }

  FeatureDescription input_;
  FeatureDescription output_;
  Norm norm_;
};

}  // namespace

PredictorPtr make_normalizer(const Source& source) {
  return std::make_shared<Normalizer>(source, *source.model.normalizer());
}

}  // namespace pome::classical
