// k nearest neighbours: the label that most of the nearest samples have.
//
// All samples are looked at, whatever index the model asks for: an index changes how fast the
// neighbours are found, never which they are. Of equally distant samples the first ones count.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/text.h"
#include "features/classes.h"
#include "frontend/classical/makers.h"
#include "frontend/classical/outputs.h"
#include "frontend/classical/row.h"
#include "pome/error.h"

namespace pome::classical {

using base::cat;

namespace {

[[noreturn]] void fail(std::string_view message) {
  throw Error(ErrorCode::parameters, std::string(message));
}

// The labels of the samples without repetition, in ascending order, and which of them each has.
template <typename Label>
ClassLabels distinct(const std::vector<Label>& labels, std::vector<std::uint32_t>& classes) {
  std::map<Label, std::uint32_t> places;
  for (const Label& label : labels) places.emplace(label, 0);
  std::vector<Label> out;
  for (auto& [label, place] : places) {
    place = static_cast<std::uint32_t>(out.size());
    out.push_back(label);
  }
  for (const Label& label : labels) classes.push_back(places.at(label));
  return out;
}

class NearestNeighbors final : public Predictor {
 public:
  NearestNeighbors(const Source& source, const proto::KNearestNeighborsClassifier& message)
      : reader_(source.description.inputs) {
    if (!message.nearestNeighborsIndex) fail("there is no index of samples");
    const proto::NearestNeighborsIndex& index = *message.nearestNeighborsIndex;
    if (index.numberOfDimensions < 1)
      fail(cat("samples have ", index.numberOfDimensions, " dimensions, expected 1 or more"));
    width_ = static_cast<std::size_t>(index.numberOfDimensions);
    reader_.require(width_, "dimensions of samples");
    if (const auto* tree = index.singleKdTreeIndex(); tree != nullptr && tree->leafSize < 1)
      fail(cat("the leaf size of the kd-tree is ", tree->leafSize, ", expected 1 or more"));
    read_samples(index, source.budget);
    read_neighbors(message);
    by_distance_ = message.inverseDistanceWeighting() != nullptr;
    read_labels(source, message);
  }

  FeatureProvider predict(const FeatureProvider& inputs, const Call& call) const override {
    const std::vector<double> row = reader_.read(inputs, call, width_);
    if (classes_.empty()) return output_->make({}, default_);
    call.budget.take(static_cast<std::int64_t>(classes_.size() * sizeof(Neighbor)), "distances");
    std::vector<double> weights(output_->classes(), 0.0);
    for (const Neighbor& neighbor : nearest(row))
      weights[classes_[neighbor.sample]] += neighbor.weight;
    double sum = 0;
    for (const double weight : weights) sum += weight;
    for (double& weight : weights) weight /= sum;
    return output_->make(weights);
  }

 private:
  struct Neighbor {
    double distance;
    std::size_t sample;
    double weight = 1;
  };

  void read_samples(const proto::NearestNeighborsIndex& index, base::Budget& budget) {
    for (std::size_t i = 0; i < index.floatSamples.size(); ++i) {
      const auto& numbers = index.floatSamples[i].vector;
      if (numbers.size() != width_)
        fail(cat("sample ", i, " has ", numbers.size(), " numbers, expected ", width_));
      budget.take(static_cast<std::int64_t>(width_ * 2 * sizeof(float)), "samples");
      for (std::size_t j = 0; j < width_; ++j) samples_.push_back(numbers[j]);
    }
  }

  void read_neighbors(const proto::KNearestNeighborsClassifier& message) {
    if (!message.numberOfNeighbors) fail("the number of neighbours is missing");
    const proto::Int64Parameter& number = *message.numberOfNeighbors;
    const std::int64_t wanted = number.defaultValue;
    const auto* range = number.range();
    const auto* set = number.set();
    const bool is_allowed =
        (range == nullptr || (wanted >= range->minValue && wanted <= range->maxValue)) &&
        (set == nullptr || std::ranges::find(set->values, wanted) != set->values.end());
    if (wanted < 1 || !is_allowed)
      fail(cat("the number of neighbours is ", wanted,
               wanted < 1 ? ", expected 1 or more" : ", which the model does not allow"));
    neighbors_ = static_cast<std::size_t>(wanted);
  }

  void read_labels(const Source& source, const proto::KNearestNeighborsClassifier& message) {
    ModelDescription description = source.description;
    const std::size_t labels = features::count(description.class_labels);
    const std::size_t samples = samples_.size() / width_;
    if (labels != samples) fail(cat("there are ", labels, " labels for ", samples, " samples"));
    if (const auto text = message.defaultStringLabel()) default_ = std::string(*text);
    if (const auto number = message.defaultInt64Label()) default_ = *number;
    if (samples == 0) {
      if (default_.is_undefined()) fail("there are neither samples nor a default label");
      // The only label that such a model can give.
      if (default_.type() == FeatureType::string) {
        description.class_labels = std::vector<std::string>{default_.string_value()};
      } else {
        description.class_labels = std::vector<std::int64_t>{default_.int64_value()};
      }
      description.predicted_probabilities_name.clear();
    } else if (const auto* texts =
                   std::get_if<std::vector<std::string>>(&description.class_labels)) {
      description.class_labels = distinct(std::vector<std::string>(*texts), classes_);
    } else {
      const auto numbers = std::get<std::vector<std::int64_t>>(description.class_labels);
      description.class_labels = distinct(numbers, classes_);
    }
    output_.emplace(description);
  }

  std::vector<Neighbor> nearest(const std::vector<double>& row) const {
    std::vector<Neighbor> all;
    all.reserve(classes_.size());
    for (std::size_t i = 0; i < classes_.size(); ++i) {
      const float* sample = &samples_[i * width_];
      double sum = 0;
      for (std::size_t j = 0; j < width_; ++j) {
        const double difference = row[j] - static_cast<double>(sample[j]);
        sum += difference * difference;
      }
      all.push_back({std::isnan(sum) ? std::numeric_limits<double>::infinity() : sum, i});
    }
    const std::size_t count = std::min(neighbors_, all.size());
    std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count), all.end(),
                      [](const Neighbor& a, const Neighbor& b) {
                        return a.distance != b.distance ? a.distance < b.distance
                                                        : a.sample < b.sample;
                      });
    all.resize(count);
    if (by_distance_) weigh(all);
    return all;
  }

  // 1 / distance, the distance being the squared one that the model names. Where samples are hit
  // exactly, they alone count.
  static void weigh(std::vector<Neighbor>& neighbors) {
    const bool is_hit = neighbors.front().distance == 0;
    for (Neighbor& one : neighbors) {
      if (is_hit) {
        one.weight = one.distance == 0 ? 1.0 : 0.0;
      } else {
        // As a share of the nearest, so that no weight is infinite.
        one.weight = std::isinf(neighbors.front().distance)
                         ? 1.0
                         : neighbors.front().distance / one.distance;
      }
    }
  }

  RowReader reader_;
  std::size_t width_ = 0;
  std::vector<float> samples_;
  std::vector<std::uint32_t> classes_;  // one a sample, into the labels of output_
  std::size_t neighbors_ = 1;
  bool by_distance_ = false;
  FeatureValue default_;
  std::optional<ClassifierOutput> output_;
};

}  // namespace

PredictorPtr make_nearest_neighbors(const Source& source) {
  return std::make_shared<NearestNeighbors>(source, *source.model.kNearestNeighborsClassifier());
}

}  // namespace pome::classical
