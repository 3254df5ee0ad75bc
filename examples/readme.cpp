#include <pome/pome.h>

#include <cstdio>

int main() {
  const auto model = pome::Model::open("model.mlpackage");
  pome::MultiArray x(pome::DataType::fp32, {1, 3});
  x.mutable_elements<float>()[0] = 1.0F;
  const auto outputs = model.predict({{"x", x}});
  for (const auto& [name, value] : outputs)
    std::printf("%s: %s\n", name.c_str(), value.text().c_str());
}
