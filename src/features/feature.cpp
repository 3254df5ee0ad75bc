#include "pome/feature.h"

#include <algorithm>
#include <variant>

#include "base/text.h"
#include "pome/error.h"

namespace pome {

using base::cat;

struct FeatureValue::Impl {
  std::variant<std::int64_t, double, std::string, MultiArray, PixelBuffer, StringDictionary,
               Int64Dictionary, StringSequence, Int64Sequence>
      content;
};

std::string_view name(FeatureType type) noexcept {
  switch (type) {
    case FeatureType::invalid: return "invalid";
    case FeatureType::int64: return "int64";
    case FeatureType::double_: return "double";
    case FeatureType::string: return "string";
    case FeatureType::image: return "image";
    case FeatureType::multi_array: return "multiArray";
    case FeatureType::dictionary: return "dictionary";
    case FeatureType::sequence: return "sequence";
    case FeatureType::state: return "state";
  }
  return "invalid";
}

FeatureValue::FeatureValue() noexcept = default;
FeatureValue::FeatureValue(Int64Tag /*tag*/, std::int64_t value)
    : type_(FeatureType::int64), impl_(std::make_shared<Impl>(Impl{value})) {}
FeatureValue::FeatureValue(DoubleTag /*tag*/, double value)
    : type_(FeatureType::double_), impl_(std::make_shared<Impl>(Impl{value})) {}
FeatureValue::FeatureValue(std::string value)
    : type_(FeatureType::string), impl_(std::make_shared<Impl>(Impl{std::move(value)})) {}
FeatureValue::FeatureValue(const char* value) : FeatureValue(std::string(value)) {}
FeatureValue::FeatureValue(MultiArray value) : type_(FeatureType::multi_array) {
  if (value) impl_ = std::make_shared<Impl>(Impl{std::move(value)});
}
FeatureValue::FeatureValue(PixelBuffer value) : type_(FeatureType::image) {
  if (value) impl_ = std::make_shared<Impl>(Impl{std::move(value)});
}
FeatureValue::FeatureValue(StringDictionary value)
    : type_(FeatureType::dictionary), impl_(std::make_shared<Impl>(Impl{std::move(value)})) {}
FeatureValue::FeatureValue(Int64Dictionary value)
    : type_(FeatureType::dictionary), impl_(std::make_shared<Impl>(Impl{std::move(value)})) {}
FeatureValue::FeatureValue(StringSequence value)
    : type_(FeatureType::sequence), impl_(std::make_shared<Impl>(Impl{std::move(value)})) {}
FeatureValue::FeatureValue(Int64Sequence value)
    : type_(FeatureType::sequence), impl_(std::make_shared<Impl>(Impl{std::move(value)})) {}

FeatureValue FeatureValue::undefined(FeatureType type) noexcept {
  FeatureValue out;
  out.type_ = type;
  return out;
}

template <typename T>
const T& FeatureValue::get(std::string_view wanted) const {
  const T* content = impl_ ? std::get_if<T>(&impl_->content) : nullptr;
  if (content == nullptr)
    throw Error(ErrorCode::feature_type, cat("the feature value is ", text(), ", not ", wanted));
  return *content;
}

std::int64_t FeatureValue::int64_value() const {
  return get<std::int64_t>("an int64");
}
double FeatureValue::double_value() const {
  return get<double>("a double");
}
const std::string& FeatureValue::string_value() const {
  return get<std::string>("a string");
}
const MultiArray& FeatureValue::multi_array_value() const {
  return get<MultiArray>("a MultiArray");
}
const PixelBuffer& FeatureValue::image_buffer_value() const {
  return get<PixelBuffer>("an image");
}
const StringDictionary& FeatureValue::string_dictionary_value() const {
  return get<StringDictionary>("a dictionary with string keys");
}
const Int64Dictionary& FeatureValue::int64_dictionary_value() const {
  return get<Int64Dictionary>("a dictionary with int64 keys");
}
const StringSequence& FeatureValue::string_sequence_value() const {
  return get<StringSequence>("a sequence of strings");
}
const Int64Sequence& FeatureValue::int64_sequence_value() const {
  return get<Int64Sequence>("a sequence of int64s");
}

FeatureType FeatureValue::key_type() const noexcept {
  if (!impl_) return FeatureType::invalid;
  const auto& content = impl_->content;
  if (std::holds_alternative<StringDictionary>(content) ||
      std::holds_alternative<StringSequence>(content))
    return FeatureType::string;
  if (std::holds_alternative<Int64Dictionary>(content) ||
      std::holds_alternative<Int64Sequence>(content))
    return FeatureType::int64;
  return FeatureType::invalid;
}

std::string FeatureValue::text() const {
  if (!impl_)
    return type_ == FeatureType::invalid ? "undefined" : cat("an undefined ", name(type_));
  switch (type_) {
    case FeatureType::int64: return "an int64";
    case FeatureType::double_: return "a double";
    case FeatureType::string: return "a string";
    case FeatureType::multi_array: return multi_array_value().text();
    case FeatureType::image: return image_buffer_value().text();
    case FeatureType::dictionary: return cat("a dictionary with ", name(key_type()), " keys");
    case FeatureType::sequence: return cat("a sequence of ", name(key_type()), "s");
    default: return cat("a value of type ", name(type_));
  }
}

struct FeatureProvider::Impl {
  std::vector<Item> items;
};

FeatureProvider::FeatureProvider() noexcept = default;
FeatureProvider::FeatureProvider(FeatureProvider&& other) noexcept = default;
FeatureProvider& FeatureProvider::operator=(FeatureProvider&& other) noexcept = default;
FeatureProvider::~FeatureProvider() = default;

FeatureProvider::FeatureProvider(std::initializer_list<Item> items) {
  for (const Item& item : items) set(item.first, item.second);
}

FeatureProvider::FeatureProvider(const FeatureProvider& other)
    : impl_(other.impl_ ? std::make_unique<Impl>(*other.impl_) : nullptr) {}

FeatureProvider& FeatureProvider::operator=(const FeatureProvider& other) {
  if (this != &other) impl_ = other.impl_ ? std::make_unique<Impl>(*other.impl_) : nullptr;
  return *this;
}

void FeatureProvider::set(std::string name, FeatureValue value) {
  if (!impl_) impl_ = std::make_unique<Impl>();
  for (Item& item : impl_->items) {
    if (item.first == name) {
      item.second = std::move(value);
      return;
    }
  }
  impl_->items.emplace_back(std::move(name), std::move(value));
}

const FeatureValue* FeatureProvider::find(std::string_view name) const noexcept {
  const auto found =
      std::find_if(begin(), end(), [&](const Item& item) { return item.first == name; });
  return found == end() ? nullptr : &found->second;
}

const FeatureValue& FeatureProvider::at(std::string_view name) const {
  if (const FeatureValue* value = find(name)) return *value;
  std::vector<std::string_view> names;
  for (const Item& item : *this) names.emplace_back(item.first);
  throw Error(ErrorCode::feature_type,
              cat("there is no feature ", base::quoted(name),
                  names.empty() ? std::string(", there are no features at all")
                                : cat(", expected ", base::list_text(names))));
}

std::vector<std::string> FeatureProvider::feature_names() const {
  std::vector<std::string> names;
  for (const Item& item : *this) names.push_back(item.first);
  return names;
}

std::size_t FeatureProvider::size() const noexcept {
  return impl_ ? impl_->items.size() : 0;
}
const FeatureProvider::Item* FeatureProvider::begin() const noexcept {
  return impl_ ? impl_->items.data() : nullptr;
}
const FeatureProvider::Item* FeatureProvider::end() const noexcept {
  return begin() + size();
}

}  // namespace pome
