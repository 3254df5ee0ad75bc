// One line for each model type.
#include <algorithm>
#include <array>

#include "frontend/classical/makers.h"
#include "pome/error.h"

namespace pome::classical {

namespace {

struct Line {
  std::string_view type;
  PredictorPtr (*make)(const Source&);
};

constexpr std::array table{
    Line{"glmRegressor", make_glm_regressor},
    Line{"glmClassifier", make_glm_classifier},
    Line{"treeEnsembleRegressor", make_tree_ensemble_regressor},
    Line{"treeEnsembleClassifier", make_tree_ensemble_classifier},
    Line{"scaler", make_scaler},
    Line{"imputer", make_imputer},
    Line{"normalizer", make_normalizer},
    Line{"oneHotEncoder", make_one_hot_encoder},
    Line{"categoricalMapping", make_categorical_mapping},
    Line{"dictVectorizer", make_dict_vectorizer},
    Line{"arrayFeatureExtractor", make_array_feature_extractor},
    Line{"featureVectorizer", make_feature_vectorizer},
    Line{"identity", make_identity},
    Line{"supportVectorRegressor", make_support_vector_regressor},
    Line{"supportVectorClassifier", make_support_vector_classifier},
    Line{"kNearestNeighborsClassifier", make_nearest_neighbors},
    Line{"bayesianProbitRegressor", make_bayesian_probit},
    Line{"itemSimilarityRecommender", make_recommender},
    Line{"nonMaximumSuppression", make_non_maximum_suppression},
};

const Line* find(std::string_view type) noexcept {
  const auto found = std::ranges::find(table, type, &Line::type);
  return found == table.end() ? nullptr : &*found;
}

}  // namespace

bool is_classical(std::string_view model_type) noexcept {
  return find(model_type) != nullptr;
}

std::shared_ptr<const RowPredictor> Predictor::rows(base::Budget& /*budget*/) const {
  return nullptr;
}

PredictorPtr make_predictor(const Source& source) {
  const std::string& type = source.description.model_type;
  const Line* line = find(type);
  if (line == nullptr) throw Error(ErrorCode::unsupported, "the model is not of a classical type");
  try {
    return line->make(source);
  } catch (Error& error) {
    throw error.within(type);
  }
}

}  // namespace pome::classical
