// The custom layers of the fast style-transfer networks that were converted from Keras: a library
// for each class, both from this file. `pome predict --custom-layers FOLDER` finds them by name.
//
// ResCropBlockLambda cuts two pixels off each edge, where residual blocks have lost them.
// RescaleOutputLambda brings what a tanh gives (-1 to 1) to the values of pixels.
#include <pome/c/custom_layer.h>
#include <stdio.h>
#include <string.h>

namespace {

constexpr int64_t margin = 2;

// The layers have no parameters: any address stands for one.
void* create(const pome_custom_description* /*description*/, pome_custom_message* /*message*/) {
  static char layer;
  return &layer;
}

void destroy(void* /*layer*/) {}

int32_t fail(pome_custom_message* message, const char* sentence) {
  snprintf(message->text, sizeof message->text, "%s", sentence);
  return 1;
}

int32_t cropped_shape(void* /*layer*/, const pome_custom_shape* inputs, size_t input_count,
                      pome_custom_shape* outputs, size_t /*output_count*/,
                      pome_custom_message* message) {
  if (input_count != 1 || inputs->rank < 2) return fail(message, "it crops one picture");
  *outputs = *inputs;
  for (int32_t i = inputs->rank - 2; i < inputs->rank; ++i) {
    outputs->dims[i] -= 2 * margin;
    if (outputs->dims[i] < 1) return fail(message, "the picture is too small to be cropped");
  }
  return 0;
}

int32_t crop(void* /*layer*/, const pome_custom_tensor* inputs, size_t /*input_count*/,
             const pome_custom_tensor* outputs, size_t /*output_count*/,
             pome_custom_message* /*message*/) {
  const int32_t rank = inputs->shape.rank;
  const int64_t height = outputs->shape.dims[rank - 2];
  const int64_t width = outputs->shape.dims[rank - 1];
  int64_t planes = 1;
  for (int32_t i = 0; i < rank - 2; ++i) planes *= inputs->shape.dims[i];
  for (int64_t row = 0; row < planes * height; ++row) {
    const int64_t from = row / height * (height + 2 * margin) + row % height + margin;
    memcpy(outputs->data + row * width, inputs->data + from * (width + 2 * margin) + margin,
           static_cast<size_t>(width) * sizeof(float));
  }
  return 0;
}

int32_t same_shape(void* /*layer*/, const pome_custom_shape* inputs, size_t input_count,
                   pome_custom_shape* outputs, size_t /*output_count*/,
                   pome_custom_message* message) {
  if (input_count != 1) return fail(message, "it rescales one picture");
  *outputs = *inputs;
  return 0;
}

int32_t rescale(void* /*layer*/, const pome_custom_tensor* inputs, size_t /*input_count*/,
                const pome_custom_tensor* outputs, size_t /*output_count*/,
                pome_custom_message* /*message*/) {
  int64_t count = 1;
  for (int32_t i = 0; i < inputs->shape.rank; ++i) count *= inputs->shape.dims[i];
  for (int64_t i = 0; i < count; ++i) outputs->data[i] = (inputs->data[i] + 1) * 127.5F;
  return 0;
}

constexpr pome_custom_layer crop_layer{1, create, destroy, cropped_shape, crop};
constexpr pome_custom_layer rescale_layer{1, create, destroy, same_shape, rescale};

}  // namespace

extern "C" __attribute__((visibility("default"))) const pome_custom_layer* pome_custom_layer_v1(
    const char* class_name) {
  if (strcmp(class_name, "ResCropBlockLambda") == 0) return &crop_layer;
  if (strcmp(class_name, "RescaleOutputLambda") == 0) return &rescale_layer;
  return nullptr;
}
