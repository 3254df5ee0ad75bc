// docs/operations.md from the table of operations.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "operations/notes.h"

namespace pome::docs {

/// The page as Markdown. `registry` is tests/ops/registry.json, from which the defaults come.
std::string operations_page(const Notes& notes, const nlohmann::json& registry);

}  // namespace pome::docs
