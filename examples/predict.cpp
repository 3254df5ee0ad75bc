// Predicts with any model whose inputs are arrays: opens it, fills the inputs with zeros, prints
// what comes out.  Usage: predict MODEL
#include <pome/pome.h>

#include <cstdio>

int main(int argc, char** argv) try {
  const auto model = pome::Model::open(argc > 1 ? argv[1] : "model.mlpackage");
  pome::FeatureProvider inputs;
  for (const auto& input : model.description().inputs) {
    const auto& array = input.multi_array_constraint.value();
    inputs.set(input.name, pome::MultiArray(array.data_type, array.shape));
  }
  for (const auto& [name, value] : model.predict(inputs)) {
    std::printf("%s: %s\n", name.c_str(), value.text().c_str());
  }
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
