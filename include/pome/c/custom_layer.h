/* Libraries of custom layers: plain C, so that a library may be written in another language or
   built with another compiler than Pome.

   A library for the layers of class NAME is called libNAME.so and exports one function,

       const pome_custom_layer* pome_custom_layer_v1(const char* class_name);

   which gives the functions of that class, or null for a class that it does not know. */
#ifndef POME_C_CUSTOM_LAYER_H
#define POME_C_CUSTOM_LAYER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define POME_CUSTOM_LAYER_MAX_RANK 8

enum pome_custom_kind {
  POME_CUSTOM_DOUBLE = 0,
  POME_CUSTOM_STRING = 1,
  POME_CUSTOM_INTEGER = 2,
  POME_CUSTOM_BOOLEAN = 3
};

/* The field that `kind` names is set; a boolean is an integer 0 or 1. */
typedef struct pome_custom_parameter {
  const char* name;
  int32_t kind;
  double number;
  const char* text;
  int64_t integer;
} pome_custom_parameter;

/* Numbers, or bytes whose meaning the layer knows. */
typedef struct pome_custom_weights {
  const float* values;
  size_t value_count;
  const void* bytes;
  size_t byte_count;
} pome_custom_weights;

typedef struct pome_custom_description {
  const char* class_name;
  const char* layer_name;
  const char* description;
  const pome_custom_parameter* parameters;
  size_t parameter_count;
  const pome_custom_weights* weights;
  size_t weight_count;
} pome_custom_description;

typedef struct pome_custom_shape {
  int32_t rank;
  int64_t dims[POME_CUSTOM_LAYER_MAX_RANK];
} pome_custom_shape;

/* Dense, row-major. */
typedef struct pome_custom_tensor {
  float* data;
  pome_custom_shape shape;
} pome_custom_tensor;

/* Where a function that fails writes one sentence. */
typedef struct pome_custom_message {
  char text[512];
} pome_custom_message;

typedef struct pome_custom_layer {
  int32_t abi_version; /* 1 */
  /* A layer, or null with a message. What the description points to lives until the call returns.
   */
  void* (*create)(const pome_custom_description* description, pome_custom_message* message);
  void (*destroy)(void* layer);
  /* Both: 0, or another number with a message. Called from several threads at once. */
  int32_t (*output_shapes)(void* layer, const pome_custom_shape* inputs, size_t input_count,
                           pome_custom_shape* outputs, size_t output_count,
                           pome_custom_message* message);
  int32_t (*evaluate)(void* layer, const pome_custom_tensor* inputs, size_t input_count,
                      const pome_custom_tensor* outputs, size_t output_count,
                      pome_custom_message* message);
} pome_custom_layer;

typedef const pome_custom_layer* (*pome_custom_layer_entry)(const char* class_name);

#ifdef __cplusplus
}
#endif

#endif
