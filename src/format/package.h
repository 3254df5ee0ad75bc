// `.mlpackage`: a folder with a Manifest.json that lists the items in its Data folder.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/budget.h"
#include "base/file.h"

namespace pome::format {

/// One entry of the manifest: a file or a folder beneath Data/.
struct PackageItem {
  std::string identifier;
  std::string name;
  std::string author;
  std::string description;
  std::filesystem::path path;  ///< relative to Data/, checked not to leave it
};

/// What a Manifest.json says. Every path in it is relative and free of "..".
struct Manifest {
  std::string version;  ///< "1.0.0"
  std::vector<PackageItem> items;
  std::string root_identifier;
  std::size_t root = 0;  ///< index of the root model in `items`
};

/// Reads a manifest. Throws Error{io} when it is not JSON, a key is missing, the version is newer
/// than 1.0.0, the root model is not listed, or a path would leave the package.
Manifest read_manifest(const base::ByteSource& source, base::Budget& budget);

/// An opened package. Immutable and thread-safe.
class Package {
 public:
  /// Opens the manifest and makes sure that the root model is there. Throws Error{io}.
  Package(std::filesystem::path folder, base::Budget& budget);

  const std::filesystem::path& folder() const noexcept { return folder_; }
  const Manifest& manifest() const noexcept { return manifest_; }
  /// The root model's specification.
  std::shared_ptr<const base::ByteSource> open_root() const;
  /// A file that the model names relative to itself: "weights/weight.bin". Throws Error{io}.
  std::shared_ptr<const base::ByteSource> open_beside_root(
      const std::filesystem::path& relative) const;
  /// Listed items that are not in the folder (weights that were never downloaded).
  std::vector<const PackageItem*> missing_items() const;

 private:
  std::filesystem::path folder_;
  Manifest manifest_;
};

/// A file of a package to be written, by its path relative to the model ("weights/weight.bin").
using PackageFile = std::pair<std::filesystem::path, std::shared_ptr<const base::ByteSource>>;

/// Writes a package with the model `spec` and the files it names, as coremltools lays it out. The
/// same content makes the same bytes. Throws Error{io}; then nothing is left at `folder`, which
/// must not exist before.
void write_package(const std::filesystem::path& folder, std::span<const std::byte> spec,
                   std::span<const PackageFile> files);

}  // namespace pome::format
