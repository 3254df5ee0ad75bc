#include "format/asset.h"

#include <algorithm>
#include <array>
#include <mutex>

#include "base/text.h"
#include "format/lfs_pointer.h"
#include "format/model_type.h"
#include "format/staged_folder.h"
#include "pome/error.h"

namespace pome::format {

namespace fs = std::filesystem;
using base::cat;
using SourcePtr = std::shared_ptr<const base::ByteSource>;

struct Asset::State {
  AssetKind kind = AssetKind::model_file;
  fs::path path;
  std::string name;
  SourcePtr spec;
  SourcePtr description;
  SourcePtr mil;
  std::shared_ptr<const void> head_bytes;  // what `head` points into
  std::optional<CoreMlData> head;
  std::optional<CompiledMetadata> metadata;
  std::optional<Package> package;
  std::int64_t total_size = 0;
  std::int64_t weights_size = 0;
  std::vector<std::string> missing;
  mutable std::mutex mutex;
  mutable std::map<std::string, SourcePtr, std::less<>> blobs;  // guarded by mutex
};

namespace {

constexpr std::string_view model_path = "@model_path/";

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

[[noreturn]] void fail(const fs::path& path, std::string_view why) {
  throw Error(ErrorCode::io, cat(base::quoted(path.native()), ' ', why));
}

// Tells common mistakes from a specification by its first bytes; the messages are read elsewhere.
void check_spec(const base::ByteSource& spec) {
  if (spec.size() == 0) fail(spec.name(), "is empty, expected a Core ML model");
  refuse_lfs_pointer(spec);
  std::array<char, 4> head{};
  const auto length = std::min<std::size_t>(head.size(), static_cast<std::size_t>(spec.size()));
  spec.read(0, std::as_writable_bytes(std::span(head).first(length)));
  const std::string_view text(head.data(), length);
  if (text.rfind("PK\x03\x04", 0) == 0) {
    fail(spec.name(), "is a zip archive, expected a Core ML model: unpack it first");
  }
  // A protobuf field number (not 0) and one of the four wire types of proto3.
  const auto tag = static_cast<unsigned char>(text[0]);
  const unsigned wire_type = tag & 7U;
  const bool plausible = tag >= 8 && (wire_type <= 2 || wire_type == 5);
  if (!plausible) fail(spec.name(), "is no Core ML model: it does not begin with a specification");
}

// Paths inside a folder of the files beneath it, sorted; links and what cannot be read left out.
std::vector<fs::path> files_beneath(const fs::path& folder) {
  constexpr int most_entries = 100000;
  constexpr int deepest = 16;
  std::vector<fs::path> out;
  std::error_code error;
  int entries = 0;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    if (++entries > most_entries) break;
    if (it.depth() >= deepest) it.disable_recursion_pending();
    std::error_code ignored;
    if (it->is_symlink(ignored) || !it->is_regular_file(ignored)) continue;
    out.push_back(it->path().lexically_relative(folder));
  }
  std::ranges::sort(out);
  return out;
}

// Sizes of the files beneath a folder.
void measure(const fs::path& folder, Asset::State& state) {
  for (const fs::path& file : files_beneath(folder)) {
    std::error_code ignored;
    const auto size = static_cast<std::int64_t>(fs::file_size(folder / file, ignored));
    if (size < 0) continue;
    state.total_size += size;
    const bool weights =
        file.parent_path().filename() == "weights" || file.extension() == ".weights";
    if (weights) state.weights_size += size;
  }
}

void open_package(Asset::State& state, base::Budget& budget) {
  state.kind = AssetKind::package;
  state.package.emplace(state.path, budget);
  state.spec = state.package->open_root();
  check_spec(*state.spec);
  for (const PackageItem* item : state.package->missing_items())
    state.missing.push_back(item->name);
  measure(state.path, state);
}

AssetKind compiled_kind(std::uint32_t type) {
  switch (type) {
    case model_type::ml_program: return AssetKind::compiled_program;
    case model_type::neural_network:
    case model_type::neural_network_classifier:
    case model_type::neural_network_regressor: return AssetKind::compiled_network;
    case model_type::pipeline:
    case model_type::pipeline_classifier:
    case model_type::pipeline_regressor: return AssetKind::compiled_pipeline;
    default: return AssetKind::compiled_other;
  }
}

void open_compiled(const std::shared_ptr<Asset::State>& state, base::Budget& budget) {
  const SourcePtr head = base::open_beneath(state->path, "coremldata.bin");
  if (head->size() == 0) fail(head->name(), "is empty, expected the head of a compiled model");
  refuse_lfs_pointer(*head);
  const auto bytes = std::make_shared<const std::vector<std::byte>>(base::read_all(*head, budget));
  state->head_bytes = bytes;
  state->head = read_core_ml_data(*bytes, head->name());
  state->kind = compiled_kind(state->head->model_type);
  auto& message = state->head->is_whole_model ? state->spec : state->description;
  message = base::from_memory(head->name(), state->head->message, bytes);
  if (is_there(state->path / "metadata.json")) {
    state->metadata = read_metadata_json(*base::open_beneath(state->path, "metadata.json"), budget);
  }
  if (state->kind == AssetKind::compiled_program) {
    if (!is_there(state->path / "model.mil")) {
      fail(state->path, "is a compiled ML Program without its 'model.mil'");
    }
    state->mil = base::open_beneath(state->path, "model.mil");
    refuse_lfs_pointer(*state->mil);
    if (state->mil->size() == 0)
      fail(state->mil->name(), "is empty, expected the text of a program");
  }
  if (state->kind == AssetKind::compiled_network && !state->head->is_whole_model &&
      !is_there(state->path / "model.espresso.net")) {
    fail(state->path, "is a compiled neural network without its 'model.espresso.net'");
  }
  measure(state->path, *state);
}

// Why a folder is no model, as exactly as can be told.
[[noreturn]] void refuse_folder(const fs::path& path) {
  std::error_code error;
  const bool empty = fs::is_empty(path, error);
  if (error) fail(path, cat("cannot be read: ", error.message()));
  if (empty) fail(path, "is an empty folder, expected a Core ML model");
  if (is_there(path / "Data")) fail(path, "is a model package without its 'Manifest.json'");
  if (is_there(path / "model.mil") || is_there(path / "model.espresso.net")) {
    fail(path, "is a compiled model without its 'coremldata.bin'");
  }
  fail(path,
       "is no Core ML model: a package has a 'Manifest.json', a compiled model a 'coremldata.bin'");
}

// One key for all spellings of a file, so that a program cannot make us open it again and again.
// Names with ".." are kept as they are, to be refused when they are opened.
std::string blob_key(std::string_view name) {
  if (name.rfind(model_path, 0) == 0) name.remove_prefix(model_path.size());
  const fs::path path(name);
  const bool leaves = std::find(path.begin(), path.end(), "..") != path.end();
  return leaves ? path.native() : path.lexically_normal().native();
}

SourcePtr open_blob(const Asset::State& state, const fs::path& relative) {
  switch (state.kind) {
    case AssetKind::package: return state.package->open_beside_root(relative);
    case AssetKind::compiled_program:
    case AssetKind::compiled_network:
    case AssetKind::compiled_pipeline:
    case AssetKind::compiled_other: return base::open_beneath(state.path, relative);
    case AssetKind::model_file:
    case AssetKind::memory: break;
  }
  throw Error(ErrorCode::io, cat(state.name, " has no such file beside it"));
}

}  // namespace

std::string_view name(AssetKind kind) noexcept {
  switch (kind) {
    case AssetKind::model_file: return "mlmodel file";
    case AssetKind::package: return "mlpackage";
    case AssetKind::compiled_program: return "compiled ML Program";
    case AssetKind::compiled_network: return "compiled neural network (espresso)";
    case AssetKind::compiled_pipeline: return "compiled pipeline";
    case AssetKind::compiled_other: return "compiled classical model";
    case AssetKind::memory: return "model in memory";
  }
  return "model";
}

AssetKind Asset::kind() const noexcept {
  return state_->kind;
}
const fs::path& Asset::path() const noexcept {
  return state_->path;
}
const std::string& Asset::name() const noexcept {
  return state_->name;
}
const SourcePtr& Asset::spec() const noexcept {
  return state_->spec;
}
const SourcePtr& Asset::description() const noexcept {
  return state_->description;
}
const SourcePtr& Asset::mil() const noexcept {
  return state_->mil;
}
std::int64_t Asset::total_size() const noexcept {
  return state_->total_size;
}
std::int64_t Asset::weights_size() const noexcept {
  return state_->weights_size;
}
const std::vector<std::string>& Asset::missing_items() const noexcept {
  return state_->missing;
}

const CoreMlData* Asset::compiled() const noexcept {
  return state_->head ? &*state_->head : nullptr;
}

const CompiledMetadata* Asset::metadata() const noexcept {
  return state_->metadata ? &*state_->metadata : nullptr;
}

const Manifest* Asset::manifest() const noexcept {
  return state_->package ? &state_->package->manifest() : nullptr;
}

SourcePtr Asset::blob(std::string_view blob_name) const {
  const std::string key = blob_key(blob_name);
  const std::scoped_lock lock(state_->mutex);
  if (const auto found = state_->blobs.find(key); found != state_->blobs.end()) {
    return found->second;
  }
  try {
    SourcePtr opened = open_blob(*state_, key);
    state_->blobs.emplace(key, opened);
    return opened;
  } catch (Error& error) {
    throw error.within(cat("weight file ", base::quoted(blob_name)));
  }
}

SourcePtr Asset::open_inside(const fs::path& relative) const {
  if (!state_->head) {
    throw Error(ErrorCode::io, cat(base::quoted(state_->name), " is no compiled model"));
  }
  return base::open_beneath(state_->path, relative);
}

std::vector<PackageFile> Asset::sources() const {
  std::vector<PackageFile> out;
  if (state_->kind == AssetKind::memory) return out;
  if (state_->kind == AssetKind::model_file) return {{"", state_->spec}};
  for (const fs::path& relative : files_beneath(state_->path))
    out.emplace_back(relative, base::open_beneath(state_->path, relative));
  return out;
}

Asset open_asset(const fs::path& path, base::Budget& budget) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) fail(path, "does not exist");
  auto state = std::make_shared<Asset::State>();
  state->path = path;
  state->name = path.native();
  if (status.type() != fs::file_type::directory) {
    state->kind = AssetKind::model_file;
    state->spec = base::open_file(path);
    check_spec(*state->spec);
    state->total_size = state->spec->size();
  } else if (is_there(path / "Manifest.json")) {
    open_package(*state, budget);
  } else if (is_there(path / "coremldata.bin")) {
    open_compiled(state, budget);
  } else {
    refuse_folder(path);
  }
  return Asset(std::move(state));
}

Asset asset_from_memory(std::span<const std::byte> spec, const MemoryBlobs& blobs,
                        const std::shared_ptr<const void>& owner) {
  auto state = std::make_shared<Asset::State>();
  state->kind = AssetKind::memory;
  state->name = "model in memory";
  state->spec = base::from_memory(state->name, spec, owner);
  check_spec(*state->spec);
  for (const auto& [blob_name, bytes] : blobs) {
    const std::string key = blob_key(blob_name);
    state->blobs.emplace(key, base::from_memory(blob_name, bytes, owner));
    state->weights_size += static_cast<std::int64_t>(bytes.size());
  }
  state->total_size = state->spec->size() + state->weights_size;
  return Asset(std::move(state));
}

void write_compiled_program(const fs::path& folder, const CompiledProgram& program) {
  StagedFolder staged(folder);
  staged.add("coremldata.bin",
             write_core_ml_data(program.specification_version, program.description));
  const auto text = [](std::string_view value) {
    return std::as_bytes(std::span(value.data(), value.size()));
  };
  staged.add("model.mil", text(program.mil));
  staged.add("metadata.json", text(write_metadata_json(program.metadata)));
  for (const auto& [path, source] : program.files) {
    const bool leaves = std::find(path.begin(), path.end(), "..") != path.end();
    if (path.empty() || path.is_absolute() || leaves) {
      throw Error(ErrorCode::parameters,
                  cat("a compiled model cannot hold a file ", base::quoted(path.native())));
    }
    staged.add(path, *source);
  }
  staged.commit();
}

void write_compiled_model(const fs::path& folder, std::uint32_t model_type,
                          std::uint32_t specification_version,
                          std::span<const std::byte> specification) {
  StagedFolder staged(folder);
  std::vector<std::byte> head = write_spec_head(model_type, specification_version);
  head.insert(head.end(), specification.begin(), specification.end());
  staged.add("coremldata.bin", head);
  staged.commit();
}

}  // namespace pome::format
