#include "model_file.h"

#include "base/file.h"
#include "base/text.h"
#include "format/json.h"
#include "frontend/program/import.h"
#include "ir/text.h"
#include "progress.h"
#include "proto/message.h"

namespace pome::cli {

using base::cat;

namespace {

constexpr format::JsonLimits network_limits{.size = std::int64_t{256} << 20, .depth = 32};

void read_specification(ModelFile& model, base::Budget& budget) {
  const base::ByteSource& spec = *model.files().spec();
  model.bytes = std::make_shared<const std::vector<std::byte>>(base::read_all(spec, budget));
  model.message = std::make_unique<proto::Model>(proto::parse<proto::Model>(*model.bytes, budget));
  if (const proto::mil::Program* program = model.message->mlProgram())
    model.program = frontend::import_program(*program, model.bytes, budget);
}

void read_compiled(ModelFile& model, base::Budget& budget) {
  const format::Asset& files = model.files();
  if (const auto& mil = files.mil()) {
    const auto text = base::read_all(*mil, budget);
    const std::string_view view(reinterpret_cast<const char*>(text.data()), text.size());
    model.program = ir::parse_program(view, "model.mil", budget);
  } else if (files.kind() == format::AssetKind::compiled_network) {
    model.espresso = format::parse_json(*files.open_inside("model.espresso.net"), budget, network_limits);
  }
}

}  // namespace

ModelFile open_model(const std::filesystem::path& path) {
  const Progress progress(cat("Reading ", path.filename().native()));
  ModelFile model{Asset::from_path(path), nullptr, nullptr, nullptr, {}};
  base::Budget budget;
  try {
    if (model.files().spec() != nullptr) {
      read_specification(model, budget);
    } else {
      read_compiled(model, budget);
    }
  } catch (Error& error) {
    throw error.within(base::quoted(path.native()));
  }
  return model;
}

const ir::Program& program_of(const ModelFile& model, std::string_view command) {
  if (model.program != nullptr) return *model.program;
  throw Error(ErrorCode::unsupported,
              cat(base::quoted(model.files().name()), " is a ",
                  type_text(model.description().model_type), ", 'pome ", command,
                  "' works on ML Programs"));
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
