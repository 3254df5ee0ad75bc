// Custom layers: those that the program registered, and those in shared libraries.
#include "pome/custom_layer.h"

#include <dlfcn.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "pome/c/custom_layer.h"
#include "pome/error.h"

namespace pome {

using base::cat;

namespace {

constexpr const char* entry_name = "pome_custom_layer_v1";
constexpr std::int32_t known_abi = 1;

[[noreturn]] void fail(std::string sentence) {
  throw Error(ErrorCode::custom_layer, std::move(sentence));
}

pome_custom_shape to_c(std::span<const std::int64_t> shape) {
  if (shape.size() > POME_CUSTOM_LAYER_MAX_RANK)
    fail(cat("a shape of ", shape.size(), " dimensions cannot be given to a library"));
  pome_custom_shape out{};
  out.rank = static_cast<std::int32_t>(shape.size());
  std::copy(shape.begin(), shape.end(), out.dims);
  return out;
}

CustomLayerShape from_c(const pome_custom_shape& shape) {
  if (shape.rank < 0 || shape.rank > POME_CUSTOM_LAYER_MAX_RANK)
    fail(cat("the library gave a shape of ", shape.rank, " dimensions"));
  return {shape.dims, shape.dims + shape.rank};
}

std::string text(const pome_custom_message& message) {
  const char* end = std::find(std::begin(message.text), std::end(message.text), '\0');
  std::string out(std::begin(message.text), end);
  return out.empty() ? "it failed without a message" : out;
}

// What a description is in C: views into it.
class CDescription {
 public:
  explicit CDescription(const CustomLayerDescription& from) {
    for (const auto& [name, value] : from.parameters) {
      pome_custom_parameter& out = parameters_.emplace_back();
      out.name = name.c_str();
      out.kind = static_cast<std::int32_t>(value.index());
      if (const auto* number = std::get_if<double>(&value)) out.number = *number;
      if (const auto* words = std::get_if<std::string>(&value)) out.text = words->c_str();
      if (const auto* integer = std::get_if<std::int64_t>(&value)) out.integer = *integer;
      if (const auto* flag = std::get_if<bool>(&value)) out.integer = *flag ? 1 : 0;
    }
    for (const CustomLayerWeights& one : from.weights) {
      weights_.push_back(
          {one.values.data(), one.values.size(), one.bytes.data(), one.bytes.size()});
    }
    view_ = {from.class_name.c_str(), from.layer_name.c_str(), from.description.c_str(),
             parameters_.data(),      parameters_.size(),      weights_.data(),
             weights_.size()};
  }
  const pome_custom_description* view() const noexcept { return &view_; }

 private:
  std::vector<pome_custom_parameter> parameters_;
  std::vector<pome_custom_weights> weights_;
  pome_custom_description view_{};
};

class LibraryLayer final : public CustomLayer {
 public:
  LibraryLayer(const pome_custom_layer& functions, const CustomLayerDescription& description)
      : functions_(functions) {
    pome_custom_message message{};
    layer_ = functions.create(CDescription(description).view(), &message);
    if (layer_ == nullptr) fail(text(message));
  }
  LibraryLayer(const LibraryLayer&) = delete;
  LibraryLayer& operator=(const LibraryLayer&) = delete;
  ~LibraryLayer() override { functions_.destroy(layer_); }

  std::vector<CustomLayerShape> output_shapes(
      std::span<const CustomLayerShape> inputs) const override {
    std::vector<pome_custom_shape> in;
    for (const CustomLayerShape& shape : inputs) in.push_back(to_c(shape));
    // How many results there are is known to who asks; the library fills what it has.
    std::vector<pome_custom_shape> out(most_results, pome_custom_shape{-1, {}});
    pome_custom_message message{};
    if (functions_.output_shapes(layer_, in.data(), in.size(), out.data(), out.size(), &message) !=
        0)
      fail(text(message));
    std::vector<CustomLayerShape> shapes;
    for (const pome_custom_shape& shape : out) {
      if (shape.rank == -1) break;
      shapes.push_back(from_c(shape));
    }
    return shapes;
  }

  void evaluate(std::span<const CustomLayerInput> inputs,
                std::span<const CustomLayerOutput> outputs) const override {
    std::vector<pome_custom_tensor> in;
    for (const CustomLayerInput& one : inputs)
      in.push_back({const_cast<float*>(one.data), to_c(one.shape)});  // NOLINT: C has one struct
    std::vector<pome_custom_tensor> out;
    for (const CustomLayerOutput& one : outputs) out.push_back({one.data, to_c(one.shape)});
    pome_custom_message message{};
    if (functions_.evaluate(layer_, in.data(), in.size(), out.data(), out.size(), &message) != 0)
      fail(text(message));
  }

 private:
  static constexpr std::size_t most_results = 64;
  const pome_custom_layer& functions_;
  void* layer_ = nullptr;
};

// A class name that may be part of a file name; it comes from a stranger's model.
bool is_plain(std::string_view name) {
  return !name.empty() && name.size() <= 128 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

const pome_custom_layer* load_library(const std::filesystem::path& file,
                                      const std::string& class_name) {
  // The handle is kept for good: layers of the library may live as long as the process.
  void* handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = dlerror();  // NOLINT(concurrency-mt-unsafe): glibc's is of the thread
    fail(cat(base::quoted(file.native()), " cannot be loaded: ", reason != nullptr ? reason : "?"));
  }
  const auto entry = reinterpret_cast<pome_custom_layer_entry>(dlsym(handle, entry_name));
  if (entry == nullptr)
    fail(cat(base::quoted(file.native()), " does not export '", entry_name, "'"));
  const pome_custom_layer* functions = entry(class_name.c_str());
  if (functions == nullptr)
    fail(cat(base::quoted(file.native()), " has no layers of class ", base::quoted(class_name)));
  if (functions->abi_version != known_abi)
    fail(cat(base::quoted(file.native()), " is of interface version ", functions->abi_version,
             ", expected ", known_abi));
  return functions;
}

}  // namespace

void CustomLayers::add(std::string class_name, CustomLayerMaker maker) {
  makers_.insert_or_assign(std::move(class_name), std::move(maker));
}

void CustomLayers::add_folder(std::filesystem::path folder) {
  folders_.push_back(std::move(folder));
}

std::shared_ptr<const CustomLayer> CustomLayers::make(
    const CustomLayerDescription& description) const {
  const std::string& name = description.class_name;
  const std::string place = cat("custom layer of class ", base::quoted(name));
  try {
    if (const auto found = makers_.find(name); found != makers_.end()) {
      std::shared_ptr<const CustomLayer> layer = found->second(description);
      if (layer == nullptr) fail("its maker made nothing");
      return layer;
    }
    for (const auto& folder : folders_) {
      if (!is_plain(name)) break;
      const std::filesystem::path file = folder / cat("lib", name, ".so");
      std::error_code ignored;
      if (!std::filesystem::exists(file, ignored)) continue;
      return std::make_shared<LibraryLayer>(*load_library(file, name), description);
    }
  } catch (Error& error) {
    throw error.within(place);
  } catch (const std::exception& error) {
    fail(cat(place, ": ", error.what()));
  }
  const std::string what =
      description.description.empty()
          ? std::string("the model does not describe it")
          : cat("the model describes it as ", base::quoted(description.description));
  fail(cat("no code is registered for the ", place, "; ", what));
}

}  // namespace pome
