// One-hot encoder: a category to an array with a single 1, or a dictionary with a single entry.
#include <algorithm>
#include <map>
#include <string>

#include "base/text.h"
#include "frontend/classical/makers.h"
#include "frontend/classical/single.h"
#include "pome/error.h"

namespace pome::classical {

using base::cat;

namespace {

[[noreturn]] void fail(std::string_view message) {
  throw Error(ErrorCode::parameters, std::string(message));
}

class OneHotEncoder final : public Predictor {
 public:
  using Unknown = proto::OneHotEncoder_HandleUnknown;

  OneHotEncoder(const Source& source, const proto::OneHotEncoder& message)
      : input_(single_input(source, {FeatureType::int64, FeatureType::string})),
        output_(single_output(
            source, {message.outputSparse ? FeatureType::dictionary : FeatureType::multi_array})),
        is_sparse_(message.outputSparse),
        ignores_unknown_(message.handleUnknown == Unknown::IgnoreUnknown) {
    if (!ignores_unknown_ && message.handleUnknown != Unknown::ErrorOnUnknown)
      fail(cat("the handling of unknown values ", static_cast<int>(message.handleUnknown),
               " is not known"));
    if (const auto* strings = message.stringCategories()) {
      expect_input(FeatureType::string);
      for (const std::string_view one : strings->vector) add(strings_, std::string(one), source);
    } else if (const auto* integers = message.int64Categories()) {
      expect_input(FeatureType::int64);
      for (const std::int64_t one : integers->vector) add(integers_, one, source);
    } else {
      fail("there are no categories");
    }
    check_output();
  }

  FeatureProvider predict(const FeatureProvider& inputs, const Call& call) const override {
    const FeatureValue& value = require(inputs, input_);
    std::int64_t index = -1;
    if (value.type() == FeatureType::string) {
      const auto found = strings_.find(value.string_value());
      if (found != strings_.end()) index = found->second;
    } else {
      const auto found = integers_.find(value.int64_value());
      if (found != integers_.end()) index = found->second;
    }
    if (index < 0 && !ignores_unknown_) fail_unknown(value);
    if (is_sparse_) {
      Int64Dictionary out;
      if (index >= 0) out[index] = 1.0;
      return provide(output_, std::move(out));
    }
    call.budget.take(count_ * 8, "a one-hot array");
    MultiArray out(DataType::fp64, {count_});
    if (index >= 0) out.mutable_elements<double>()[static_cast<std::size_t>(index)] = 1.0;
    return provide(output_, out);
  }

 private:
  template <typename Key>
  void add(std::map<Key, std::int64_t>& map, Key key, const Source& source) {
    source.budget.take(64, "categories");
    map.emplace(std::move(key), count_++);
  }

  void expect_input(FeatureType type) const {
    if (input_.type != type)
      fail(cat("the categories are ", name(type), "s, and input ", base::quoted(input_.name),
               " is described as ", input_.type_text()));
  }

  void check_output() const {
    if (is_sparse_) {
      if (output_.dictionary_constraint->key_type != FeatureType::int64)
        fail(cat("output ", base::quoted(output_.name), " is described as ", output_.type_text(),
                 ", expected int64 keys"));
      return;
    }
    const MultiArrayConstraint& constraint = *output_.multi_array_constraint;
    if (constraint.shape_constraint.type == ShapeConstraintType::fixed &&
        constraint.shape != std::vector<std::int64_t>{count_})
      fail(cat("output ", base::quoted(output_.name), " is described as ", output_.type_text(),
               ", and there are ", count_, " categories"));
  }

  [[noreturn]] void fail_unknown(const FeatureValue& value) const {
    const std::string text = value.type() == FeatureType::string
                                 ? base::quoted(value.string_value())
                                 : cat(value.int64_value());
    throw Error(ErrorCode::feature_type,
                cat("feature ", base::quoted(input_.name), ": ", text, " is none of the ", count_,
                    " categories of the one-hot encoder"));
  }

  FeatureDescription input_;
  FeatureDescription output_;
  bool is_sparse_;
  bool ignores_unknown_;
  std::map<std::string, std::int64_t> strings_;  // one of the two is used
  std::map<std::int64_t, std::int64_t> integers_;
  std::int64_t count_ = 0;
};

}  // namespace

PredictorPtr make_one_hot_encoder(const Source& source) {
  return std::make_shared<OneHotEncoder>(source, *source.model.oneHotEncoder());
}

}  // namespace pome::classical
