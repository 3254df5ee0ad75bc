// The module that coremltools looks for as coremltools.libcoremlpython.
#include <nanobind/nanobind.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <stdexcept>

#include "pome/pome.h"
#include "structure.h"
#include "values.h"

namespace pome::python {

namespace nb = nanobind;
namespace fs = std::filesystem;

namespace {

constexpr int newest_specification = 10;  // iOS 26

// Core ML's errors reach Python as the dictionary that Foundation prints.
[[noreturn]] void raise_like_core_ml(const Error& error) {
  throw std::runtime_error(std::string("{\n    NSLocalizedDescription = \"") + error.what() +
                           "\";\n}");
}

ComputeUnits units_of(const std::string& name) {
  if (name == "ALL") return ComputeUnits::all;
  if (name == "CPU_ONLY") return ComputeUnits::cpu_only;
  if (name == "CPU_AND_GPU") return ComputeUnits::cpu_and_gpu;
  if (name == "CPU_AND_NE") return ComputeUnits::cpu_and_neural_engine;
  throw std::runtime_error("Unknown compute units '" + name +
                           "', expected ALL, CPU_ONLY, CPU_AND_GPU or CPU_AND_NE");
}

// The path without a trailing separator.
fs::path plain(const std::string& path) {
  const fs::path out(path);
  return out.has_filename() ? out : out.parent_path();
}

// A new folder of our own under the one for temporary files.
fs::path temporary_folder() {
  std::string name = (fs::temp_directory_path() / "pome.XXXXXX").native();
  if (mkdtemp(name.data()) == nullptr)
    throw std::runtime_error("no temporary folder can be made in " +
                             fs::temp_directory_path().native());
  return name;
}

fs::path write_compiled(const Asset& asset) {
  const fs::path folder = temporary_folder();
  const fs::path stem = asset.path().empty() ? fs::path("model") : asset.path().stem();
  const fs::path out = folder / (stem.native() + ".mlmodelc");
  try {
    asset.write_compiled(out);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
    throw;
  }
  return out;
}

std::string compile_error(const Error& error) {
  return std::string("Error compiling model: \"") + error.what() + "\".";
}

struct StateHandle {
  State state;
  Model model;
};

// The bytes of a model in memory belong to Python objects that the asset keeps.
struct AssetHandle {
  Asset asset;
};

class ModelProxy {
 public:
  ModelProxy(const std::string& path, const std::string& units, const std::string& function,
             const nb::object& asset)
      : asset_(open(path, asset)), is_compiled_(plain(path).extension() == ".mlmodelc") {
    in_memory_ = !asset.is_none();
    const auto start = std::chrono::steady_clock::now();
    Configuration configuration;
    configuration.compute_units = units_of(units);
    configuration.function_name = function;
    try {
      const nb::gil_scoped_release free;
      model_.emplace(Model::open(asset_, configuration));
    } catch (const Error& error) {
      throw std::runtime_error(is_compiled_ || in_memory_ ? error.what() : compile_error(error));
    }
    load_duration_ = since(start);
  }
  ModelProxy(const ModelProxy&) = delete;
  ModelProxy& operator=(const ModelProxy&) = delete;
  ~ModelProxy() {
    std::error_code ignored;
    if (!compiled_.empty()) fs::remove_all(compiled_.parent_path(), ignored);
  }

  nb::object predict(const nb::dict& inputs, const nb::object& state) {
    const FeatureProvider features = collect(inputs);
    const auto start = std::chrono::steady_clock::now();
    const FeatureProvider outputs =
        state.is_none() ? run(features, nullptr) : run(features, &nb::cast<StateHandle&>(state));
    predict_duration_ = since(start);
    return give(outputs);
  }

  nb::list batch_predict(const nb::list& batch) {
    std::vector<FeatureProvider> features;
    for (const nb::handle inputs : batch) features.push_back(collect(nb::cast<nb::dict>(inputs)));
    const auto start = std::chrono::steady_clock::now();
    std::vector<FeatureProvider> outputs;
    for (const FeatureProvider& inputs : features) outputs.push_back(run(inputs, nullptr));
    predict_duration_ = since(start);
    nb::list out;
    for (const FeatureProvider& one : outputs) out.append(give(one));
    return out;
  }

  StateHandle new_state() const { return {model_->make_state(), *model_}; }

  std::string compiled_path() {
    if (in_memory_) throw std::runtime_error("A model in memory has no compiled model path.");
    if (is_compiled_) return asset_.path().native();
    const std::scoped_lock lock(mutex_);
    if (compiled_.empty()) {
      try {
        compiled_ = write_compiled(asset_);
      } catch (const Error& error) {
        throw std::runtime_error(compile_error(error));
      }
    }
    return compiled_.native();
  }

  std::optional<std::int64_t> load_duration() const { return load_duration_; }
  std::optional<std::int64_t> predict_duration() const { return predict_duration_; }

 private:
  static std::int64_t since(std::chrono::steady_clock::time_point start) {
    return std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count();
  }

  static Asset open(const std::string& path, const nb::object& asset) {
    if (!asset.is_none()) return nb::cast<AssetHandle&>(asset).asset;
    const fs::path source = plain(path);
    try {
      return Asset::from_path(source);
    } catch (const Error& error) {
      throw std::runtime_error(source.extension() == ".mlmodelc" ? error.what()
                                                                 : compile_error(error));
    }
  }

  // Values that the model has no input for are passed over, as Core ML does.
  FeatureProvider collect(const nb::dict& inputs) const {
    FeatureProvider out;
    for (const auto& [key, value] : inputs) {
      auto name = nb::cast<std::string>(key);
      if (model_->description().input(name) == nullptr) continue;
      if (auto feature = to_feature(value)) out.set(std::move(name), std::move(*feature));
    }
    return out;
  }

  FeatureProvider run(const FeatureProvider& inputs, StateHandle* state) const {
    try {
      const nb::gil_scoped_release free;
      return state == nullptr ? model_->predict(inputs) : model_->predict(inputs, state->state);
    } catch (const Error& error) {
      raise_like_core_ml(error);
    }
  }

  static nb::dict give(const FeatureProvider& outputs) {
    nb::dict out;
    for (const auto& [name, value] : outputs) out[nb::cast(name)] = to_python(value);
    return out;
  }

  Asset asset_;
  std::optional<Model> model_;
  bool is_compiled_;
  bool in_memory_ = false;
  std::mutex mutex_;  // of compiled_
  fs::path compiled_;
  std::optional<std::int64_t> load_duration_;
  std::optional<std::int64_t> predict_duration_;
};

struct CpuDevice {};
struct GpuDevice {};
struct NeuralEngineDevice {};

nb::object cpu_device() {
  return nb::module_::import_("coremltools.models.compute_device")
      .attr("MLCPUComputeDevice")(nb::cast(CpuDevice{}));
}

nb::list devices() {
  nb::list out;
  out.append(cpu_device());
  return out;
}

// coremltools derives remote proxies of its own from this, hence the constructor without arguments.
class PlanProxy {
 public:
  PlanProxy() = default;
  PlanProxy(nb::object structure, ComputePlan plan)
      : structure_(std::move(structure)), plan_(std::move(plan)) {}

  nb::object structure() const { return structure_.is_valid() ? structure_ : nb::none(); }

  nb::object operation_usage(const nb::object& operation) const {
    const auto& handle = nb::cast<const OperationHandle&>(operation.attr("__proxy__"));
    return handle.operator_name == "const" ? nb::none() : usage();
  }
  nb::object layer_usage(const nb::object& layer) const {
    nb::cast<const LayerHandle&>(layer.attr("__proxy__"));  // refuses what is no layer
    return usage();
  }
  nb::object cost(const nb::object& operation) const {
    const auto& handle = nb::cast<const OperationHandle&>(operation.attr("__proxy__"));
    if (handle.operator_name == "const") return nb::none();
    const auto found = plan_.operations.find(handle.output_name);
    const double weight = found == plan_.operations.end() ? 0.0 : found->second.weight;
    return nb::module_::import_("coremltools.models.compute_plan")
        .attr("MLComputePlanCost")(weight);
  }

 private:
  static nb::object usage() {
    return nb::module_::import_("coremltools.models.compute_plan")
        .attr("MLComputePlanDeviceUsage")(cpu_device(), devices());
  }

  nb::object structure_;
  ComputePlan plan_;
};

Asset open_asset(const std::string& path) {
  try {
    return Asset::from_path(plain(path));
  } catch (const Error& error) {
    throw std::runtime_error(error.what());
  }
}

std::string compile_model(const std::string& path) {
  try {
    const nb::gil_scoped_release free;
    return write_compiled(Asset::from_path(plain(path))).native();
  } catch (const Error& error) {
    throw std::runtime_error(compile_error(error));
  }
}

nb::object asset_object(Asset asset) {
  return nb::module_::import_("coremltools.models.model")
      .attr("MLModelAsset")(nb::cast(AssetHandle{std::move(asset)}));
}

nb::object asset_from_memory(const nb::bytes& specification, const nb::dict& blobs) {
  std::map<std::string, std::span<const std::byte>> views;
  auto kept = std::make_unique<std::vector<nb::bytes>>();
  const auto view = [&](const nb::bytes& bytes) {
    kept->push_back(bytes);
    return std::as_bytes(std::span(bytes.c_str(), bytes.size()));
  };
  const auto specification_view = view(specification);
  for (const auto& [name, bytes] : blobs)
    views[nb::cast<std::string>(name)] = view(nb::cast<nb::bytes>(bytes));
  const std::shared_ptr<const void> owner(kept.release(), [](std::vector<nb::bytes>* held) {
    if (!nb::is_alive()) return;  // the interpreter has taken everything down already
    const nb::gil_scoped_acquire gil;
    delete held;  // NOLINT(cppcoreguidelines-owning-memory): the deleter of a shared_ptr
  });
  try {
    return asset_object(Asset::from_memory(specification_view, views, owner));
  } catch (const Error& error) {
    throw std::runtime_error(error.what());
  }
}

nb::object model_structure(const std::string& path) {
  const Asset asset = open_asset(path);
  try {
    return to_python(ModelStructure::of(asset));
  } catch (const Error& error) {
    throw std::runtime_error(error.what());
  }
}

nb::object compute_plan(const std::string& path, const std::string& units) {
  const Asset asset = open_asset(path);
  Configuration configuration;
  configuration.compute_units = units_of(units);
  try {
    ComputePlan plan = ComputePlan::of(Model::open(asset, configuration));
    return nb::module_::import_("coremltools.models.compute_plan")
        .attr("MLComputePlan")(
            nb::cast(new PlanProxy(to_python(ModelStructure::of(asset)), std::move(plan)),
                     nb::rv_policy::take_ownership));
  } catch (const Error& error) {
    throw std::runtime_error(error.what());
  }
}

nb::object read_state(const StateHandle& handle, const std::string& name) {
  try {
    return to_python(handle.state.read(name));
  } catch (const Error& error) {
    raise_like_core_ml(error);
  }
}

void write_state(StateHandle& handle, const std::string& name, const nb::object& value) {
  const auto feature = to_feature(value);
  if (!feature || feature->type() != FeatureType::multi_array)
    throw std::runtime_error("Failed to write state, only multi-array value is supported");
  try {
    handle.state.write(name, feature->multi_array_value());
  } catch (const Error& error) {
    raise_like_core_ml(error);
  }
}

void declare_model(nb::module_& module) {
  nb::class_<ModelProxy>(module, "_MLModelProxy")
      .def(
          "__init__",
          [](ModelProxy* self, const std::string& path, const std::string& units,
             const std::string& function, const nb::dict& /*hints*/,
             const nb::object& asset) { new (self) ModelProxy(path, units, function, asset); },
          nb::arg("path"), nb::arg("units"), nb::arg("function"), nb::arg("hints"),
          nb::arg("asset") = nb::none())
      .def("predict", &ModelProxy::predict, nb::arg("data"), nb::arg("state").none())
      .def("batchPredict", &ModelProxy::batch_predict, nb::arg("batch"))
      .def("newState", &ModelProxy::new_state)
      .def("get_compiled_model_path", &ModelProxy::compiled_path)
      .def("get_load_duration_in_nano_seconds", &ModelProxy::load_duration)
      .def("get_last_predict_duration_in_nano_seconds", &ModelProxy::predict_duration)
      .def_static("maximum_supported_specification_version", [] { return newest_specification; })
      .def_static("auto_set_specification_version", [](const nb::bytes& bytes) { return bytes; })
      .def_static("compileModel", &compile_model)
      .def_static("create_model_asset_from_path",
                  [](const std::string& path) { return asset_object(open_asset(path)); })
      .def_static("create_model_asset_from_memory", &asset_from_memory)
      .def_static("get_model_structure", &model_structure)
      .def_static("get_compute_plan", &compute_plan)
      .def_static("get_available_compute_devices", &devices)
      .def_static("get_all_compute_devices", &devices);
}

void declare_rest(nb::module_& module) {
  nb::class_<StateHandle>(module, "_State")
      .def("read_state", &read_state, nb::arg("name"))
      .def("write_state", &write_state, nb::arg("name"), nb::arg("value"));
  nb::class_<AssetHandle>(module, "_MLModelAssetProxy");
  nb::class_<CpuDevice>(module, "_MLCPUComputeDeviceProxy").def(nb::init<>());
  nb::class_<GpuDevice>(module, "_MLGPUComputeDeviceProxy").def(nb::init<>());
  nb::class_<NeuralEngineDevice>(module, "_MLNeuralEngineComputeDeviceProxy")
      .def(nb::init<>())
      .def("get_total_core_count", [](const NeuralEngineDevice&) { return 0; });
  nb::class_<PlanProxy>(module, "_MLComputePlanProxy")
      .def(nb::init<>())
      .def_prop_ro("model_structure", &PlanProxy::structure)
      .def("get_compute_device_usage_for_mlprogram_operation", &PlanProxy::operation_usage)
      .def("get_compute_device_usage_for_neuralnetwork_layer", &PlanProxy::layer_usage)
      .def("get_estimated_cost_for_mlprogram_operation", &PlanProxy::cost);
  nb::class_<OperationHandle>(module, "_MLModelStructureProgramOperationProxy");
  nb::class_<LayerHandle>(module, "_MLModelStructureNeuralNetworkLayerProxy");
}

}  // namespace
}  // namespace pome::python

NB_MODULE(libcoremlpython, module) {
  module.doc() = "Pome in the place of Core ML, for coremltools on Linux.";
  pome::python::declare_model(module);
  pome::python::declare_rest(module);
}
