#include "frontend/classical/single.h"

#include <algorithm>

#include "base/text.h"
#include "features/convert.h"
#include "pome/error.h"

namespace pome::classical {

using base::cat;

namespace {

const FeatureDescription& single(const std::vector<FeatureDescription>& features,
                                 std::string_view what,
                                 std::initializer_list<FeatureType> allowed) {
  if (features.size() != 1)
    throw Error(ErrorCode::parameters,
                cat("the description has ", features.size(), " ", what, "s, expected one"));
  const FeatureDescription& feature = features.front();
  if (std::ranges::find(allowed, feature.type) != allowed.end()) return feature;
  std::vector<std::string_view> names;
  for (const FeatureType type : allowed) names.push_back(name(type));
  throw Error(ErrorCode::parameters,
              cat(what, " ", base::quoted(feature.name), " is described as ", feature.type_text(),
                  ", expected ", base::list_text(names)));
}

}  // namespace

const FeatureDescription& single_input(const Source& source,
                                       std::initializer_list<FeatureType> allowed) {
  return single(source.description.inputs, "input", allowed);
}

const FeatureDescription& single_output(const Source& source,
                                        std::initializer_list<FeatureType> allowed) {
  return single(source.description.outputs, "output", allowed);
}

const FeatureValue& require(const FeatureProvider& inputs, const FeatureDescription& feature) {
  const FeatureValue* value = inputs.find(feature.name);
  if (value == nullptr || value->is_undefined())
    throw Error(ErrorCode::feature_type, cat("feature ", base::quoted(feature.name),
                                             ": it was left out, and is needed here"));
  return *value;
}

FeatureProvider provide(const FeatureDescription& feature, const FeatureValue& value) {
  FeatureProvider out;
  out.set(feature.name, features::convert(feature, value));
  return out;
}

}  // namespace pome::classical
