// Everything that a program needs to open a Core ML model and predict with it.
#pragma once

#include "pome/cache.h"
#include "pome/custom_layer.h"
#include "pome/data_type.h"
#include "pome/description.h"
#include "pome/error.h"
#include "pome/feature.h"
#include "pome/model.h"
#include "pome/multi_array.h"
#include "pome/pixel_buffer.h"
