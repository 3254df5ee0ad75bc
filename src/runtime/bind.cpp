#include "runtime/bind.h"

#include <algorithm>

#include "base/checked.h"
#include "base/text.h"
#include "features/element.h"
#include "features/shape_text.h"
#include "image/tensor.h"
#include "pome/error.h"

namespace pome::runtime {

using base::cat;
using base::Dims;
using compiler::InputTensor;

namespace {

[[noreturn]] void fail(ErrorCode code, const FeatureDescription& feature,
                       std::string_view message) {
  throw Error(code, cat("feature ", base::quoted(feature.name), ": ", message));
}

void book(base::Budget& budget, std::int64_t count, DataType type,
          const FeatureDescription& feature) {
  budget.take(count * std::max(1, bits(type) / 8),
              cat("the conversion of feature ", base::quoted(feature.name)));
}

// A number is a tensor of one element in as many dimensions as the program declares.
MultiArray scalar_array(const compiler::Operand& operand, const FeatureValue& value) {
  const Dims shape(operand.type.rank(), 1);
  if (value.type() == FeatureType::int64) {
    MultiArray out(DataType::int64, shape);
    out.mutable_elements<std::int64_t>()[0] = value.int64_value();
    return out;
  }
  MultiArray out(DataType::fp64, shape);
  out.mutable_elements<double>()[0] = value.double_value();
  return out;
}

MultiArray default_array(const FeatureDescription& feature, base::Budget& budget) {
  const MultiArrayConstraint& constraint = *feature.multi_array_constraint;
  const auto& shape = constraint.shape;
  const auto count = base::element_count(shape);
  if (!count)
    fail(ErrorCode::parameters, feature,
         cat("it was left out, and its default shape (", features::shape_text(shape),
             ") cannot be made"));
  book(budget, *count, DataType::fp64, feature);
  MultiArray out(DataType::fp64, shape);
  const double filling = constraint.default_optional_value.value_or(0.0);
  std::ranges::fill(out.mutable_elements<double>(), filling);
  return out;
}

void add_array(const FeatureDescription& feature, const compiler::Operand& operand,
               MultiArray array, base::Budget& budget, BoundInputs& out) {
  const auto& constraint = feature.multi_array_constraint;
  const DataType declared = constraint ? constraint->data_type : array.data_type();
  // The described type counts where the program computes in another one: 2.7 for an int32 input
  // is 2 also when the program wants floats.
  if (declared != operand.type.dtype && array.data_type() != declared) {
    book(budget, array.count(), declared, feature);
    array = array.converted_to(declared);
  }
  // Saturates, as every conversion of a MultiArray does.
  if (is_integer(operand.type.dtype) && is_float(array.data_type()) &&
      features::is_array_type(operand.type.dtype)) {
    book(budget, array.count(), operand.type.dtype, feature);
    array = array.converted_to(operand.type.dtype);
  }
  InputTensor tensor;
  tensor.data = array.data();
  tensor.dtype = array.data_type();
  tensor.dims = Dims(array.shape());
  tensor.strides = array.is_dense() ? Dims() : Dims(array.strides());
  // A scalar of the program is described as an array of one element.
  if (operand.type.ranked && operand.type.rank() != tensor.dims.size() && array.count() == 1) {
    tensor.dims = Dims(operand.type.rank(), 1);
    tensor.strides = Dims();
  }
  out.tensors.push_back(std::move(tensor));
  out.kept.emplace_back(std::move(array));
}

void add_picture(const FeatureDescription& feature, const compiler::Operand& operand,
                 PixelBuffer picture, base::Budget& budget, BoundInputs& out) {
  const ColorSpace space = feature.image_constraint->color_space;
  if (!image::can_view(picture, space)) {
    const PixelFormat format = image::pixel_format(space);
    book(budget, picture.width() * picture.height() * bytes_per_pixel(format), DataType::uint8,
         feature);
    picture = picture.converted_to(format);
  }
  image::PictureTensor view = image::view(picture, space);
  if (operand.type.ranked && operand.type.rank() == 3) {
    view.dims.erase(view.dims.begin());
    view.strides.erase(view.strides.begin());
  } else if (operand.type.ranked && operand.type.rank() != 4) {
    fail(ErrorCode::parameters, feature,
         cat("it is described as an image, and the program's input is ", ir::text(operand.type),
             ", expected 4 dimensions"));
  }
  out.tensors.push_back({view.data, view.dtype, std::move(view.dims), std::move(view.strides)});
  out.kept.emplace_back(std::move(picture));
}

}  // namespace

void bind_input(const FeatureDescription& feature, const compiler::Operand& operand,
                const FeatureValue* value, base::Budget& budget, BoundInputs& out) {
  if (value == nullptr || value->is_undefined()) {
    if (!feature.multi_array_constraint)
      fail(ErrorCode::feature_type, feature,
           "it was left out, and only arrays have a default value");
    return add_array(feature, operand, default_array(feature, budget), budget, out);
  }
  switch (value->type()) {
    case FeatureType::int64:
    case FeatureType::double_:
      return add_array(feature, operand, scalar_array(operand, *value), budget, out);
    case FeatureType::multi_array:
      return add_array(feature, operand, value->multi_array_value(), budget, out);
    case FeatureType::image:
      return add_picture(feature, operand, value->image_buffer_value(), budget, out);
    default:
      fail(ErrorCode::feature_type, feature,
           cat(value->text(), " cannot be an input of an ML Program"));
  }
}

MultiArray to_array(base::HostTensor tensor) {
  if (!features::is_array_type(tensor.dtype()))
    throw Error(ErrorCode::parameters,
                cat("a tensor of ", name(tensor.dtype()), " cannot be an array"));
  auto owner = std::make_shared<base::HostTensor>(std::move(tensor));
  const Dims shape = owner->dims().empty() ? Dims{1} : owner->dims();
  void* data = owner->mutable_view().data;
  if (data == nullptr) return MultiArray(owner->dtype(), shape);  // no elements
  return MultiArray::wrap(data, owner->dtype(), shape, {}, owner);
}

namespace {

FeatureValue to_picture(const FeatureDescription& feature, const MultiArray& array) {
  const ColorSpace space = feature.image_constraint->color_space;
  const std::int64_t channels = image::channels(space);
  const auto shape = array.shape();
  const std::size_t rank = shape.size();
  const bool has_channels = rank >= 3 ? shape[rank - 3] == channels : channels == 1;
  const bool is_one = rank < 4 || (rank == 4 && shape[0] == 1);
  if (rank < 2 || !has_channels || !is_one)
    fail(ErrorCode::parameters, feature,
         cat("it is described as an image (", name(space), "), and the program gives (",
             features::shape_text(shape), "), expected (1 x ", channels, " x height x width)"));
  const MultiArray planes = array.data_type() == DataType::fp32 && array.is_dense()
                                ? array
                                : array.converted_to(DataType::fp32);
  return image::from_planes(planes.elements<float>(), space, shape[rank - 1], shape[rank - 2]);
}

FeatureValue to_number(const FeatureDescription& feature, const MultiArray& array) {
  if (array.count() != 1)
    fail(ErrorCode::parameters, feature,
         cat("it is described as a number, and the program gives (",
             features::shape_text(array.shape()), ")"));
  if (feature.type == FeatureType::int64)
    return array.converted_to(DataType::int64).elements<std::int64_t>()[0];
  return array.converted_to(DataType::fp64).elements<double>()[0];
}

}  // namespace

FeatureValue to_feature(const FeatureDescription& feature, base::HostTensor tensor) {
  if (!features::is_array_type(tensor.dtype()))
    fail(ErrorCode::parameters, feature,
         cat("the program gives a tensor of ", name(tensor.dtype()), ", expected ",
             feature.type_text()));
  MultiArray array = to_array(std::move(tensor));
  switch (feature.type) {
    case FeatureType::multi_array: {
      const auto& constraint = feature.multi_array_constraint;
      const DataType declared = constraint ? constraint->data_type : DataType::invalid;
      if (!features::is_array_type(declared) || declared == array.data_type()) return array;
      return array.converted_to(declared);
    }
    case FeatureType::image: return to_picture(feature, array);
    case FeatureType::int64:
    case FeatureType::double_: return to_number(feature, array);
    default:
      fail(ErrorCode::parameters, feature,
           cat("the program gives a tensor, and the model description says ", feature.type_text()));
  }
}

}  // namespace pome::runtime
