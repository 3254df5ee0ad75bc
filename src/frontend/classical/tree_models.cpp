// Tree ensembles as regressors and classifiers.
#include <algorithm>
#include <mutex>
#include <utility>

#include "base/text.h"
#include "frontend/classical/makers.h"
#include "frontend/classical/numbers.h"
#include "frontend/classical/outputs.h"
#include "frontend/classical/row.h"
#include "frontend/classical/tree_ensemble.h"
#include "frontend/classical/tree_layout.h"
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

  const TreeEnsemble& ensemble() const noexcept { return ensemble_; }
  std::optional<std::size_t> width() const noexcept { return reader_.width(); }
  bool takes_rows() const noexcept { return reader_.takes_rows(); }

  std::vector<double> evaluate(const FeatureProvider& inputs, const Call& call) const {
    std::vector<double> row = reader_.read(inputs, call);
    if (row.size() < ensemble_.features_used())
      throw Error(ErrorCode::feature_type,
                  cat("the inputs hold ", row.size(), " numbers, and a branch looks at feature ",
                      ensemble_.features_used() - 1));
    std::vector<double> scores = ensemble_.evaluate(row);
    if (transform_ == Transform::Classification_SoftMaxWithZeroClassReference)
      scores.insert(scores.begin(), 0.0);
    transform(scores);
    return scores;
  }

  // In place; a class of reference is there already.
  void transform(std::span<double> scores) const noexcept {
    switch (transform_) {
      case Transform::NoTransform: return;
      case Transform::Regression_Logistic:
        std::ranges::transform(scores, scores.begin(), logistic);
        return;
      case Transform::Classification_SoftMax:
      case Transform::Classification_SoftMaxWithZeroClassReference: return softmax(scores);
    }
  }

 private:
  RowReader reader_;
  TreeEnsemble ensemble_;
  Transform transform_;
};

// Trees over blocks of rows. What an evaluation gives is widened by what stands before its numbers:
// the class of reference, or the first of two classes that share a column.
class TreeRows final : public RowPredictor {
 public:
  TreeRows(const Trees& trees, std::unique_ptr<const TreeLayout> layout, bool is_one_column)
      : trees_(trees), layout_(std::move(layout)), is_one_column_(is_one_column) {}

  std::size_t width() const noexcept override { return *trees_.width(); }
  std::size_t dimensions() const noexcept override {
    return trees_.dimensions() + (is_one_column_ ? 1 : 0);
  }
  std::int64_t rows_at_once() const noexcept override { return block_rows; }
  std::size_t scratch_bytes() const noexcept override {
    return sums_bytes() + layout_->scratch_bytes();
  }

  void predict(const RowsView& rows, std::int64_t first, std::int64_t count, double* out,
               std::byte* scratch) const noexcept override {
    auto* sums = reinterpret_cast<double*>(scratch);
    layout_->evaluate(rows, first, count, sums, scratch + sums_bytes());
    const std::size_t given = trees_.ensemble().dimensions();
    const std::size_t before = dimensions() - given;
    for (std::int64_t row = 0; row < count; ++row) {
      double* mine = out + static_cast<std::size_t>(row) * dimensions();
      std::fill_n(mine, before, 0.0);
      std::copy_n(sums + static_cast<std::size_t>(row) * given, given, mine + before);
      if (is_one_column_) {
        trees_.transform({mine + 1, 1});
        mine[0] = 1.0 - mine[1];
      } else {
        trees_.transform({mine, dimensions()});
      }
    }
  }

 private:
  std::size_t sums_bytes() const noexcept {
    return block_rows * trees_.ensemble().dimensions() * sizeof(double);
  }

  const Trees& trees_;
  std::unique_ptr<const TreeLayout> layout_;
  bool is_one_column_;
};

// Laid out when rows come for the first time.
class LazyTreeRows {
 public:
  std::shared_ptr<const RowPredictor> get(const Trees& trees, bool is_one_column,
                                          base::Budget& budget) const {
    if (!trees.takes_rows()) return nullptr;
    const std::scoped_lock lock(mutex_);
    if (!was_tried_) {
      auto layout = lay_out(trees.ensemble(), chosen_tree_kernels(), budget);
      if (layout) rows_ = std::make_shared<TreeRows>(trees, std::move(layout), is_one_column);
      was_tried_ = true;
    }
    return rows_;
  }

 private:
  mutable std::mutex mutex_;
  mutable bool was_tried_ = false;
  mutable std::shared_ptr<const RowPredictor> rows_;
};

class TreeEnsembleRegressor final : public Predictor {
 public:
  TreeEnsembleRegressor(const Source& source, const proto::TreeEnsembleRegressor& message)
      : trees_(source, parameters(message), message.postEvaluationTransform),
        output_(source.description, trees_.dimensions()) {}

  FeatureProvider predict(const FeatureProvider& inputs, const Call& call) const override {
    return output_.make(trees_.evaluate(inputs, call));
  }
  std::shared_ptr<const RowPredictor> rows(base::Budget& budget) const override {
    return rows_.get(trees_, false, budget);
  }

 private:
  Trees trees_;
  LazyTreeRows rows_;
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
  std::shared_ptr<const RowPredictor> rows(base::Budget& budget) const override {
    return rows_.get(trees_, is_one_column_, budget);
  }

 private:
  Trees trees_;
  LazyTreeRows rows_;
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
