#include "features/convert.h"

#include <vector>

#include "features/element.h"

namespace pome::features {

namespace {

double as_double(const FeatureValue& value) {
  switch (value.type()) {
    case FeatureType::int64: return static_cast<double>(value.int64_value());
    case FeatureType::multi_array: {
      const MultiArray& array = value.multi_array_value();
      return array.at(std::vector<std::int64_t>(array.shape().size(), 0));
    }
    default: return value.double_value();
  }
}

std::int64_t as_int64(const FeatureValue& value) {
  if (value.type() == FeatureType::double_)
    return convert_element<std::int64_t>(value.double_value());
  if (value.type() == FeatureType::int64) return value.int64_value();
  return value.multi_array_value().converted_to(DataType::int64).elements<std::int64_t>()[0];
}

MultiArray as_array(const FeatureDescription& feature, const FeatureValue& value) {
  const MultiArrayConstraint& constraint = *feature.multi_array_constraint;
  MultiArray array;
  if (value.type() == FeatureType::multi_array) {
    array = value.multi_array_value();
  } else if (value.type() == FeatureType::int64) {
    array = MultiArray::copy_of({value.int64_value()}, {1});
  } else {
    array = MultiArray::copy_of({value.double_value()}, {1});
  }
  const DataType declared = constraint.data_type;
  if (!is_array_type(declared) || declared == array.data_type()) return array;
  return array.converted_to(declared);
}

}  // namespace

FeatureValue convert(const FeatureDescription& feature, const FeatureValue& value) {
  if (value.is_undefined()) return value;
  if (feature.multi_array_constraint) {
    const bool is_declared =
        value.type() == FeatureType::multi_array &&
        value.multi_array_value().data_type() == feature.multi_array_constraint->data_type;
    return is_declared ? value : FeatureValue(as_array(feature, value));
  }
  if (value.type() == feature.type) return value;
  if (feature.type == FeatureType::int64) return as_int64(value);
  if (feature.type == FeatureType::double_) return as_double(value);
  return value;
}

}  // namespace pome::features
