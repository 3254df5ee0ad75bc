#include "fixtures.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "base/file.h"
#include "format/asset.h"
#include "format/blob_storage.h"
#include "format/package.h"
#include "proto/Model.pb.h"
#include "temporary_folder.h"

namespace pome::cli {

namespace fs = std::filesystem;
namespace mil = proto::mil;

namespace {

using Sizes = std::vector<std::int64_t>;

void set_tensor(mil::ValueType& type, mil::DataType element, const Sizes& sizes) {
  mil::TensorType& tensor = type.make_tensorType();
  tensor.dataType = element;
  tensor.rank = static_cast<std::int64_t>(sizes.size());
  for (const std::int64_t size : sizes)
    tensor.dimensions.emplace_back().make_constant().size = static_cast<std::uint64_t>(size);
}

mil::NamedValueType named(std::string_view name, const Sizes& sizes) {
  mil::NamedValueType out;
  out.name = name;
  set_tensor(out.type.make(), mil::DataType::FLOAT32, sizes);
  return out;
}

mil::Value text_value(std::string_view text) {
  mil::Value out;
  set_tensor(out.type.make(), mil::DataType::STRING, {});
  out.make_immediateValue().make_tensor().make_strings().values.push_back(text);
  return out;
}

mil::Argument argument(std::string_view name) {
  mil::Argument out;
  out.arguments.emplace_back().set_name(name);
  return out;
}

void set_array(proto::FeatureDescription& feature, std::string_view name, const Sizes& sizes) {
  feature.name = name;
  proto::ArrayFeatureType& array = feature.type.make().make_multiArrayType();
  array.dataType = proto::ArrayFeatureType_ArrayDataType::FLOAT32;
  array.shape = sizes;
}

mil::Operation weight_constant(const Sizes& sizes) {
  mil::Operation out;
  out.type = "const";
  out.outputs.push_back(named("w", sizes));
  out.attributes.emplace_back("name", text_value("w"));
  mil::Value& value = out.attributes.emplace_back("val", mil::Value()).second;
  set_tensor(value.type.make(), mil::DataType::FLOAT32, sizes);
  value.make_blobFileValue().fileName = "@model_path/weights/weight.bin";
  value.make_blobFileValue().offset = 64;
  return out;
}

std::string adder_spec() {
  const Sizes sizes{1, 3};
  proto::Model model;
  model.specificationVersion = 6;
  set_array(model.description.make().input.emplace_back(), "x", sizes);
  set_array(model.description.make().output.emplace_back(), "y", sizes);
  mil::Program& program = model.make_mlProgram();
  program.version = 1;
  mil::Function& function = program.functions.emplace_back("main", mil::Function()).second;
  function.opset = "CoreML5";
  function.inputs.push_back(named("x", sizes));
  mil::Block& block = function.block_specializations.emplace_back("CoreML5", mil::Block()).second;
  block.operations.push_back(weight_constant(sizes));
  mil::Operation& add = block.operations.emplace_back();
  add.type = "add";
  add.inputs.emplace_back("x", argument("x"));
  add.inputs.emplace_back("y", argument("w"));
  add.outputs.push_back(named("y", sizes));
  add.attributes.emplace_back("name", text_value("sum_1"));
  block.outputs.emplace_back("y");
  return proto::serialize(model);
}

std::string picture_spec() {
  const Sizes sizes{1, 3, 4, 4};
  proto::Model model;
  model.specificationVersion = 6;
  proto::FeatureDescription& input = model.description.make().input.emplace_back();
  input.name = "picture";
  proto::ImageFeatureType& image = input.type.make().make_imageType();
  image.width = 4;
  image.height = 4;
  image.colorSpace = proto::ImageFeatureType_ColorSpace::RGB;
  set_array(model.description.make().output.emplace_back(), "pixels", sizes);
  mil::Program& program = model.make_mlProgram();
  program.version = 1;
  mil::Function& function = program.functions.emplace_back("main", mil::Function()).second;
  function.opset = "CoreML5";
  function.inputs.push_back(named("picture", sizes));
  mil::Block& block = function.block_specializations.emplace_back("CoreML5", mil::Block()).second;
  mil::Operation& relu = block.operations.emplace_back();
  relu.type = "relu";
  relu.inputs.emplace_back("x", argument("picture"));
  relu.outputs.push_back(named("pixels", sizes));
  relu.attributes.emplace_back("name", text_value("keep_1"));
  block.outputs.emplace_back("pixels");
  return proto::serialize(model);
}

void describe_classifier(proto::ModelDescription& description) {
  set_array(description.input.emplace_back(), "x", {3});
  description.predictedFeatureName = "label";
  description.predictedProbabilitiesName = "scores";
  proto::FeatureDescription& label = description.output.emplace_back();
  label.name = "label";
  label.type.make().make_stringType();
  proto::FeatureDescription& scores = description.output.emplace_back();
  scores.name = "scores";
  scores.type.make().make_dictionaryType().make_stringKeyType();
}

mil::Operation classify() {
  mil::Operation out;
  out.type = "classify";
  out.inputs.emplace_back("probabilities", argument("kept"));
  mil::Argument& classes = out.inputs.emplace_back("classes", mil::Argument()).second;
  mil::Value& list = classes.arguments.emplace_back().make_value();
  mil::ListType& type = list.type.make().make_listType();
  set_tensor(type.type.make(), mil::DataType::STRING, {});
  type.length.make().make_constant().size = 3;
  for (const std::string_view name : {"cat", "cup", "dog"})
    list.make_immediateValue().make_list().values.push_back(text_value(name));
  mil::NamedValueType& label = out.outputs.emplace_back();
  label.name = "label";
  set_tensor(label.type.make(), mil::DataType::STRING, {});
  mil::NamedValueType& scores = out.outputs.emplace_back();
  scores.name = "scores";
  mil::DictionaryType& dictionary = scores.type.make().make_dictionaryType();
  set_tensor(dictionary.keyType.make(), mil::DataType::STRING, {});
  set_tensor(dictionary.valueType.make(), mil::DataType::FLOAT64, {});
  out.attributes.emplace_back("name", text_value("classify_1"));
  return out;
}

std::string classifier_spec() {
  proto::Model model;
  model.specificationVersion = 7;
  describe_classifier(model.description.make());
  mil::Program& program = model.make_mlProgram();
  program.version = 1;
  mil::Function& function = program.functions.emplace_back("main", mil::Function()).second;
  function.opset = "CoreML6";
  function.inputs.push_back(named("x", {3}));
  mil::Block& block = function.block_specializations.emplace_back("CoreML6", mil::Block()).second;
  mil::Operation& relu = block.operations.emplace_back();
  relu.type = "relu";
  relu.inputs.emplace_back("x", argument("x"));
  relu.outputs.push_back(named("kept", {3}));
  relu.attributes.emplace_back("name", text_value("keep_1"));
  block.operations.push_back(classify());
  block.outputs.emplace_back("label");
  block.outputs.emplace_back("scores");
  return proto::serialize(model);
}

std::shared_ptr<const base::ByteSource> weights(const fs::path& scratch) {
  format::BlobWriter writer(scratch);
  const std::array<float, 3> values{1, 2, 3};
  writer.add(DataType::fp32, 3, std::as_bytes(std::span(values)));
  writer.commit();
  base::Budget budget;
  auto bytes = base::read_all(*base::open_file(scratch), budget);
  fs::remove(scratch);
  return base::from_bytes("weights", std::move(bytes));
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

void write_model(const fs::path& file, const proto::Model& model) {
  std::ofstream(file, std::ios::binary) << proto::serialize(model);
}

proto::Model with_features(int version) {
  proto::Model model;
  model.specificationVersion = version;
  set_array(model.description.make().input.emplace_back(), "in", {2});
  set_array(model.description.make().output.emplace_back(), "out", {2});
  return model;
}

void fill_network(proto::NeuralNetwork& network) {
  proto::NeuralNetworkLayer& layer = network.layers.emplace_back();
  layer.name = "first";
  layer.input.emplace_back("in");
  layer.output.emplace_back("out");
  layer.make_activation().make_ReLU();
}

constexpr std::string_view adder_mil = R"(program(1.0)
[buildInfo = dict<tensor<string, []>, tensor<string, []>>({{"coremltools-version", "9.0"}})]
{
    func main<ios15>(tensor<fp32, [1, 3]> x) {
            tensor<fp32, [1, 3]> w = const()[name = tensor<string, []>("w"), val = tensor<fp32, [1, 3]>(BLOBFILE(path = tensor<string, []>("@model_path/weights/weight.bin"), offset = tensor<uint64, []>(64)))];
            tensor<fp32, [1, 3]> y = add(x = x, y = w)[name = tensor<string, []>("sum_1")];
        } -> (y);
}
)";

}  // namespace

void write_adder_package(const fs::path& folder) {
  const std::vector<format::PackageFile> files{
      {"weights/weight.bin", weights(folder.native() + ".weights")}};
  format::write_package(folder, bytes_of(adder_spec()), files);
}

void write_adder_compiled(const fs::path& folder) {
  const proto::Model model = with_features(6);
  proto::ModelDescription description;
  set_array(description.input.emplace_back(), "x", {1, 3});
  set_array(description.output.emplace_back(), "y", {1, 3});
  const std::string message = proto::serialize(description);
  format::CompiledProgram program;
  program.specification_version = 6;
  program.description = bytes_of(message);
  program.mil = adder_mil;
  program.metadata.model_type = "mlProgram";
  program.files.emplace_back("weights/weight.bin", weights(folder.native() + ".weights"));
  format::write_compiled_program(folder, program);
}

void write_picture_package(const fs::path& folder) {
  format::write_package(folder, bytes_of(picture_spec()), {});
}

void write_classifier_package(const fs::path& folder) {
  format::write_package(folder, bytes_of(classifier_spec()), {});
}

void write_network(const fs::path& file) {
  proto::Model model = with_features(1);
  fill_network(model.make_neuralNetwork());
  write_model(file, model);
}

void write_pipeline(const fs::path& file) {
  proto::Model model = with_features(1);
  proto::Pipeline& pipeline = model.make_pipeline();
  proto::Model& first = pipeline.models.emplace_back(with_features(1));
  fill_network(first.make_neuralNetwork());
  proto::Model& second = pipeline.models.emplace_back(with_features(1));
  second.make_customModel().className = "Special";
  write_model(file, model);
}

void write_empty_model(const fs::path& file, int type) {
  const proto::Model model = with_features(1);
  std::string bytes = proto::serialize(model);
  for (auto key = (static_cast<unsigned>(type) << 3) | 2U; key != 0; key >>= 7)
    bytes.push_back(static_cast<char>((key & 0x7fU) | (key > 0x7fU ? 0x80U : 0U)));
  bytes.push_back(0);  // a message of no bytes
  std::ofstream(file, std::ios::binary) << bytes;
}

void write_models(const fs::path& folder, std::string_view text) {
  const auto names = [text](std::string_view name) { return text.find(name) != text.npos; };
  if (names("p.mlpackage")) write_adder_package(folder / "p.mlpackage");
  if (names("c.mlmodelc")) write_adder_compiled(folder / "c.mlmodelc");
  if (names("i.mlpackage")) write_picture_package(folder / "i.mlpackage");
  if (names("k.mlpackage")) write_classifier_package(folder / "k.mlpackage");
  if (names("n.mlmodel")) write_network(folder / "n.mlmodel");
  if (names("l.mlmodel")) write_pipeline(folder / "l.mlmodel");
  if (names("a.mlmodel")) write_empty_model(folder / "a.mlmodel", 2000);
  if (!names("w.mlpackage")) return;
  write_adder_package(folder / "w.mlpackage");
  fs::remove_all(folder / "w.mlpackage/Data/com.apple.CoreML/weights");
}

Finished run_pome(const std::vector<std::string>& arguments, const fs::path& folder) {
  const test::TemporaryFolder captured;
  const std::string out = captured / "out";
  const std::string err = captured / "err";
  std::vector<std::string> words{POME_PROGRAM};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT, 0600);
  posix_spawn_file_actions_addopen(&actions, 2, err.c_str(), O_WRONLY | O_CREAT, 0600);
  pid_t pid = 0;
  const int failed = ::posix_spawn(&pid, POME_PROGRAM, &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  EXPECT_EQ(failed, 0) << "cannot start " << POME_PROGRAM;
  int status = 0;
  ::waitpid(pid, &status, 0);
  Finished result;
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.out = test::TemporaryFolder::get(out);
  result.err = test::TemporaryFolder::get(err);
  return result;
}

std::string contents_of(const fs::path& folder) {
  std::vector<std::string> lines;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    std::string line = fs::relative(entry.path(), folder).native();
    if (entry.is_regular_file()) line += "\n" + test::TemporaryFolder::get(entry.path());
    lines.push_back(std::move(line));
  }
  std::sort(lines.begin(), lines.end());
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

}  // namespace pome::cli
