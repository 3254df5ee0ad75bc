#include "operations/page.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <span>

#include "base/text.h"
#include "devices/cpu/cpu_device.h"
#include "ops/op_def.h"

namespace pome::docs {
namespace {

using base::cat;
using nlohmann::json;
using ops::OpDef;
using ops::Opset;
using ops::Param;

constexpr Opset opsets[] = {Opset::ios15, Opset::ios16, Opset::ios17, Opset::ios18, Opset::ios26};

std::string types_text(const Param& param) {
  if (param.form == ops::Form::list) return "list";
  if (param.form == ops::Form::state) return "state";
  if (param.types == ops::t::any) return "any";
  std::string out;
  for (int i = 1; i <= static_cast<int>(DataType::uint64); ++i) {
    const auto type = static_cast<DataType>(i);
    if (ops::contains(param.types, type)) out += cat(out.empty() ? "" : ", ", name(type));
  }
  return param.group != 0 ? cat(param.group, ": ", out) : out;
}

/// What coremltools' registry says of a parameter in an opset; null when nothing.
const json* fact(const json& registry, std::string_view op, std::string_view param, Opset opset) {
  const auto at = registry.at("operations").find(op);
  if (at == registry.at("operations").end()) return nullptr;
  const json* found = nullptr;
  for (const auto& version : *at) {
    Opset since = Opset::ios15;  // iOS13 and 14 are part of it
    ops::parse_opset(version.at("since").get<std::string>(), since);
    if (since > opset) break;
    for (const auto& p : version.at("parameters")) {
      if (p.at("name").get<std::string>() == param) found = &p;
    }
  }
  return found;
}

std::string value_text(const json& value) {
  if (!value.is_number_float()) return cat("`", value.dump(), "`");
  // Defaults are floats: the shortest number that is the same one.
  const auto single = value.get<float>();
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.begin(), text.end(), single).ptr;
  const std::string_view shortest(text.data(), static_cast<std::size_t>(end - text.data()));
  return cat("`", shortest, shortest.find_first_of(".e") == std::string_view::npos ? ".0`" : "`");
}

std::string default_text(const json& registry, std::string_view op, const Param& param,
                         Opset opset) {
  if (param.required) return "required";
  const auto* known = fact(registry, op, param.name, opset);
  if (known && known->contains("default")) return value_text(known->at("default"));
  if (known && known->contains("default_by_rank")) {
    const auto& by_rank = known->at("default_by_rank");
    if (by_rank.contains("4")) return cat(value_text(by_rank.at("4")), " at rank 4");
  }
  return "none";
}

/// One row a parameter; a second one where a later opset takes other types.
void add_parameters(const OpDef& def, const json& registry, std::string& out) {
  if (def.params().empty()) return;
  out += "\n| parameter | element types | default | |\n|---|---|---|---|\n";
  for (const auto& canonical : def.params()) {
    std::string last;
    for (const auto& version : def.versions) {
      const auto at = std::ranges::find(version.params, canonical.name, &Param::name);
      const bool there = at != version.params.end();
      if (!there && last.empty()) continue;
      const auto row =
          there ? cat(types_text(*at), " | ", default_text(registry, def.name, *at, version.since))
                : std::string("gone |");
      if (row == last) continue;
      std::string remark;
      const auto say = [&](std::string_view text) {
        remark += cat(remark.empty() ? "" : ", ", text);
      };
      if (there && at->form == ops::Form::constant) say("constant");
      if (there && at->variadic) say("any number");
      if (!last.empty() || &version != &def.versions.front())
        say(cat("from ", name(version.since)));
      out += cat("| `", canonical.name, "` | ", row, " | ", remark, " |\n");
      last = row;
      if (!there) break;
    }
  }
}

std::string opsets_text(const OpDef& def) {
  std::string out = cat("From ", name(def.versions.front().since));
  std::string changes;
  for (const auto& version : def.versions.subspan(1)) {
    changes += cat(changes.empty() ? "" : ", ", name(version.since));
  }
  return changes.empty() ? out : cat(out, ", changed in ", changes);
}

std::string devices_text(const OpDef& def, std::span<const std::string_view> cpu) {
  if (def.effects == ops::Effects::control_flow || def.effects == ops::Effects::reads_state ||
      def.effects == ops::Effects::writes_state) {
    return "the executor";
  }
  if (def.name == "classify") return "the runtime";
  if (def.effects == ops::Effects::compress) return "at load, or as it is by kernels of the CPU";
  return std::ranges::binary_search(cpu, def.name) ? "CPU, reference" : "reference";
}

void add_operation(const OpDef& def, const Notes& notes, const json& registry,
                   std::span<const std::string_view> cpu, std::string& out) {
  out +=
      cat("\n### ", def.name, "\n", opsets_text(def), ". Runs on: ", devices_text(def, cpu), ".");
  if (def.max_results == 255) {
    out += " Any number of results.";
  } else if (def.max_results != 1) {
    out += def.min_results == def.max_results
               ? cat(" ", static_cast<int>(def.max_results), " results.")
               : cat(" ", static_cast<int>(def.min_results), " to ",
                     static_cast<int>(def.max_results), " results.");
  }
  out += "\n";
  add_parameters(def, registry, out);
  const auto note = notes.operations.find(std::string(def.name));
  if (note != notes.operations.end()) out += cat("\n", note->second, "\n");
}

/// Which operations there are in which opset, in figures.
std::string summary(std::span<const std::string_view> cpu) {
  std::size_t versions = 0;
  for (const auto* def : ops::all()) versions += def->versions.size();
  std::string out = cat(ops::all().size(), " operations in ", versions,
                        " versions; the CPU device has kernels for ", cpu.size(),
                        " of them, the "
                        "reference device runs all.\n\n| opset | operations |\n|---|---|\n");
  for (const auto opset : opsets) {
    const auto n = std::ranges::count_if(
        ops::all(), [&](const OpDef* def) { return ops::version(*def, opset) != nullptr; });
    out += cat("| ", name(opset), " | ", n, " |\n");
  }
  return out;
}

}  // namespace

std::string operations_page(const Notes& notes, const json& registry) {
  const auto cpu = devices::cpu_operations();
  std::string out =
      "<!-- Written by `./dev docs` from src/ops, docs/operations_notes.md and "
      "tests/ops/registry.json. -->\n# Operations\n\n";
  out += summary(cpu);
  out +=
      "\nIn the tables, parameters with the same letter before their element types must have one "
      "type, and \"constant\" means that the value must be known when the program is compiled. "
      "\"CPU\": the CPU device runs the operation where its kernels cover the call; other calls "
      "fall "
      "back to the reference, and reports say why. Defaults are those that coremltools states; "
      "\"none\": the parameter has no value of its own, or one that follows from other "
      "arguments.\n";
  for (const auto& family : notes.families) {
    out += cat("\n## ", family.title, "\n");
    if (!family.text.empty()) out += cat("\n", family.text, "\n");
    for (const auto& op : family.operations) {
      add_operation(*ops::find(op), notes, registry, cpu, out);
    }
  }
  return out;
}

}  // namespace pome::docs
