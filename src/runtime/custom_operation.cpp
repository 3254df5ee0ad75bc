#include "runtime/custom_operation.h"

#include <cstring>
#include <type_traits>
#include <utility>

#include "base/checked.h"
#include "base/half.h"
#include "base/text.h"
#include "pome/error.h"

namespace pome::runtime {

using base::cat;

namespace {

class Operation final : public ops::CustomOperation {
 public:
  Operation(std::shared_ptr<const CustomLayer> layer, std::string place)
      : layer_(std::move(layer)), place_(std::move(place)) {}

  // What the layer throws, as an error that names it.
  template <typename Call>
  std::invoke_result_t<Call> guarded(Call&& call) const {
    try {
      return call();
    } catch (Error& error) {
      throw error.within(place_);
    } catch (const std::exception& error) {
      throw Error(ErrorCode::custom_layer, cat(place_, ": ", error.what()));
    }
  }

  std::vector<base::Dims> infer(std::span<const base::Dims> inputs,
                                std::size_t results) const override {
    std::vector<CustomLayerShape> in;
    for (const base::Dims& dims : inputs) in.emplace_back(dims.begin(), dims.end());
    const auto shapes = guarded([&] { return layer_->output_shapes(in); });
    if (shapes.size() != results)
      throw Error(ErrorCode::custom_layer,
                  cat(place_, ": its code gave ", shapes.size(), " shapes, expected ", results));
    std::vector<base::Dims> out;
    for (const CustomLayerShape& shape : shapes) {
      if (!base::element_count(shape))
        throw Error(ErrorCode::custom_layer,
                    cat(place_, ": its code gave the shape ", base::shape_text(shape)));
      base::Dims& dims = out.emplace_back();
      for (const std::int64_t size : shape) dims.push_back(size);
    }
    return out;
  }

  void evaluate(std::span<const base::TensorView> inputs,
                std::span<const base::MutableTensorView> outputs) const override {
    std::vector<CustomLayerInput> in;
    for (const base::TensorView& view : inputs)
      in.push_back({static_cast<const float*>(view.data), view.dims});
    std::vector<CustomLayerOutput> out;
    for (const base::MutableTensorView& view : outputs)
      out.push_back({static_cast<float*>(view.data), view.dims});
    guarded([&] { layer_->evaluate(in, out); });
  }

 private:
  std::shared_ptr<const CustomLayer> layer_;
  std::string place_;
};

CustomLayerWeights weights_of(const proto::WeightParams& message) {
  CustomLayerWeights out;
  for (std::size_t i = 0; i < message.floatValue.size(); ++i)
    out.values.push_back(message.floatValue[i]);
  for (std::size_t i = 0; i + 1 < message.float16Value.size(); i += 2) {
    std::uint16_t half = 0;
    std::memcpy(&half, message.float16Value.data() + i, sizeof half);
    out.values.push_back(base::f32_from_f16(half));
  }
  const proto::Bytes bytes = message.rawValue.empty() ? message.int8RawValue : message.rawValue;
  out.bytes.assign(bytes.begin(), bytes.end());
  return out;
}

CustomLayerParameter parameter(const proto::CustomLayerParams_CustomLayerParamValue& message) {
  if (const auto number = message.doubleValue()) return *number;
  if (const auto text = message.stringValue()) return std::string(*text);
  if (const auto integer = message.intValue()) return std::int64_t{*integer};
  if (const auto integer = message.longValue()) return *integer;
  return message.boolValue().value_or(false);
}

}  // namespace

std::shared_ptr<const ops::CustomOperation> custom_operation(
    const CustomLayers& layers, const proto::CustomLayerParams& message, std::string_view name) {
  CustomLayerDescription description;
  description.class_name = message.className;
  description.layer_name = name;
  description.description = message.description;
  for (const auto& [key, value] : message.parameters)
    description.parameters.insert_or_assign(std::string(key), parameter(value));
  for (const proto::WeightParams& one : message.weights)
    description.weights.push_back(weights_of(one));
  return std::make_shared<Operation>(layers.make(description),
                                     cat("layer ", base::quoted(name), " (custom layer of class ",
                                         base::quoted(description.class_name), ")"));
}

}  // namespace pome::runtime
