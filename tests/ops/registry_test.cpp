// Every operation that coremltools can write is in the table, with the same parameters.
//
// registry.json has the facts of coremltools' registry (registry.py writes it and checks that it is
// up to date). Where Pome's table differs on purpose, `exceptions` says why.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/text.h"
#include "ops/op_def.h"
#include "support/shared.h"

namespace pome::ops {
namespace {

using base::cat;
using nlohmann::json;

const json& registry() {
  static const json facts =
      json::parse(std::ifstream(test::source_folder() / "tests" / "ops" / "registry.json"));
  return facts;
}

/// The parameters that coremltools' newest version of `op` up to `opset` has; null: none yet.
/// Pome begins with iOS15, the first opset that ML Programs have; iOS13 and 14 are part of it.
const json* parameters_at(const json& versions, Opset opset) {
  const json* found = nullptr;
  for (const auto& version : versions) {
    Opset since = Opset::ios15;
    const auto text = version.at("since").get<std::string>();
    if (text != "iOS13" && text != "iOS14" && !parse_opset(text, since)) ADD_FAILURE() << text;
    if (since <= opset) found = &version.at("parameters");
  }
  return found;
}

struct Exception {
  std::string_view op, param, reason;
};
/// Differences in a parameter that are meant.
constexpr std::array exceptions{
    Exception{"const", "val", "the value is an attribute of the operation, not an argument"},
    Exception{"classify", "classes", "a list of Python is a constant vector in the file"},
    Exception{"make_list", "elem_shape", "the empty tuple of a list of scalars is no argument"},
    Exception{"constexpr_lut_to_dense", "shape", "the older form is read in newer opsets, too"},
    Exception{"constexpr_sparse_to_dense", "shape", "the older form is read in newer opsets, too"},
};
/// Operations whose arguments coremltools binds to one float type, and which compute the same
/// whichever of them is fp16: the mixture is read here.
constexpr std::array<std::string_view, 9> mixing{
    "affine", "crop_resize",       "gru",
    "lstm",   "resample",          "non_maximum_suppression",
    "rnn",    "upsample_bilinear", "upsample_nearest_neighbor",
};

bool excepted(std::string_view op, std::string_view param) {
  return std::ranges::any_of(exceptions,
                             [&](const Exception& e) { return e.op == op && e.param == param; });
}

/// What `theirs` takes and `ours` does not, as sentences.
void compare_parameter(const json& theirs, const Param* ours, const std::string& place,
                       std::vector<std::string>& out) {
  const auto kind = theirs.at("kind").get<std::string>();
  if (kind == "block" || theirs.at("name").get<std::string>().starts_with('_')) return;
  if (!ours) {
    out.push_back(cat(place, ": missing"));
    return;
  }
  const bool optional = theirs.at("optional").get<bool>();
  if (ours->required == optional) {
    out.push_back(cat(place, ": is ", optional ? "optional" : "required", " in coremltools"));
  }
  if (ours->form == Form::constant && !theirs.at("constant").get<bool>() && kind == "tensor") {
    out.push_back(cat(place, ": needs no constant in coremltools"));
  }
  if (kind == "state" ? ours->form != Form::state : ours->form == Form::state) {
    out.push_back(cat(place, ": is a ", kind, " in coremltools"));
  }
  if (kind == "list" ? ours->form != Form::list : ours->form == Form::list) {
    out.push_back(cat(place, ": is a ", kind, " in coremltools"));
  }
  if ((kind == "tuple") != ours->variadic) {
    out.push_back(cat(place, ": is a ", kind, " in coremltools"));
  }
  std::string types;
  for (const auto& type : theirs.value("types", json::array())) {
    const auto dtype = parse_data_type(type.get<std::string>());
    if (!dtype || !contains(ours->types, *dtype)) types += cat(" ", type.get<std::string>());
  }
  if (!types.empty()) out.push_back(cat(place, ": coremltools takes", types));
}

/// Parameters that must have one type there and may differ here, or the other way round.
void compare_groups(const std::string& op, const json& theirs, const OpVersion& ours,
                    const std::string& place, std::vector<std::string>& out) {
  for (const auto& a : theirs) {
    for (const auto& b : theirs) {
      const auto name_a = a.at("name").get<std::string>();
      const auto name_b = b.at("name").get<std::string>();
      if (name_a >= name_b) continue;
      const auto find = [&](const std::string& n) {
        return std::ranges::find(ours.params, n, &Param::name);
      };
      const auto p = find(name_a);
      const auto q = find(name_b);
      if (p == ours.params.end() || q == ours.params.end()) continue;
      const bool together = a.contains("group") && b.contains("group") && a["group"] == b["group"];
      const bool one_type =
          a.contains("types") && a["types"].size() == 1 && a["types"] == b["types"];
      if (!together && !one_type && p->group != 0 && p->group == q->group) {
        out.push_back(cat(place, " ", name_a, " and ", name_b, ": may differ in coremltools"));
      }
      if (together && !one_type && std::ranges::count(mixing, op) == 0 &&
          (p->group == 0 || p->group != q->group)) {
        out.push_back(cat(place, " ", name_a, " and ", name_b, ": have one type in coremltools"));
      }
    }
  }
}

void compare_version(const std::string& op, const json& theirs, const OpVersion& ours,
                     const std::string& place, std::vector<std::string>& out) {
  for (const auto& param : theirs) {
    const auto name = param.at("name").get<std::string>();
    if (excepted(op, name)) continue;
    const auto at = std::ranges::find(ours.params, name, &Param::name);
    compare_parameter(param, at == ours.params.end() ? nullptr : &*at, cat(place, " ", name), out);
  }
  for (const auto& param : ours.params) {
    const bool known = std::ranges::any_of(
        theirs, [&](const json& p) { return p.at("name").get<std::string>() == param.name; });
    if (!known && !excepted(op, param.name)) {
      out.push_back(cat(place, " ", param.name, ": is not in coremltools"));
    }
  }
  compare_groups(op, theirs, ours, place, out);
}

constexpr std::array opsets{Opset::ios15, Opset::ios16, Opset::ios17, Opset::ios18, Opset::ios26};

TEST(Registry, EveryOperationOfEveryOpsetIsThere) {
  std::vector<std::string> missing;
  int count = 0;
  for (const auto& [op, versions] : registry().at("operations").items()) {
    const auto* def = find(op);
    if (!def) {
      missing.push_back(op);
      continue;
    }
    for (const auto opset : opsets) {
      const auto* theirs = parameters_at(versions, opset);
      const auto* ours = version(*def, opset);
      count += theirs ? 1 : 0;
      if (theirs && !ours) missing.push_back(cat(op, " in ", name(opset)));
      if (!theirs && ours) missing.push_back(cat(op, " in ", name(opset), ": only here"));
    }
  }
  EXPECT_GT(count, 700);
  for (const auto& line : missing) ADD_FAILURE() << line;
}

TEST(Registry, EveryVersionHasTheSameParameters) {
  std::vector<std::string> wrong;
  for (const auto& [op, versions] : registry().at("operations").items()) {
    const auto* def = find(op);
    if (!def) continue;
    for (const auto opset : opsets) {
      const auto* theirs = parameters_at(versions, opset);
      const auto* ours = version(*def, opset);
      if (!theirs || !ours) continue;
      compare_version(op, *theirs, *ours, cat(op, " in ", name(opset)), wrong);
    }
  }
  for (const auto& line : wrong) ADD_FAILURE() << line;
}

// Operations that no version of coremltools writes: each has a reason to be here.
TEST(Registry, NothingElseIsInTheTable) {
  const std::vector<std::string_view> known{
      "write_state",  // what coreml_update_state becomes in a file, with a read_state after it
  };
  for (const auto* def : all()) {
    if (registry().at("operations").contains(std::string(def->name))) continue;
    EXPECT_TRUE(std::ranges::count(known, def->name) != 0 || def->name.starts_with("pome."))
        << def->name;
  }
}

}  // namespace
}  // namespace pome::ops
