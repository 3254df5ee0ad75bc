#include "runtime/compiled_network.h"

#include <string>
#include <utility>

#include "base/text.h"
#include "format/espresso.h"
#include "format/model_type.h"
#include "frontend/espresso/espresso.h"
#include "pome/error.h"

namespace pome::runtime {

using base::cat;

namespace {

constexpr const char* network_file = "model.espresso.net";
constexpr const char* shape_file = "model.espresso.shape";

// A file of the bundle. What is missing is asked for with what it is good for.
std::shared_ptr<const base::ByteSource> open_part(const format::Asset& files,
                                                  const std::string& name, std::string_view what) {
  try {
    return files.open_inside(name);
  } catch (Error& error) {
    throw error.within(cat("the bundle's ", what, " (", name, "), which it cannot run without"));
  }
}

struct Held {
  std::shared_ptr<const void> messages;
  std::shared_ptr<const void> description;
};

}  // namespace

std::shared_ptr<const CompiledNetwork> read_compiled_network(const format::Asset& files,
                                                             base::Budget& budget) {
  const format::CoreMlData* head = files.compiled();
  if (head == nullptr) throw Error(ErrorCode::io, "it is no compiled model");
  if (head->model_type != format::model_type::neural_network)
    throw Error(ErrorCode::unsupported,
                "it is a compiled classifier or regressor, whose labels and output names this "
                "version cannot read; open the .mlmodel that it was made of");
  const format::EspressoNetwork network =
      format::read_espresso_network(*open_part(files, network_file, "network"), budget);
  const format::EspressoShapes shapes =
      format::read_espresso_shapes(*open_part(files, shape_file, "shapes of blobs"), budget);
  const std::string storage =
      network.storage.empty() ? std::string("model.espresso.weights") : network.storage;
  const format::EspressoWeights weights(*open_part(files, storage, "weights"), budget);
  frontend::EspressoMessages translated =
      frontend::import_espresso(network, shapes, weights, budget);
  auto out = std::make_shared<CompiledNetwork>();
  out->message.specificationVersion = static_cast<std::int32_t>(head->specification_version);
  out->message.description.make() = proto::parse<proto::ModelDescription>(head->message, budget);
  out->message.make_neuralNetwork() = std::move(translated.network);
  out->owner = std::make_shared<const Held>(Held{std::move(translated.owner), files.description()});
  return out;
}

}  // namespace pome::runtime
