// ML Programs from files and from bytes, for the tests of this folder.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/budget.h"
#include "base/file.h"
#include "format/asset.h"
#include "frontend/program/export.h"
#include "frontend/program/import.h"
#include "ir/program.h"
#include "ir/text.h"
#include "proto/Model.pb.h"

namespace pome::test {

using SharedBytes = std::shared_ptr<const std::vector<std::byte>>;

inline SharedBytes whole(const base::ByteSource& source, base::Budget& budget) {
  return std::make_shared<const std::vector<std::byte>>(base::read_all(source, budget));
}

/// The program of a package or model file.
inline std::unique_ptr<ir::Program> import_file(const std::filesystem::path& path) {
  base::Budget budget;
  const auto asset = format::open_asset(path, budget);
  const SharedBytes bytes = whole(*asset.spec(), budget);
  const auto model = proto::parse<proto::Model>(*bytes, budget);
  return frontend::import_program(*model.mlProgram(), bytes, budget);
}

/// The text of a compiled model.
inline std::string text_of(const std::filesystem::path& path) {
  base::Budget budget;
  const auto asset = format::open_asset(path, budget);
  const SharedBytes bytes = whole(*asset.mil(), budget);
  return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

inline std::unique_ptr<ir::Program> parse_text(std::string_view text) {
  base::Budget budget;
  return ir::parse_program(text, "model.mil", budget);
}

}  // namespace pome::test
