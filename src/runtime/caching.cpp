#include "runtime/caching.h"

#include "base/text.h"
#include "compiler/lowered.h"
#include "devices/cpu/features.h"
#include "pome/error.h"

namespace pome::runtime {

namespace {

// All that changes how weights are packed, beside the files and the build.
std::string configuration_text(const Configuration& configuration,
                               const ModelDescription& description) {
  const auto* kernels = devices::cpu::chosen_kernels();
  std::string out = base::cat("cpu ", kernels ? kernels->name : "none", ", ",
                              configuration.numerics == Numerics::exact ? "exact" : "as-declared");
  for (const std::string& device : configuration.devices) out += base::cat(", on ", device);
  if (!description.function_name.empty())
    out += base::cat(", function ", base::quoted(description.function_name));
  return out;
}

}  // namespace

std::unique_ptr<cache::Session> begin_session(const format::Asset& files,
                                              const Configuration& configuration,
                                              const ModelDescription& description) {
  if (!configuration.use_cache) return nullptr;
  const std::string name = configuration.model_display_name.empty()
                               ? files.path().filename().native()
                               : configuration.model_display_name;
  return cache::Session::begin(files, {configuration_text(configuration, description), name},
                               cache::environment_settings());
}

void end_session(ModelData& model) {
  if (model.session == nullptr) return;
  const auto& weights = model.function.executable->lowered().weights;
  model.load_report.cached = model.session->entry() != nullptr && weights->made() == 0;
  model.load_report.cache_note = model.session->note();
  model.session->publish(weights);
}

}  // namespace pome::runtime
