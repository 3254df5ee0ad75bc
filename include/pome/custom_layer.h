// Layers of neural networks that the model file only names, and the program brings along:
// MLCustomLayer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "pome/export.h"

namespace pome {

/// A parameter that the model file gives to a layer.
using CustomLayerParameter = std::variant<double, std::string, std::int64_t, bool>;

/// Weights that the model file gives to a layer: numbers (float32, or float16 widened), or bytes
/// whose meaning the layer knows.
struct CustomLayerWeights {
  std::vector<float> values;
  std::vector<std::byte> bytes;
};

/// What a model file says of a custom layer.
struct CustomLayerDescription {
  std::string class_name;
  std::string layer_name;
  std::string description;
  std::map<std::string, CustomLayerParameter> parameters;
  std::vector<CustomLayerWeights> weights;
};

using CustomLayerShape = std::vector<std::int64_t>;

/// An argument: dense, row-major.
struct CustomLayerInput {
  const float* data = nullptr;
  std::span<const std::int64_t> shape;
};

/// A result: dense, row-major, to be filled whole.
struct CustomLayerOutput {
  float* data = nullptr;
  std::span<const std::int64_t> shape;
};

/// The code of a layer, made once for each layer of a model. Shapes are those of the model's blobs:
/// [sequence, batch, channel, height, width] in networks of the first three specification versions.
/// Predictions call it from any thread and several at once, which is why both functions are const.
/// Whatever they throw ends the prediction (or the loading) with Error{custom_layer}.
class CustomLayer {
 public:
  virtual ~CustomLayer() = default;
  /// The shapes of the results for these of the arguments. Called when a model meets input shapes
  /// for the first time. Must depend on nothing else.
  virtual std::vector<CustomLayerShape> output_shapes(
      std::span<const CustomLayerShape> inputs) const = 0;
  virtual void evaluate(std::span<const CustomLayerInput> inputs,
                        std::span<const CustomLayerOutput> outputs) const = 0;
};

/// Makes a layer from what the file says; throws when that is not enough.
using CustomLayerMaker = std::function<std::unique_ptr<CustomLayer>(const CustomLayerDescription&)>;

/// The custom layers that models may use. A value: it belongs to a Configuration, and there is no
/// list for the whole process.
class POME_API CustomLayers {
 public:
  /// Code of this program for the layers of a class; replaces an earlier one.
  void add(std::string class_name, CustomLayerMaker maker);
  /// A folder with libraries of layers: the class "Swish" is looked for in "libSwish.so" there
  /// (pome/c/custom_layer.h). Folders are asked in the order in which they were added, after what
  /// the program registered. Nothing is loaded before a model names a class, and only by that name.
  void add_folder(std::filesystem::path folder);

  /// The layer that the file describes. Throws Error{custom_layer} with the class name and the
  /// description when no code is there for it, or its maker fails.
  std::shared_ptr<const CustomLayer> make(const CustomLayerDescription& description) const;

 private:
  std::map<std::string, CustomLayerMaker, std::less<>> makers_;
  std::vector<std::filesystem::path> folders_;
};

}  // namespace pome
