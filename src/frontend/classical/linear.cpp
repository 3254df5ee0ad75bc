// Generalized linear models: a product with weights, then a link function.
#include <cmath>

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

// weights * row + offset, one score for each row of weights.
class Linear {
 public:
  template <typename Message>
  Linear(const Message& message, const RowReader& reader, base::Budget& budget) {
    if (message.weights.empty()) fail("there are no weights");
    if (message.weights.size() != message.offset.size())
      fail(cat("there are ", message.weights.size(), " rows of weights and ", message.offset.size(),
               " offsets"));
    const std::size_t width = message.weights.front().value.size();
    if (width == 0) fail("the first row of weights is empty");
    for (std::size_t i = 0; i < message.weights.size(); ++i) {
      const std::size_t size = message.weights[i].value.size();
      if (size != width) fail(cat("row ", i, " has ", size, " weights, and row 0 has ", width));
      rows_.push_back(copy_numbers(message.weights[i].value, budget, "weights"));
    }
    offsets_ = copy_numbers(message.offset, budget, "offsets");
    reader.require(width, "weights");
  }

  std::size_t width() const noexcept { return rows_.front().size(); }
  std::size_t scores() const noexcept { return rows_.size(); }

  std::vector<double> apply(std::span<const double> row) const {
    std::vector<double> out(offsets_);
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      double sum = 0;
      for (std::size_t j = 0; j < row.size(); ++j) sum += rows_[i][j] * row[j];
      out[i] += sum;
    }
    return out;
  }

 private:
  std::vector<std::vector<double>> rows_;
  std::vector<double> offsets_;
};

class GlmRegressor final : public Predictor {
 public:
  using Transform = proto::GLMRegressor_PostEvaluationTransform;

  GlmRegressor(const Source& source, const proto::GLMRegressor& message)
      : reader_(source.description.inputs),
        linear_(message, reader_, source.budget),
        output_(source.description, linear_.scores()),
        transform_(message.postEvaluationTransform) {
    if (transform_ != Transform::NoTransform && transform_ != Transform::Logit &&
        transform_ != Transform::Probit)
      fail(cat("transform ", static_cast<int>(transform_), " is not known"));
  }

  FeatureProvider predict(const FeatureProvider& inputs, const Call& call) const override {
    std::vector<double> scores = linear_.apply(reader_.read(inputs, call, linear_.width()));
    for (double& score : scores) {
      if (transform_ == Transform::Logit) score = logistic(score);
      if (transform_ == Transform::Probit) score = normal_cdf(score);
    }
    return output_.make(scores);
  }

 private:
  RowReader reader_;
  Linear linear_;
  RegressorOutput output_;
  Transform transform_;
};

class GlmClassifier final : public Predictor {
 public:
  using Transform = proto::GLMClassifier_PostEvaluationTransform;
  using Encoding = proto::GLMClassifier_ClassEncoding;

  GlmClassifier(const Source& source, const proto::GLMClassifier& message)
      : reader_(source.description.inputs),
        linear_(message, reader_, source.budget),
        output_(source.description),
        probit_(message.postEvaluationTransform == Transform::Probit),
        one_vs_rest_(message.classEncoding == Encoding::OneVsRest) {
    if (!probit_ && message.postEvaluationTransform != Transform::Logit)
      fail(cat("transform ", static_cast<int>(message.postEvaluationTransform), " is not known"));
    if (!one_vs_rest_ && message.classEncoding != Encoding::ReferenceClass)
      fail(cat("class encoding ", static_cast<int>(message.classEncoding), " is not known"));
    const std::size_t classes = output_.classes();
    const std::size_t wanted = one_vs_rest_ && classes != 2 ? classes : classes - 1;
    if (wanted == 0 || linear_.scores() != wanted)
      fail(cat("there are ", linear_.scores(), " rows of weights for ", classes,
               " classes encoded as ", one_vs_rest_ ? "OneVsRest" : "ReferenceClass"));
    if (probit_ && classes != 2) fail(cat("probit is for two classes, and there are ", classes));
  }

  FeatureProvider predict(const FeatureProvider& inputs, const Call& call) const override {
    std::vector<double> scores = linear_.apply(reader_.read(inputs, call, linear_.width()));
    if (output_.classes() == 2) {
      const double score = scores[0];
      // The probability of the first class by the complement's own formula: exact when small.
      const double first = probit_ ? normal_cdf(-score) : logistic(-score);
      const double second = probit_ ? normal_cdf(score) : logistic(score);
      return output_.make(std::vector<double>{first, second});
    }
    if (one_vs_rest_) return output_.make(normalised(std::move(scores)));
    scores.insert(scores.begin(), 0.0);
    softmax(scores);
    return output_.make(scores);
  }

 private:
  static std::vector<double> normalised(std::vector<double> scores) {
    double sum = 0;
    for (double& score : scores) {
      score = logistic(score);
      sum += score;
    }
    if (sum > 0) {
      for (double& score : scores) score /= sum;
    }
    return scores;
  }

  RowReader reader_;
  Linear linear_;
  ClassifierOutput output_;
  bool probit_;
  bool one_vs_rest_;
};

}  // namespace

PredictorPtr make_glm_regressor(const Source& source) {
  return std::make_shared<GlmRegressor>(source, *source.model.glmRegressor());
}

PredictorPtr make_glm_classifier(const Source& source) {
  return std::make_shared<GlmClassifier>(source, *source.model.glmClassifier());
}

}  // namespace pome::classical
