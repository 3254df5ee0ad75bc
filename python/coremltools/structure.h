// Model structures and compute plans as the objects that coremltools has for them.
#pragma once

#include <nanobind/nanobind.h>

#include "pome/structure.h"

namespace pome::python {

/// What `__proxy__` of an operation holds: the name by which a plan knows it.
struct OperationHandle {
  std::string operator_name;
  std::string output_name;
};
/// The same of a layer.
struct LayerHandle {
  std::string name;
};

/// `coremltools.models.compute_plan.MLModelStructure`. Needs the GIL.
nanobind::object to_python(const ModelStructure& structure);

}  // namespace pome::python
