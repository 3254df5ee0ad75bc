#include "frontend/espresso/layer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "base/checked.h"
#include "base/text.h"
#include "pome/error.h"

namespace pome::frontend::espresso {

using base::cat;

namespace {

// Attributes that say how a layer is best computed, or nothing at all.
constexpr std::array<std::string_view, 7> without_effect{
    "attributes",  "debug_info",        "n_parallel",      "version",
    "use_version", "quantization_mode", "validate_indices"};
constexpr std::string_view hint = "hint_";

// Beyond this no integer of a double is safe.
constexpr double largest_integer = 9007199254740992.0;
constexpr std::uint64_t largest_weight = std::uint64_t{1} << 40;

bool has_effect(std::string_view key) {
  if (key.starts_with(hint)) return false;
  return std::find(without_effect.begin(), without_effect.end(), key) == without_effect.end();
}

}  // namespace

std::string Layer::place() const {
  // Types that are known are plain words; what else the file says is a stranger's.
  const bool is_word = std::all_of(layer_.type.begin(), layer_.type.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
  return cat("layer ", base::quoted(layer_.name), " (",
             is_word ? layer_.type.substr(0, 64) : base::quoted(layer_.type), ")");
}

void Layer::contradicts(const std::string& what) const {
  throw Error(ErrorCode::io, cat(place(), ": ", what));
}

void Layer::unknown(const std::string& what) const {
  throw Error(ErrorCode::unsupported, cat(place(), ": ", what));
}

bool Layer::has(std::string_view key) const {
  return layer_.attributes.find(key) != layer_.attributes.end();
}

const double* Layer::find(std::string_view key) {
  used_.emplace(key);
  const auto found = layer_.attributes.find(key);
  if (found == layer_.attributes.end()) return nullptr;
  const double* number = std::get_if<double>(&found->second);
  if (number == nullptr) contradicts(cat(base::quoted(key), " is no number"));
  return number;
}

double Layer::number(std::string_view key, double otherwise) {
  const double* found = find(key);
  return found != nullptr ? *found : otherwise;
}

double Layer::number(std::string_view key) {
  const double* found = find(key);
  if (found == nullptr) contradicts(cat(base::quoted(key), " is missing"));
  return *found;
}

float Layer::real(std::string_view key, double otherwise) {
  return static_cast<float>(number(key, otherwise));
}

std::int64_t Layer::integer(std::string_view key) {
  const double value = number(key);
  if (std::nearbyint(value) != value || std::abs(value) > largest_integer)
    contradicts(cat(base::quoted(key), " is ", value, ", expected an integer"));
  return static_cast<std::int64_t>(value);
}

std::int64_t Layer::integer(std::string_view key, std::int64_t otherwise) {
  return has(key) ? integer(key) : (ignore(key), otherwise);
}

std::int64_t Layer::integer(std::string_view key, std::int64_t otherwise, std::int64_t least,
                            std::int64_t most) {
  const std::int64_t value = integer(key, otherwise);
  if (value < least || value > most)
    contradicts(cat(base::quoted(key), " is ", value, ", expected ", least, " to ", most));
  return value;
}

std::uint64_t Layer::count(std::string_view key) {
  const std::int64_t value = integer(key);
  if (value < 1) contradicts(cat(base::quoted(key), " is ", value, ", expected at least 1"));
  return static_cast<std::uint64_t>(value);
}

std::uint64_t Layer::count(std::string_view key, std::uint64_t otherwise) {
  return has(key) ? count(key) : (ignore(key), otherwise);
}

std::uint64_t Layer::size(std::string_view key) {
  const std::int64_t value = integer(key, 0);
  if (value < 0) contradicts(cat(base::quoted(key), " is ", value, ", expected at least 0"));
  return static_cast<std::uint64_t>(value);
}

std::optional<std::uint64_t> Layer::blob_id(std::string_view key) {
  const auto found = layer_.weights.find(key);
  if (found != layer_.weights.end()) {
    used_.emplace(key);
    return found->second;
  }
  if (!has(key)) return std::nullopt;
  return size(key);
}

std::span<const std::byte> Layer::blob(std::uint64_t id, std::string_view key) const {
  const auto bytes = network_.weights.blob(id);
  if (!bytes)
    contradicts(
        cat(base::quoted(key), " names the weight blob ", id, ", which is not in the file"));
  return *bytes;
}

void Layer::expect_size(std::span<const std::byte> bytes, std::uint64_t id, std::string_view key,
                        std::uint64_t elements, std::size_t element_size) const {
  const auto expected = base::checked_mul<std::uint64_t>(elements, element_size);
  if (!expected || bytes.size() != *expected)
    contradicts(cat(base::quoted(key), ": weight blob ", id, " has ", bytes.size(),
                    " bytes, expected ", element_size, " for each of ", elements, " values"));
}

std::span<const std::byte> Layer::blob(std::uint64_t id, std::string_view key,
                                       std::uint64_t elements, std::size_t element_size) const {
  const auto bytes = blob(id, key);
  expect_size(bytes, id, key, elements, element_size);
  return bytes;
}

void Layer::weights(proto::WeightParams& out, std::uint64_t id, std::string_view key,
                    std::uint64_t elements, Stored stored) const {
  weights(out, blob(id, key), id, key, elements, stored);
}

void Layer::weights(proto::WeightParams& out, std::span<const std::byte> bytes, std::uint64_t id,
                    std::string_view key, std::uint64_t elements, Stored stored) const {
  expect_size(bytes, id, key, elements, stored == Stored::float32 ? 4 : 2);
  if (stored == Stored::float32) {
    out.floatValue.append(bytes);
  } else {
    out.float16Value = bytes;
  }
}

std::uint64_t Layer::product(std::initializer_list<std::uint64_t> sizes) const {
  std::uint64_t out = 1;
  for (const std::uint64_t size : sizes) {
    const auto next = base::checked_mul(out, size);
    if (!next || *next > largest_weight) contradicts("its weights are larger than any file");
    out = *next;
  }
  return out;
}

std::optional<std::vector<std::int64_t>> Layer::dims(const std::string& blob) const {
  const auto found = network_.shapes.find(blob);
  if (found == network_.shapes.end()) return std::nullopt;
  const format::EspressoShape& shape = found->second;
  std::vector<std::int64_t> out{shape.seq, shape.n, shape.k, shape.h, shape.w};
  if (network_.exact_shapes && shape.rank >= 0) out.erase(out.begin(), out.end() - shape.rank);
  return out;
}

std::vector<std::int64_t> Layer::needed_dims(const std::string& blob) const {
  auto out = dims(blob);
  if (!out) contradicts(cat("the shape file says nothing of the blob ", base::quoted(blob)));
  return std::move(*out);
}

void Layer::expect_bottoms(std::size_t least, std::size_t most) const {
  if (bottoms().size() < least || bottoms().size() > most)
    contradicts(cat("it reads ", bottoms().size(), " blobs, expected ",
                    least == most ? cat(least) : cat(least, " to ", most)));
}

void Layer::expect_tops(std::size_t least, std::size_t most) const {
  if (tops().size() < least || tops().size() > most)
    contradicts(cat("it makes ", tops().size(), " blobs, expected ",
                    least == most ? cat(least) : cat(least, " to ", most)));
}

proto::NeuralNetworkLayer& Layer::add(std::vector<std::string_view> inputs,
                                      std::vector<std::string_view> outputs) {
  ++messages_;
  proto::NeuralNetworkLayer& out = network_.messages.layers.emplace_back();
  out.name = keep(messages_ == 1 ? name() : cat(name(), '#', messages_));
  out.input = std::move(inputs);
  out.output = std::move(outputs);
  return out;
}

proto::NeuralNetworkLayer& Layer::add_whole() {
  return add({bottoms().begin(), bottoms().end()}, {tops().begin(), tops().end()});
}

std::string_view Layer::new_blob() {
  std::string out = cat(tops().empty() ? name() : tops().front(), '#');
  int number = 1;
  while (!network_.blobs.insert(cat(out, number)).second) ++number;
  return keep(cat(out, number));
}

void Layer::check_all_read() const {
  for (const auto& [key, value] : layer_.attributes) {
    if (used_.contains(key) || !has_effect(key)) continue;
    const double* number = std::get_if<double>(&value);
    const std::string* text = std::get_if<std::string>(&value);
    if ((number != nullptr && *number == 0) || (text != nullptr && text->empty())) continue;
    unknown(cat("the attribute ", base::quoted(key),
                number != nullptr ? cat(" = ", *number) : std::string(),
                " is not known to this version"));
  }
  for (const auto& [role, id] : layer_.weights) {
    if (!used_.contains(role))
      unknown(cat("weights ", base::quoted(role), " are not known to this version"));
  }
}

Chain::Chain(Layer& layer, int steps) : layer_(layer), left_(steps) {
  layer.expect_tops(1, 1);
}

proto::NeuralNetworkLayer& Chain::next(const std::vector<std::string_view>& more) {
  std::vector<std::string_view> inputs = more;
  if (last_.empty()) {
    inputs.insert(inputs.end(), layer_.bottoms().begin(), layer_.bottoms().end());
  } else {
    inputs.push_back(last_);
  }
  --left_;
  last_ = left_ == 0 ? std::string_view(layer_.tops().front()) : layer_.new_blob();
  return layer_.add(std::move(inputs), {last_});
}

FusedActivations::FusedActivations(Layer& layer, std::string_view relu, std::string_view tanh)
    : relu_(layer.flag(relu)), tanh_(layer.flag(tanh)) {
  if (relu_ && tanh_)
    layer.unknown(cat("it has both ", base::quoted(relu), " and ", base::quoted(tanh)));
}

void FusedActivations::add(Chain& chain) const {
  if (relu_) chain.next().make_activation().make_ReLU();
  if (tanh_) chain.next().make_activation().make_tanh();
}

}  // namespace pome::frontend::espresso
