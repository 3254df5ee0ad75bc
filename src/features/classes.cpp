#include "features/classes.h"

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "base/text.h"
#include "pome/error.h"

namespace pome::features {

using base::cat;

namespace {

template <typename Label>
FeatureValue dictionary_of(std::span<const double> probabilities,
                           const std::vector<Label>& labels) {
  std::map<Label, double> dictionary;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto [place, is_new] = dictionary.emplace(labels[i], probabilities[i]);
    if (!is_new && probabilities[i] > place->second) place->second = probabilities[i];
  }
  return dictionary;
}

}  // namespace

std::size_t count(const ClassLabels& labels) noexcept {
  if (const auto* strings = std::get_if<std::vector<std::string>>(&labels)) return strings->size();
  if (const auto* integers = std::get_if<std::vector<std::int64_t>>(&labels))
    return integers->size();
  return 0;
}

FeatureValue label_at(const ClassLabels& labels, std::size_t index) {
  if (const auto* strings = std::get_if<std::vector<std::string>>(&labels))
    return (*strings)[index];
  return std::get<std::vector<std::int64_t>>(labels)[index];
}

std::size_t likeliest(std::span<const double> probabilities) noexcept {
  std::size_t best = 0;
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    const bool is_first_number = std::isnan(probabilities[best]) && !std::isnan(probabilities[i]);
    if (probabilities[i] > probabilities[best] || is_first_number) best = i;
  }
  return best;
}

FeatureValue probability_dictionary(std::span<const double> probabilities,
                                    const ClassLabels& labels) {
  const std::size_t classes = count(labels);
  if (classes == 0) throw Error(ErrorCode::parameters, "the model has no class labels");
  if (probabilities.size() != classes)
    throw Error(ErrorCode::parameters, cat("the model gives ", probabilities.size(),
                                           " probabilities for ", classes, " classes"));
  if (const auto* strings = std::get_if<std::vector<std::string>>(&labels))
    return dictionary_of(probabilities, *strings);
  return dictionary_of(probabilities, std::get<std::vector<std::int64_t>>(labels));
}

Classification classify(std::span<const double> probabilities, const ClassLabels& labels) {
  FeatureValue dictionary = probability_dictionary(probabilities, labels);
  return {label_at(labels, likeliest(probabilities)), std::move(dictionary)};
}

}  // namespace pome::features
