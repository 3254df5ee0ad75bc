// Item similarity recommender: the score of an item k is the sum over the given items i of
// similarity(k, i) * (score(i) - adjustment(k)); the items with the highest scores are recommended.
#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>

#include "base/checked.h"
#include "base/text.h"
#include "frontend/classical/makers.h"
#include "pome/error.h"

namespace pome::classical {

using base::cat;

namespace {

using Items = std::map<std::size_t, double>;  // scores by item

[[noreturn]] void fail(std::string_view message) {
  throw Error(ErrorCode::parameters, std::string(message));
}

class Recommender final : public Predictor {
 public:
  Recommender(const Source& source, const proto::ItemSimilarityRecommender& message)
      : items_input_(message.itemInputFeatureName),
        number_input_(message.numRecommendationsInputFeatureName),
        restriction_input_(message.itemRestrictionInputFeatureName),
        exclusion_input_(message.itemExclusionInputFeatureName),
        list_output_(message.recommendedItemListOutputFeatureName),
        scores_output_(message.recommendedItemScoreOutputFeatureName) {
    const ModelDescription& description = source.description;
    if (items_input_.empty() && description.inputs.size() == 1)
      items_input_ = description.inputs.front().name;
    for (const std::string* name :
         {&items_input_, &number_input_, &restriction_input_, &exclusion_input_}) {
      const bool is_needed = name == &items_input_;
      if ((is_needed || !name->empty()) && description.input(*name) == nullptr)
        fail(cat("input ", base::quoted(*name), " is not in the description"));
    }
    if (list_output_.empty() && scores_output_.empty()) fail("no output is named");
    for (const std::string* name : {&list_output_, &scores_output_}) {
      if (!name->empty() && description.output(*name) == nullptr)
        fail(cat("output ", base::quoted(*name), " is not in the description"));
    }
    read_names(message, source.budget);
    read_similarities(message, source.budget);
  }

  FeatureProvider predict(const FeatureProvider& inputs, const Call& call) const override {
    const Items given = read_items(inputs, items_input_);
    call.budget.take(static_cast<std::int64_t>(count_ * 32), "scores of items");
    std::vector<double> scores(count_, 0.0);
    for (const auto& [item, score] : given) {
      for (const auto& [other, similarity] : similar_[item])
        scores[other] += similarity * (score - adjustments_[other]);
    }
    std::vector<std::size_t> candidates = find_candidates(inputs, given);
    const std::size_t wanted = std::min(read_number(inputs), candidates.size());
    std::partial_sort(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(wanted),
                      candidates.end(), [&](std::size_t a, std::size_t b) {
                        return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
                      });
    candidates.resize(wanted);
    return make_outputs(candidates, scores);
  }

 private:
  void read_names(const proto::ItemSimilarityRecommender& message, base::Budget& budget) {
    if (message.itemInt64Ids) numbers_ = message.itemInt64Ids->vector;
    if (message.itemStringIds)
      names_.assign(message.itemStringIds->vector.begin(), message.itemStringIds->vector.end());
    if (!numbers_.empty() && !names_.empty()) fail("items have both string and int64 names");
    budget.take(static_cast<std::int64_t>((numbers_.size() + names_.size()) * 96),
                "names of items");
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (!places_by_name_.emplace(names_[i], i).second)
        fail(cat("two items have the name ", base::quoted(names_[i])));
    }
    for (std::size_t i = 0; i < numbers_.size(); ++i) {
      if (!places_by_number_.emplace(numbers_[i], i).second)
        fail(cat("two items have the name ", numbers_[i]));
    }
  }

  void read_similarities(const proto::ItemSimilarityRecommender& message, base::Budget& budget) {
    constexpr std::uint64_t most_items = std::uint64_t{1} << 40;
    std::uint64_t highest = 0;
    for (const auto& one : message.itemItemSimilarities) {
      highest = std::max(highest, one.itemId);
      for (const auto& other : one.similarItemList) highest = std::max(highest, other.itemId);
    }
    const std::size_t named = names_.size() + numbers_.size();
    if (highest >= most_items || (named != 0 && highest >= named))
      fail(cat("there is an item ", highest, " among ", named, " that have names"));
    count_ = named != 0 ? named : static_cast<std::size_t>(highest) + 1;
    budget.take(static_cast<std::int64_t>(count_ * 32), "items");
    similar_.resize(count_);
    adjustments_.resize(count_, 0.0);
    for (const auto& one : message.itemItemSimilarities) {
      budget.take(static_cast<std::int64_t>(one.similarItemList.size() * 16), "similarities");
      adjustments_[one.itemId] = one.itemScoreAdjustment;
      for (const auto& other : one.similarItemList)
        similar_[one.itemId].emplace_back(static_cast<std::size_t>(other.itemId),
                                          other.similarityScore);
    }
  }

  // Items that the model does not know say nothing.
  void add(const std::string& name, double score, Items& out) const {
    const auto found = places_by_name_.find(name);
    if (found != places_by_name_.end()) out[found->second] = score;
  }
  void add(std::int64_t number, double score, Items& out) const {
    if (!numbers_.empty()) {
      const auto found = places_by_number_.find(number);
      if (found != places_by_number_.end()) out[found->second] = score;
    } else if (names_.empty() && number >= 0 && std::cmp_less(number, count_)) {
      out[static_cast<std::size_t>(number)] = score;
    }
  }

  Items read_items(const FeatureProvider& inputs, const std::string& name) const {
    Items out;
    const FeatureValue* value = inputs.find(name);
    if (value == nullptr || value->is_undefined()) return out;
    const bool is_named = value->key_type() == FeatureType::string;
    if (value->type() == FeatureType::dictionary && is_named) {
      for (const auto& [item, score] : value->string_dictionary_value()) add(item, score, out);
    } else if (value->type() == FeatureType::dictionary) {
      for (const auto& [item, score] : value->int64_dictionary_value()) add(item, score, out);
    } else if (value->type() == FeatureType::sequence && is_named) {
      for (const auto& item : value->string_sequence_value()) add(item, 1.0, out);
    } else if (value->type() == FeatureType::sequence) {
      for (const auto item : value->int64_sequence_value()) add(item, 1.0, out);
    } else {
      const MultiArray items = value->multi_array_value().converted_to(DataType::int64);
      for (const auto item : items.elements<std::int64_t>()) add(item, 1.0, out);
    }
    return out;
  }

  std::vector<std::size_t> find_candidates(const FeatureProvider& inputs,
                                           const Items& given) const {
    const auto is_given = [&](const std::string& name) {
      const FeatureValue* value = name.empty() ? nullptr : inputs.find(name);
      return value != nullptr && !value->is_undefined();
    };
    // Nobody is recommended what he has, unless he says himself what to leave out.
    const Items excluded =
        is_given(exclusion_input_) ? read_items(inputs, exclusion_input_) : given;
    std::vector<std::size_t> out;
    if (is_given(restriction_input_)) {
      for (const auto& [item, score] : read_items(inputs, restriction_input_)) {
        if (!excluded.contains(item)) out.push_back(item);
      }
      return out;
    }
    for (std::size_t item = 0; item < count_; ++item) {
      if (!excluded.contains(item)) out.push_back(item);
    }
    return out;
  }

  // All, where the number is not given or negative.
  std::size_t read_number(const FeatureProvider& inputs) const {
    const FeatureValue* value = number_input_.empty() ? nullptr : inputs.find(number_input_);
    if (value == nullptr || value->is_undefined() || value->int64_value() < 0) return count_;
    return static_cast<std::size_t>(value->int64_value());
  }

  FeatureProvider make_outputs(const std::vector<std::size_t>& items,
                               const std::vector<double>& scores) const {
    StringSequence names;
    Int64Sequence numbers;
    StringDictionary scores_by_name;
    Int64Dictionary scores_by_number;
    for (const std::size_t item : items) {
      if (!names_.empty()) {
        names.push_back(names_[item]);
        scores_by_name[names_[item]] = scores[item];
      } else {
        const auto number = numbers_.empty() ? static_cast<std::int64_t>(item) : numbers_[item];
        numbers.push_back(number);
        scores_by_number[number] = scores[item];
      }
    }
    FeatureProvider out;
    const bool is_named = !names_.empty();
    if (!list_output_.empty())
      out.set(list_output_,
              is_named ? FeatureValue(std::move(names)) : FeatureValue(std::move(numbers)));
    if (!scores_output_.empty())
      out.set(scores_output_, is_named ? FeatureValue(std::move(scores_by_name))
                                       : FeatureValue(std::move(scores_by_number)));
    return out;
  }

  std::string items_input_, number_input_, restriction_input_, exclusion_input_;
  std::string list_output_, scores_output_;
  std::vector<std::string> names_;  // at most one of the two has elements
  std::vector<std::int64_t> numbers_;
  std::map<std::string, std::size_t> places_by_name_;
  std::map<std::int64_t, std::size_t> places_by_number_;
  std::size_t count_ = 0;
  std::vector<std::vector<std::pair<std::size_t, double>>> similar_;
  std::vector<double> adjustments_;
};

}  // namespace

PredictorPtr make_recommender(const Source& source) {
  return std::make_shared<Recommender>(source, *source.model.itemSimilarityRecommender());
}

}  // namespace pome::classical
