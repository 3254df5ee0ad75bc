#include "format/json.h"

#include "base/text.h"
#include "pome/error.h"

namespace pome::format {

using base::cat;
using nlohmann::json;

json parse_json(const base::ByteSource& source, base::Budget& budget, const JsonLimits& limits) {
  const std::string file = base::quoted(source.name());
  if (source.size() > limits.size) {
    throw Error(ErrorCode::io,
                cat(file, " has ", base::size_text(static_cast<std::uint64_t>(source.size())),
                    ", expected JSON of at most ",
                    base::size_text(static_cast<std::uint64_t>(limits.size))));
  }
  // A parsed value takes several times its text: "[0,0,...]" makes 16 bytes of every two.
  budget.take(8 * source.size(), file);
  const std::vector<std::byte> bytes = base::read_all(source, budget);
  budget.give_back(source.size());
  const auto check_depth = [&](int depth, json::parse_event_t, json&) {
    if (depth <= limits.depth) return true;
    throw Error(ErrorCode::io, cat(file, " is nested deeper than ", limits.depth, " levels"));
  };
  const auto* text = reinterpret_cast<const char*>(bytes.data());
  try {
    return json::parse(text, text + bytes.size(), check_depth);
  } catch (const json::exception& error) {
    const auto* parse = dynamic_cast<const json::parse_error*>(&error);
    const std::size_t where = parse != nullptr ? parse->byte : 0;
    if (bytes.empty()) throw Error(ErrorCode::io, cat(file, " is empty, expected JSON"));
    if (where > bytes.size())
      throw Error(ErrorCode::io, cat(file, " is not JSON: it breaks off after ",
                                     base::size_text(static_cast<std::uint64_t>(bytes.size()))));
    throw Error(ErrorCode::io,
                cat(file, " is not JSON: it goes wrong at byte ", where, " of ", bytes.size()));
  }
}

std::string text_member(const json& object, std::string_view key) {
  if (!object.is_object()) return {};
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return {};
  return found->get<std::string>();
}

}  // namespace pome::format
