#include "format/model_type.h"

#include <array>
#include <utility>

namespace pome::format {

std::string_view model_type_name(std::uint32_t field) noexcept {
  using Entry = std::pair<std::uint32_t, std::string_view>;
  static constexpr std::array names{
      Entry{200, "pipelineClassifier"},
      Entry{201, "pipelineRegressor"},
      Entry{202, "pipeline"},
      Entry{300, "glmRegressor"},
      Entry{301, "supportVectorRegressor"},
      Entry{302, "treeEnsembleRegressor"},
      Entry{303, "neuralNetworkRegressor"},
      Entry{304, "bayesianProbitRegressor"},
      Entry{400, "glmClassifier"},
      Entry{401, "supportVectorClassifier"},
      Entry{402, "treeEnsembleClassifier"},
      Entry{403, "neuralNetworkClassifier"},
      Entry{404, "kNearestNeighborsClassifier"},
      Entry{500, "neuralNetwork"},
      Entry{501, "itemSimilarityRecommender"},
      Entry{502, "mlProgram"},
      Entry{555, "customModel"},
      Entry{556, "linkedModel"},
      Entry{560, "classConfidenceThresholding"},
      Entry{600, "oneHotEncoder"},
      Entry{601, "imputer"},
      Entry{602, "featureVectorizer"},
      Entry{603, "dictVectorizer"},
      Entry{604, "scaler"},
      Entry{606, "categoricalMapping"},
      Entry{607, "normalizer"},
      Entry{609, "arrayFeatureExtractor"},
      Entry{610, "nonMaximumSuppression"},
      Entry{900, "identity"},
      Entry{2000, "textClassifier"},
      Entry{2001, "wordTagger"},
      Entry{2002, "visionFeaturePrint"},
      Entry{2003, "soundAnalysisPreprocessing"},
      Entry{2004, "gazetteer"},
      Entry{2005, "wordEmbedding"},
      Entry{2006, "audioFeaturePrint"},
      Entry{3000, "serializedModel"},
  };
  for (const auto& [number, text] : names) {
    if (number == field) return text;
  }
  return {};
}

}  // namespace pome::format
