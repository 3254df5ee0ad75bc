#include "passes/pass.h"

#include <algorithm>

#include "base/text.h"
#include "passes/passes.h"
#include "pome/error.h"

namespace pome::passes {
namespace {

// The table: one line a pass, in order.
constexpr Pass table[] = {
    {"common_subexpressions", "computes equal operations once", common_subexpressions},
    {"algebra", "leaves out identities; what only renames dimensions becomes a view", algebra},
    {"attention", "makes product, scale, mask, softmax, product one operation", attention, false},
    {"dead_code", "removes operations whose results nobody uses", dead_code},
};

}  // namespace

std::span<const Pass> all() {
  return table;
}

std::vector<PassReport> run_all(ir::Function& function, std::span<const std::string> disabled,
                                bool bitwise_only) {
  for (const auto& name : disabled) {
    if (std::ranges::none_of(table, [&](const Pass& p) { return p.name == name; })) {
      std::vector<std::string_view> names;
      for (const auto& p : table) names.push_back(p.name);
      throw Error(ErrorCode::parameters, base::cat("there is no pass ", base::quoted(name),
                                                   ", expected ", base::list_text(names)));
    }
  }
  std::vector<PassReport> reports;
  for (const auto& pass : table) {
    if (std::ranges::find(disabled, pass.name) != disabled.end()) continue;
    if (bitwise_only && !pass.bitwise) continue;
    const auto start = std::chrono::steady_clock::now();
    const auto changes = pass.run(function);
    reports.push_back({pass.name, changes, std::chrono::steady_clock::now() - start});
    if (changes == 0) continue;
    try {
      ir::verify(function);
    } catch (Error& error) {
      throw error.within(base::cat("pass ", base::quoted(pass.name)));
    }
  }
  return reports;
}

}  // namespace pome::passes
