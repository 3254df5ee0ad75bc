#include "values.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>

#include "base/checked.h"
#include "base/file.h"
#include "base/text.h"
#include "format/json.h"
#include "pome/error.h"
#include "terminal.h"

namespace pome::cli {

namespace fs = std::filesystem;
using base::cat;

namespace {

constexpr format::JsonLimits json_limits{.size = std::int64_t{1} << 30, .depth = 40};

[[noreturn]] void wrong(std::string_view place, std::string_view why) {
  throw Error(ErrorCode::feature_type, cat(place, ": ", why));
}

std::string place_of(const FeatureDescription& feature) {
  return cat("input ", base::quoted(feature.name));
}

[[noreturn]] void wrong(const FeatureDescription& feature, std::string_view why) {
  wrong(place_of(feature), why);
}

bool is_file(const std::string& text) {
  std::error_code ignored;
  return fs::exists(fs::path(text), ignored);
}

// --- pictures -----------------------------------------------------------------------------------

bool is_allowed(const ImageConstraint& image, std::int64_t width, std::int64_t height) {
  const ImageSizeConstraint& sizes = image.size_constraint;
  switch (sizes.type) {
    case ShapeConstraintType::unspecified: return true;
    case ShapeConstraintType::fixed:
      return width == image.pixels_wide && height == image.pixels_high;
    case ShapeConstraintType::enumerated:
      return std::find(sizes.enumerated_image_sizes.begin(), sizes.enumerated_image_sizes.end(),
                       ImageSize{width, height}) != sizes.enumerated_image_sizes.end();
    case ShapeConstraintType::range:
      return sizes.pixels_wide_range.contains(width) && sizes.pixels_high_range.contains(height);
  }
  return false;
}

FeatureValue picture(const FeatureDescription& feature, const std::string& path,
                     const ValueOptions& options) {
  const ImageConstraint& image = *feature.image_constraint;
  image::LoadOptions load;
  load.mode = options.image_mode;
  load.format = image.pixel_format;
  const bool is_flexible = image.size_constraint.type != ShapeConstraintType::fixed;
  if (is_flexible) {  // a picture of an allowed size stays as it is
    PixelBuffer whole = image::load_image(path, load);
    if (is_allowed(image, whole.width(), whole.height())) return whole;
  }
  load.width = image.pixels_wide;
  load.height = image.pixels_high;
  return image::load_image(path, load);
}

// Pixels from an array: height x width, or with 1, 3 or 4 channels behind.
FeatureValue pixels(const FeatureDescription& feature, const MultiArray& array) {
  const auto shape = array.shape();
  const std::int64_t channels = shape.size() == 3 ? shape[2] : 1;
  const bool fits = (shape.size() == 2 || shape.size() == 3) && array.count() > 0 &&
                    (channels == 1 || channels == 3 || channels == 4);
  if (!fits)
    wrong(feature,
          cat("found ", array.text(), ", expected a picture as height x width x channels"));
  if (feature.image_constraint->pixel_format == PixelFormat::gray16f && channels == 1) {
    PixelBuffer out(PixelFormat::gray16f, shape[1], shape[0]);
    const MultiArray halves = array.converted_to(DataType::fp16);
    const auto row = static_cast<std::size_t>(shape[1]) * 2;
    for (std::int64_t y = 0; y < shape[0]; ++y) {
      const auto* from =
          static_cast<const std::byte*>(halves.data()) + static_cast<std::size_t>(y) * row;
      std::copy_n(from, row, out.mutable_row(y));
    }
    return out;
  }
  const PixelFormat format = channels == 1   ? PixelFormat::gray8
                             : channels == 3 ? PixelFormat::rgb8
                                             : PixelFormat::rgba8;
  PixelBuffer out(format, shape[1], shape[0]);
  const MultiArray bytes = array.converted_to(DataType::uint8);
  const auto row = static_cast<std::size_t>(shape[1] * channels);
  for (std::int64_t y = 0; y < shape[0]; ++y) {
    const auto* from =
        static_cast<const std::byte*>(bytes.data()) + static_cast<std::size_t>(y) * row;
    std::copy_n(from, row, out.mutable_row(y));
  }
  return out;
}

// --- JSON
// -----------------------------------------------------------------------------------------

std::optional<double> json_number(const nlohmann::json& json) {
  if (json.is_number()) return json.get<double>();
  if (json.is_boolean()) return json.get<bool>() ? 1.0 : 0.0;
  if (!json.is_string()) return std::nullopt;
  const auto& text = json.get_ref<const std::string&>();
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  return std::nullopt;
}

// The lists of one level at a time; numbers stand at the last one.
struct Flat {
  std::vector<std::int64_t> shape;
  std::vector<const nlohmann::json*> numbers;
};

Flat flatten(const nlohmann::json& json, std::string_view place) {
  Flat out;
  out.numbers.push_back(&json);
  while (!out.numbers.empty() && out.numbers.front()->is_array()) {
    const std::size_t size = out.numbers.front()->size();
    std::vector<const nlohmann::json*> next;
    for (const nlohmann::json* list : out.numbers) {
      if (!list->is_array() || list->size() != size)
        wrong(place, cat("the lists at depth ", out.shape.size() + 1, " are uneven, expected ",
                         size, " elements in each"));
      for (const nlohmann::json& element : *list) next.push_back(&element);
    }
    out.shape.push_back(static_cast<std::int64_t>(size));
    out.numbers = std::move(next);
  }
  return out;
}

StringDictionary string_dictionary(const FeatureDescription& feature, const nlohmann::json& json) {
  StringDictionary out;
  for (const auto& [key, value] : json.items()) {
    const auto number = json_number(value);
    if (!number) wrong(feature, cat("the value of key ", base::quoted(key), " is not a number"));
    out[key] = *number;
  }
  return out;
}

FeatureValue dictionary(const FeatureDescription& feature, const nlohmann::json& json) {
  if (!json.is_object())
    wrong(feature,
          cat("found a JSON ", json.type_name(), ", expected an object of keys and numbers"));
  StringDictionary texts = string_dictionary(feature, json);
  const bool by_number = feature.dictionary_constraint &&
                         feature.dictionary_constraint->key_type == FeatureType::int64;
  if (!by_number) return texts;
  Int64Dictionary out;
  for (const auto& [key, value] : texts) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), number);
    if (error != std::errc() || end != key.data() + key.size())
      wrong(feature, cat("key ", base::quoted(key), " is not a whole number"));
    out[number] = value;
  }
  return out;
}

FeatureValue sequence(const FeatureDescription& feature, const nlohmann::json& json) {
  if (!json.is_array()) wrong(feature, cat("found a JSON ", json.type_name(), ", expected a list"));
  const bool of_text = feature.sequence_constraint &&
                       feature.sequence_constraint->element_type == FeatureType::string;
  StringSequence texts;
  Int64Sequence numbers;
  for (const nlohmann::json& element : json) {
    if (of_text ? !element.is_string() : !element.is_number_integer())
      wrong(feature, cat("element ", texts.size() + numbers.size(), " is not a ",
                         of_text ? "text" : "whole number"));
    if (of_text) {
      texts.push_back(element.get<std::string>());
    } else {
      numbers.push_back(element.get<std::int64_t>());
    }
  }
  if (of_text) return texts;
  return numbers;
}

// A flat list of as many elements as the declared shape has is taken for that shape.
MultiArray shaped(const FeatureDescription& feature, const MultiArray& array) {
  const auto& declared = feature.multi_array_constraint->shape;
  const auto count = base::element_count(declared);
  const bool is_flat = array.shape().size() == 1 && declared.size() > 1;
  return is_flat && count && *count == array.count() ? array.reshaped(declared) : array;
}

// --- one value
// --------------------------------------------------------------------------------------

FeatureValue number(const FeatureDescription& feature, const std::string& text) {
  std::int64_t whole = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (error == std::errc() && end == text.data() + text.size()) return whole;
  if (const auto value = parse_number(text)) return *value;
  wrong(feature, cat("found ", base::quoted(text), ", expected a number"));
}

FeatureValue array_from_file(const FeatureDescription& feature, const std::string& text,
                             base::Budget& budget) {
  // FILE.npz:ENTRY names one of several arrays.
  const std::size_t colon = text.rfind(".npz:");
  const std::string path = colon == std::string::npos ? text : text.substr(0, colon + 4);
  std::string wanted = colon == std::string::npos ? feature.name : text.substr(colon + 5);
  const NpzEntries entries = read_npz(path, budget);
  if (entries.size() == 1 && colon == std::string::npos)
    return value_from_array(feature, entries.front().second, budget);
  std::vector<std::string_view> names;
  for (const auto& [name, value] : entries) {
    if (name == wanted) return value_from_array(feature, value, budget);
    names.emplace_back(name);
  }
  wrong(feature, cat(base::quoted(path), " has no array ", base::quoted(wanted),
                     names.empty() ? std::string() : cat(", only ", base::list_text(names))));
}

bool looks_like_json(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t\n");
  return start != std::string_view::npos && (text[start] == '[' || text[start] == '{');
}

FeatureValue multi_array(const FeatureDescription& feature, const std::string& text) {
  if (const auto value = parse_number(text)) return *value;
  wrong(feature,
        is_file(text)
            ? cat("the file ", base::quoted(text), " is none of .npy, .npz, .json and .csv")
            : cat("there is no file ", base::quoted(text),
                  ", expected a number, a JSON list, or an .npy, .npz, .json or .csv file"));
}

std::string text_value(const std::string& text, base::Budget& budget) {
  if (!text.starts_with('@')) return text;
  const auto file = base::open_file(text.substr(1));
  const auto bytes = base::read_all(*file, budget);
  std::string out(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  while (out.ends_with('\n') || out.ends_with('\r')) out.pop_back();
  return out;
}

}  // namespace

bool has_suffix(std::string_view text, std::string_view suffix) {
  if (text.size() < suffix.size()) return false;
  const std::string_view end = text.substr(text.size() - suffix.size());
  return std::equal(end.begin(), end.end(), suffix.begin(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

std::optional<double> parse_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return out;
}

nlohmann::json read_json(const fs::path& path, base::Budget& budget) {
  return format::parse_json(*base::open_file(path), budget, json_limits);
}

nlohmann::json parse_json_text(std::string_view text, std::string_view name, base::Budget& budget) {
  const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
  return format::parse_json(*base::from_memory(std::string(name), bytes, nullptr), budget,
                            json_limits);
}

MultiArray array_from_json(const nlohmann::json& json, std::string_view place) {
  const Flat flat = flatten(json, place);
  bool whole = true;
  std::vector<double> numbers;
  numbers.reserve(flat.numbers.size());
  for (const nlohmann::json* element : flat.numbers) {
    const auto value = json_number(*element);
    if (!value)
      wrong(place, flat.shape.empty() ? cat("found a JSON ", element->type_name(),
                                            ", expected a number or lists of numbers")
                                      : cat("element ", numbers.size(), " is a JSON ",
                                            element->type_name(), ", expected a number"));
    whole = whole && element->is_number_integer();
    numbers.push_back(*value);
  }
  if (!whole || numbers.empty())
    return MultiArray::copy_of(std::span<const double>(numbers), flat.shape);
  std::vector<std::int64_t> integers;
  integers.reserve(numbers.size());
  for (const nlohmann::json* element : flat.numbers)
    integers.push_back(element->get<std::int64_t>());
  return MultiArray::copy_of(std::span<const std::int64_t>(integers), flat.shape);
}

FeatureValue value_from_json(const FeatureDescription& feature, const nlohmann::json& json) {
  switch (feature.type) {
    case FeatureType::multi_array: return shaped(feature, array_from_json(json, place_of(feature)));
    case FeatureType::dictionary: return dictionary(feature, json);
    case FeatureType::sequence: return sequence(feature, json);
    case FeatureType::string:
      if (json.is_string()) return json.get<std::string>();
      break;
    case FeatureType::int64:
    case FeatureType::double_:
      if (json.is_number_integer()) return json.get<std::int64_t>();
      if (const auto value = json_number(json)) return *value;
      break;
    case FeatureType::image: return pixels(feature, array_from_json(json, place_of(feature)));
    default: break;
  }
  wrong(feature, cat("found a JSON ", json.type_name(), ", expected ", feature.type_text()));
}

FeatureValue value_from_array(const FeatureDescription& feature, const NpyValue& array,
                              base::Budget& budget) {
  if (const auto* texts = std::get_if<TextArray>(&array)) {
    if (feature.type == FeatureType::sequence) return StringSequence(texts->elements);
    if (texts->elements.size() != 1)
      wrong(feature, cat("found an array of ", texts->elements.size(), " texts, expected ",
                         feature.type_text()));
    const std::string& text = texts->elements.front();
    if (feature.type == FeatureType::string) return text;
    if (feature.type == FeatureType::dictionary)
      return value_from_json(feature, parse_json_text(text, feature.name, budget));
    wrong(feature, cat("found a text, expected ", feature.type_text()));
  }
  const auto& numbers = std::get<MultiArray>(array);
  switch (feature.type) {
    case FeatureType::image: return pixels(feature, numbers);
    case FeatureType::sequence: {
      const MultiArray whole = numbers.converted_to(DataType::int64);
      const auto elements = whole.elements<std::int64_t>();
      return Int64Sequence(elements.begin(), elements.end());
    }
    case FeatureType::int64:
    case FeatureType::double_:
      if (numbers.count() != 1)
        wrong(feature, cat("found ", numbers.text(), ", expected one number"));
      if (is_float(numbers.data_type()))
        return numbers.converted_to(DataType::fp64).elements<double>()[0];
      return numbers.converted_to(DataType::int64).elements<std::int64_t>()[0];
    case FeatureType::multi_array: return numbers;
    default: wrong(feature, cat("found ", numbers.text(), ", expected ", feature.type_text()));
  }
}

FeatureValue value_from_text(const FeatureDescription& feature, const std::string& text,
                             const ValueOptions& options, base::Budget& budget) {
  if (feature.type == FeatureType::string) return text_value(text, budget);
  const bool is_numpy = has_suffix(text, ".npy") || has_suffix(text, ".npz") ||
                        text.find(".npz:") != std::string::npos;
  if (is_numpy) return array_from_file(feature, text, budget);
  if (has_suffix(text, ".json")) return value_from_json(feature, read_json(text, budget));
  if (looks_like_json(text)) {
    try {
      return value_from_json(feature, parse_json_text(text, shortened(text, 40), budget));
    } catch (Error& error) {
      const std::string place = place_of(feature);
      if (!std::string_view(error.what()).starts_with(place)) error.within(place);
      throw;
    }
  }
  switch (feature.type) {
    case FeatureType::image: return picture(feature, text, options);
    case FeatureType::int64:
    case FeatureType::double_: return number(feature, text);
    case FeatureType::multi_array: return multi_array(feature, text);
    default: break;
  }
  wrong(feature, cat("found ", base::quoted(text), ", expected ", feature.type_text(),
                     " as JSON or a .json file"));
}

}  // namespace pome::cli
