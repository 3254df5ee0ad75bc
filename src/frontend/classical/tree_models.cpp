// Tree ensembles as regressors and classifiers.
#include <algorithm>

#include "base/text.h"
#include "frontend/classical/makers.h"
#include "frontend/classical/numbers.h"
#include "frontend/classical/outputs.h"
#include "frontend/classical/row.h"
#include "frontend/classical/tree_ensemble.h"
#include "pome/error.h"

namespace pome::classical {

using base::cat;

namespace {

using Transform = proto::TreeEnsemblePostEvaluationTransform;

template <typename Message>
const proto::TreeEnsembleParameters& parameters(const Message& message) {
  if (!message.treeEnsemble) throw Error(ErrorCode::parameters, "there are no trees");
  return *message.treeEnsemble;
}

class Trees {
 public:
  Trees(const Source& source, const proto::TreeEnsembleParameters& message, Transform transform)
      : reader_(source.description.inputs),
        ensemble_(message, source.budget),
        transform_(transform) {
    if (transform_ < Transform::NoTransform ||
        transform_ > Transform::Classification_SoftMaxWithZeroClassReference)
      throw Error(ErrorCode::parameters,
                  cat("transform ", static_cast<int>(transform_), " is not known"));
    if (reader_.width() && *reader_.width() < ensemble_.features_used())
      throw Error(ErrorCode::parameters,
                  cat("a branch looks at feature ", ensemble_.features_used() - 1,
                      ", and the inputs hold ", *reader_.width(), " numbers"));
  }

  // Numbers after the transform.
  std::size_t dimensions() const noexcept {
    const bool has_reference =
        transform_ == Transform::Classification_SoftMaxWithZeroClassReference;
    return ensemble_.dimensions() + (has_reference ? 1 : 0);
  }

  std::vector<double> evaluate(const FeatureProvider& inputs, const Call& call) const {
    std::vector<double> row = reader_.read(inputs, call);
    if (row.size() < ensemble_.features_used())
      throw Error(ErrorCode::feature_type,
                  cat("the inputs hold ", row.size(), " numbers, and a branch looks at feature ",
                      ensemble_.features_used() - 1));
    std::vector<double> scores = ensemble_.evaluate(row);
    switch (transform_) {
      case Transform::NoTransform: break;
      case Transform::Classification_SoftMax: softmax(scores); break;
      case Transform::Regression_Logistic:
        std::ranges::transform(scores, scores.begin(), logistic);
        break;
      case Transform::Classification_SoftMaxWithZeroClassReference:
        scores.insert(scores.begin(), 0.0);
        softmax(scores);
        break;
    }
    return scores;
  }

 private:
  RowReader reader_;
  TreeEnsemble ensemble_;
  Transform transform_;
};

class TreeEnsembleRegressor final : public Predictor {
 public:
  TreeEnsembleRegressor(const Source& source, const proto::TreeEnsembleRegressor& message)
      : trees_(source, parameters(message), message.postEvaluationTransform),
        output_(source.description, trees_.dimensions()) {}

  FeatureProvider predict(const FeatureProvider& inputs, const Call& call) const override {
    return output_.make(trees_.evaluate(inputs, call));
  }

 private:
  Trees trees_;
  RegressorOutput output_;
};

class TreeEnsembleClassifier final : public Predictor {
 public:
  TreeEnsembleClassifier(const Source& source, const proto::TreeEnsembleClassifier& message)
      : trees_(source, parameters(message), message.postEvaluationTransform),
        output_(source.description) {
    const std::size_t classes = output_.classes();
    const std::size_t dimensions = trees_.dimensions();
    is_one_column_ = classes == 2 && dimensions == 1;
    if (dimensions != classes && !is_one_column_)
      throw Error(ErrorCode::parameters,
                  cat("the trees give ", dimensions, " numbers for ", classes, " classes"));
  }

  FeatureProvider predict(const FeatureProvider& inputs, const Call& call) const override {
    std::vector<double> scores = trees_.evaluate(inputs, call);
    // Two classes may share one column, which is the probability of the second.
    if (is_one_column_) scores.insert(scores.begin(), 1.0 - scores[0]);
    return output_.make(scores);
  }

 private:
  Trees trees_;
  ClassifierOutput output_;
  bool is_one_column_ = false;
};

}  // namespace

PredictorPtr make_tree_ensemble_regressor(const Source& source) {
  return std::make_shared<TreeEnsembleRegressor>(source, *source.model.treeEnsembleRegressor());
}

PredictorPtr make_tree_ensemble_classifier(const Source& source) {
  return std::make_shared<TreeEnsembleClassifier>(source, *source.model.treeEnsembleClassifier());
}

}  // namespace pome::classical
