// Bayesian probit regression over features with discrete values. Each value of a feature has a
// weight that is normally distributed; the sum of the weights of an input is normal too, and the
// probability is the link function (the normal distribution's cumulative function) of it.
#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <string>

#include "base/text.h"
#include "frontend/classical/makers.h"
#include "frontend/classical/numbers.h"
#include "frontend/classical/outputs.h"
#include "frontend/classical/row.h"
#include "pome/error.h"

namespace pome::classical {

using base::cat;

namespace {

[[noreturn]] void fail(std::string_view message) {
  throw Error(ErrorCode::parameters, std::string(message));
}

struct Normal {
  double mean = 0;
  double variance = 0;
};

Normal read_normal(const proto::BayesianProbitRegressor_Gaussian* message, std::string_view what) {
  if (message == nullptr) return {};
  if (!(message->precision > 0))
    fail(cat("the precision of ", what, " is ", message->precision, ", expected more than 0"));
  return {message->mean, 1.0 / message->precision};
}

class BayesianProbit final : public Predictor {
 public:
  BayesianProbit(const Source& source, const proto::BayesianProbitRegressor& message)
      : input_(find_input(source.description, message.regressionInputFeatureName)),
        features_(message.numberOfFeatures),
        bias_(read_normal(message.bias.get(), "the bias")),
        optimism_(number_input(source, message.optimismInputFeatureName)),
        scale_(number_input(source, message.samplingScaleInputFeatureName)),
        truncation_(number_input(source, message.samplingTruncationInputFeatureName)),
        mean_(message.meanOutputFeatureName),
        variance_(message.varianceOutputFeatureName),
        pessimistic_(message.pessimisticProbabilityOutputFeatureName),
        sampled_(message.sampledProbabilityOutputFeatureName),
        output_(source.description, 1) {
    if (features_ == 0) fail("the number of features is 0");
    for (const auto& feature : message.features) {
      if (feature.featureId >= features_)
        fail(cat("there are weights for feature ", feature.featureId, " of ", features_));
      for (const auto& weight : feature.weights) {
        source.budget.take(96, "weights");
        const Key key{feature.featureId, weight.featureValue};
        const std::string what = cat("value ", key.second, " of feature ", key.first);
        if (!weights_.emplace(key, read_normal(weight.featureWeight.get(), what)).second)
          fail(cat(what, " has two weights"));
      }
    }
  }

  FeatureProvider predict(const FeatureProvider& inputs, const Call& call) const override {
    const Normal sum = regress(inputs, call);
    const double deviation = std::sqrt(sum.variance);
    FeatureProvider out = output_.make(std::vector<double>{normal_cdf(sum.mean)});
    const auto add = [&](const std::string& name, double value) {
      if (!name.empty()) out.set(name, value);
    };
    add(mean_, sum.mean);
    add(variance_, sum.variance);
    const double optimism = number(inputs, optimism_, 0.0);
    add(pessimistic_, normal_cdf(sum.mean + optimism * deviation));
    if (!sampled_.empty()) {
      const double scale = number(inputs, scale_, 1.0);
      const double truncation = number(inputs, truncation_, default_truncation);
      if (!(scale >= 0) || !(truncation > 0))
        throw Error(ErrorCode::feature_type,
                    cat("the sampling scale is ", scale, " and the truncation ", truncation,
                        ", expected 0 or more, and more than 0"));
      add(sampled_, normal_cdf(sum.mean + scale * deviation * truncated_normal(truncation)));
    }
    return out;
  }

 private:
  using Key = std::pair<std::uint32_t, std::uint32_t>;  // feature and value
  static constexpr double default_truncation = 1e9;     // none

  static FeatureDescription find_input(const ModelDescription& description, std::string_view name) {
    const FeatureDescription* input = description.input(name);
    if (input == nullptr || !input->multi_array_constraint)
      fail(cat("the regression input ", base::quoted(name),
               " is not an array among the inputs of the description"));
    return *input;
  }

  static std::string number_input(const Source& source, std::string_view name) {
    if (name.empty()) return {};
    const FeatureDescription* input = source.description.input(name);
    if (input == nullptr || input->type != FeatureType::double_)
      fail(cat("input ", base::quoted(name),
               " is not a double among the inputs of the description"));
    return std::string(name);
  }

  static double number(const FeatureProvider& inputs, const std::string& name, double otherwise) {
    const FeatureValue* value = name.empty() ? nullptr : inputs.find(name);
    return value == nullptr || value->is_undefined() ? otherwise : value->double_value();
  }

  // Values by feature: an array of one value for each feature, or rows of feature and value.
  Normal regress(const FeatureProvider& inputs, const Call& call) const {
    const FeatureValue* value = inputs.find(input_.name);
    if (value == nullptr || value->is_undefined())
      throw Error(ErrorCode::feature_type, cat("feature ", base::quoted(input_.name),
                                               ": it was left out, and is needed here"));
    const MultiArray& array = value->multi_array_value();
    const auto shape = array.shape();
    const bool is_pairs = shape.size() == 2 && shape[1] == 2;
    if (!is_pairs && (shape.size() != 1 || shape[0] != static_cast<std::int64_t>(features_)))
      throw Error(ErrorCode::feature_type,
                  cat("feature ", base::quoted(input_.name), ": ", array.text(),
                      " was given, expected ", features_, " values, or rows of feature and value"));
    std::vector<double> numbers;
    append_elements(array, call, numbers);
    Normal sum = bias_;
    for (std::size_t i = 0; i < numbers.size(); i += is_pairs ? 2 : 1) {
      const double feature = is_pairs ? numbers[i] : static_cast<double>(i);
      add_weight(feature, is_pairs ? numbers[i + 1] : numbers[i], sum);
    }
    return sum;
  }

  // A value that the model has no weight for says nothing.
  void add_weight(double feature, double value, Normal& sum) const {
    constexpr double end = 4294967296.0;
    const bool is_key = feature >= 0 && feature < features_ && value >= 0 && value < end &&
                        std::trunc(feature) == feature && std::trunc(value) == value;
    if (!is_key)
      throw Error(ErrorCode::feature_type,
                  cat("feature ", base::quoted(input_.name), ": the value ", value, " of feature ",
                      feature, " is not one of discrete values of ", features_, " features"));
    const auto found =
        weights_.find({static_cast<std::uint32_t>(feature), static_cast<std::uint32_t>(value)});
    if (found == weights_.end()) return;
    sum.mean += found->second.mean;
    sum.variance += found->second.variance;
  }

  // Seeded anew: a sample is to differ from prediction to prediction.
  static double truncated_normal(double limit) {
    constexpr int most_tries = 1000;
    std::random_device seed;
    std::mt19937_64 generator(seed());
    std::normal_distribution<double> normal;
    double value = normal(generator);
    for (int i = 0; std::fabs(value) > limit && i < most_tries; ++i) value = normal(generator);
    return std::clamp(value, -limit, limit);
  }

  FeatureDescription input_;
  std::uint32_t features_;
  Normal bias_;
  std::map<Key, Normal> weights_;
  std::string optimism_, scale_, truncation_;            // inputs, empty where there is none
  std::string mean_, variance_, pessimistic_, sampled_;  // outputs, empty where there is none
  RegressorOutput output_;
};

}  // namespace

PredictorPtr make_bayesian_probit(const Source& source) {
  return std::make_shared<BayesianProbit>(source, *source.model.bayesianProbitRegressor());
}

}  // namespace pome::classical
