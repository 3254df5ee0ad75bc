#include "format/espresso.h"

#include <array>
#include <cmath>
#include <utility>

#include "base/checked.h"
#include "base/text.h"
#include "format/json.h"
#include "format/lfs_pointer.h"
#include "format/little_endian.h"
#include "pome/error.h"

namespace pome::format {

using base::cat;

using nlohmann::json;

namespace {

constexpr JsonLimits limits{std::int64_t{128} << 20, 16};
constexpr std::string_view compressed = "pbze";
constexpr std::int64_t known_version = 200;
constexpr std::uint64_t longest_dimension = std::uint64_t{1} << 40;

[[noreturn]] void fail(std::string sentence) {
  throw Error(ErrorCode::io, std::move(sentence));
}

json read_object(const base::ByteSource& source, base::Budget& budget) {
  refuse_lfs_pointer(source);
  std::array<char, compressed.size()> head{};
  if (source.size() >= static_cast<std::int64_t>(head.size())) {
    source.read(0, std::as_writable_bytes(std::span(head)));
    if (std::string_view(head.data(), head.size()) == compressed)
      throw Error(ErrorCode::unsupported,
                  cat(base::quoted(source.name()),
                      " is compressed as Apple's own system models are (pbze), expected JSON"));
  }
  json out = parse_json(source, budget, limits);
  if (!out.is_object()) fail(cat(base::quoted(source.name()), " holds no JSON object"));
  return out;
}

const json* member(const json& object, std::string_view key) {
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

// "a,b" as two names; an empty text is none.
std::vector<std::string> split_names(const std::string& text) {
  std::vector<std::string> out;
  if (text.empty()) return out;
  std::size_t start = 0;
  while (true) {
    const std::size_t comma = text.find(',', start);
    out.push_back(text.substr(start, comma - start));
    if (comma == std::string::npos) return out;
    start = comma + 1;
  }
}

std::vector<std::string> blob_names(const json& layer, std::string_view key,
                                    const std::string& place) {
  const json* value = member(layer, key);
  if (value == nullptr) fail(cat(place, " has no ", base::quoted(key)));
  if (!value->is_string())
    fail(cat(place, ": ", base::quoted(key), " is no text, expected names of blobs"));
  std::vector<std::string> out = split_names(value->get_ref<const std::string&>());
  for (const std::string& name : out) {
    if (name.empty()) fail(cat(place, ": ", base::quoted(key), " has an empty name"));
  }
  return out;
}

EspressoValue attribute(const json& value) {
  if (value.is_boolean()) return value.get<bool>() ? 1.0 : 0.0;
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) return value.get<std::string>();
  return std::monostate{};
}

std::map<std::string, std::uint64_t, std::less<>> weight_ids(const json& layer,
                                                             const std::string& place) {
  std::map<std::string, std::uint64_t, std::less<>> out;
  const json* weights = member(layer, "weights");
  if (weights == nullptr) return out;
  if (!weights->is_object()) fail(cat(place, ": 'weights' is no object"));
  for (const auto& [role, id] : weights->items()) {
    if (!id.is_number_unsigned())
      fail(cat(place, ": the weight ", base::quoted(role), " is no number of a blob"));
    out.emplace(role, id.get<std::uint64_t>());
  }
  return out;
}

EspressoLayer read_layer(const json& value, std::size_t number) {
  const std::string nameless = cat("layer ", number);
  if (!value.is_object()) fail(cat(nameless, " is no object"));
  EspressoLayer out;
  out.type = text_member(value, "type");
  out.name = text_member(value, "name");
  const std::string place = out.name.empty() ? nameless : cat("layer ", base::quoted(out.name));
  if (out.type.empty()) fail(cat(place, " has no 'type'"));
  out.bottoms = blob_names(value, "bottom", place);
  out.tops = blob_names(value, "top", place);
  if (out.name.empty()) out.name = out.tops.empty() ? nameless : out.tops.front();
  for (const auto& [key, one] : value.items()) {
    if (key == "type" || key == "name" || key == "bottom" || key == "top" || key == "weights")
      continue;
    out.attributes.emplace(key, attribute(one));
  }
  out.weights = weight_ids(value, place);
  return out;
}

double number_member(const json& object, std::string_view key, double otherwise,
                     const std::string& place) {
  const json* value = member(object, key);
  if (value == nullptr) return otherwise;
  if (!value->is_number()) fail(cat(place, ": ", base::quoted(key), " is no number"));
  return value->get<double>();
}

EspressoTransform read_transform(const json& value, const std::string& place) {
  if (!value.is_object()) fail(cat(place, " is no object"));
  EspressoTransform out;
  out.scale = number_member(value, "scale", 1, place);
  out.bias_r = number_member(value, "bias_r", 0, place);
  out.bias_g = number_member(value, "bias_g", 0, place);
  out.bias_b = number_member(value, "bias_b", 0, place);
  out.bias_a = number_member(value, "bias_a", 0, place);
  out.center_mean = number_member(value, "center_mean", 0, place) != 0;
  return out;
}

std::int64_t dimension(const json& shape, std::string_view key, const std::string& place) {
  const json* value = member(shape, key);
  if (value == nullptr) return 1;
  if (!value->is_number_unsigned() || value->get<std::uint64_t>() > longest_dimension)
    fail(cat(place, ": ", base::quoted(key), " is no size of a dimension"));
  return static_cast<std::int64_t>(value->get<std::uint64_t>());
}

EspressoShape read_shape(const json& value, const std::string& place) {
  if (!value.is_object()) fail(cat(place, " is no object"));
  EspressoShape out;
  if (const json* rank = member(value, "_rank")) {
    if (!rank->is_number_unsigned() || rank->get<std::uint64_t>() > 5)
      fail(cat(place, ": '_rank' is no number of dimensions, expected 0 to 5"));
    out.rank = static_cast<int>(rank->get<std::uint64_t>());
  }
  out.seq = dimension(value, "seq", place);
  out.n = dimension(value, "n", place);
  out.k = dimension(value, "k", place);
  out.h = dimension(value, "h", place);
  out.w = dimension(value, "w", place);
  return out;
}

}  // namespace

EspressoNetwork read_espresso_network(const base::ByteSource& source, base::Budget& budget) {
  const json net = read_object(source, budget);
  const std::string file = base::quoted(source.name());
  EspressoNetwork out;
  const json* version = member(net, "format_version");
  if (version == nullptr || !version->is_number_integer())
    fail(cat(file, " has no 'format_version', expected an espresso network"));
  out.format_version = version->get<std::int64_t>();
  if (out.format_version != known_version)
    throw Error(ErrorCode::unsupported, cat(file, " has the format version ", out.format_version,
                                            ", expected ", known_version));
  out.storage = text_member(net, "storage");
  const json* layers = member(net, "layers");
  if (layers == nullptr || !layers->is_array()) fail(cat(file, " has no list 'layers'"));
  out.layers.reserve(layers->size());
  for (const json& layer : *layers) {
    try {
      out.layers.push_back(read_layer(layer, out.layers.size()));
    } catch (Error& error) {
      throw error.within(file);
    }
  }
  const json* transforms = member(net, "transform_params");
  if (transforms == nullptr) return out;
  if (!transforms->is_object()) fail(cat(file, ": 'transform_params' is no object"));
  for (const auto& [input, value] : transforms->items()) {
    out.transforms.emplace(
        input, read_transform(value, cat(file, ": transform of ", base::quoted(input))));
  }
  return out;
}

EspressoShapes read_espresso_shapes(const base::ByteSource& source, base::Budget& budget) {
  const json file = read_object(source, budget);
  const json* shapes = member(file, "layer_shapes");
  if (shapes == nullptr || !shapes->is_object())
    fail(cat(base::quoted(source.name()), " has no object 'layer_shapes'"));
  EspressoShapes out;
  for (const auto& [blob, value] : shapes->items()) {
    out.emplace(blob, read_shape(value, cat(base::quoted(source.name()), ": shape of ",
                                            base::quoted(blob))));
  }
  return out;
}

EspressoWeights::EspressoWeights(const base::ByteSource& source, base::Budget& budget) {
  constexpr std::size_t head = sizeof(std::uint64_t);
  constexpr std::size_t entry = 2 * sizeof(std::uint64_t);
  const std::string file = base::quoted(source.name());
  refuse_lfs_pointer(source);
  bytes_ = std::make_shared<const std::vector<std::byte>>(base::read_all(source, budget));
  const std::span<const std::byte> bytes(*bytes_);
  if (bytes.size() < head)
    fail(cat(file, " has ", bytes.size(), " bytes, expected a table of weight blobs"));
  const auto count = load<std::uint64_t>(bytes);
  if (count > (bytes.size() - head) / entry)
    fail(cat(file, " announces ", count, " blobs, which its ", bytes.size(),
             " bytes have no room for"));
  // A node of the map takes about this much.
  budget.take(static_cast<std::int64_t>(count) * 96, "the table of weight blobs");
  std::size_t at = head + static_cast<std::size_t>(count) * entry;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto pair = bytes.subspan(head + static_cast<std::size_t>(i) * entry);
    const auto id = load<std::uint64_t>(pair);
    const auto size = load<std::uint64_t>(pair.subspan(sizeof(std::uint64_t)));
    if (size > bytes.size() - at)
      fail(cat(file, ": blob ", id, " has ", size, " bytes, only ", bytes.size() - at,
               " are left at offset ", at));
    if (!blobs_.emplace(id, bytes.subspan(at, static_cast<std::size_t>(size))).second)
      fail(cat(file, " has two blobs of the number ", id));
    at += static_cast<std::size_t>(size);
  }
}

std::optional<std::span<const std::byte>> EspressoWeights::blob(std::uint64_t id) const {
  const auto found = blobs_.find(id);
  if (found == blobs_.end()) return std::nullopt;
  return found->second;
}

}  // namespace pome::format
