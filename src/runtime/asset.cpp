#include <utility>

#include "base/budget.h"
#include "pome/model.h"
#include "runtime/asset_data.h"
#include "runtime/describe.h"

namespace pome {

Asset::Asset(std::shared_ptr<const runtime::AssetData> data) noexcept : data_(std::move(data)) {}

Asset Asset::from_path(const std::filesystem::path& path) {
  base::Budget budget;
  return Asset(runtime::read_asset(format::open_asset(path, budget), budget));
}

Asset Asset::from_memory(std::span<const std::byte> specification,
                         const std::map<std::string, std::span<const std::byte>>& blob_mapping,
                         const std::shared_ptr<const void>& owner) {
  base::Budget budget;
  const format::MemoryBlobs blobs(blob_mapping.begin(), blob_mapping.end());
  return Asset(runtime::read_asset(format::asset_from_memory(specification, blobs, owner), budget));
}

const ModelDescription& Asset::description() const noexcept {
  return data_->description;
}

ModelDescription Asset::description(std::string_view function_name) const {
  return runtime::describe_function(data_->description, function_name);
}

std::vector<std::string> Asset::function_names() const {
  std::vector<std::string> names;
  names.reserve(data_->description.functions.size());
  for (const FunctionDescription& function : data_->description.functions)
    names.push_back(function.name);
  return names;
}

const std::filesystem::path& Asset::path() const noexcept {
  return data_->files.path();
}

}  // namespace pome
