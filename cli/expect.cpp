#include "expect.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

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

void compare_dictionaries(Comparison& out, const FeatureValue& got, const nlohmann::json& expected,
                          const Tolerance& tolerance) {
  if (!expected.is_object()) {
    out.problem = cat("a dictionary, expected a JSON ", expected.type_name());
    return;
  }
  std::map<std::string, double> values;
  for (const auto& [key, value] : ranked(got)) values[key] = value;
  for (const auto& [key, value] : expected.items()) {
    const auto found = values.find(key);
    if (found == values.end()) {
      out.problem = cat("no key ", base::quoted(key, 40));
      return;
    }
    const double wanted = array_from_json(value, key).at({});
    compare_one(out, found->second, wanted, base::quoted(key, 40), tolerance);
  }
}

Comparison compare_value(const std::string& name, const FeatureValue& got, const NpyValue& expected,
                         const Tolerance& tolerance) {
  Comparison out;
  out.output = name;
  if (const auto* texts = std::get_if<TextArray>(&expected)) {
    const bool single = texts->elements.size() == 1;
    if (got.type() == FeatureType::string && single) {
      compare_text(out, got.string_value(), texts->elements.front());
    } else if (got.type() == FeatureType::dictionary && single) {
      base::Budget budget;
      compare_dictionaries(out, got, parse_json_text(texts->elements.front(), name, budget),
                           tolerance);
    } else if (got.type() == FeatureType::sequence && got.key_type() == FeatureType::string) {
      const StringSequence& sequence = got.string_sequence_value();
      if (sequence.size() != texts->elements.size())
        out.problem = cat(sequence.size(), " elements, expected ", texts->elements.size());
      for (std::size_t i = 0; out.problem.empty() && i < sequence.size(); ++i)
        compare_text(out, sequence[i], texts->elements[i]);
    } else {
      out.problem = cat(got.text(), ", expected text");
    }
    return out;
  }
  const NpyValue mine = value_array(got);
  const auto* numbers = std::get_if<MultiArray>(&mine);
  if (numbers == nullptr) {
    out.problem = cat(got.text(), ", expected numbers");
    return out;
  }
  compare_arrays(out, *numbers, std::get<MultiArray>(expected), tolerance);
  return out;
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

NpyValue json_value(const nlohmann::json& json, const std::string& name) {
  if (json.is_string() && json != "NaN" && json != "Infinity" && json != "-Infinity")
    return TextArray{{}, {json.get<std::string>()}};
  if (json.is_object()) return TextArray{{}, {json.dump()}};
  const bool texts =
      json.is_array() && !json.empty() && json.front().is_string() &&
      std::all_of(json.begin(), json.end(), [](const auto& e) { return e.is_string(); });
  if (!texts) return array_from_json(json, name);
  TextArray out{{static_cast<std::int64_t>(json.size())}, {}};
  for (const auto& element : json) out.elements.push_back(element.get<std::string>());
  return out;
}

}  // namespace

void Golden::check_name(const std::string& name) const {
  if (description_.output(name) != nullptr) return;
  std::vector<std::string_view> names;
  for (const FeatureDescription& output : description_.outputs) names.emplace_back(output.name);
  const std::string_view near = base::nearest(name, names);
  throw Error(ErrorCode::feature_type,
              cat(place_, ": the model has no output ", base::quoted(name),
                  near.empty() ? cat(", expected ", base::list_text(names))
                               : cat(", did you mean ", base::quoted(near), "?")));
}

void Golden::add(std::size_t index, std::string name, NpyValue value) {
  check_name(name);
  if (index >= expected_.size())
    throw Error(ErrorCode::feature_type,
                cat(place_, " has outputs of prediction ", index, ", there are ", expected_.size(),
                    " predictions, counted from 0"));
  expected_[index].insert_or_assign(std::move(name), std::move(value));
}

void Golden::read_archive(const std::filesystem::path& path, base::Budget& budget) {
  for (auto& [entry, value] : read_npz(path, budget)) {
    std::string name = entry;
    if (name.empty() && description_.outputs.size() == 1) name = description_.outputs.front().name;
    constexpr std::string_view slash = "__slash__";
    for (std::size_t at = name.find(slash); at != std::string::npos; at = name.find(slash, at))
      name.replace(at, slash.size(), "/");
    auto [index, output] =
        description_.output(name) != nullptr ? std::pair(std::size_t{0}, name) : split_index(name);
    add(index, std::move(output), std::move(value));
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
      check_name(name);
      add(i, name, json_value(value, name));
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
