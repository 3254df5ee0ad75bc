// Feature values and providers: what goes into a model and what comes out.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pome/export.h"
#include "pome/multi_array.h"
#include "pome/pixel_buffer.h"

namespace pome {

/// Core ML's MLFeatureType, with its numbers.
enum class FeatureType : int {
  invalid = 0,
  int64 = 1,
  double_ = 2,
  string = 3,
  image = 4,
  multi_array = 5,
  dictionary = 6,
  sequence = 7,
  state = 8,
};

/// "int64", "double", "string", "image", "multiArray", "dictionary", "sequence", "state" or
/// "invalid", as Core ML's descriptions spell them.
POME_API std::string_view name(FeatureType type) noexcept;

using StringDictionary = std::map<std::string, double>;
using Int64Dictionary = std::map<std::int64_t, double>;
using StringSequence = std::vector<std::string>;
using Int64Sequence = std::vector<std::int64_t>;

/// One value of a feature: a number, text, array, picture, dictionary or sequence, or undefined (a
/// value that is missing, of a known type).
///
/// Immutable and cheap to copy (content is shared). An array or picture inside is the handle that
/// was put in: its elements are not copied. Safe to read from any number of threads.
class POME_API FeatureValue {
 public:
  /// Undefined, of type `invalid`.
  FeatureValue() noexcept;
  template <std::integral T>
  FeatureValue(T value)  // NOLINT(google-explicit-constructor): a feature value is any of these
      : FeatureValue(Int64Tag{}, static_cast<std::int64_t>(value)) {}
  template <std::floating_point T>
  FeatureValue(T value)  // NOLINT(google-explicit-constructor)
      : FeatureValue(DoubleTag{}, static_cast<double>(value)) {}
  FeatureValue(std::string value);       // NOLINT(google-explicit-constructor)
  FeatureValue(const char* value);       // NOLINT(google-explicit-constructor)
  FeatureValue(MultiArray value);        // NOLINT(google-explicit-constructor)
  FeatureValue(PixelBuffer value);       // NOLINT(google-explicit-constructor)
  FeatureValue(StringDictionary value);  // NOLINT(google-explicit-constructor)
  FeatureValue(Int64Dictionary value);   // NOLINT(google-explicit-constructor)
  FeatureValue(StringSequence value);    // NOLINT(google-explicit-constructor)
  FeatureValue(Int64Sequence value);     // NOLINT(google-explicit-constructor)
  /// A missing value of this type.
  static FeatureValue undefined(FeatureType type) noexcept;

  FeatureType type() const noexcept { return type_; }
  bool is_undefined() const noexcept { return impl_ == nullptr; }

  /// The content. Each throws Error{feature_type} when the value has another type or is undefined.
  std::int64_t int64_value() const;
  double double_value() const;
  const std::string& string_value() const;
  const MultiArray& multi_array_value() const;
  const PixelBuffer& image_buffer_value() const;
  const StringDictionary& string_dictionary_value() const;
  const Int64Dictionary& int64_dictionary_value() const;
  const StringSequence& string_sequence_value() const;
  const Int64Sequence& int64_sequence_value() const;

  /// Which of the two kinds a dictionary's keys or a sequence's elements are; `invalid` for all
  /// other types.
  FeatureType key_type() const noexcept;

  /// What this is, in words for messages: "a double", "a string", "MultiArray (fp32, 1 x 3)".
  std::string text() const;

 private:
  struct Impl;
  struct Int64Tag {};
  struct DoubleTag {};
  FeatureValue(Int64Tag tag, std::int64_t value);
  FeatureValue(DoubleTag tag, double value);
  template <typename T>
  const T& get(std::string_view wanted) const;

  FeatureType type_ = FeatureType::invalid;
  std::shared_ptr<const Impl> impl_;
};

/// Named feature values, in the order in which they were set: Core ML's MLFeatureProvider and
/// MLDictionaryFeatureProvider in one value type. Copies are independent of each other (the values
/// themselves are shared, they are immutable).
class POME_API FeatureProvider {
 public:
  using Item = std::pair<std::string, FeatureValue>;

  FeatureProvider() noexcept;
  /// Of two items with one name the later counts.
  FeatureProvider(std::initializer_list<Item> items);
  FeatureProvider(const FeatureProvider& other);
  FeatureProvider(FeatureProvider&& other) noexcept;
  FeatureProvider& operator=(const FeatureProvider& other);
  FeatureProvider& operator=(FeatureProvider&& other) noexcept;
  ~FeatureProvider();

  /// Adds a value, or replaces the one of this name in its place.
  void set(std::string name, FeatureValue value);
  /// The value of this name, or null.
  const FeatureValue* find(std::string_view name) const noexcept;
  /// The value of this name. Throws Error{feature_type} naming the features that there are.
  const FeatureValue& at(std::string_view name) const;
  const FeatureValue& operator[](std::string_view name) const { return at(name); }

  std::vector<std::string> feature_names() const;
  std::size_t size() const noexcept;
  bool empty() const noexcept { return size() == 0; }
  const Item* begin() const noexcept;
  const Item* end() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pome
