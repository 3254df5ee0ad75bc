// Mutated programs: the cases of tests/ops/data with shapes, types, values and arguments changed at
// random (with a fixed seed). Each must give a result or an error with a sentence that names the
// operation, on both devices alike; never anything else.
//
// POME_MUTATIONS sets the number of programs, POME_MUTATION_SEED the seed; with POME_MUTATION_TRACE
// every program is written to stderr before it runs, so that the last one is what crashed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "base/half.h"
#include "base/text.h"
#include "compiler/executable.h"
#include "devices/cpu/cpu_device.h"
#include "ir/text.h"
#include "ops/call.h"
#include "ops/op_def.h"
#include "pome/error.h"
#include "support/shared.h"

namespace pome::test {
namespace {

using base::Dims;
using base::HostTensor;
using nlohmann::json;

constexpr std::int64_t budget_bytes = std::int64_t{1} << 20;

/// One argument: a tensor, constant or given at run time.
struct Argument {
  std::string param;
  DataType dtype = DataType::fp32;
  Dims dims;
  std::vector<double> values;  ///< repeated until the tensor is full
  std::vector<std::string> strings;
  bool constant = false;
  Dims declared;  ///< of an input; unknown where the program leaves it open
  bool ranked = true;
};

struct Spec {
  std::string op, opset;
  std::vector<Argument> arguments;  ///< in order; equal names next to each other are one list
  std::vector<DataType> results;
};

Dims dims_of(const json& from) {
  Dims dims;
  for (const auto& d : from) dims.push_back(d.get<std::int64_t>());
  return dims;
}

double number(const json& value) {
  if (value.is_boolean()) return value.get<bool>() ? 1 : 0;
  if (!value.is_string()) return value.get<double>();
  const auto infinity = std::numeric_limits<double>::infinity();
  const auto text = value.get<std::string>();
  return text == "inf" ? infinity : text == "-inf" ? -infinity : std::nan("");
}

Argument argument_of(const std::string& param, const json& tensor) {
  Argument out;
  out.param = param;
  out.dtype = parse_data_type(tensor.at("dtype").get<std::string>()).value();
  out.dims = dims_of(tensor.at("dims"));
  for (const auto& v : tensor.at("data")) {
    if (out.dtype == DataType::string) {
      out.strings.push_back(v.get<std::string>());
    } else {
      out.values.push_back(number(v));
    }
  }
  return out;
}

Spec spec_of(const json& test) {
  Spec spec{test.at("op"), test.at("opset"), {}, {}};
  for (const auto& [name, given] : test.at("inputs").items()) {
    for (const auto& tensor : given.is_array() ? given : json::array({given})) {
      spec.arguments.push_back(argument_of(name, tensor));
    }
  }
  if (!test.contains("outputs")) {
    spec.results.assign(test.value("results", std::size_t{1}), DataType::fp32);
    return spec;
  }
  for (const auto& out : test.at("outputs")) {
    spec.results.push_back(parse_data_type(out.at("dtype").get<std::string>()).value());
  }
  return spec;
}

std::vector<Spec> all_specs() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(source_folder() / "tests" / "ops" / "data")) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  std::vector<Spec> specs;
  for (const auto& file : files) {
    for (const auto& test : json::parse(std::ifstream(file))) specs.push_back(spec_of(test));
  }
  return specs;
}

// --- changes ---

class Mutator {
 public:
  explicit Mutator(std::uint32_t seed) : random_(seed) {}

  std::size_t below(std::size_t n) { return random_() % n; }
  bool chance(std::size_t percent) { return below(100) < percent; }

  Spec mutated(const Spec& original) {
    Spec spec = original;
    for (std::size_t n = below(4); n > 0; --n) mutate(spec);
    const auto* def = ops::find(spec.op);
    for (auto& argument : spec.arguments) settle(argument, def);
    return spec;
  }

 private:
  template <typename T, std::size_t N>
  T pick(const T (&from)[N]) {
    return from[below(N)];
  }

  std::int64_t size() {
    constexpr std::int64_t sizes[] = {0, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 12, 17, 33};
    return pick(sizes);
  }

  double value() {
    const auto inf = std::numeric_limits<double>::infinity();
    const double values[] = {0,          -1,          1,     2,      -2,    3,     4,
                             7,          0.5,         -0.5,  127,    -128,  255,   256,
                             32767,      65536,       1e-30, 1e30,   inf,   -inf,  std::nan(""),
                             2147483647, -2147483648, 1e9,   100000, -1000, 16.25, 65535};
    return pick(values);
  }

  DataType dtype() {
    constexpr DataType types[] = {
        DataType::fp32,   DataType::fp16,   DataType::int32,  DataType::int8,
        DataType::uint8,  DataType::int16,  DataType::uint16, DataType::boolean,
        DataType::uint4,  DataType::int4,   DataType::uint2,  DataType::uint1,
        DataType::uint32, DataType::string, DataType::int64,  DataType::fp64};
    return pick(types);
  }

  std::string text() {
    constexpr std::string_view texts[] = {
        "",     "valid",  "same",          "custom",   "add",     "update",  "int8",      "uint8",
        "fp16", "bool",   "EXACT",         "tanh",     "linear",  "reverse", "ab,bc->ac", "->",
        "a->b", "LINEAR", "bidirectional", "constant", "reflect", "DEFAULT"};
    return std::string(pick(texts));
  }

  void reshape(Dims& dims) {
    switch (below(5)) {
      case 0:
        if (dims.size() < 7) {
          dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(below(dims.size() + 1)), size());
        }
        break;
      case 1:
        if (!dims.empty())
          dims.erase(dims.begin() + static_cast<std::ptrdiff_t>(below(dims.size())));
        break;
      case 2: dims.clear(); break;
      default:
        if (!dims.empty()) dims[below(dims.size())] = size();
    }
    // Small enough that it is not time that the test measures.
    while (base::TensorView{nullptr, DataType::fp32, dims}.size() > 4096) {
      *std::ranges::max_element(dims) = 2;
    }
  }

  void mutate(Spec& spec) {
    if (spec.arguments.empty()) return;
    auto& argument = spec.arguments[below(spec.arguments.size())];
    switch (below(12)) {
      case 0: argument.dtype = dtype(); break;
      case 1:
      case 2:
      case 3: reshape(argument.dims); break;
      case 4:
      case 5:
        if (!argument.values.empty()) argument.values[below(argument.values.size())] = value();
        break;
      case 6:
        if (argument.dtype == DataType::string) {
          argument.strings = {text()};
        } else {
          argument.values = {value(), value(), value()};
        }
        break;
      case 7:
        spec.arguments.erase(spec.arguments.begin() + (&argument - spec.arguments.data()));
        break;
      case 8: {
        auto copy = argument;
        spec.arguments.insert(spec.arguments.begin() + (&argument - spec.arguments.data()),
                              std::move(copy));
        break;
      }
      case 9: std::swap(argument.dims, spec.arguments[below(spec.arguments.size())].dims); break;
      case 10:
        if (const auto* def = ops::find(spec.op)) {
          argument.param = def->params()[below(def->params().size())].name;
        }
        break;
      default:
        if (chance(20)) {
          // The arguments of one operation for another; those that the loader sees to stay away.
          const auto* other = ops::all()[below(ops::all().size())];
          if (other->infer && other->name != "const" && other->name != "classify") {
            spec.op = other->name;
          }
        } else if (chance(30)) {
          constexpr std::string_view opsets[] = {"ios15", "ios16", "ios17", "ios18", "ios26"};
          spec.opset = pick(opsets);
        } else if (chance(30)) {
          spec.results.resize(1 + below(4), DataType::fp32);
        } else {
          reshape(argument.dims);
          reshape(argument.dims);
        }
    }
  }

  /// What is constant, and what the program says of the shapes of its inputs.
  void settle(Argument& argument, const ops::OpDef* def) {
    bool constant = chance(40);
    if (def) {
      const auto at = std::ranges::find(def->params(), argument.param, &ops::Param::name);
      if (at != def->params().end() && at->form == ops::Form::constant) constant = chance(95);
    }
    const bool input_type = argument.dtype != DataType::string && bits(argument.dtype) >= 8;
    argument.constant = constant || !input_type;
    argument.declared = argument.dims;
    if (chance(30)) argument.declared = Dims(argument.dims.size(), ir::unknown_dim);
    if (!argument.declared.empty() && chance(20)) {
      argument.declared[below(argument.declared.size())] = ir::unknown_dim;
    }
    argument.ranked = !chance(10);
  }

  std::mt19937 random_;
};

// --- programs ---

HostTensor tensor_of(const Argument& argument) {
  HostTensor out(base::storage_type(argument.dtype), argument.dims);
  const auto view = out.mutable_view();
  const auto n = argument.values.empty() ? 0 : out.size();
  for (std::int64_t i = 0; i < n; ++i) {
    ops::store_f(view, i, argument.values[static_cast<std::size_t>(i) % argument.values.size()]);
  }
  return out;
}

ir::ConstantPtr constant_of(const Argument& argument) {
  const auto type = ir::Type::tensor(argument.dtype, argument.dims);
  const auto tensor = argument.dtype == DataType::string ? HostTensor() : tensor_of(argument);
  if (argument.dtype == DataType::string) {
    auto out = std::make_shared<ir::Constant>();
    out->type = type;
    const auto count = base::TensorView{nullptr, DataType::fp32, argument.dims}.size();
    out->data = std::vector<std::string>(
        static_cast<std::size_t>(count),
        argument.strings.empty() ? std::string("text") : argument.strings.front());
    return out;
  }
  const auto width = static_cast<std::size_t>(bits(argument.dtype));
  const auto count = static_cast<std::size_t>(tensor.size());
  std::vector<std::byte> bytes((count * width + 7) / 8);
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t pattern = 0;
    const auto at = static_cast<std::int64_t>(i);
    if (argument.dtype == DataType::fp16) {
      pattern = base::f16_from_f32(static_cast<float>(ops::load_f(tensor.view(), at)));
    } else if (is_float(argument.dtype)) {
      std::memcpy(&pattern, static_cast<const std::byte*>(tensor.view().data) + i * width / 8,
                  width / 8);
    } else {
      pattern = static_cast<std::uint64_t>(ops::load_i(tensor.view(), at));
    }
    for (std::size_t b = 0; b < width; ++b) {
      const auto bit = i * width + b;
      if ((pattern >> b & 1U) != 0) bytes[bit / 8] |= std::byte{1} << (bit % 8);
    }
  }
  return ir::make_tensor(type, std::move(bytes));
}

struct Built {
  std::shared_ptr<ir::Program> program = std::make_shared<ir::Program>();
  std::vector<HostTensor> inputs;
};

Built build(const Spec& spec) {
  Built built;
  auto& function =
      *built.program->functions.emplace_back(std::make_unique<ir::Function>("main", spec.opset));
  auto& body = *function.body;
  auto op = std::make_unique<ir::Op>(spec.op, "tested");
  std::vector<std::pair<std::string, std::vector<ir::Binding>>> arguments;
  for (const auto& argument : spec.arguments) {
    auto at = std::ranges::find(arguments, argument.param, &decltype(arguments)::value_type::first);
    if (at == arguments.end()) at = arguments.insert(at, {argument.param, {}});
    if (argument.constant) {
      at->second.emplace_back(constant_of(argument));
      continue;
    }
    auto& value =
        body.add_input(base::cat("input_", built.inputs.size()),
                       argument.ranked ? ir::Type::tensor(argument.dtype, argument.declared)
                                       : ir::Type::unranked(argument.dtype));
    at->second.emplace_back(&value);
    built.inputs.push_back(tensor_of(argument));
  }
  for (auto& [name, bindings] : arguments) op->set_argument(name, std::move(bindings));
  std::vector<ir::Value*> outputs;
  for (std::size_t i = 0; i < spec.results.size(); ++i) {
    outputs.push_back(
        &op->add_result(base::cat("result_", i), ir::Type::unranked(spec.results[i])));
  }
  body.append(std::move(op));
  body.set_outputs(std::move(outputs));
  return built;
}

/// The error's sentence, empty when the program ran.
std::string outcome(const Spec& spec, bool on_cpu) {
  auto built = build(spec);
  try {
    auto weights = std::make_shared<exec::WeightStore>(
        [](const ir::BlobReference&, const ir::Type&) { return exec::BlobRange{}; },
        std::make_shared<base::Budget>(budget_bytes));
    compiler::CompileOptions options;
    if (on_cpu) options.devices.push_back(&devices::cpu_device());
    const auto executable =
        compiler::compile(built.program, "main", std::move(weights), std::move(options));
    std::vector<compiler::InputTensor> inputs;
    for (const auto& t : built.inputs) inputs.push_back({t.view().data, t.dtype(), t.dims(), {}});
    std::vector<HostTensor> outputs;
    base::Budget budget(budget_bytes);
    compiler::RunOptions run;
    run.budget = &budget;
    executable->predict(inputs, outputs, nullptr, run);
  } catch (const Error& error) {
    const std::string text = error.what();
    return text.empty() ? "an error without a sentence" : text;
  }
  return {};
}

std::string text_of(const Spec& spec) {
  return ir::print(*build(spec).program);
}

std::int64_t setting(const char* name, std::int64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::atoll(text) : otherwise;
}

/// What is wrong with what the devices said of a program, empty when nothing is.
std::string fault_of(const Spec& spec, const std::string& reference, const std::string& cpu) {
  auto both = base::cat("reference: ", reference, "\nCPU: ", cpu);
  // Kernels may want working memory that the reference does not.
  const bool out_of_memory = cpu.find("passes the limit") != std::string::npos;
  if (reference.empty() != cpu.empty() && !out_of_memory) return both;
  const auto place = base::cat("operation 'tested' (", spec.op, ")");
  for (const auto& text : {reference, cpu}) {
    if (!text.empty() && text.find(place) == std::string::npos) return both;
  }
  return {};
}

TEST(Mutation, GivesAResultOrASentence) {
  const auto specs = all_specs();
  ASSERT_FALSE(specs.empty());
  Mutator mutator(static_cast<std::uint32_t>(setting("POME_MUTATION_SEED", 4)));
  const auto count = setting("POME_MUTATIONS", 40000);
  const bool trace = setting("POME_MUTATION_TRACE", 0) != 0;
  std::int64_t refused = 0;
  std::map<std::string, std::string> faults;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto spec = mutator.mutated(specs[mutator.below(specs.size())]);
    if (trace) std::cerr << text_of(spec) << std::endl;
    const auto reference = outcome(spec, false);
    const auto cpu = outcome(spec, true);
    refused += reference.empty() ? 0 : 1;
    const auto fault = fault_of(spec, reference, cpu);
    if (fault.empty() || faults.size() == 40) continue;
    // One a kind is enough to read.
    faults.emplace(
        base::cat(spec.op, reference.empty() ? " ran" : "", cpu.empty() ? " on CPU" : ""),
        base::cat(fault, "\n", text_of(spec).substr(0, 1500)));
  }
  for (const auto& [kind, fault] : faults) ADD_FAILURE() << kind << "\n" << fault;
  // Both ends must be tested: programs that run and programs that do not.
  EXPECT_GT(refused, count / 10);
  EXPECT_LT(refused, count - count / 10);
  RecordProperty("refused", static_cast<int>(refused));
}

}  // namespace
}  // namespace pome::test
