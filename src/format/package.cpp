#include "format/package.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/descriptor.h"
#include "base/hash.h"
#include "base/text.h"
#include "format/json.h"
#include "format/staged_folder.h"
#include "pome/error.h"

namespace pome::format {
namespace {

namespace fs = std::filesystem;
using base::cat;
using nlohmann::json;

constexpr std::string_view data_folder = "Data";
constexpr std::string_view model_folder = "com.apple.CoreML";
constexpr std::string_view model_file = "model.mlmodel";

class ManifestReader {
 public:
  ManifestReader(const json& root, std::string file) : root_(root), file_(std::move(file)) {}

  Manifest read() const {
    if (!root_.is_object()) fail("holds no JSON object");
    Manifest out;
    out.version = text(root_, "fileFormatVersion", "");
    check_version(out.version);
    out.root_identifier = text(root_, "rootModelIdentifier", "");
    const auto entries = root_.find("itemInfoEntries");
    if (entries == root_.end() || !entries->is_object()) fail("lacks the object 'itemInfoEntries'");
    for (const auto& [identifier, entry] : entries->items()) {
      out.items.push_back(item(identifier, entry));
    }
    const auto is_root = [&](const PackageItem& i) { return i.identifier == out.root_identifier; };
    const auto root = std::find_if(out.items.begin(), out.items.end(), is_root);
    if (root == out.items.end()) {
      fail(cat("names the root model ", base::quoted(out.root_identifier),
               ", which is not among its items"));
    }
    out.root = static_cast<std::size_t>(root - out.items.begin());
    return out;
  }

 private:
  [[noreturn]] void fail(std::string_view why) const {
    throw Error(ErrorCode::io, cat(file_, ' ', why));
  }

  std::string text(const json& object, std::string_view key, std::string_view place) const {
    const auto found = object.find(key);
    if (found == object.end()) fail(cat("lacks the key '", key, '\'', place));
    if (!found->is_string()) fail(cat("has no text for the key '", key, '\'', place));
    return found->get<std::string>();
  }

  void check_version(std::string_view version) const {
    std::array<int, 3> parts{};
    const char* at = version.data();
    const char* const end = at + version.size();
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const auto [stop, error] = std::from_chars(at, end, parts[i]);
      const bool last = i + 1 == parts.size();
      if (error != std::errc{} || parts[i] < 0 ||
          (last ? stop != end : stop == end || *stop != '.')) {
        fail(cat("has fileFormatVersion ", base::quoted(version),
                 ", expected three numbers as in '1.0.0'"));
      }
      at = last ? stop : stop + 1;
    }
    if (parts > std::array{1, 0, 0}) {
      fail(cat("has fileFormatVersion ", base::quoted(version), ", expected at most '1.0.0'"));
    }
  }

  PackageItem item(const std::string& identifier, const json& entry) const {
    const std::string place = cat(" in item ", base::quoted(identifier));
    if (!entry.is_object()) fail(cat("has no object for item ", base::quoted(identifier)));
    PackageItem out;
    out.identifier = identifier;
    out.path = text(entry, "path", place);
    out.name = text(entry, "name", place);
    out.author = text(entry, "author", place);
    out.description = text_member(entry, "description");
    const std::string shown = cat(" has the path ", base::quoted(out.path.native()), place);
    if (out.path.empty()) fail(cat("has an empty path", place));
    if (out.path.is_absolute()) fail(cat(shown.substr(1), ", which is absolute"));
    if (std::find(out.path.begin(), out.path.end(), "..") != out.path.end()) {
      fail(cat(shown.substr(1), ", which leaves the package"));
    }
    return out;
  }

  const json& root_;
  std::string file_;
};

// An identifier in the form of a UUID that depends on content alone.
std::string identifier_of(base::Sha256& hash) {
  std::string digits = base::hex(hash.finish()).substr(0, 32);
  digits[12] = '8';  // version 8: made by a rule of one's own (RFC 9562)
  digits[16] = "89ab"[static_cast<unsigned char>(digits[16]) & 3U];
  for (char& c : digits) {
    if (c >= 'a') c = static_cast<char>(c - 'a' + 'A');
  }
  for (const std::size_t dash : {8U, 13U, 18U, 23U}) digits.insert(dash, 1, '-');
  return digits;
}

json entry(std::string_view name, std::string_view path, std::string_view description) {
  return {{"author", model_folder},
          {"description", description},
          {"name", name},
          {"path", cat(model_folder, '/', path)}};
}

}  // namespace

Manifest read_manifest(const base::ByteSource& source, base::Budget& budget) {
  const json root = parse_json(source, budget);
  return ManifestReader(root, base::quoted(source.name())).read();
}

Package::Package(fs::path folder, base::Budget& budget)
    : folder_(std::move(folder)),
      manifest_(read_manifest(*base::open_beneath(folder_, "Manifest.json"), budget)) {
  try {
    open_root();
  } catch (Error& error) {
    throw error.within(cat("package ", base::quoted(folder_.native()), ", root model"));
  }
}

std::shared_ptr<const base::ByteSource> Package::open_root() const {
  const PackageItem& root = manifest_.items[manifest_.root];
  return base::open_beneath(folder_, fs::path(data_folder) / root.path);
}

std::shared_ptr<const base::ByteSource> Package::open_beside_root(const fs::path& relative) const {
  if (relative.is_absolute()) {
    throw Error(ErrorCode::io, cat("path ", base::quoted(relative.native()),
                                   " is absolute, expected one relative to the model"));
  }
  const PackageItem& root = manifest_.items[manifest_.root];
  return base::open_beneath(folder_, fs::path(data_folder) / root.path.parent_path() / relative);
}

std::vector<const PackageItem*> Package::missing_items() const {
  std::vector<const PackageItem*> out;
  for (const PackageItem& item : manifest_.items) {
    try {
      base::open_descriptor_beneath(folder_, fs::path(data_folder) / item.path);
    } catch (const Error&) {
      out.push_back(&item);
    }
  }
  return out;
}

void write_package(const fs::path& folder, std::span<const std::byte> spec,
                   std::span<const PackageFile> files) {
  StagedFolder staged(folder);
  const fs::path inside = fs::path(data_folder) / model_folder;
  staged.add(inside / model_file, spec);
  base::Sha256 hash;
  hash.update(static_cast<std::uint64_t>(spec.size())).update(spec);
  json entries = json::object();
  std::vector<std::string> tops;  // the first part of each path is one item
  for (const auto& [path, source] : files) {
    if (path.empty() || path.is_absolute() ||
        std::find(path.begin(), path.end(), "..") != path.end() || *path.begin() == model_file) {
      throw Error(ErrorCode::parameters,
                  cat("a package cannot hold a file ", base::quoted(path.native())));
    }
    staged.add(inside / path, *source);
    hash.update(static_cast<std::uint64_t>(path.native().size())).update(path.native());
    const base::Digest digest = base::sha256(*source);
    hash.update(std::span<const std::byte>(digest.bytes));
    const std::string top = path.begin()->native();
    if (std::find(tops.begin(), tops.end(), top) == tops.end()) tops.push_back(top);
  }
  const base::Digest content = hash.finish();
  const auto identifier = [&](std::string_view name) {
    return identifier_of(hash.update(std::span<const std::byte>(content.bytes)).update(name));
  };
  for (const std::string& top : tops) {
    const bool weights = top == "weights";
    entries[identifier(top)] =
        entry(top, top, weights ? "CoreML Model Weights" : "CoreML Model File");
  }
  const std::string root = identifier(model_file);
  entries[root] = entry(model_file, model_file, "CoreML Model Specification");
  const json manifest = {{"fileFormatVersion", "1.0.0"},
                         {"itemInfoEntries", std::move(entries)},
                         {"rootModelIdentifier", root}};
  const std::string text = manifest.dump(4) + "\n";
  staged.add("Manifest.json", std::as_bytes(std::span(text.data(), text.size())));
  staged.commit();
}

}  // namespace pome::format
