// Every value that an attribute of text may have is in a case.
//
// Which values there are, the operation itself says when it is given another: "found 'pome',
// expected 'A', 'B' or 'C'".
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "base/text.h"
#include "case_runner.h"
#include "ops/op_def.h"
#include "pome/error.h"

namespace pome::ops::testing {
namespace {

using nlohmann::json;

/// The quoted words behind "expected".
std::vector<std::string> expected_words(const std::string& message) {
  std::vector<std::string> words;
  auto at = message.find("expected '");
  while (at != std::string::npos) {
    const auto begin = message.find('\'', at);
    if (begin == std::string::npos) break;
    const auto end = message.find('\'', begin + 1);
    if (end == std::string::npos) break;
    words.push_back(message.substr(begin + 1, end - begin - 1));
    at = end + 1;
  }
  return words;
}

/// The values that a parameter takes in a case of its operation.
std::vector<std::string> values_of(json test, const std::string& param) {
  test["inputs"][param] = {{"dtype", "string"}, {"dims", json::array()}, {"data", {"pome"}}};
  try {
    evaluate_case(test);
  } catch (const Error& error) {
    return expected_words(error.what());
  }
  return {};
}

using Found = std::map<std::string, std::set<std::string>>;

/// Values by "operation.parameter" that some case has.
Found values_in_cases(const std::vector<Case>& cases) {
  Found found;
  for (const auto& test : cases) {
    if (test.json.contains("error")) continue;
    const auto op = test.json.at("op").get<std::string>();
    for (const auto& [param, value] : test.json.at("inputs").items()) {
      if (!value.is_object() || value.at("dtype") != "string" || value.at("data").size() != 1) {
        continue;
      }
      found[base::cat(op, ".", param)].insert(value.at("data")[0].get<std::string>());
    }
  }
  return found;
}

/// A case of the operation in the newest opset that there is one in: it takes every parameter.
const Case* newest_case(const std::vector<Case>& cases, std::string_view op) {
  const Case* best = nullptr;
  for (const auto& test : cases) {
    if (test.json.at("op") != op || test.json.contains("error")) continue;
    if (!best || test.json.at("opset") > best->json.at("opset")) best = &test;
  }
  return best;
}

/// Texts that are no values.
bool excepted(const std::string& place, const std::string& value) {
  return place == "einsum.equation" ||
         // Told with those of resample, and refused by an error of its own.
         (place == "affine.coordinates_mode" && value == "unnormalized");
}

TEST(Enums, EveryValueHasACase) {
  const auto cases = all_cases();
  auto found = values_in_cases(cases);
  int values = 0;
  for (const auto* def : all()) {
    const auto* test = newest_case(cases, def->name);
    if (!test) continue;
    for (const auto& param : def->versions.back().params) {
      if (param.types != t::string) continue;
      const auto place = base::cat(def->name, ".", param.name);
      for (const auto& value : values_of(test->json, std::string(param.name))) {
        ++values;
        EXPECT_TRUE(found[place].contains(value) || excepted(place, value))
            << "no case has " << place << " = " << value;
      }
    }
  }
  EXPECT_GT(values, 100);
}

}  // namespace
}  // namespace pome::ops::testing
