#include "format/metadata_json.h"

#include <charconv>
#include <string_view>

#include "base/text.h"
#include "format/json.h"
#include "pome/error.h"

namespace pome::format {
namespace {

using nlohmann::json;

constexpr std::string_view type_prefix = "MLModelType_";

const json* member(const json& object, std::string_view key) {
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

// Flags and numbers are written as texts in some places and as numbers in others.
std::int64_t integer(const json& object, std::string_view key) {
  const json* value = member(object, key);
  if (value == nullptr) return 0;
  if (value->is_number_integer()) return value->get<std::int64_t>();
  if (value->is_boolean()) return value->get<bool>() ? 1 : 0;
  std::int64_t out = 0;
  const std::string text = text_member(object, key);
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

std::vector<FeatureMetadata> features(const json& object, std::string_view key) {
  std::vector<FeatureMetadata> out;
  const json* list = member(object, key);
  if (list == nullptr || !list->is_array()) return out;
  for (const json& entry : *list) {
    if (!entry.is_object()) continue;
    FeatureMetadata feature;
    feature.name = text_member(entry, "name");
    feature.type = text_member(entry, "type");
    feature.formatted_type = text_member(entry, "formattedType");
    feature.data_type = text_member(entry, "dataType");
    feature.shape = text_member(entry, "shape");
    feature.description = text_member(entry, "shortDescription");
    feature.is_optional = integer(entry, "isOptional") != 0;
    feature.has_shape_flexibility = integer(entry, "hasShapeFlexibility") != 0;
    out.push_back(std::move(feature));
  }
  return out;
}

TextPairs texts(const json& object, std::string_view key) {
  TextPairs out;
  const json* map = member(object, key);
  if (map == nullptr || !map->is_object()) return out;
  for (const auto& [name, value] : map->items()) {
    if (value.is_string()) out.emplace_back(name, value.get<std::string>());
  }
  return out;
}

json to_json(const std::vector<FeatureMetadata>& list) {
  json out = json::array();
  const auto flag = [](bool value) { return value ? "1" : "0"; };
  for (const FeatureMetadata& feature : list) {
    json entry = {{"name", feature.name},
                  {"type", feature.type},
                  {"formattedType", feature.formatted_type},
                  {"shortDescription", feature.description},
                  {"isOptional", flag(feature.is_optional)}};
    if (!feature.data_type.empty()) entry["dataType"] = feature.data_type;
    if (!feature.shape.empty()) {
      entry["shape"] = feature.shape;
      entry["hasShapeFlexibility"] = flag(feature.has_shape_flexibility);
    }
    out.push_back(std::move(entry));
  }
  return out;
}

json to_json(const TextPairs& pairs) {
  json out = json::object();
  for (const auto& [key, value] : pairs) out[key] = value;
  return out;
}

}  // namespace

CompiledMetadata read_metadata_json(const base::ByteSource& source, base::Budget& budget) {
  const json file = parse_json(source, budget);
  const bool listed = file.is_array() && !file.empty();
  const json& root = listed ? file.front() : file;
  if (!root.is_object()) {
    throw Error(ErrorCode::io, base::cat(base::quoted(source.name()), " holds no JSON object"));
  }
  CompiledMetadata out;
  out.class_name = text_member(root, "generatedClassName");
  if (const json* type = member(root, "modelType")) {
    out.model_type = text_member(*type, "name");
    if (out.model_type.rfind(type_prefix, 0) == 0) out.model_type.erase(0, type_prefix.size());
  }
  out.storage_precision = text_member(root, "storagePrecision");
  out.compute_precision = text_member(root, "computePrecision");
  out.short_description = text_member(root, "shortDescription");
  out.author = text_member(root, "author");
  out.version = text_member(root, "version");
  out.license = text_member(root, "license");
  out.specification_version = integer(root, "specificationVersion");
  out.is_updatable = integer(root, "isUpdatable") != 0;
  out.inputs = features(root, "inputSchema");
  out.outputs = features(root, "outputSchema");
  out.states = features(root, "stateSchema");
  if (const json* counts = member(root, "mlProgramOperationTypeHistogram");
      counts != nullptr && counts->is_object()) {
    for (const auto& [name, value] : counts->items()) {
      if (value.is_number_integer()) out.operations.emplace_back(name, value.get<std::int64_t>());
    }
  }
  out.availability = texts(root, "availability");
  out.user_defined = texts(root, "userDefinedMetadata");
  return out;
}

std::string write_metadata_json(const CompiledMetadata& metadata) {
  json root = {{"metadataOutputVersion", "3.0"},
               {"generatedClassName", metadata.class_name},
               {"modelType", {{"name", base::cat(type_prefix, metadata.model_type)}}},
               {"specificationVersion", metadata.specification_version},
               {"isUpdatable", metadata.is_updatable ? "1" : "0"},
               {"storagePrecision", metadata.storage_precision},
               {"computePrecision", metadata.compute_precision},
               {"inputSchema", to_json(metadata.inputs)},
               {"outputSchema", to_json(metadata.outputs)},
               {"stateSchema", to_json(metadata.states)},
               {"availability", to_json(metadata.availability)},
               {"userDefinedMetadata", to_json(metadata.user_defined)},
               {"modelParameters", json::array()},
               {"method", "predict"}};
  json counts = json::object();
  for (const auto& [name, count] : metadata.operations) counts[name] = count;
  root["mlProgramOperationTypeHistogram"] = std::move(counts);
  const auto set = [&](const char* key, const std::string& value) {
    if (!value.empty()) root[key] = value;
  };
  set("shortDescription", metadata.short_description);
  set("author", metadata.author);
  set("version", metadata.version);
  set("license", metadata.license);
  const json file = json::array({std::move(root)});
  // Texts come from models, and a model may hold bytes that are no UTF-8.
  return file.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace pome::format
