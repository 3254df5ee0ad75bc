// JSON from strangers: bounded in size and depth, with errors in the words of Pome. Private to the
// rooms that link nlohmann-json.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/budget.h"
#include "base/file.h"

namespace pome::format {

/// Limits of a JSON file inside a model. Manifests and metadata are a few kilobytes.
struct JsonLimits {
  std::int64_t size = std::int64_t{16} << 20;
  int depth = 32;
};

/// Parses a whole file. Throws Error{io} when it is not JSON or passes a limit.
nlohmann::json parse_json(const base::ByteSource& source, base::Budget& budget,
                          const JsonLimits& limits = {});

/// The text of member `key`, or an empty one when it is absent or of another type.
std::string text_member(const nlohmann::json& object, std::string_view key);

}  // namespace pome::format
