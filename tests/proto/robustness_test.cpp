// Damaged and very large messages: an Error or a message, nothing else. Sanitizers watch the rest.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "pome/error.h"
#include "proto/MIL.pb.h"
#include "proto/Model.pb.h"
#include "proto/NeuralNetwork.pb.h"
#include "wire.h"

namespace pome::proto {
namespace {

using test::bytes_of;
using test::nested;
using test::varint;

void fill(mil::ValueType& type) {
  auto& tensor = type.make_tensorType();
  tensor.dataType = mil::DataType::FLOAT32;
  tensor.rank = 2;
  tensor.dimensions.emplace_back().make_constant().size = 3;
  tensor.dimensions.emplace_back().make_unknown().variadic = true;
}

std::string program() {
  const std::vector<float> values{1, -2, 3.5};
  Model model;
  model.specificationVersion = 9;
  auto& function = model.make_mlProgram().functions.emplace_back("main", mil::Function{}).second;
  function.opset = "CoreML8";
  auto& block = function.block_specializations.emplace_back("CoreML8", mil::Block{}).second;
  auto& operation = block.operations.emplace_back();
  operation.type = "const";
  auto& value = operation.attributes.emplace_back("val", mil::Value{}).second;
  fill(value.type.make());
  value.make_immediateValue().make_tensor().make_floats().values.assign(values);
  auto& binding = operation.inputs.emplace_back("x", mil::Argument{}).second.arguments;
  binding.emplace_back().set_name("Größe");
  fill(binding.emplace_back().make_value().type.make());
  operation.blocks.emplace_back().outputs = {"a", "b"};
  return serialize(model) + nested(9001, "later");
}

std::string network() {
  const std::vector<float> values{1, -2, 3.5};
  Model model;
  auto& description = model.description.make();
  auto& input = description.input.emplace_back();
  input.name = "x";
  input.type.make().make_multiArrayType().shape = {1, 300, -5};
  description.metadata.make().userDefined.emplace_back("key", "value");
  auto& layer = model.make_neuralNetwork().layers.emplace_back();
  layer.name = "c";
  layer.input = {"x"};
  auto& convolution = layer.make_convolution();
  convolution.kernelSize = {3, 3};
  convolution.weights.make().floatValue.assign(values);
  auto& pooling = model.make_neuralNetwork().layers.emplace_back().make_pooling();
  pooling.type = PoolingLayerParams_PoolingType::L2;
  pooling.make_valid().paddingAmounts.make().borderAmounts.emplace_back().startEdgeSize = 7;
  return serialize(model);
}

/// Reads `wire`, and what could be read is written and read again. The bytes get a buffer of their
/// own size, so that a read behind their end is seen.
void survive(std::string_view wire) {
  const auto exact = std::make_unique<char[]>(wire.size());
  std::memcpy(exact.get(), wire.data(), wire.size());
  try {
    base::Budget budget(1 << 24);
    const auto model = parse<Model>(bytes_of({exact.get(), wire.size()}), budget);
    const std::string first = serialize(model);
    base::Budget other;
    EXPECT_EQ(serialize(parse<Model>(bytes_of(first), other)), first);
  } catch (const Error& error) {
    EXPECT_STRNE(error.what(), "");
  }
}

class Damage : public testing::TestWithParam<std::string (*)()> {};

TEST_P(Damage, WholeIsWrittenAsItWas) {
  const std::string wire = GetParam()();
  base::Budget budget;
  EXPECT_EQ(serialize(parse<Model>(bytes_of(wire), budget)), wire);
}

TEST_P(Damage, EveryPrefix) {
  const std::string wire = GetParam()();
  for (std::size_t size = 0; size < wire.size(); ++size)
    survive(std::string_view(wire).substr(0, size));
}

TEST_P(Damage, EveryBit) {
  std::string wire = GetParam()();
  for (std::size_t bit = 0; bit < 8 * wire.size(); ++bit) {
    const auto mask = static_cast<char>(1 << bit % 8);
    wire[bit / 8] = static_cast<char>(wire[bit / 8] ^ mask);
    survive(wire);
    wire[bit / 8] = static_cast<char>(wire[bit / 8] ^ mask);
  }
}

TEST_P(Damage, EveryByteLargest) {
  const std::string wire = GetParam()();
  for (std::size_t i = 0; i < wire.size(); ++i) {
    std::string damaged = wire;
    damaged[i] = '\xff';
    survive(damaged);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Damage, testing::Values(&program, &network));

/// Zeros that take no memory until they are touched.
class Sparse {
 public:
  explicit Sparse(std::size_t size) : size_(size) {
    data_ = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                 -1, 0);
  }
  Sparse(const Sparse&) = delete;
  Sparse& operator=(const Sparse&) = delete;
  ~Sparse() {
    if (*this) munmap(data_, size_);
  }
  explicit operator bool() const { return data_ != MAP_FAILED; }
  char* data() const { return static_cast<char*>(data_); }

 private:
  std::size_t size_;
  void* data_;
};

// A network whose one weight is `size` bytes: the bytes before the weight.
std::string head(std::size_t size) {
  std::string out;
  for (const std::uint32_t field : {2U, 20U, 140U, 1U, 500U}) {  // from the inside out
    out = varint(field << 3 | 2) + varint(size + out.size()) + out;
  }
  return out;
}

constexpr std::size_t five_gib = std::size_t{5} << 30;

TEST(LargeMessage, WeightOfFiveGibibytes) {
  const std::string before = head(five_gib);
  const Sparse memory(before.size() + five_gib);
  if (!memory) GTEST_SKIP() << "this machine does not map 5 GiB of empty memory";
  std::memcpy(memory.data(), before.data(), before.size());
  memory.data()[before.size() + five_gib - 1] = 'z';
  base::Budget budget(1 << 20);
  const auto model = parse<Model>(bytes_of({memory.data(), before.size() + five_gib}), budget);
  const Bytes weight = model.neuralNetwork()->layers.at(0).innerProduct()->weights->float16Value;
  ASSERT_EQ(weight.size(), five_gib);
  EXPECT_EQ(weight.back(), std::byte{'z'});
  Writer writer;
  write(model, writer);
  EXPECT_EQ(writer.size(), before.size() + five_gib);
}

}  // namespace
}  // namespace pome::proto
