// Compressed weights: constexpr_affine_dequantize, constexpr_cast, constexpr_lut_to_dense,
// constexpr_sparse_to_dense (in their iOS16 and iOS18 forms), constexpr_blockwise_shift_scale,
// constexpr_lut_to_sparse, constexpr_sparse_blockwise_shift_scale.
//
// Their arguments are constants, or other expressions of these. Sub-byte elements come unpacked;
// the iOS16 forms pack bits into uint8 vectors, lowest bits first.
#include <bit>
#include <vector>

#include "base/checked.h"
#include "base/text.h"
#include "ops/call.h"

namespace pome::ops::definitions {
namespace {

using base::cat;

std::int64_t count_of(std::span<const std::int64_t> dims) {
  std::int64_t n = 1;
  for (const auto d : dims) n *= d;
  return n;
}

Dims known_shape(const Call& call, int param) {
  Dims dims = call.ints_or(param, {});
  const auto count = base::element_count(dims);
  if (!count || !base::checked_mul<std::int64_t>(*count, 8)) {  // bits are counted too
    call.fail(param, cat("found ", base::shape_text(dims), ", expected sizes that fit 64 bits"));
  }
  return dims;
}

void expect_vector(const Call& call, int param) {
  if (call.type(param).rank() != 1) {
    call.fail(param,
              cat("found shape ", base::shape_text(call.type(param).dims), ", expected a vector"));
  }
}

[[noreturn]] void fail_missing_values(const Call& call, int param) {
  call.fail(param, cat("has ", call.type(param).dims[0], " values, the mask has more set bits"));
}

[[noreturn]] void fail_unused_values(const Call& call, int param, std::int64_t set) {
  call.fail(param,
            cat("has ", call.type(param).dims[0], " values, the mask has ", set, " set bits"));
}

std::int64_t bit_field(const TensorView& bytes, std::int64_t index, int width) {
  std::int64_t value = 0;
  for (int b = 0; b < width; ++b) {
    const auto bit = index * width + b;
    value |= ((load_i(bytes, bit / 8) >> (bit % 8)) & 1) << b;
  }
  return value;
}

// --- constexpr_affine_dequantize: scale * (quantized_data - zero_point) along an axis ---

enum : int { quantized_data, zero_point, scale, axis };

std::int64_t check_affine(const Call& call) {
  const auto& data = call.type(quantized_data);
  const auto along = call.axis(axis, call.int_or(axis, 0), data.rank());
  for (const int p : {zero_point, scale}) {
    const auto& type = call.type(p);
    if (type.rank() > 1 ||
        (type.rank() == 1 && type.dims[0] != data.dims[static_cast<std::size_t>(along)] &&
         type.dims[0] != 1)) {
      call.fail(p, cat("found shape ", base::shape_text(type.dims), ", expected one value or ",
                       data.dims[static_cast<std::size_t>(along)]));
    }
  }
  return along;
}

void infer_affine(InferContext& call) {
  check_affine(call);
  call.set_result(Type::tensor(call.type(scale).dtype, call.type(quantized_data).dims));
}

void evaluate_affine(EvalContext& call) {
  const auto along = static_cast<std::size_t>(check_affine(call));
  const auto& data = call.in(quantized_data);
  const auto& zero = call.in(zero_point);
  const auto& factor = call.in(scale);
  const auto out = call.out(0, Dims(data.dims));
  const auto inner = count_of(data.dims.subspan(along + 1));
  for (std::int64_t i = 0; i < data.size(); ++i) {
    const auto channel = i / inner % data.dims[along];
    const double z = load_f(zero, zero.size() == 1 ? 0 : channel);
    const double s = load_f(factor, factor.size() == 1 ? 0 : channel);
    store_f(out, i, s * (load_f(data, i) - z));
  }
}

// --- constexpr_cast ---

enum : int { source_val, output_dtype };

void infer_cast(InferContext& call) {
  if (call.string_or(output_dtype, "fp32") != "fp32") {
    call.fail(output_dtype,
              cat("found ", base::quoted(call.string_or(output_dtype, "")), ", expected 'fp32'"));
  }
  call.set_result(Type::tensor(DataType::fp32, call.type(source_val).dims));
}

void evaluate_cast(EvalContext& call) {
  const auto& from = call.in(source_val);
  const auto out = call.out(0, Dims(from.dims));
  for (std::int64_t i = 0; i < from.size(); ++i) store_f(out, i, load_f(from, i));
}

// --- lookup tables ---

/// Value for index vectors: lut [groups..., palettes, vector], groups dividing the indices' dims.
struct Lookup {
  TensorView table;
  Dims groups;  ///< leading dims of the table
  std::int64_t palettes, vector;

  explicit Lookup(const TensorView& lut)
      : table(lut),
        groups(lut.dims.first(lut.dims.size() - 2)),
        palettes(lut.dims[lut.dims.size() - 2]),
        vector(lut.dims.back()) {}

  std::int64_t offset(std::span<const std::int64_t> at, std::span<const std::int64_t> dims,
                      std::int64_t palette, std::int64_t part) const {
    std::int64_t group = 0;
    for (std::size_t d = 0; d < dims.size(); ++d) {
      group = group * groups[d] + at[d] / (dims[d] / groups[d]);
    }
    return (group * palettes + palette) * vector + part;
  }
};

/// Fails for an index that no entry of the table has.
std::int64_t checked_palette(const Call& call, int param, std::int64_t index,
                             std::int64_t palettes) {
  if (index >= palettes) {
    call.fail(param, cat("index ", index, " is outside a table of ", palettes, " entries"));
  }
  return index;
}

void check_groups(const Call& call, int param, std::span<const std::int64_t> dims,
                  std::span<const std::int64_t> groups) {
  bool fits = groups.size() == dims.size();
  for (std::size_t d = 0; fits && d < dims.size(); ++d) {
    fits = groups[d] > 0 && dims[d] % groups[d] == 0;
  }
  if (!fits) {
    call.fail(param, cat("groups ", base::shape_text(groups), " do not divide the shape ",
                         base::shape_text(dims)));
  }
}

std::int64_t vector_axis_of(const Call& call, int param, std::size_t rank, std::int64_t vector) {
  if (vector > 1 && !call.has(param)) {
    call.fail(param, cat("must be given for a table of vectors of ", vector));
  }
  return call.axis(param, call.int_or(param, 0), rank);
}

// constexpr_lut_to_dense

enum : int { indices, lut, shape, vector_axis };

bool is_packed(const Call& call) {
  return call.has(shape);
}

void check_table(const Call& call, int lut_param, const Dims& dims) {
  const auto& table = call.type(lut_param).dims;
  if (table.size() != dims.size() + 2) {
    call.fail(lut_param, cat("has ", table.size(), " dimensions, expected ", dims.size() + 2));
  }
  check_groups(call, lut_param, dims, std::span<const std::int64_t>(table).first(dims.size()));
}

Dims dense_lut_dims(const Call& call) {
  if (is_packed(call)) {
    auto dims = known_shape(call, shape);
    const auto palettes =
        static_cast<std::uint64_t>(call.type(lut).dims.empty() ? 0 : call.type(lut).dims[0]);
    // 5 and 7 bits there are not.
    if (call.type(lut).rank() != 1 || !std::has_single_bit(palettes) || palettes < 2 ||
        palettes > 256 || palettes == 32 || palettes == 128) {
      call.fail(lut, cat("found shape ", base::shape_text(call.type(lut).dims),
                         ", expected a vector of 2, 4, 8, 16, 64 or 256 values"));
    }
    const auto need = (count_of(dims) * std::countr_zero(palettes) + 7) / 8;
    if (call.type(indices).rank() != 1 || call.type(indices).dims[0] != need) {
      call.fail(indices, cat("found shape ", base::shape_text(call.type(indices).dims),
                             ", expected [", need, "] for shape ", base::shape_text(dims)));
    }
    return dims;
  }
  Dims dims = call.type(indices).dims;
  check_table(call, lut, dims);
  const auto vector = call.type(lut).dims.back();
  dims[static_cast<std::size_t>(vector_axis_of(call, vector_axis, dims.size(), vector))] *= vector;
  return dims;
}

void infer_lut(InferContext& call) {
  call.set_result(Type::tensor(call.type(lut).dtype, dense_lut_dims(call)));
}

/// Expands indices (dense, one an element) through a table. Indices below 0 stand for no entry.
template <typename Put>
void expand(const Call& call, int param, const TensorView& index, const Lookup& table,
            std::size_t along, Put&& put) {
  const Dims strides[] = {dense_strides(index.dims)};
  Dims out_dims(index.dims);
  if (!out_dims.empty()) out_dims[along] *= table.vector;
  const auto out_strides = dense_strides(out_dims);
  for (IndexWalk walk(index.dims, strides); !walk.done(); walk.next()) {
    const auto palette =
        checked_palette(call, param, load_i(index, walk.offset(0)), table.palettes);
    std::int64_t to = 0;
    for (std::size_t d = 0; d < out_dims.size(); ++d) {
      to += walk.index()[d] * (d == along ? table.vector : 1) * out_strides[d];
    }
    for (std::int64_t part = 0; part < table.vector; ++part) {
      put(to + part * (out_dims.empty() ? 0 : out_strides[along]),
          table.offset(walk.index(), index.dims, palette, part));
    }
  }
}

void copy_element(const TensorView& from, std::int64_t at, const MutableTensorView& to,
                  std::int64_t i) {
  if (is_float(from.dtype)) {
    store_f(to, i, load_f(from, at));
  } else {
    store_i(to, i, load_i(from, at));
  }
}

void evaluate_lut(EvalContext& call) {
  const auto dims = dense_lut_dims(call);
  const auto out = call.out(0, dims);
  const auto& table = call.in(lut);
  const auto& index = call.in(indices);
  if (is_packed(call)) {
    const int width = std::countr_zero(static_cast<std::uint64_t>(table.size()));
    for (std::int64_t i = 0; i < out.size(); ++i) {
      copy_element(table, bit_field(index, i, width), out, i);
    }
    return;
  }
  const Lookup lookup(table);
  const auto along = vector_axis_of(call, vector_axis, index.dims.size(), lookup.vector);
  expand(call, indices, index, lookup, static_cast<std::size_t>(along),
         [&](std::int64_t to, std::int64_t from) { copy_element(table, from, out, to); });
}

// --- constexpr_sparse_to_dense ---

enum : int { nonzero_data, mask, sparse_shape };

Dims dense_sparse_dims(const Call& call) {
  if (!call.has(sparse_shape)) return call.type(mask).dims;
  auto dims = known_shape(call, sparse_shape);
  const auto need = (count_of(dims) + 7) / 8;
  if (call.type(mask).rank() != 1 || call.type(mask).dims[0] != need) {
    call.fail(mask, cat("found shape ", base::shape_text(call.type(mask).dims), ", expected [",
                        need, "] for shape ", base::shape_text(dims)));
  }
  return dims;
}

void infer_sparse(InferContext& call) {
  expect_vector(call, nonzero_data);
  call.set_result(Type::tensor(call.type(nonzero_data).dtype, dense_sparse_dims(call)));
}

void evaluate_sparse(EvalContext& call) {
  const auto out = call.out(0, dense_sparse_dims(call));
  const auto& values = call.in(nonzero_data);
  const auto& bits_of = call.in(mask);
  const bool packed = call.has(sparse_shape);
  std::int64_t next = 0;
  for (std::int64_t i = 0; i < out.size(); ++i) {
    const bool set = packed ? bit_field(bits_of, i, 1) != 0 : load_i(bits_of, i) != 0;
    if (!set) {
      store_i(out, i, 0);
      continue;
    }
    if (next == values.size()) fail_missing_values(call, nonzero_data);
    copy_element(values, next++, out, i);
  }
  if (next != values.size()) fail_unused_values(call, nonzero_data, next);
}

// --- block-wise scales ---

enum : int { data, block_scale, offset };

std::int64_t block_at(std::span<const std::int64_t> at, std::span<const std::int64_t> dims,
                      std::span<const std::int64_t> blocks) {
  std::int64_t out = 0;
  for (std::size_t d = 0; d < dims.size(); ++d) {
    out = out * blocks[d] + at[d] / (dims[d] / blocks[d]);
  }
  return out;
}

void check_blocks(const Call& call, int scale_param, int offset_param, const Dims& dims) {
  check_groups(call, scale_param, dims, call.type(scale_param).dims);
  if (call.has(offset_param) && !(call.type(offset_param).dims == call.type(scale_param).dims)) {
    call.fail(offset_param, cat("found shape ", base::shape_text(call.type(offset_param).dims),
                                ", expected ", base::shape_text(call.type(scale_param).dims)));
  }
}

void infer_blockwise(InferContext& call) {
  check_blocks(call, block_scale, offset, call.type(data).dims);
  call.set_result(Type::tensor(call.type(block_scale).dtype, call.type(data).dims));
}

void evaluate_blockwise(EvalContext& call) {
  const auto& from = call.in(data);
  check_blocks(call, block_scale, offset, Dims(from.dims));
  const auto& factors = call.in(block_scale);
  const auto out = call.out(0, Dims(from.dims));
  const Dims strides[] = {dense_strides(from.dims)};
  for (IndexWalk walk(from.dims, strides); !walk.done(); walk.next()) {
    const auto block = block_at(walk.index(), from.dims, factors.dims);
    const double shift = call.has(offset) ? load_f(call.in(offset), block) : 0.0;
    const auto i = walk.offset(0);
    store_f(out, i, load_f(factors, block) * (load_f(from, i) - shift));
  }
}

// --- sparse to sparse: both give a mask and the values of its set bits ---

enum : int { indices_mask, indices_nonzero, sparse_lut, sparse_vector_axis };

void infer_lut_sparse(InferContext& call) {
  expect_vector(call, indices_nonzero);
  Dims dims = call.type(indices_mask).dims;
  check_table(call, sparse_lut, dims);
  const auto vector = call.type(sparse_lut).dims.back();
  const auto along = vector_axis_of(call, sparse_vector_axis, dims.size(), vector);
  dims[static_cast<std::size_t>(along)] *= vector;
  const auto values = call.type(indices_nonzero).dims[0] * vector;
  call.set_result(0, Type::tensor(call.type(indices_mask).dtype, std::move(dims)));
  call.set_result(1, Type::tensor(call.type(sparse_lut).dtype, Dims{values}));
}

void evaluate_lut_sparse(EvalContext& call) {
  const auto& set = call.in(indices_mask);
  const auto& values = call.in(indices_nonzero);
  const Lookup lookup(call.in(sparse_lut));
  const auto along = static_cast<std::size_t>(
      vector_axis_of(call, sparse_vector_axis, set.dims.size(), lookup.vector));
  // The indices where they stand; -1 where the mask is not set.
  std::vector<std::int32_t> dense(static_cast<std::size_t>(set.size()), -1);
  std::int64_t next = 0;
  for (std::int64_t i = 0; i < set.size(); ++i) {
    if (load_i(set, i) == 0) continue;
    if (next == values.size()) fail_missing_values(call, indices_nonzero);
    dense[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(load_i(values, next++));
  }
  if (next != values.size()) fail_unused_values(call, indices_nonzero, next);
  Dims dims(set.dims);
  dims[along] *= lookup.vector;
  const auto out_mask = call.out(0, dims);
  const auto out = call.out(1, Dims{values.size() * lookup.vector});
  std::vector<std::int64_t> source(static_cast<std::size_t>(out_mask.size()), -1);
  const TensorView index{dense.data(), DataType::int32, set.dims};
  expand(call, indices_nonzero, index, lookup, along,
         [&](std::int64_t to, std::int64_t from) { source[static_cast<std::size_t>(to)] = from; });
  // A negative palette gives an offset in front of its table: told apart by the mask.
  std::vector<std::int32_t> kept(source.size(), 0);
  const Dims strides[] = {dense_strides(set.dims)};
  const auto out_strides = dense_strides(dims);
  for (IndexWalk walk(set.dims, strides); !walk.done(); walk.next()) {
    std::int64_t to = 0;
    for (std::size_t d = 0; d < dims.size(); ++d) {
      to += walk.index()[d] * (d == along ? lookup.vector : 1) * out_strides[d];
    }
    for (std::int64_t part = 0; part < lookup.vector; ++part) {
      kept[static_cast<std::size_t>(to + part * out_strides[along])] =
          load_i(set, walk.offset(0)) != 0 ? 1 : 0;
    }
  }
  std::int64_t at = 0;
  for (std::size_t i = 0; i < source.size(); ++i) {
    store_i(out_mask, static_cast<std::int64_t>(i), kept[i]);
    if (kept[i] != 0) copy_element(lookup.table, source[i], out, at++);
  }
}

enum : int { data_mask, sparse_nonzero, sparse_scale, sparse_offset };

void infer_block_sparse(InferContext& call) {
  expect_vector(call, sparse_nonzero);
  check_blocks(call, sparse_scale, sparse_offset, call.type(data_mask).dims);
  call.set_result(0, call.type(data_mask));
  call.set_result(1, Type::tensor(call.type(sparse_scale).dtype, call.type(sparse_nonzero).dims));
}

void evaluate_block_sparse(EvalContext& call) {
  const auto& set = call.in(data_mask);
  const auto& values = call.in(sparse_nonzero);
  const auto& factors = call.in(sparse_scale);
  const auto out_mask = call.out(0, Dims(set.dims));
  const auto out = call.out(1, Dims(values.dims));
  const Dims strides[] = {dense_strides(set.dims)};
  std::int64_t next = 0;
  for (IndexWalk walk(set.dims, strides); !walk.done(); walk.next()) {
    const bool kept = load_i(set, walk.offset(0)) != 0;
    store_i(out_mask, walk.offset(0), kept ? 1 : 0);
    if (!kept) continue;
    if (next == values.size()) fail_missing_values(call, sparse_nonzero);
    const auto block = block_at(walk.index(), set.dims, factors.dims);
    const double shift = call.has(sparse_offset) ? load_f(call.in(sparse_offset), block) : 0.0;
    store_f(out, next, load_f(factors, block) * (load_f(values, next) - shift));
    ++next;
  }
  if (next != values.size()) fail_unused_values(call, sparse_nonzero, next);
}

// --- signatures ---

constexpr TypeSet bytes = types(DataType::int8, DataType::uint8);
constexpr TypeSet quantized = bytes | types(DataType::int4, DataType::uint4) | t::floats;
constexpr TypeSet palette_indices = types(DataType::uint1, DataType::uint2, DataType::uint3,
                                          DataType::uint4, DataType::uint6, DataType::uint8);
constexpr TypeSet table_values = bytes | t::floats;
constexpr TypeSet shape_types = types(DataType::uint32, DataType::int32);
constexpr TypeSet one_bit = types(DataType::uint1);
constexpr auto constant = Form::constant;

constexpr Param affine_params[] = {
    {.name = "quantized_data", .types = bytes, .form = constant},
    {.name = "zero_point", .types = bytes | t::fp32, .form = constant},
    {.name = "scale", .types = t::floats, .form = constant},
    {.name = "axis", .types = t::i32, .form = constant},
};
constexpr Param cast_params[] = {
    {.name = "source_val", .types = t::fp16, .form = constant},
    {.name = "output_dtype", .types = t::string, .form = constant},
};
constexpr Param lut_ios16[] = {
    {.name = "indices", .types = types(DataType::uint8), .form = constant},
    {.name = "lut", .types = table_values, .form = constant},
    {.name = "shape", .types = shape_types, .form = constant},
};
constexpr Param lut_ios18[] = {
    {.name = "indices", .types = palette_indices, .form = constant},
    {.name = "lut", .types = table_values, .form = constant},
    {.name = "shape", .types = shape_types, .form = constant, .required = false},
    {.name = "vector_axis", .types = t::i32, .form = constant, .required = false},
};
constexpr Param sparse_ios16[] = {
    {.name = "nonzero_data", .types = table_values, .form = constant},
    {.name = "mask", .types = types(DataType::uint8), .form = constant},
    {.name = "shape", .types = shape_types, .form = constant},
};
constexpr Param sparse_ios18[] = {
    {.name = "nonzero_data", .types = quantized, .form = constant},
    {.name = "mask", .types = one_bit | types(DataType::uint8), .form = constant},
    {.name = "shape", .types = shape_types, .form = constant, .required = false},
};
constexpr Param blockwise_params[] = {
    {.name = "data", .types = quantized, .form = constant},
    {.name = "scale", .types = t::floats, .form = constant},
    {.name = "offset", .types = quantized, .form = constant, .required = false},
};
constexpr Param lut_sparse_params[] = {
    {.name = "indices_mask", .types = one_bit, .form = constant},
    {.name = "indices_nonzero_data", .types = palette_indices, .form = constant},
    {.name = "lut", .types = table_values, .form = constant},
    {.name = "vector_axis", .types = t::i32, .form = constant, .required = false},
};
constexpr Param block_sparse_params[] = {
    {.name = "data_mask", .types = one_bit, .form = constant},
    {.name = "nonzero_data", .types = quantized, .form = constant},
    {.name = "scale", .types = t::floats, .form = constant},
    {.name = "offset", .types = quantized, .form = constant, .required = false},
};
constexpr OpVersion affine_versions[] = {{Opset::ios16, affine_params}};
constexpr OpVersion cast_versions[] = {{Opset::ios16, cast_params}};
constexpr OpVersion lut_versions[] = {{Opset::ios16, lut_ios16}, {Opset::ios18, lut_ios18}};
constexpr OpVersion sparse_versions[] = {{Opset::ios16, sparse_ios16},
                                         {Opset::ios18, sparse_ios18}};
constexpr OpVersion blockwise_versions[] = {{Opset::ios18, blockwise_params}};
constexpr OpVersion lut_sparse_versions[] = {{Opset::ios18, lut_sparse_params}};
constexpr OpVersion block_sparse_versions[] = {{Opset::ios18, block_sparse_params}};

}  // namespace

extern const OpDef op_constexpr_affine_dequantize, op_constexpr_cast, op_constexpr_lut_to_dense,
    op_constexpr_sparse_to_dense, op_constexpr_blockwise_shift_scale, op_constexpr_lut_to_sparse,
    op_constexpr_sparse_blockwise_shift_scale;
const OpDef op_constexpr_affine_dequantize{.name = "constexpr_affine_dequantize",
                                           .versions = affine_versions,
                                           .infer = infer_affine,
                                           .evaluate = evaluate_affine,
                                           .effects = Effects::compress};
const OpDef op_constexpr_cast{.name = "constexpr_cast",
                              .versions = cast_versions,
                              .infer = infer_cast,
                              .evaluate = evaluate_cast,
                              .effects = Effects::compress};
const OpDef op_constexpr_lut_to_dense{.name = "constexpr_lut_to_dense",
                                      .versions = lut_versions,
                                      .infer = infer_lut,
                                      .evaluate = evaluate_lut,
                                      .effects = Effects::compress};
const OpDef op_constexpr_sparse_to_dense{.name = "constexpr_sparse_to_dense",
                                         .versions = sparse_versions,
                                         .infer = infer_sparse,
                                         .evaluate = evaluate_sparse,
                                         .effects = Effects::compress};
const OpDef op_constexpr_blockwise_shift_scale{.name = "constexpr_blockwise_shift_scale",
                                               .versions = blockwise_versions,
                                               .infer = infer_blockwise,
                                               .evaluate = evaluate_blockwise,
                                               .effects = Effects::compress};
const OpDef op_constexpr_lut_to_sparse{.name = "constexpr_lut_to_sparse",
                                       .versions = lut_sparse_versions,
                                       .min_results = 2,
                                       .max_results = 2,
                                       .infer = infer_lut_sparse,
                                       .evaluate = evaluate_lut_sparse,
                                       .effects = Effects::compress};
const OpDef op_constexpr_sparse_blockwise_shift_scale{
    .name = "constexpr_sparse_blockwise_shift_scale",
    .versions = block_sparse_versions,
    .min_results = 2,
    .max_results = 2,
    .infer = infer_block_sparse,
    .evaluate = evaluate_block_sparse,
    .effects = Effects::compress};

}  // namespace pome::ops::definitions
