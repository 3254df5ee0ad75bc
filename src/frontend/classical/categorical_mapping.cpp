// Categorical mapping: strings to int64s or back, one value or a sequence.
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/text.h"
#include "frontend/classical/makers.h"
#include "frontend/classical/single.h"
#include "pome/error.h"

namespace pome::classical {

using base::cat;

namespace {

template <typename T>
constexpr FeatureType type_of =
    std::is_same_v<T, std::string> ? FeatureType::string : FeatureType::int64;

std::string text_of(const std::string& value) {
  return base::quoted(value);
}
std::string text_of(std::int64_t value) {
  return cat(value);
}

template <typename From>
const From& content(const FeatureValue& value) requires(std::is_same_v<From, std::string>) {
  return value.string_value();
}
template <typename From>
From content(const FeatureValue& value) requires(std::is_same_v<From, std::int64_t>) {
  return value.int64_value();
}

const StringSequence& sequence(const FeatureValue& value, const std::string& /*kind*/) {
  return value.string_sequence_value();
}
const Int64Sequence& sequence(const FeatureValue& value, std::int64_t /*kind*/) {
  return value.int64_sequence_value();
}

template <typename From, typename To>
class CategoricalMapping final : public Predictor {
 public:
  template <typename Entries, typename Default>
  CategoricalMapping(const Source& source, const Entries& entries, const Default& otherwise)
      : input_(single_input(source, {type_of<From>, FeatureType::sequence})),
        output_(single_output(source, {type_of<To>, FeatureType::sequence})) {
    check_sequence(input_, type_of<From>);
    check_sequence(output_, type_of<To>);
    if ((input_.type == FeatureType::sequence) != (output_.type == FeatureType::sequence))
      throw Error(ErrorCode::parameters, "one of input and output is a sequence, the other is not");
    for (const auto& [key, value] : entries) {
      source.budget.take(96, "a mapping");
      map_.insert_or_assign(From(key), To(value));
    }
    if (otherwise) otherwise_ = To(*otherwise);
  }

  FeatureProvider predict(const FeatureProvider& inputs, const Call& /*call*/) const override {
    const FeatureValue& value = require(inputs, input_);
    if (value.type() != FeatureType::sequence) return provide(output_, map(content<From>(value)));
    std::vector<To> out;
    // An empty sequence may be of either kind.
    if (value.key_type() == type_of<From>) {
      for (const From& one : sequence(value, From{})) out.push_back(map(one));
    }
    return provide(output_, std::move(out));
  }

 private:
  static void check_sequence(const FeatureDescription& feature, FeatureType type) {
    if (feature.sequence_constraint && feature.sequence_constraint->element_type != type)
      throw Error(ErrorCode::parameters,
                  cat("feature ", base::quoted(feature.name), " is described as ",
                      feature.type_text(), ", and the mapping is of ", name(type), "s"));
  }

  const To& map(const From& key) const {
    const auto found = map_.find(key);
    if (found != map_.end()) return found->second;
    if (otherwise_) return *otherwise_;
    throw Error(ErrorCode::feature_type,
                cat("feature ", base::quoted(input_.name), ": ", text_of(key),
                    " is not in the mapping, which has no value for what is unknown"));
  }

  FeatureDescription input_;
  FeatureDescription output_;
  std::map<From, To> map_;
  std::optional<To> otherwise_;
};

}  // namespace

PredictorPtr make_categorical_mapping(const Source& source) {
  const proto::CategoricalMapping& message = *source.model.categoricalMapping();
  if (const auto* map = message.stringToInt64Map()) {
    if (message.strValue())
      throw Error(ErrorCode::parameters,
                  "the mapping gives int64s, its value for what is unknown a string");
    return std::make_shared<CategoricalMapping<std::string, std::int64_t>>(source, map->map,
                                                                           message.int64Value());
  }
  if (const auto* map = message.int64ToStringMap()) {
    if (message.int64Value())
      throw Error(ErrorCode::parameters,
                  "the mapping gives strings, its value for what is unknown an int64");
    return std::make_shared<CategoricalMapping<std::int64_t, std::string>>(source, map->map,
                                                                           message.strValue());
  }
  throw Error(ErrorCode::parameters, "there is no mapping");
}

}  // namespace pome::classical
