#include "expect.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "base/text.h"
#include "outputs.h"
#include "pome/error.h"
#include "table.h"
#include "values.h"

namespace pome::cli {

using base::cat;

namespace {

std::string index_text(std::size_t flat, std::span<const std::int64_t> shape) {
  std::vector<std::int64_t> index(shape.size());
  for (std::size_t i = shape.size(); i-- > 0;) {
    const auto size = static_cast<std::size_t>(shape[i]);
    index[i] = static_cast<std::int64_t>(flat % size);
    flat /= size;
  }
  return index.empty() ? "" : base::shape_text(index);
}

// Adds one pair of elements to what is known.
void compare_one(Comparison& out, double got, double expected, const std::string& place,
                 const Tolerance& tolerance) {
  ++out.elements;
  const bool equal = got == expected || (std::isnan(got) && std::isnan(expected));
  if (equal) return;
  double error = std::fabs(got - expected);
  if (std::isnan(error)) error = std::numeric_limits<double>::infinity();
  const bool agrees = std::isfinite(expected) &&
                      error <= tolerance.absolute + tolerance.relative * std::fabs(expected);
  if (!agrees) ++out.wrong;
  if (expected != 0 && std::isfinite(expected))
    out.max_relative = std::max(out.max_relative, error / std::fabs(expected));
  if (error > out.max_absolute) {
    out.max_absolute = error;
    out.worst = place;
    out.got = number_text(got);
    out.expected = number_text(expected);
  }
}

void compare_text(Comparison& out, const std::string& got, const std::string& expected) {
  ++out.elements;
  if (got == expected) return;
  ++out.wrong;
  out.got = base::quoted(got, 40);
  out.expected = base::quoted(expected, 40);
}

void compare_arrays(Comparison& out, const MultiArray& got, const MultiArray& expected,
                    const Tolerance& tolerance) {
  const bool same = std::equal(got.shape().begin(), got.shape().end(), expected.shape().begin(),
                               expected.shape().end());
  if (!same && (got.count() != 1 || expected.count() != 1)) {
    out.problem = cat("shape ", base::shape_text(got.shape()), ", expected ",
                      base::shape_text(expected.shape()));
    return;
  }
  const MultiArray a = got.converted_to(DataType::fp64);
  const MultiArray b = expected.converted_to(DataType::fp64);
  const auto left = a.elements<double>();
  const auto right = b.elements<double>();
  double worst = -1;
  for (std::size_t i = 0; i < left.size(); ++i) {
    const double before = out.max_absolute;
    compare_one(out, left[i], right[i], "", tolerance);
    if (out.max_absolute > before && out.max_absolute > worst) {
      worst = out.max_absolute;
      out.worst = index_text(i, got.shape());
    }
  }
}

void compare_dictionaries(Comparison& out, const FeatureValue& got, const NumberByKey& expected,
                          const Tolerance& tolerance) {
  NumberByKey values;
  for (const auto& [key, value] : ranked(got)) values[key] = value;
  for (const auto& [key, wanted] : expected) {
    const auto found = values.find(key);
    if (found == values.end()) {
      out.problem = cat("no key ", base::quoted(key, 40));
      return;
    }
    compare_one(out, found->second, wanted, base::quoted(key, 40), tolerance);
  }
}

void compare_texts(Comparison& out, const FeatureValue& got, const TextArray& expected) {
  if (got.type() == FeatureType::string && expected.elements.size() == 1) {
    compare_text(out, got.string_value(), expected.elements.front());
    return;
  }
  if (got.type() != FeatureType::sequence || got.key_type() != FeatureType::string) {
    out.problem = cat(got.text(), ", expected text");
    return;
  }
  const StringSequence& sequence = got.string_sequence_value();
  if (sequence.size() != expected.elements.size())
    out.problem = cat(sequence.size(), " elements, expected ", expected.elements.size());
  for (std::size_t i = 0; out.problem.empty() && i < sequence.size(); ++i)
    compare_text(out, sequence[i], expected.elements[i]);
}

// "3.name" -> 3 and "name"; an entry without a number belongs to the first prediction.
std::pair<std::size_t, std::string> split_index(const std::string& entry) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(entry.data(), entry.data() + entry.size(), index);
  const auto used = static_cast<std::size_t>(end - entry.data());
  const bool numbered = error == std::errc() && used < entry.size() && entry[used] == '.';
  if (!numbered) return {0, entry};
  return {index, entry.substr(used + 1)};
}

std::string unescaped(std::string name) {
  constexpr std::string_view slash = "__slash__";
  for (std::size_t at = name.find(slash); at != std::string::npos; at = name.find(slash, at))
    name.replace(at, slash.size(), "/");
  return name;
}

constexpr std::string_view keys_suffix = ".keys";
constexpr std::string_view values_suffix = ".values";

}  // namespace

/// The two arrays of each dictionary in an archive, by prediction and output.
struct Golden::Halves {
  struct Pair {
    std::optional<NpyValue> keys;
    std::optional<NpyValue> values;
  };
  std::map<std::pair<std::size_t, std::string>, Pair> pairs;
};

std::string Golden::place(const std::string& name) const {
  return cat(place_, ", output ", base::quoted(name));
}

// False for an input, which is passed over. Throws for a name that the model does not have.
bool Golden::is_output(const std::string& name) const {
  if (description_.output(name) != nullptr) return true;
  if (description_.input(name) != nullptr) return false;
  std::vector<std::string_view> names;
  for (const FeatureDescription& output : description_.outputs) names.emplace_back(output.name);
  const std::string_view near = base::nearest(name, names);
  throw Error(ErrorCode::feature_type,
              cat(place_, ": the model has no output ", base::quoted(name),
                  near.empty() ? cat(", expected ", base::list_text(names))
                               : cat(", did you mean ", base::quoted(near), "?")));
}

bool Golden::is_dictionary(std::string_view name) const {
  const FeatureDescription* output = description_.output(name);
  return output != nullptr && output->type == FeatureType::dictionary;
}

void Golden::add(std::size_t index, std::string name, Value value) {
  if (!is_output(name)) return;
  if (index >= expected_.size())
    throw Error(
        ErrorCode::feature_type,
        cat(place_, " has outputs of prediction ", index, " (counted from 0), found inputs for ",
            expected_.size(), expected_.size() == 1 ? " prediction" : " predictions"));
  expected_[index].insert_or_assign(std::move(name), std::move(value));
}

NumberByKey Golden::dictionary(const nlohmann::json& json, const std::string& name) const {
  if (!json.is_object())
    throw Error(ErrorCode::feature_type, cat(place(name), ": found a JSON ", json.type_name(),
                                             ", expected an object of keys and numbers"));
  NumberByKey out;
  for (const auto& [key, value] : json.items()) {
    const std::string where = cat(place(name), ", key ", base::quoted(key, 40));
    const MultiArray number = array_from_json(value, where);
    if (!number.shape().empty())
      throw Error(ErrorCode::feature_type, cat(where, ": found a list, expected a number"));
    out[key] = number.converted_to(DataType::fp64).elements<double>()[0];
  }
  return out;
}

Golden::Value Golden::json_value(const nlohmann::json& json, const std::string& name) const {
  if (is_dictionary(name)) return dictionary(json, name);
  if (json.is_string() && json != "NaN" && json != "Infinity" && json != "-Infinity")
    return TextArray{{}, {json.get<std::string>()}};
  const bool texts =
      json.is_array() && !json.empty() &&
      std::all_of(json.begin(), json.end(), [](const auto& e) { return e.is_string(); });
  if (!texts) return array_from_json(json, place(name));
  TextArray out{{static_cast<std::int64_t>(json.size())}, {}};
  for (const auto& element : json) out.elements.push_back(element.get<std::string>());
  return out;
}

NumberByKey Golden::joined(const std::string& name, const NpyValue& keys,
                           const NpyValue& values) const {
  const auto* numbers = std::get_if<MultiArray>(&values);
  if (numbers == nullptr)
    throw Error(ErrorCode::feature_type,
                cat(place(name), ": its values are text, expected numbers"));
  std::vector<std::string> names;
  if (const auto* texts = std::get_if<TextArray>(&keys)) {
    names = texts->elements;
  } else {
    const MultiArray whole = std::get<MultiArray>(keys).converted_to(DataType::int64);
    for (const std::int64_t key : whole.elements<std::int64_t>()) names.push_back(cat(key));
  }
  const MultiArray all = numbers->converted_to(DataType::fp64);
  const auto elements = all.elements<double>();
  if (names.size() != elements.size())
    throw Error(ErrorCode::feature_type, cat(place(name), ": found ", names.size(), " keys and ",
                                             elements.size(), " values, expected as many of each"));
  NumberByKey out;
  for (std::size_t i = 0; i < names.size(); ++i) out[names[i]] = elements[i];
  return out;
}

void Golden::add_archive_entry(const std::string& entry, NpyValue value, Halves& halves,
                               base::Budget& budget) {
  std::string name = unescaped(entry);
  if (name.empty() && description_.outputs.size() == 1) name = description_.outputs.front().name;
  const bool is_whole = description_.output(name) != nullptr || description_.input(name) != nullptr;
  const auto [index, output] = is_whole ? std::pair(std::size_t{0}, name) : split_index(name);
  for (const std::string_view suffix : {keys_suffix, values_suffix}) {
    if (!output.ends_with(suffix)) continue;
    const std::string stem = output.substr(0, output.size() - suffix.size());
    if (!is_dictionary(stem)) continue;
    auto& pair = halves.pairs[{index, stem}];
    (suffix == keys_suffix ? pair.keys : pair.values) = std::move(value);
    return;
  }
  auto* texts = std::get_if<TextArray>(&value);
  if (texts == nullptr) {
    add(index, output, std::get<MultiArray>(std::move(value)));
  } else if (is_dictionary(output) && texts->elements.size() == 1) {
    const nlohmann::json json = parse_json_text(texts->elements.front(), output, budget);
    add(index, output, dictionary(json, output));
  } else {
    add(index, output, std::move(*texts));
  }
}

void Golden::read_archive(const std::filesystem::path& path, base::Budget& budget) {
  Halves halves;
  for (auto& [entry, value] : read_npz(path, budget))
    add_archive_entry(entry, std::move(value), halves, budget);
  for (const auto& [where, pair] : halves.pairs) {
    const auto& [index, name] = where;
    if (!pair.keys || !pair.values)
      throw Error(ErrorCode::feature_type,
                  cat(place(name), ": there are ", pair.keys ? "keys" : "values", ", but no array ",
                      base::quoted(cat(name, pair.keys ? values_suffix : keys_suffix))));
    add(index, name, joined(name, *pair.keys, *pair.values));
  }
}

void Golden::read_json_file(const std::filesystem::path& path, base::Budget& budget) {
  nlohmann::json json = read_json(path, budget);
  if (json.is_object() && json.contains("predictions")) {  // what --json prints
    nlohmann::json list = nlohmann::json::array();
    for (const auto& one : json["predictions"])
      list.push_back(one.is_object() && one.contains("outputs") ? one["outputs"] : one);
    json = std::move(list);
  }
  if (json.is_object()) json = nlohmann::json::array({std::move(json)});
  if (!json.is_array())
    throw Error(ErrorCode::io, cat(place_, " holds a JSON ", json.type_name(),
                                   ", expected an object with a value for each output"));
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (!json[i].is_object())
      throw Error(ErrorCode::io, cat(place_, " holds a list of JSON ", json[i].type_name(),
                                     "s, expected objects with a value for each output"));
    for (const auto& [name, value] : json[i].items()) {
      if (is_output(name)) add(i, name, json_value(value, name));
    }
  }
}

Golden::Golden(const std::filesystem::path& path, const ModelDescription& description,
               std::size_t predictions, base::Budget& budget)
    : description_(description), place_(base::quoted(path.native())), expected_(predictions) {
  if (has_suffix(path.native(), ".json")) {
    read_json_file(path, budget);
  } else {
    read_archive(path, budget);
  }
  const bool has_any =
      std::any_of(expected_.begin(), expected_.end(), [](const auto& one) { return !one.empty(); });
  if (!has_any) throw Error(ErrorCode::io, cat(place_, " holds no expected outputs"));
}

Comparison Golden::compare_value(const std::string& name, const FeatureValue& got,
                                 const Value& expected, const Tolerance& tolerance) {
  Comparison out;
  out.output = name;
  if (const auto* texts = std::get_if<TextArray>(&expected)) {
    compare_texts(out, got, *texts);
  } else if (const auto* numbers = std::get_if<NumberByKey>(&expected)) {
    if (got.type() == FeatureType::dictionary) {
      compare_dictionaries(out, got, *numbers, tolerance);
    } else {
      out.problem = cat(got.text(), ", expected a dictionary");
    }
  } else if (const auto mine = number_array(got)) {
    compare_arrays(out, *mine, std::get<MultiArray>(expected), tolerance);
  } else {
    out.problem = cat(got.text(), ", expected numbers");
  }
  return out;
}

std::vector<Comparison> Golden::compare(std::size_t index, const FeatureProvider& outputs,
                                        const Tolerance& tolerance) const {
  std::vector<Comparison> out;
  for (const auto& [name, value] : expected_.at(index)) {
    const FeatureValue* got = outputs.find(name);
    if (got == nullptr || got->is_undefined()) {
      Comparison missing;
      missing.output = name;
      missing.problem = "the prediction does not give it";
      out.push_back(std::move(missing));
    } else {
      out.push_back(compare_value(name, *got, value, tolerance));
    }
  }
  return out;
}

std::string comparisons_text(const std::vector<Comparison>& comparisons, const Terminal& terminal) {
  Table table("llrrl");
  for (const Comparison& one : comparisons) {
    const Cell verdict = one.agrees() ? Cell("agrees", Color::green) : Cell("differs", Color::red);
    std::string note = one.problem;
    if (note.empty() && one.max_absolute > 0)
      note = cat("worst", one.worst.empty() ? "" : " at ", one.worst, ": ", one.got, ", expected ",
                 one.expected);
    if (note.empty() && one.wrong > 0) note = cat(one.got, ", expected ", one.expected);
    if (one.wrong > 0 && one.elements > 1)
      note += cat("; ", one.wrong, " of ", one.elements, " differ");
    table.add({verdict,
               {printable(one.output), Color::cyan},
               cat("abs ", number_text(one.max_absolute)),
               cat("rel ", number_text(one.max_relative)),
               std::move(note)});
  }
  return table.render(terminal);
}

Json comparisons_json(const std::vector<Comparison>& comparisons) {
  Json out = Json::array();
  for (const Comparison& one : comparisons) {
    Json entry;
    entry["output"] = one.output;
    entry["agrees"] = one.agrees();
    entry["elements"] = one.elements;
    entry["wrong"] = one.wrong;
    const auto number = [](double value) -> Json {
      if (std::isfinite(value)) return value;
      return "Infinity";
    };
    entry["max_absolute_error"] = number(one.max_absolute);
    entry["max_relative_error"] = number(one.max_relative);
    if (!one.worst.empty()) entry["worst_index"] = one.worst;
    if (!one.got.empty()) entry["got"] = one.got;
    if (!one.expected.empty()) entry["expected"] = one.expected;
    if (!one.problem.empty()) entry["problem"] = one.problem;
    out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace pome::cli
