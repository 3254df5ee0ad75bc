#include "model_file.h"

#include "base/text.h"
#include "format/json.h"
#include "progress.h"

namespace pome::cli {

using base::cat;

namespace {

constexpr format::JsonLimits network_limits{.size = std::int64_t{256} << 20, .depth = 32};

}  // namespace

ModelFile open_model(const std::filesystem::path& path) {
  const Progress progress(cat("Reading ", path.filename().native()));
  ModelFile model{Asset::from_path(path), nullptr, {}};
  base::Budget budget;
  try {
    if (model.description().model_type == "mlProgram") {
      model.program = runtime::read_program(*model.asset.data(), budget);
    } else if (model.files().kind() == format::AssetKind::compiled_network) {
      model.espresso = format::parse_json(*model.files().open_inside("model.espresso.net"), budget,
                                          network_limits);
    }
  } catch (Error& error) {
    throw error.within(base::quoted(path.native()));
  }
  return model;
}

const ir::Program& program_of(const ModelFile& model, std::string_view command) {
  if (model.program != nullptr) return *model.program;
  throw Error(ErrorCode::unsupported, cat(base::quoted(model.files().name()), " is a ",
                                          type_text(model.description().model_type), ", 'pome ",
                                          command, "' works on ML Programs"));
}

std::string type_text(std::string_view model_type) {
  if (model_type == "mlProgram") return "ML Program";
  std::string out;
  for (const char c : model_type) {  // camelCase into words
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper) out.push_back(' ');
    out.push_back(upper ? static_cast<char>(c - 'A' + 'a') : c);
  }
  return out;
}

}  // namespace pome::cli
