// The makers that the table names, one for each model type. Each throws Error{parameters} where the
// model contradicts itself.
#pragma once

#include "frontend/classical/predictor.h"

namespace pome::classical {

PredictorPtr make_glm_regressor(const Source& source);
PredictorPtr make_glm_classifier(const Source& source);
PredictorPtr make_tree_ensemble_regressor(const Source& source);
PredictorPtr make_tree_ensemble_classifier(const Source& source);
PredictorPtr make_scaler(const Source& source);
PredictorPtr make_imputer(const Source& source);
PredictorPtr make_normalizer(const Source& source);
PredictorPtr make_one_hot_encoder(const Source& source);
PredictorPtr make_categorical_mapping(const Source& source);
PredictorPtr make_dict_vectorizer(const Source& source);
PredictorPtr make_array_feature_extractor(const Source& source);
PredictorPtr make_feature_vectorizer(const Source& source);
PredictorPtr make_identity(const Source& source);
PredictorPtr make_support_vector_regressor(const Source& source);
PredictorPtr make_support_vector_classifier(const Source& source);
PredictorPtr make_nearest_neighbors(const Source& source);
PredictorPtr make_bayesian_probit(const Source& source);
PredictorPtr make_recommender(const Source& source);
PredictorPtr make_non_maximum_suppression(const Source& source);

}  // namespace pome::classical
