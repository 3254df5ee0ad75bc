// Whole programs for the operations that the executor runs, against numpy (make_programs.py).
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/half.h"
#include "base/text.h"
#include "ir/text.h"
#include "ops/call.h"
#include "pome/error.h"
#include "support/program_builder.h"
#include "support/shared.h"

namespace pome::ops {
namespace {

using base::HostTensor;
using nlohmann::json;

json load_programs() {
  return json::parse(
      std::ifstream(test::source_folder() / "tests" / "ops" / "programs" / "programs.json"));
}

/// A tensor in its declared type: fp16 as its bits.
HostTensor read(const json& from) {
  const auto dtype = parse_data_type(from.at("dtype").get<std::string>()).value();
  HostTensor out(dtype, base::Dims(from.at("dims").get<std::vector<std::int64_t>>()));
  const auto view = out.mutable_view();
  std::int64_t i = 0;
  for (const auto& value : from.at("data")) {
    const double number = value.is_boolean() ? value.get<bool>() : value.get<double>();
    if (dtype == DataType::fp16) {
      view.as<std::uint16_t>()[static_cast<std::size_t>(i)] =
          base::f16_from_f32(static_cast<float>(number));
    } else {
      store_f(view, i, number);
    }
    ++i;
  }
  return out;
}

void expect_equal(const HostTensor& found, const HostTensor& expected) {
  ASSERT_EQ(name(found.dtype()), name(expected.dtype()));
  ASSERT_EQ(base::shape_text(found.dims()), base::shape_text(expected.dims()));
  for (std::int64_t i = 0; i < expected.size(); ++i) {
    if (expected.dtype() == DataType::fp16) {
      const auto at = static_cast<std::size_t>(i);
      EXPECT_EQ(base::f32_from_f16(found.view().as<std::uint16_t>()[at]),
                base::f32_from_f16(expected.view().as<std::uint16_t>()[at]))
          << "element " << i;
    } else {
      EXPECT_EQ(load_f(found.view(), i), load_f(expected.view(), i)) << "element " << i;
    }
  }
}

void run(const json& test) {
  base::Budget budget;
  std::shared_ptr<ir::Program> program =
      ir::parse_program(test.at("program").get<std::string>(), "programs.json", budget);
  const auto executable = test::compile(program, {});
  const auto state = executable->make_state();
  for (const auto& step : test.at("steps")) {
    std::vector<HostTensor> inputs, outputs;
    for (const auto& input : step.at("inputs")) inputs.push_back(read(input));
    std::vector<compiler::InputTensor> tensors;
    for (const auto& t : inputs) tensors.push_back({t.view().data, t.dtype(), t.dims(), {}});
    executable->predict(tensors, outputs, state.get(), {});
    ASSERT_EQ(outputs.size(), step.at("outputs").size());
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      SCOPED_TRACE(base::cat("output ", i));
      expect_equal(outputs[i], read(step.at("outputs")[i]));
    }
  }
}

TEST(Programs, AgreeWithNumpy) {
  const auto programs = load_programs();
  ASSERT_FALSE(programs.empty());
  for (const auto& test : programs) {
    SCOPED_TRACE(test.at("name").get<std::string>());
    try {
      run(test);
    } catch (const Error& error) {
      ADD_FAILURE() << error.what();
    }
  }
}

}  // namespace
}  // namespace pome::ops
