// Between Python values, as coremltools hands them over, and feature values.
#pragma once

#include <nanobind/nanobind.h>

#include <optional>
#include <string>

#include "pome/feature.h"

namespace pome::python {

/// The feature value that a Python value becomes; nothing for lists and tuples, which Core ML
/// takes for a missing value. Arrays are looked at where they lie (any strides), pictures are
/// copied. Throws std::runtime_error for everything that is no feature value. Needs the GIL; the
/// value may be destroyed without it.
std::optional<FeatureValue> to_feature(nanobind::handle value);

/// The Python value of an output. Arrays own their memory, which is not copied unless fp16 has to
/// be widened to fp32. Needs the GIL.
nanobind::object to_python(const FeatureValue& value);

/// An array of the same elements; fp16 becomes fp32. Needs the GIL.
nanobind::object to_python(MultiArray array);

}  // namespace pome::python
