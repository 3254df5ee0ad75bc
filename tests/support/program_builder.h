// Builds small programs for tests of the compiler and of devices.
#pragma once

#include <cstring>
#include <initializer_list>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/half.h"
#include "base/tensor.h"
#include "compiler/executable.h"
#include "ir/program.h"

namespace pome::test {

/// One function `main`, operation by operation.
///
///     ProgramBuilder b;
///     auto* x = b.input("x", ir::Type::tensor(DataType::fp32, {2, 3}));
///     auto* y = b.op("relu", {{"x", x}}, DataType::fp32);
///     auto program = b.finish({y});
class ProgramBuilder {
 public:
  using Arguments = std::vector<std::pair<std::string, std::vector<ir::Binding>>>;

  explicit ProgramBuilder(const std::string& opset = "CoreML7")
      : program_(std::make_shared<ir::Program>()) {
    program_->functions.push_back(std::make_unique<ir::Function>("main", opset));
  }

  ir::Block& body() const { return *program_->functions.front()->body; }

  ir::Value* input(const std::string& name, ir::Type type) {
    return &body().add_input(name, std::move(type));
  }

  /// An operation whose results are declared with these element types and nothing of their dims.
  std::vector<ir::Value*> ops(const std::string& type, const Arguments& arguments,
                              const std::vector<DataType>& results) {
    const std::string name = type + "_" + std::to_string(count_++);
    auto op = std::make_unique<ir::Op>(type, name);
    for (const auto& [param, bindings] : arguments) op->set_argument(param, bindings);
    std::vector<ir::Value*> values;
    for (std::size_t i = 0; i < results.size(); ++i) {
      values.push_back(
          &op->add_result(name + "_" + std::to_string(i), ir::Type::unranked(results[i])));
    }
    body().append(std::move(op));
    return values;
  }
  ir::Value* op(const std::string& type, const Arguments& arguments, DataType result) {
    return ops(type, arguments, {result}).front();
  }

  /// The program, with these outputs. The builder is used up.
  std::shared_ptr<ir::Program> finish(std::vector<ir::Value*> outputs) {
    body().set_outputs(std::move(outputs));
    return std::move(program_);
  }

 private:
  std::shared_ptr<ir::Program> program_;
  int count_ = 0;
};

/// Constants of any float or integer type from plain numbers (fp16 rounded to nearest even).
inline ir::ConstantPtr constant(DataType dtype, const base::Dims& dims,
                                std::span<const double> values) {
  std::vector<std::byte> bytes;
  const auto put = [&](auto v) {
    const auto at = bytes.size();
    bytes.resize(at + sizeof v);
    std::memcpy(bytes.data() + at, &v, sizeof v);
  };
  for (const double v : values) {
    switch (dtype) {
      case DataType::fp16: put(base::f16_from_f32(static_cast<float>(v))); break;
      case DataType::fp32: put(static_cast<float>(v)); break;
      case DataType::int32: put(static_cast<std::int32_t>(v)); break;
      case DataType::int8: put(static_cast<std::int8_t>(v)); break;
      case DataType::uint8: put(static_cast<std::uint8_t>(v)); break;
      default: put(static_cast<std::uint8_t>(v != 0)); break;
    }
  }
  return ir::make_tensor(ir::Type::tensor(dtype, dims), std::move(bytes));
}
inline ir::ConstantPtr ints(std::initializer_list<std::int32_t> values) {
  return ir::make_int32s(std::vector<std::int32_t>(values));
}
inline ir::ConstantPtr ints(std::span<const std::int64_t> values) {
  return ir::make_int32s(std::vector<std::int32_t>(values.begin(), values.end()));
}

/// Compiles `main` for these devices (the reference device comes last by itself).
inline std::shared_ptr<const compiler::Executable> compile(
    std::shared_ptr<ir::Program> program, std::vector<const exec::Device*> devices,
    std::shared_ptr<exec::Workers> workers = nullptr) {
  auto weights = std::make_shared<exec::WeightStore>(
      [](const ir::BlobReference&, const ir::Type&) { return exec::BlobRange{}; },
      std::make_shared<base::Budget>());
  compiler::CompileOptions options;
  options.devices = std::move(devices);
  options.workers = std::move(workers);
  return compiler::compile(std::move(program), "main", std::move(weights), std::move(options));
}

/// Runs an executable on dense tensors in order of its inputs.
inline std::vector<base::HostTensor> predict(const compiler::Executable& executable,
                                             std::span<const base::HostTensor> inputs) {
  std::vector<compiler::InputTensor> tensors;
  for (const auto& t : inputs) tensors.push_back({t.view().data, t.dtype(), t.dims(), {}});
  std::vector<base::HostTensor> outputs;
  executable.predict(tensors, outputs, nullptr, {});
  return outputs;
}

}  // namespace pome::test
