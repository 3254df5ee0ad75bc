#include "case_runner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>

#include "base/half.h"
#include "base/text.h"
#include "ir/program.h"
#include "ops/call.h"
#include "ops/flat.h"
#include "ops/resolve.h"
#include "pome/error.h"
#include "support/shared.h"

namespace pome::ops::testing {
namespace {

using nlohmann::json;

/// Which arguments are written as constants, and what is known of the others' types.
enum class Mode {
  all_known,        ///< every argument a constant
  floats_computed,  ///< float tensors are inputs of the function where the signature allows it
  weights_known,    ///< only the first parameter is an input, where the signature allows it
  all_computed,     ///< everything is an input where the signature allows it; dims known
  dims_unknown,     ///< the same, of known rank but unknown dims
  unranked,         ///< the same, of unknown rank
};

double number(const json& value) {
  if (!value.is_string()) return value.is_boolean() ? value.get<bool>() : value.get<double>();
  const auto text = value.get<std::string>();
  if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  return text == "inf" ? infinity : -infinity;
}

/// A tensor of a case: {dtype, dims, data}, data in row-major order.
struct Tensor {
  DataType dtype = DataType::invalid;
  Dims dims;
  json data;

  explicit Tensor(const json& from) {
    dtype = parse_data_type(from.at("dtype").get<std::string>()).value();
    for (const auto& d : from.at("dims")) dims.push_back(d.get<std::int64_t>());
    data = from.at("data");
  }
  ir::Type type() const { return ir::Type::tensor(dtype, dims); }

  /// In the storage type that programs run with.
  HostTensor host() const {
    if (dtype == DataType::string) {
      return {dims, data.get<std::vector<std::string>>()};
    }
    HostTensor out(base::storage_type(dtype), dims);
    const auto view = out.mutable_view();
    std::int64_t i = 0;
    for (const auto& value : data) {
      if (is_float(dtype))
        store_f(view, i++, number(value));
      else
        store_i(view, i++, value.is_boolean() ? value.get<bool>() : value.get<std::int64_t>());
    }
    return out;
  }

  /// Elements of a sub-byte type, the first in the low bits.
  std::vector<std::byte> packed(const base::TensorView& view) const {
    const auto width = static_cast<std::size_t>(bits(dtype));
    std::vector<std::byte> bytes((static_cast<std::size_t>(view.size()) * width + 7) / 8);
    for (std::size_t bit = 0; bit < static_cast<std::size_t>(view.size()) * width; ++bit) {
      const auto element = load_i(view, static_cast<std::int64_t>(bit / width));
      if ((static_cast<std::uint64_t>(element) >> (bit % width) & 1U) != 0) {
        bytes[bit / 8] |= std::byte{1} << (bit % 8);
      }
    }
    return bytes;
  }

  ir::ConstantPtr constant() const {
    if (dtype == DataType::string) {
      return dims.empty() ? ir::make_string(data.at(0).get<std::string>())
                          : ir::make_strings(data.get<std::vector<std::string>>());
    }
    const auto tensor = host();
    const auto view = tensor.view();
    std::vector<std::byte> bytes;
    if (dtype == DataType::fp16) {
      for (const float v : view.as<float>()) {
        const auto h = base::f16_from_f32(v);
        bytes.push_back(static_cast<std::byte>(h & 0xFFU));
        bytes.push_back(static_cast<std::byte>(h >> 8U));
      }
    } else if (bits(dtype) < 8) {
      bytes = packed(view);
    } else {
      bytes.resize(tensor.byte_size());
      if (!bytes.empty()) std::memcpy(bytes.data(), view.data, bytes.size());
    }
    return ir::make_tensor(type(), std::move(bytes));
  }
};

ir::Type with_knowledge(ir::Type type, Mode mode) {
  if (mode == Mode::dims_unknown) type.dims = Dims(type.dims.size(), ir::unknown_dim);
  if (mode == Mode::unranked) type = ir::Type::unranked(type.dtype);
  return type;
}

/// A function of one operation, with the tensors of those arguments that are its inputs.
struct Built {
  std::unique_ptr<ir::Function> function;
  std::vector<HostTensor> inputs;
};

bool is_constant(const OpDef* def, std::string_view name, const Tensor& tensor, Mode mode) {
  if (mode == Mode::all_known || tensor.dtype == DataType::string) return true;
  if (def) {
    const auto at = std::ranges::find(def->params(), name, &Param::name);
    if (at != def->params().end() && at->form == Form::constant) return true;
  }
  if (mode == Mode::weights_known) return !def || name != def->params().front().name;
  return mode == Mode::floats_computed && !is_float(tensor.dtype);
}

Built build(const json& test, Mode mode) {
  Built built;
  const auto op_name = test.at("op").get<std::string>();
  built.function = std::make_unique<ir::Function>("main", test.at("opset").get<std::string>());
  auto& body = *built.function->body;
  auto op = std::make_unique<ir::Op>(op_name, "tested");
  const auto* def = find(op_name);
  const auto always = test.value("constant", std::vector<std::string>());
  for (const auto& [name, given] : test.at("inputs").items()) {
    std::vector<ir::Binding> bindings;
    const auto list = given.is_array() ? given : json::array({given});
    for (const auto& element : list) {
      const Tensor tensor(element);
      if (std::ranges::count(always, name) != 0 || is_constant(def, name, tensor, mode)) {
        bindings.emplace_back(tensor.constant());
        continue;
      }
      auto& value = body.add_input(base::cat("input_", built.inputs.size()),
                                   with_knowledge(tensor.type(), mode));
      bindings.emplace_back(&value);
      built.inputs.push_back(tensor.host());
    }
    op->set_argument(name, std::move(bindings));
  }
  const auto results =
      test.contains("outputs") ? test.at("outputs").size() : test.value("results", std::size_t{1});
  for (std::size_t i = 0; i < results; ++i) {
    // What the program declares knows nothing, so that inference stands alone.
    const auto dtype =
        test.contains("outputs") ? Tensor(test.at("outputs")[i]).dtype : DataType::fp32;
    op->add_result(base::cat("result_", i), ir::Type::unranked(dtype));
  }
  body.append(std::move(op));
  resolve(*built.function);
  return built;
}

std::vector<ir::Type> input_types(const ir::Function& function) {
  std::vector<ir::Type> types;
  for (const auto& input : function.body->inputs()) types.push_back(input->type);
  return types;
}

/// Types of the operation's results as inference finds them.
std::vector<ir::Type> infer_results(const Built& built) {
  const auto flat = flatten(*built.function);
  const auto facts = infer(flat, input_types(*built.function));
  std::vector<ir::Type> types;
  for (const auto id : flat.body().calls.at(0).results) types.push_back(facts.types[id]);
  return types;
}

/// Evaluates the operation with all values at hand, results allocated as it asks for them.
std::vector<HostTensor> evaluate(const Built& built) {
  const auto flat = flatten(*built.function);
  const auto facts = infer(flat, input_types(*built.function));
  const auto& call = flat.body().calls.at(0);
  std::vector<HostTensor> tensors(call.results.size());
  std::vector<ir::Type> types;
  for (const auto id : call.results) types.push_back(facts.types[id]);
  std::vector<EvalContext::Result> results(call.results.size());
  for (std::size_t i = 0; i < results.size(); ++i) results[i].type = &types[i];
  EvalContext context(*call.def, call.op, results, [&](std::size_t i, const Dims& dims) {
    tensors[i] = HostTensor(base::storage_type(types[i].dtype), dims);
    return tensors[i].mutable_view();
  });
  const auto& inputs = flat.body().inputs;
  for (std::size_t p = 0; p < call.params.size(); ++p) {
    std::vector<Call::Arg> args;
    for (const auto id : call.param(static_cast<int>(p))) {
      Call::Arg arg{&facts.types[id], {}, nullptr};
      const auto at = std::ranges::find(inputs, id);
      arg.value = at != inputs.end()
                      ? built.inputs[static_cast<std::size_t>(at - inputs.begin())].view()
                      : flat.values[id].known->view();
      args.push_back(arg);
    }
    context.push_param(args);
  }
  call.def->evaluate(context);
  return tensors;
}

void compare_elements(const HostTensor& actual, const Tensor& expected, double rtol, double atol) {
  const auto wanted = expected.host();
  for (std::int64_t i = 0; i < wanted.size(); ++i) {
    if (!is_float(expected.dtype)) {
      EXPECT_EQ(load_i(actual.view(), i), load_i(wanted.view(), i)) << "element " << i;
      continue;
    }
    const double a = load_f(actual.view(), i);
    const double e = load_f(wanted.view(), i);
    if (std::isnan(e) || std::isinf(e)) {
      EXPECT_TRUE(std::isnan(e) ? std::isnan(a) : a == e)
          << "element " << i << " is " << a << ", expected " << e;
    } else {
      EXPECT_TRUE(std::fabs(a - e) <= atol + rtol * std::fabs(e))
          << "element " << i << " is " << a << ", expected " << e;
    }
  }
}

void check_types(const json& test, const std::vector<Tensor>& expected) {
  const bool from_data = test.value("from_data", false);
  for (const auto mode :
       {Mode::all_known, Mode::floats_computed, Mode::dims_unknown, Mode::unranked}) {
    SCOPED_TRACE(base::cat("inference mode ", static_cast<int>(mode)));
    const auto inferred = infer_results(build(test, mode));
    const bool exact = mode == Mode::all_known || (mode == Mode::floats_computed && !from_data);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      if (exact) {
        EXPECT_EQ(ir::text(inferred[i]), ir::text(expected[i].type()));
      } else {
        EXPECT_TRUE(ir::compatible(inferred[i], expected[i].type()))
            << ir::text(inferred[i]) << " inferred, the result is " << ir::text(expected[i].type());
      }
    }
  }
}

struct Tolerance {
  double relative = 2.5e-7;  ///< one rounding to fp32 on either side
  double absolute = 1e-30;
};

Tolerance tolerance(const json& test) {
  if (!test.contains("tol")) return {};
  return {test["tol"][0].get<double>(), test["tol"][1].get<double>()};
}

void check_values(const json& test, const std::vector<Tensor>& expected) {
  const auto [rtol, atol] = tolerance(test);
  const auto actual = evaluate(build(test, Mode::all_computed));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    SCOPED_TRACE(base::cat("result ", i));
    ASSERT_EQ(base::shape_text(actual[i].dims()), base::shape_text(expected[i].dims));
    ASSERT_EQ(name(actual[i].dtype()), name(base::storage_type(expected[i].dtype)));
    compare_elements(actual[i], expected[i], rtol, atol);
  }
}

void check_error(const json& test) {
  try {
    const auto built = build(test, Mode::all_computed);
    infer_results(built);
    evaluate(built);
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find(test["error"].get<std::string>()), std::string::npos) << text;
    EXPECT_NE(text.find(test["op"].get<std::string>()), std::string::npos) << text;
    return;
  }
  ADD_FAILURE() << "expected an error with " << test["error"];
}

}  // namespace

namespace {
std::filesystem::path data_folder() {
  return test::source_folder() / "tests" / "ops" / "data";
}
}  // namespace

std::vector<std::string> case_files() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(data_folder())) {
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

std::vector<Case> load_cases(const std::string& file) {
  std::vector<Case> cases;
  for (const auto& test : json::parse(std::ifstream(data_folder() / (file + ".json")))) {
    auto name = base::cat(file, " ", cases.size(), ": ", test.at("op").get<std::string>());
    if (test.contains("note")) name += " (" + test["note"].get<std::string>() + ")";
    cases.push_back({std::move(name), test});
  }
  return cases;
}

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const auto& file : case_files()) {
    for (auto& test : load_cases(file)) cases.push_back(std::move(test));
  }
  return cases;
}

std::vector<HostTensor> evaluate_case(const json& test) {
  return evaluate(build(test, Mode::all_computed));
}

CaseProgram program_of(const json& test, bool weights) {
  auto built = build(test, weights ? Mode::weights_known : Mode::all_computed);
  CaseProgram out;
  out.program = std::make_shared<ir::Program>();
  std::vector<ir::Value*> results;
  const auto& op = *built.function->body->operations().back();
  for (std::size_t i = 0; i < op.result_count(); ++i) results.push_back(&op.result(i));
  built.function->body->set_outputs(std::move(results));
  out.program->functions.push_back(std::move(built.function));
  out.inputs = std::move(built.inputs);
  for (const auto& output : test.at("outputs")) out.expected.push_back(Tensor(output).host());
  out.relative = tolerance(test).relative;
  out.absolute = tolerance(test).absolute;
  return out;
}

bool zeros_would_pass(const Case& test) {
  const auto [rtol, atol] = tolerance(test.json);
  for (const auto& output : test.json.at("outputs")) {
    const Tensor expected(output);
    const auto tensor = expected.host();
    for (std::int64_t i = 0; i < tensor.size(); ++i) {
      const double e = load_f(tensor.view(), i);
      if (!(std::fabs(e) <= atol + rtol * std::fabs(e)) || std::isinf(e)) return false;
    }
  }
  return true;
}

void run_case(const Case& test) {
  if (test.json.contains("error")) {
    check_error(test.json);
    return;
  }
  std::vector<Tensor> expected;
  for (const auto& output : test.json.at("outputs")) expected.emplace_back(output);
  check_types(test.json, expected);
  check_values(test.json, expected);
}

}  // namespace pome::ops::testing
