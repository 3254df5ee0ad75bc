// Dictionary vectorizer: the keys of a dictionary become their places in a list. Keys that the list
// lacks are dropped.
#include <charconv>
#include <map>
#include <string>

#include "base/text.h"
#include "frontend/classical/makers.h"
#include "frontend/classical/single.h"
#include "pome/error.h"

namespace pome::classical {

namespace {

class DictVectorizer final : public Predictor {
 public:
  DictVectorizer(const Source& source, const proto::DictVectorizer& message)
      : input_(single_input(source, {FeatureType::dictionary})),
        output_(single_output(source, {FeatureType::dictionary})) {
    if (const auto* strings = message.stringToIndex()) {
      expect_keys(input_, FeatureType::string);
      add(strings->vector, strings_, source);
    } else if (const auto* integers = message.int64ToIndex()) {
      add(integers->vector, integers_, source);
    } else {
      throw Error(ErrorCode::parameters, "there is no list of keys");
    }
    expect_keys(output_, FeatureType::int64);
  }

  FeatureProvider predict(const FeatureProvider& inputs, const Call& /*call*/) const override {
    const FeatureValue& value = require(inputs, input_);
    if (value.key_type() == FeatureType::string) {
      const StringDictionary& given = value.string_dictionary_value();
      // coremltools describes every input as keyed by strings, also where the keys are integers.
      if (strings_.empty()) return provide(output_, renumbered(as_integers(given), integers_));
      return provide(output_, renumbered(given, strings_));
    }
    return provide(output_, renumbered(value.int64_dictionary_value(), integers_));
  }

 private:
  static void expect_keys(const FeatureDescription& feature, FeatureType type) {
    if (feature.dictionary_constraint->key_type != type)
      throw Error(
          ErrorCode::parameters,
          base::cat("feature ", base::quoted(feature.name), " is described as ",
                    feature.type_text(), ", expected a dictionary with ", name(type), " keys"));
  }

  template <typename List, typename Key>
  static void add(const List& list, std::map<Key, std::int64_t>& out, const Source& source) {
    std::int64_t index = 0;
    for (const auto& key : list) {
      source.budget.take(96, "a list of keys");
      out.emplace(Key(key), index++);
    }
  }

  template <typename Key>
  static Int64Dictionary renumbered(const std::map<Key, double>& given,
                                    const std::map<Key, std::int64_t>& places) {
    Int64Dictionary out;
    for (const auto& [key, value] : given) {
      const auto found = places.find(key);
      if (found != places.end()) out[found->second] = value;
    }
    return out;
  }

  static Int64Dictionary as_integers(const StringDictionary& given) {
    Int64Dictionary out;
    for (const auto& [key, value] : given) {
      std::int64_t number = 0;
      const char* end = key.data() + key.size();
      const auto [stop, error] = std::from_chars(key.data(), end, number);
      if (error == std::errc() && stop == end) out[number] = value;
    }
    return out;
  }

  FeatureDescription input_;
  FeatureDescription output_;
  std::map<std::string, std::int64_t> strings_;  // one of the two is used
  std::map<std::int64_t, std::int64_t> integers_;
};

}  // namespace

PredictorPtr make_dict_vectorizer(const Source& source) {
  return std::make_shared<DictVectorizer>(source, *source.model.dictVectorizer());
}

}  // namespace pome::classical
