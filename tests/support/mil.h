// Programs written as MIL text in tests: parsed, compiled, run on plain tensors.
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/tensor.h"
#include "compiler/executable.h"
#include "ir/text.h"
#include "pome/error.h"

namespace pome::test {

/// A program with one function `main`. `inputs`: "tensor<fp32, [2]> x"; `outputs`: "y, z".
inline std::string mil(std::string_view inputs, std::string_view body, std::string_view outputs,
                       std::string_view opset = "ios18") {
  std::string out = "program(1.3)\n{\n func main<";
  out.append(opset).append(">(").append(inputs).append(") {\n");
  out.append(body).append("\n } -> (").append(outputs).append(");\n}");
  return out;
}

inline std::shared_ptr<ir::Program> parse_mil(std::string_view text) {
  base::Budget budget;
  return ir::parse_program(text, "test.mil", budget);
}

/// A compiled function together with the store of its weights.
struct Compiled {
  std::shared_ptr<exec::WeightStore> weights;
  std::shared_ptr<const compiler::Executable> executable;

  const compiler::Executable* operator->() const noexcept { return executable.get(); }
};

inline std::shared_ptr<exec::WeightStore> store_without_files() {
  return std::make_shared<exec::WeightStore>(
      [](const ir::BlobReference&, const ir::Type&) { return exec::BlobRange{}; },
      std::make_shared<base::Budget>());
}

/// Compiles `main` (the reference device comes last by itself).
inline Compiled compile_mil(std::string_view text, compiler::CompileOptions options = {}) {
  Compiled out{store_without_files(), nullptr};
  out.executable = compiler::compile(parse_mil(text), "main", out.weights, std::move(options));
  return out;
}

inline Compiled compile_mil(std::string_view text, std::vector<const exec::Device*> devices) {
  compiler::CompileOptions options;
  options.devices = std::move(devices);
  return compile_mil(text, std::move(options));
}

inline base::HostTensor floats(base::Dims dims, const std::vector<float>& values) {
  base::HostTensor out(DataType::fp32, std::move(dims));
  std::ranges::copy(values, out.mutable_view().as<float>().begin());
  return out;
}

inline base::HostTensor int32s(base::Dims dims, const std::vector<std::int32_t>& values) {
  base::HostTensor out(DataType::int32, std::move(dims));
  std::ranges::copy(values, out.mutable_view().as<std::int32_t>().begin());
  return out;
}

inline base::HostTensor scalar(std::int32_t value) {
  return int32s({}, {value});
}

/// Elements of a tensor whose type is that of T.
template <typename T>
std::vector<T> elements(const base::HostTensor& tensor) {
  const auto values = tensor.view().as<T>();
  return {values.begin(), values.end()};
}
inline std::vector<float> values(const base::HostTensor& tensor) {
  return elements<float>(tensor);
}
inline std::vector<std::int32_t> integers(const base::HostTensor& tensor) {
  return elements<std::int32_t>(tensor);
}
inline std::vector<std::int64_t> shape(const base::HostTensor& tensor) {
  return {tensor.dims().begin(), tensor.dims().end()};
}

inline std::vector<base::HostTensor> run(const compiler::Executable& executable,
                                         std::span<const base::HostTensor> inputs,
                                         compiler::StateSet* state = nullptr,
                                         const compiler::RunOptions& options = {}) {
  std::vector<compiler::InputTensor> tensors;
  for (const auto& t : inputs) tensors.push_back({t.view().data, t.dtype(), t.dims(), {}});
  std::vector<base::HostTensor> outputs;
  executable.predict(tensors, outputs, state, options);
  return outputs;
}

inline std::vector<base::HostTensor> run(const Compiled& compiled,
                                         const std::vector<base::HostTensor>& inputs,
                                         compiler::StateSet* state = nullptr,
                                         const compiler::RunOptions& options = {}) {
  return run(*compiled.executable, std::span<const base::HostTensor>(inputs), state, options);
}

/// What an Error says; empty when there is none.
template <typename Call>
std::string complaint(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

/// The code of an Error; success is -1.
template <typename Call>
int error_code(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return static_cast<int>(error.code());
  }
  return -1;
}

}  // namespace pome::test
