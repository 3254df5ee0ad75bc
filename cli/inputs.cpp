#include "inputs.h"

#include <algorithm>
#include <system_error>

#include "base/file.h"
#include "base/text.h"
#include "csv.h"
#include "pome/error.h"

namespace pome::cli {

namespace fs = std::filesystem;
using base::cat;

namespace {

bool is_file(const std::string& text) {
  std::error_code ignored;
  return fs::is_regular_file(fs::path(text), ignored);
}

// "a=..." may also be a file of that name: only what looks like a name stands before a '='.
bool looks_like_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == ' ';
  });
}

std::vector<std::string_view> names_of(const std::vector<FeatureDescription>& features) {
  std::vector<std::string_view> out;
  out.reserve(features.size());
  for (const FeatureDescription& feature : features) out.emplace_back(feature.name);
  return out;
}

// Names in .npz files cannot hold a slash.
std::string unescaped(std::string name) {
  constexpr std::string_view slash = "__slash__";
  for (std::size_t at = name.find(slash); at != std::string::npos; at = name.find(slash, at))
    name.replace(at, slash.size(), "/");
  return name;
}

}  // namespace

const FeatureDescription& InputCollector::feature(std::string_view name,
                                                  std::string_view place) const {
  if (const FeatureDescription* found = description_.input(name)) return *found;
  const auto names = names_of(description_.inputs);
  const std::string_view near = base::nearest(name, names);
  throw Error(ErrorCode::feature_type,
              cat(place, place.empty() ? "" : ": ", "the model has no input ", base::quoted(name),
                  near.empty() ? cat(", expected ", base::list_text(names))
                               : cat(", did you mean ", base::quoted(near), "?")));
}

// The input that a value without a name is meant for: the only one, the only one that is required,
// or the only picture.
const FeatureDescription& InputCollector::only_input(const std::string& argument) const {
  const auto& inputs = description_.inputs;
  const auto only = [&](auto&& wanted) -> const FeatureDescription* {
    if (std::count_if(inputs.begin(), inputs.end(), wanted) != 1) return nullptr;
    return &*std::find_if(inputs.begin(), inputs.end(), wanted);
  };
  if (const auto* one = only([](const auto&) { return true; })) return *one;
  if (const auto* one = only([](const auto& f) { return !f.is_optional; })) return *one;
  if (const auto* one = only([](const auto& f) { return f.type == FeatureType::image; }))
    return *one;
  throw Error(
      ErrorCode::feature_type,
      cat("the model has ", inputs.size(), " inputs, name the one that ", base::quoted(argument),
          " is for: NAME=VALUE with ", base::list_text(names_of(inputs))));
}

void InputCollector::put(const FeatureDescription& feature, std::string label, FeatureValue value) {
  const auto found = std::find_if(given_.begin(), given_.end(),
                                  [&](const Given& one) { return one.feature == &feature; });
  Given& given = found != given_.end() ? *found : given_.emplace_back(Given{&feature, {}});
  given.values.push_back({std::move(label), std::move(value)});
}

void InputCollector::add_value(const FeatureDescription& feature, const std::string& text) {
  if (has_suffix(text, ".csv") && feature.type != FeatureType::string) {
    add_csv(text, &feature);
    return;
  }
  FeatureValue value = value_from_text(feature, text, options_, budget_);
  feature.check_value(value);
  put(feature, is_file(text) ? fs::path(text).filename().native() : text, std::move(value));
}

// An output in a file of inputs and expected outputs, which --expect reads.
bool InputCollector::is_output_only(const std::string& name) const {
  if (description_.input(name) != nullptr) return false;
  for (const FeatureDescription& output : description_.outputs) {
    if (!name.starts_with(output.name)) continue;
    const std::string_view rest = std::string_view(name).substr(output.name.size());
    if (rest.empty()) return true;
    if (output.type == FeatureType::dictionary && (rest == ".keys" || rest == ".values"))
      return true;
  }
  return false;
}

// Files that name inputs themselves.
bool InputCollector::add_unnamed_file(const std::string& text) {
  if (has_suffix(text, ".npz")) {
    for (const auto& [name, array] : read_npz(text, budget_)) {
      if (is_output_only(unescaped(name))) continue;
      const FeatureDescription& target = feature(unescaped(name), base::quoted(text));
      put(target, "", value_from_array(target, array, budget_));
    }
    return true;
  }
  if (has_suffix(text, ".json")) {
    const nlohmann::json json = read_json(text, budget_);
    const bool is_value = description_.inputs.size() == 1 &&
                          (!json.is_object() || !json.contains(description_.inputs.front().name));
    if (is_value) return false;
    if (!json.is_object())
      throw Error(ErrorCode::feature_type,
                  cat(base::quoted(text), " holds a JSON ", json.type_name(),
                      ", expected an object with a value for each input"));
    for (const auto& [name, value] : json.items()) {
      if (is_output_only(name)) continue;
      const FeatureDescription& target = feature(name, base::quoted(text));
      put(target, "", value_from_json(target, value));
    }
    return true;
  }
  if (has_suffix(text, ".csv")) {
    add_csv(text, description_.inputs.size() == 1 ? &description_.inputs.front() : nullptr);
    return true;
  }
  return false;
}

FeatureValue InputCollector::cell_value(const FeatureDescription& feature, const std::string& cell,
                                        const std::string& place) const {
  if (feature.type == FeatureType::string) return cell;
  try {
    return value_from_text(feature, cell, options_, budget_);
  } catch (Error& error) {
    throw error.within(place);
  }
}

// A column an input: the first row names them.
void InputCollector::add_csv_columns(const std::string& path, const std::vector<CsvRow>& rows) {
  for (std::size_t column = 0; column < rows.front().size(); ++column) {
    const FeatureDescription& target = feature(rows.front()[column], base::quoted(path));
    for (std::size_t row = 1; row < rows.size(); ++row) {
      const std::string place = cat(base::quoted(path), ", row ", row);
      FeatureValue value = cell_value(target, rows[row][column], place);
      try {
        target.check_value(value);
      } catch (Error& error) {
        throw error.within(place);
      }
      put(target, cat("row ", row), std::move(value));
    }
  }
}

void InputCollector::add_csv(const std::string& path, const FeatureDescription* only) {
  const auto file = base::open_file(path);
  const auto bytes = base::read_all(*file, budget_);
  auto rows = parse_csv({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
  if (rows.empty()) throw Error(ErrorCode::feature_type, cat(base::quoted(path), " has no rows"));
  const CsvRow& head = rows.front();
  const bool is_named = std::all_of(head.begin(), head.end(), [&](const std::string& cell) {
    return description_.input(cell) != nullptr;
  });
  if (only == nullptr || is_named) {
    add_csv_columns(path, rows);
    return;
  }
  const bool has_head = std::any_of(head.begin(), head.end(),
                                    [](const std::string& cell) { return !parse_number(cell); });
  for (std::size_t row = has_head ? 1 : 0; row < rows.size(); ++row) {
    const std::string place = cat(base::quoted(path), ", row ", row + (has_head ? 0 : 1));
    std::vector<double> numbers;
    for (const std::string& cell : rows[row]) {
      const auto number = parse_number(cell);
      if (!number)
        throw Error(ErrorCode::feature_type,
                    cat(place, ": found ", base::quoted(cell), ", expected a number"));
      numbers.push_back(*number);
    }
    const std::int64_t size = static_cast<std::int64_t>(numbers.size());
    auto array = MultiArray::copy_of(std::span<const double>(numbers), std::span(&size, 1));
    if (only->multi_array_constraint) {
      const auto& shape = only->multi_array_constraint->shape;
      std::int64_t count = 1;
      for (const std::int64_t one : shape)
        count = one > 0 && count <= size ? count * one : size + 1;
      if (count == size && shape.size() > 1) array = array.reshaped(shape);
    }
    FeatureValue value = numbers.size() == 1 ? FeatureValue(numbers[0]) : FeatureValue(array);
    try {
      only->check_value(value);
    } catch (Error& error) {
      throw error.within(place);
    }
    put(*only, cat("row ", row + (has_head ? 0 : 1)), std::move(value));
  }
}

void InputCollector::add(const std::string& argument) {
  const std::size_t equals = argument.find('=');
  const std::string name = argument.substr(0, equals);
  if (equals != std::string::npos && description_.input(name) != nullptr) {
    add_value(*description_.input(name), argument.substr(equals + 1));
    return;
  }
  if (equals != std::string::npos && looks_like_name(name) && !is_file(argument))
    (void)feature(name, "");  // throws: no such input
  if (!add_unnamed_file(argument)) add_value(only_input(argument), argument);
}

void InputCollector::fill_random(std::uint64_t seed) {
  for (const FeatureDescription& one : description_.inputs) {
    const bool is_given = std::any_of(given_.begin(), given_.end(),
                                      [&](const Given& given) { return given.feature == &one; });
    if (!is_given && !one.is_optional) put(one, "", random_value(one, seed));
  }
}

std::vector<Case> InputCollector::cases() const {
  const Given* most = nullptr;
  for (const Given& given : given_) {
    if (most == nullptr || given.values.size() > most->values.size()) most = &given;
  }
  std::vector<Case> out(most == nullptr ? 1 : most->values.size());
  for (const Given& given : given_) {
    const std::size_t count = given.values.size();
    if (count != 1 && count != out.size())
      throw Error(
          ErrorCode::feature_type,
          cat("input ", base::quoted(given.feature->name), " is given ", count, " values, input ",
              base::quoted(most->feature->name), " ", out.size(), ", expected as many or one"));
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i].inputs.set(given.feature->name, given.values[count == 1 ? 0 : i].value);
  }
  for (std::size_t i = 0; most != nullptr && i < out.size(); ++i)
    out[i].label = most->values[i].label;
  return out;
}

}  // namespace pome::cli
