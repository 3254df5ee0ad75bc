// From the probabilities of classes to what a classifier gives.
#pragma once

#include <span>

#include "pome/description.h"
#include "pome/feature.h"

namespace pome::features {

/// The label and the dictionary of one prediction.
struct Classification {
  FeatureValue label;
  FeatureValue dictionary;
};

/// How many labels there are; 0 for none.
std::size_t count(const ClassLabels& labels) noexcept;

/// The label at `index`, which must be below count(labels).
FeatureValue label_at(const ClassLabels& labels, std::size_t index);

/// The index of the greatest probability. Of equal ones the first wins; NaN loses to numbers.
/// `probabilities` must not be empty.
std::size_t likeliest(std::span<const double> probabilities) noexcept;

/// The dictionary of one prediction: of classes with equal labels the likeliest counts.
/// Throws Error{parameters} when the numbers of probabilities and classes differ, or when there are
/// no classes.
FeatureValue probability_dictionary(std::span<const double> probabilities,
                                    const ClassLabels& labels);

/// Both, with the likeliest class as label. Throws as `probability_dictionary`.
Classification classify(std::span<const double> probabilities, const ClassLabels& labels);

}  // namespace pome::features
