// Imputer: puts a value in the place of what is missing. Missing is what equals the model's replace
// value; where it has none: NaN among doubles, and a feature that was left out.
#include <cmath>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/text.h"
#include "frontend/classical/makers.h"
#include "frontend/classical/numbers.h"
#include "frontend/classical/row.h"
#include "frontend/classical/single.h"
#include "pome/error.h"

namespace pome::classical {

using base::cat;

namespace {

[[noreturn]] void fail(std::string_view message) {
  throw Error(ErrorCode::parameters, std::string(message));
}

void expect(const FeatureDescription& feature, bool is_right, std::string_view what) {
  if (!is_right)
    fail(cat("feature ", base::quoted(feature.name), " is described as ", feature.type_text(),
             ", and the imputed value is ", what));
}

class Imputer final : public Predictor {
 public:
  Imputer(const Source& source, const proto::Imputer& message)
      : input_(single_input(source, types)), output_(single_output(source, types)) {
    if (input_.type != output_.type)
      fail(cat("the input is described as ", input_.type_text(), " and the output as ",
               output_.type_text(), ", expected the same"));
    read_replaced(message);
    read_imputed(message, source);
  }

  FeatureProvider predict(const FeatureProvider& inputs, const Call& call) const override {
    const FeatureValue* value = inputs.find(input_.name);
    if (value == nullptr || value->is_undefined()) return provide(output_, whole());
    switch (value->type()) {
      case FeatureType::double_:
        return provide(output_, is_missing(value->double_value()) ? whole() : *value);
      case FeatureType::int64: {
        const bool missing = replaced_integer_ && value->int64_value() == *replaced_integer_;
        return provide(output_, missing ? whole() : *value);
      }
      case FeatureType::string: {
        const bool missing = replaced_string_ && value->string_value() == *replaced_string_;
        return provide(output_, missing ? whole() : *value);
      }
      case FeatureType::dictionary: return provide(output_, filled_dictionary(*value));
      default: return provide(output_, filled_array(value->multi_array_value(), call));
    }
  }

 private:
  static constexpr auto types = {FeatureType::int64, FeatureType::double_, FeatureType::multi_array,
                                 FeatureType::string, FeatureType::dictionary};

  void read_replaced(const proto::Imputer& message) {
    replaced_double_ = message.replaceDoubleValue();
    replaced_integer_ = message.replaceInt64Value();
    if (const auto text = message.replaceStringValue()) replaced_string_ = std::string(*text);
    const bool is_number = input_.type == FeatureType::double_ || input_.multi_array_constraint;
    if ((replaced_double_ && !is_number) ||
        (replaced_integer_ && input_.type != FeatureType::int64 &&
         !input_.multi_array_constraint) ||
        (replaced_string_ && input_.type != FeatureType::string))
      fail(cat("the value to be replaced is of another type than input ", base::quoted(input_.name),
               ", ", input_.type_text()));
  }

  void read_imputed(const proto::Imputer& message, const Source& source) {
    const bool is_array = input_.multi_array_constraint.has_value();
    if (const auto number = message.imputedDoubleValue()) {
      expect(input_, is_array || input_.type == FeatureType::double_, "a double");
      imputed_ = *number;
    } else if (const auto integer = message.imputedInt64Value()) {
      expect(input_, is_array || input_.type == FeatureType::int64, "an int64");
      imputed_ = *integer;
    } else if (const auto text = message.imputedStringValue()) {
      expect(input_, input_.type == FeatureType::string, "a string");
      imputed_ = std::string(*text);
    } else if (const auto* doubles = message.imputedDoubleArray()) {
      expect(input_, is_array, "an array");
      set_array(copy_numbers(doubles->vector, source.budget, "imputed values"));
    } else if (const auto* integers = message.imputedInt64Array()) {
      expect(input_, is_array, "an array");
      source.budget.take(static_cast<std::int64_t>(integers->vector.size() * 8), "imputed values");
      set_array({integers->vector.begin(), integers->vector.end()});
    } else {
      read_dictionary(message, source);
    }
  }

  void read_dictionary(const proto::Imputer& message, const Source& source) {
    if (const auto* strings = message.imputedStringDictionary()) {
      expect(input_, is_dictionary_of(FeatureType::string), "a dictionary with string keys");
      StringDictionary out;
      for (const auto& [key, value] : strings->map) {
        source.budget.take(96, "imputed values");
        out.insert_or_assign(std::string(key), value);
      }
      imputed_ = std::move(out);
    } else if (const auto* integers = message.imputedInt64Dictionary()) {
      expect(input_, is_dictionary_of(FeatureType::int64), "a dictionary with int64 keys");
      Int64Dictionary out;
      for (const auto& [key, value] : integers->map) {
        source.budget.take(64, "imputed values");
        out.insert_or_assign(key, value);
      }
      imputed_ = std::move(out);
    } else {
      fail("there is no imputed value");
    }
  }

  bool is_dictionary_of(FeatureType key) const {
    return input_.dictionary_constraint && input_.dictionary_constraint->key_type == key;
  }

  void set_array(std::vector<double> values) {
    const auto& shape = input_.multi_array_constraint->shape;
    if (shape.size() == 1 && static_cast<std::int64_t>(values.size()) != shape[0])
      fail(cat("there are ", values.size(), " imputed values for ", input_.type_text()));
    imputed_ = std::move(values);
  }

  bool is_missing(double value) const noexcept {
    if (replaced_double_ && !std::isnan(*replaced_double_)) return value == *replaced_double_;
    if (replaced_integer_) return value == static_cast<double>(*replaced_integer_);
    return std::isnan(value);
  }

  // For a feature that is missing as a whole.
  FeatureValue whole() const {
    if (const auto* text = std::get_if<std::string>(&imputed_)) return *text;
    if (const auto* strings = std::get_if<StringDictionary>(&imputed_)) return *strings;
    if (const auto* integers = std::get_if<Int64Dictionary>(&imputed_)) return *integers;
    if (const auto* values = std::get_if<std::vector<double>>(&imputed_)) {
      const std::vector<std::int64_t> shape{static_cast<std::int64_t>(values->size())};
      return MultiArray::copy_of(std::span<const double>(*values), shape);
    }
    if (input_.multi_array_constraint)
      throw Error(ErrorCode::feature_type,
                  cat("feature ", base::quoted(input_.name), ": the array was left out"));
    if (const auto* integer = std::get_if<std::int64_t>(&imputed_)) return *integer;
    return std::get<double>(imputed_);
  }

  FeatureValue filled_array(const MultiArray& array, const Call& call) const {
    std::vector<double> numbers;
    append_elements(array, call, numbers);
    const auto* values = std::get_if<std::vector<double>>(&imputed_);
    if (values != nullptr && values->size() != numbers.size())
      throw Error(ErrorCode::feature_type,
                  cat("feature ", base::quoted(input_.name), " has ", numbers.size(),
                      " elements, and there are ", values->size(), " imputed values"));
    const auto* integer = std::get_if<std::int64_t>(&imputed_);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (!is_missing(numbers[i])) continue;
      if (values != nullptr) {
        numbers[i] = (*values)[i];
      } else {
        numbers[i] =
            integer != nullptr ? static_cast<double>(*integer) : std::get<double>(imputed_);
      }
    }
    return MultiArray::copy_of(std::span<const double>(numbers), array.shape());
  }

  // Entries that are NaN get the imputed value of their key; other keys are left as they are.
  FeatureValue filled_dictionary(const FeatureValue& value) const {
    if (const auto* strings = std::get_if<StringDictionary>(&imputed_))
      return value.key_type() == FeatureType::string
                 ? filled(value.string_dictionary_value(), *strings)
                 : value;
    const auto& integers = std::get<Int64Dictionary>(imputed_);
    return value.key_type() == FeatureType::int64 ? filled(value.int64_dictionary_value(), integers)
                                                  : value;
  }

  template <typename Dictionary>
  static FeatureValue filled(Dictionary given, const Dictionary& imputed) {
    for (auto& [key, number] : given) {
      if (!std::isnan(number)) continue;
      const auto found = imputed.find(key);
      if (found != imputed.end()) number = found->second;
    }
    return given;
  }

  FeatureDescription input_;
  FeatureDescription output_;
  std::optional<double> replaced_double_;
  std::optional<std::int64_t> replaced_integer_;
  std::optional<std::string> replaced_string_;
  std::variant<double, std::int64_t, std::string, std::vector<double>, StringDictionary,
               Int64Dictionary>
      imputed_;
};

}  // namespace

PredictorPtr make_imputer(const Source& source) {
  return std::make_shared<Imputer>(source, *source.model.imputer());
}

}  // namespace pome::classical
