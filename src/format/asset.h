// An opened model, of whatever form: the one value that everything above this room starts from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/budget.h"
#include "base/file.h"
#include "format/core_ml_data.h"
#include "format/metadata_json.h"
#include "format/package.h"

namespace pome::format {

/// In which form a model came.
enum class AssetKind : std::uint8_t {
  model_file,         ///< `.mlmodel`: one specification message
  package,            ///< `.mlpackage`: a specification and its weight files
  compiled_program,   ///< `.mlmodelc` of an ML Program: MIL text and weight files
  compiled_network,   ///< `.mlmodelc` of a neural network: espresso files
  compiled_pipeline,  ///< `.mlmodelc` of a pipeline: folders model0, model1, ...
  compiled_other,     ///< `.mlmodelc` of a classical model
  memory,             ///< specification bytes and blobs that the caller holds
};

/// "mlmodel file", "mlpackage", "compiled ML Program", ...: for messages and `info`.
std::string_view name(AssetKind kind) noexcept;

/// Blobs in memory by the names the model uses, with or without the leading "@model_path/".
using MemoryBlobs = std::map<std::string, std::span<const std::byte>, std::less<>>;

/// A model's files, checked as far as this room can without reading messages or programs.
/// Immutable, thread-safe, cheap to copy (copies share everything).
class Asset {
 public:
  AssetKind kind() const noexcept;
  /// Where it was opened; empty for memory.
  const std::filesystem::path& path() const noexcept;
  /// Name for messages: the path, or "model in memory".
  const std::string& name() const noexcept;

  /// The Model message. Null for compiled models, except classical ones that hold theirs.
  const std::shared_ptr<const base::ByteSource>& spec() const noexcept;
  /// The ModelDescription message of a compiled model; null for all others (theirs is in `spec`)
  /// and for classical compiled models that hold a whole `spec`.
  const std::shared_ptr<const base::ByteSource>& description() const noexcept;
  /// The text `model.mil` of a compiled program; null for all others.
  const std::shared_ptr<const base::ByteSource>& mil() const noexcept;
  /// The head of a compiled model; null for all others. `message` points into memory it owns.
  const CoreMlData* compiled() const noexcept;
  /// metadata.json of a compiled model, where there is one.
  const CompiledMetadata* metadata() const noexcept;
  /// The manifest of a package; null for all others.
  const Manifest* manifest() const noexcept;

  /// The file that a program calls "@model_path/weights/weight.bin". Opened once and kept.
  /// Throws Error{io} naming the file when it is missing or its name leaves the model.
  std::shared_ptr<const base::ByteSource> blob(std::string_view blob_name) const;
  /// A file of a compiled model by its path inside ("model.espresso.net"). Throws Error{io}.
  std::shared_ptr<const base::ByteSource> open_inside(const std::filesystem::path& relative) const;

  /// Every file that what the model computes depends on, by its path inside the model ("" for a
  /// model that is one file), sorted. Empty for models in memory. Throws Error{io}.
  std::vector<PackageFile> sources() const;

  /// Bytes of all files of the model together.
  std::int64_t total_size() const noexcept;
  /// Bytes of those files that hold weights beside the specification or program.
  std::int64_t weights_size() const noexcept;
  /// Items that the manifest lists and the package lacks, by name; the model opens without them.
  const std::vector<std::string>& missing_items() const noexcept;

  /// Shared state; defined in the implementation.
  struct State;
  explicit Asset(std::shared_ptr<const State> state) noexcept : state_(std::move(state)) {}

 private:
  std::shared_ptr<const State> state_;
};

/// Opens a model by what is there, not by its suffix: a folder with a Manifest.json is a package,
/// one with a coremldata.bin a compiled model, a file a specification. Reads no weights. Throws
/// Error{io} with one sentence for anything else.
Asset open_asset(const std::filesystem::path& path, base::Budget& budget);

/// A model in memory. `owner` keeps all bytes alive (null: the caller promises to). Throws
/// Error{io} when the specification is empty or is not one.
Asset asset_from_memory(std::span<const std::byte> spec, const MemoryBlobs& blobs,
                        const std::shared_ptr<const void>& owner);

/// Parts of a compiled ML Program to be written.
struct CompiledProgram {
  std::uint32_t specification_version = 0;
  std::span<const std::byte> description;  ///< the ModelDescription message
  std::string_view mil;                    ///< the text of model.mil
  CompiledMetadata metadata;
  std::vector<PackageFile> files;  ///< by path inside: "weights/weight.bin"
};

/// Writes a `.mlmodelc` folder. The same parts make the same bytes. Throws Error{io}; then nothing
/// is left at `folder`, which must not exist before.
void write_compiled_program(const std::filesystem::path& folder, const CompiledProgram& program);

}  // namespace pome::format
