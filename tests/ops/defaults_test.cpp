// A parameter that is not given counts as the default that coremltools states (registry.json).
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/text.h"
#include "case_runner.h"
#include "ops/call.h"
#include "ops/op_def.h"
#include "pome/error.h"
#include "support/shared.h"

namespace pome::ops::testing {
namespace {

using base::cat;
using base::HostTensor;
using nlohmann::json;

/// Defaults that cannot be written in an argument's place.
struct Exception {
  std::string_view op, param, reason;
};
constexpr std::array exceptions{
    Exception{"", "seed", "-1 asks for other numbers at every call"},
    Exception{"make_list", "init_length", "a list of defaults is one of tests/ops/programs"},
    Exception{"make_list", "dynamic_length", "a list of defaults is one of tests/ops/programs"},
    Exception{"make_list", "dtype", "a list of defaults is one of tests/ops/programs"},
};

bool excepted(std::string_view op, std::string_view param) {
  return std::ranges::any_of(exceptions, [&](const Exception& e) {
    return (e.op.empty() || e.op == op) && e.param == param;
  });
}

/// coremltools' parameters of an operation in an opset.
const json& parameters(const json& versions, Opset opset) {
  const json* found = &versions.front();
  for (const auto& version : versions) {
    Opset since{};
    if (parse_opset(version.at("since").get<std::string>(), since) && since <= opset) {
      found = &version;
    }
  }
  return found->at("parameters");
}

const json* first_input(const json& test, const json& all) {
  for (const auto& param : all) {
    const auto at = test.at("inputs").find(param.at("name").get<std::string>());
    if (at != test.at("inputs").end()) return at->is_array() ? &at->at(0) : &*at;
  }
  return nullptr;
}

/// The element type that a default is written in: the one of its group, else the first possible.
std::string type_of_default(const json& param, const json& value, const json& test,
                            const json& all) {
  const auto types = param.at("types").get<std::vector<std::string>>();
  for (const auto& other : all) {
    if (!param.contains("group") || other.value("group", "") != param["group"]) continue;
    const auto at = test.at("inputs").find(other.at("name").get<std::string>());
    if (at != test.at("inputs").end()) return at->at("dtype").get<std::string>();
  }
  const json& one = value.is_array() && !value.empty() ? value.front() : value;
  for (const char* type : {"string", "bool", "fp32", "int32"}) {
    const bool fits = one.is_string() ? std::string_view(type) == "string"
                      : one.is_boolean()
                          ? std::string_view(type) == "bool"
                          : std::string_view(type) != "string" && std::string_view(type) != "bool";
    if (fits && std::ranges::count(types, type) != 0) return type;
  }
  return types.front();
}

std::optional<json> default_value(const json& param, const json& test, const json& all) {
  if (param.contains("default")) return param["default"];
  if (!param.contains("default_by_rank")) return {};
  const auto* first = first_input(test, all);
  const auto rank = first ? std::to_string(first->at("dims").size()) : "";
  const auto& by_rank = param["default_by_rank"];
  return by_rank.contains(rank) ? std::optional<json>(by_rank[rank]) : std::nullopt;
}

json argument(const json& value, const std::string& dtype) {
  const auto n = static_cast<std::int64_t>(value.size());
  return {{"dtype", dtype},
          {"dims", value.is_array() ? json::array({n}) : json::array()},
          {"data", value.is_array() ? value : json::array({value})}};
}

void expect_same(const std::vector<HostTensor>& a, const std::vector<HostTensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t r = 0; r < a.size(); ++r) {
    ASSERT_EQ(base::shape_text(a[r].dims()), base::shape_text(b[r].dims()));
    for (std::int64_t i = 0; i < a[r].size(); ++i) {
      const double x = load_f(a[r].view(), i);
      const double y = load_f(b[r].view(), i);
      EXPECT_TRUE(x == y || (x != x && y != y)) << x << " without, " << y << " with it";
    }
  }
}

using Uses = std::map<std::string, int>;

/// Writes each default that the case relies on into its place; the results must not change.
void try_defaults(const Case& test, const json& all, Uses& uses) {
  const auto op = test.json.at("op").get<std::string>();
  for (const auto& param : all) {
    const auto name = param.at("name").get<std::string>();
    if (test.json.at("inputs").contains(name) || excepted(op, name)) continue;
    const auto value = default_value(param, test.json, all);
    if (!value) continue;
    SCOPED_TRACE(cat(test.name, ": ", name, " = ", value->dump()));
    json with = test.json;
    with["inputs"][name] = argument(*value, type_of_default(param, *value, test.json, all));
    try {
      expect_same(evaluate_case(test.json), evaluate_case(with));
    } catch (const Error& error) {
      ADD_FAILURE() << error.what();
    }
    ++uses[cat(op, " ", name)];
  }
}

TEST(Defaults, AreThoseOfCoremltools) {
  const json registry =
      json::parse(std::ifstream(test::source_folder() / "tests" / "ops" / "registry.json"));
  Uses uses;
  for (const auto& test : all_cases()) {
    const auto op = test.json.at("op").get<std::string>();
    Opset opset{};
    if (test.json.contains("error") || !registry.at("operations").contains(op)) continue;
    ASSERT_TRUE(parse_opset(test.json.at("opset").get<std::string>(), opset));
    try_defaults(test, parameters(registry.at("operations").at(op), opset), uses);
  }
  for (const auto& [op, versions] : registry.at("operations").items()) {
    const auto* def = find(op);
    if (!def || def->evaluate == nullptr) continue;
    for (const auto& version : versions) {
      for (const auto& param : version.at("parameters")) {
        const auto name = param.at("name").get<std::string>();
        if (!param.contains("default") && !param.contains("default_by_rank")) continue;
        EXPECT_TRUE(excepted(op, name) || uses.contains(cat(op, " ", name)))
            << "no case leaves '" << name << "' of " << op << " to its default";
      }
    }
  }
}

}  // namespace
}  // namespace pome::ops::testing
