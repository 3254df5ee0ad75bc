// Lists: make_list, list_length, list_write, list_read, list_gather, list_scatter.
//
// A list holds tensors of one type. With a dynamic length it grows when it is written behind its
// end; elements that were never written read as zeros where their shape is known.
#include <cstring>

#include "base/text.h"
#include "ops/call.h"

namespace pome::ops::definitions {
namespace {

using base::cat;

enum : int { init_length, dynamic_length, elem_shape, dtype };
enum : int { ls, index, value };

constexpr TypeSet element_types = t::numbers | t::boolean;

DataType element_type(const Call& call) {
  const auto text = call.string_or(dtype, "fp32");
  constexpr std::string_view names[] = {"fp32", "fp16", "int32", "bool"};
  const auto found = parse_data_type(text);
  if (!found || !contains(element_types, *found)) call.fail_choice(dtype, text, names);
  return *found;
}

Type list_type(const Call& call) {
  Dims dims;
  for (int i = 0; i < call.count(elem_shape); ++i) {
    const auto known = call.known(elem_shape, i);
    if (!known || known.dtype == DataType::string) {
      dims.push_back(ir::unknown_dim);  // a symbol's name: any size
      continue;
    }
    for (std::int64_t k = 0; k < known.size(); ++k) {
      const auto d = load_i(known, k);
      dims.push_back(d < 0 ? ir::unknown_dim : d);
    }
  }
  const bool grows = call.bool_or(dynamic_length, true);
  const auto length =
      !grows && call.settled(init_length) ? call.int_or(init_length, 1) : ir::unknown_dim;
  return Type::list(Type::tensor(element_type(call), std::move(dims)), length);
}

/// Books what a list grows by (or gives back, below 0) before it does.
void book(const Call& call, List& list, std::int64_t bytes) {
  if (!list.memory.grow(bytes)) list.memory.refuse(bytes, call.place());
}

void infer_make(InferContext& call) {
  call.expect_one(init_length);
  call.set_result(list_type(call));
}

void evaluate_make(EvalContext& call) {
  auto& out = call.out_list();
  const auto length = call.int_or(init_length, 1);
  constexpr std::int64_t limit = std::int64_t{1} << 24;
  if (length < 0 || length > limit) {
    call.fail(init_length, cat("found ", length, ", expected 0 to ", limit));
  }
  out.element = list_type(call).element();
  book(call, out, length * static_cast<std::int64_t>(sizeof(HostTensor)) - out.memory.bytes());
  out.items.assign(static_cast<std::size_t>(length), HostTensor());
}

void infer_length(InferContext& call) {
  call.set_result(Type::scalar(DataType::int32));
}

void evaluate_length(EvalContext& call) {
  store_i(call.out(0, Dims{}), 0, static_cast<std::int64_t>(call.list(ls).items.size()));
}

std::size_t position(const EvalContext& call, int param, std::int64_t at, std::size_t length) {
  const auto n = static_cast<std::int64_t>(length);
  const auto wrapped = at < 0 ? at + n : at;
  if (wrapped < 0 || wrapped >= n) {
    call.fail(param, cat("index ", at, " is outside a list of ", n, " elements"));
  }
  return static_cast<std::size_t>(wrapped);
}

HostTensor copy_part(const TensorView& from, std::int64_t first, const Dims& dims) {
  HostTensor out(from.dtype, dims);
  const auto bytes = out.byte_size();
  if (bytes != 0) {
    const auto width = static_cast<std::int64_t>(bits(from.dtype) / 8);
    std::memcpy(out.mutable_view().data, static_cast<const std::byte*>(from.data) + first * width,
                bytes);
  }
  return out;
}

/// Writes an element, growing the list when it may.
void put(EvalContext& call, List& list, std::int64_t at, HostTensor element) {
  const auto length = static_cast<std::int64_t>(list.items.size());
  const bool grows = !ir::is_known(call.type(ls).length);
  constexpr std::int64_t limit = std::int64_t{1} << 24;
  if (at >= length && grows && at < limit) {
    book(call, list, (at + 1 - length) * static_cast<std::int64_t>(sizeof(HostTensor)));
    list.items.resize(static_cast<std::size_t>(at) + 1);
  }
  auto& item = list.items[position(call, index, at, list.items.size())];
  book(
      call, list,
      static_cast<std::int64_t>(element.byte_size()) - static_cast<std::int64_t>(item.byte_size()));
  item = std::move(element);
}

Type known_better(const Type& list, const Type& element) {
  Type out = list;
  if (!out.ranked || out.rank() != element.rank()) return out;
  for (std::size_t i = 0; i < out.dims.size(); ++i) {
    if (!ir::is_known(out.dims[i])) out.dims[i] = element.dims[i];
  }
  return out;
}

void check_element(const Call& call, const Type& element) {
  if (!ir::compatible(call.type(ls).element(), element)) {
    call.fail(value, cat("found ", ir::text(element), ", the list holds ",
                         ir::text(call.type(ls).element())));
  }
}

void infer_write(InferContext& call) {
  call.expect_one(index);
  check_element(call, call.type(value));
  call.set_result(known_better(call.type(ls), call.type(value)));
}

void evaluate_write(EvalContext& call) {
  auto& out = call.out_list();
  const auto& in = call.list(ls);
  if (&out != &in) out = in;
  const auto& v = call.in(value);
  put(call, out, load_i(call.in(index), 0), copy_part(v, 0, Dims(v.dims)));
}

void infer_read(InferContext& call) {
  call.expect_one(index);
  call.set_result(call.type(ls).element());
}

/// Shape of the elements: the declared one, completed by what the list holds.
Dims element_dims(const EvalContext& call, const List& list) {
  Dims dims = call.type(ls).dims;
  for (const auto& item : list.items) {
    if (item.dtype() != DataType::invalid) return item.dims();
  }
  for (const auto d : dims) {
    if (!ir::is_known(d)) call.fail(ls, "an element is read that was never written");
  }
  return dims;
}

void copy_element(const HostTensor& from, const MutableTensorView& to, std::int64_t first,
                  std::int64_t count) {
  const auto width = static_cast<std::int64_t>(bits(to.dtype) / 8);
  auto* at = static_cast<std::byte*>(to.data) + first * width;
  const auto bytes = static_cast<std::size_t>(count * width);
  if (bytes == 0) return;
  if (from.dtype() == DataType::invalid) {
    std::memset(at, 0, bytes);
  } else {
    std::memcpy(at, from.view().data, bytes);
  }
}

void evaluate_read(EvalContext& call) {
  const auto& list = call.list(ls);
  const auto at = position(call, index, load_i(call.in(index), 0), list.items.size());
  const auto& item = list.items[at];
  const auto dims = item.dtype() == DataType::invalid ? element_dims(call, list) : item.dims();
  const auto out = call.out(0, dims);
  copy_element(item, out, 0, out.size());
}

void infer_gather(InferContext& call) {
  Dims dims = call.type(ls).dims;
  const auto& indices = call.type(index);
  if (indices.ranked && indices.rank() != 1) {
    call.fail(index,
              cat("expected a vector of indices, found shape ", base::shape_text(indices.dims)));
  }
  dims.insert(dims.begin(), indices.ranked ? indices.dims[0] : ir::unknown_dim);
  call.set_result(Type::tensor(call.type(ls).dtype, std::move(dims)));
}

void evaluate_gather(EvalContext& call) {
  const auto& list = call.list(ls);
  const auto& indices = call.in(index);
  Dims dims = element_dims(call, list);
  std::int64_t count = 1;
  for (const auto d : dims) count *= d;
  dims.insert(dims.begin(), indices.size());
  const auto out = call.out(0, dims);
  for (std::int64_t i = 0; i < indices.size(); ++i) {
    const auto at = position(call, index, load_i(indices, i), list.items.size());
    const auto& item = list.items[at];
    if (item.dtype() != DataType::invalid && item.size() != count) {
      call.fail(ls, cat("elements have different shapes: ", base::shape_text(item.dims())));
    }
    copy_element(item, out, i * count, count);
  }
}

Type scattered(const Call& call) {
  const auto& v = call.type(value);
  if (!v.ranked || v.rank() == 0) {
    call.fail(value,
              cat("found shape ", base::shape_text(v.dims), ", expected at least one dimension"));
  }
  Dims dims(std::span<const std::int64_t>(v.dims).subspan(1));
  return Type::tensor(v.dtype, std::move(dims));
}

void infer_scatter(InferContext& call) {
  check_element(call, scattered(call));
  call.set_result(known_better(call.type(ls), scattered(call)));
}

void evaluate_scatter(EvalContext& call) {
  auto& out = call.out_list();
  const auto& in = call.list(ls);
  if (&out != &in) out = in;
  const auto& indices = call.in(index);
  const auto& v = call.in(value);
  if (v.dims.empty() || v.dims[0] != indices.size()) {
    call.fail(value,
              cat("found shape ", base::shape_text(v.dims), " for ", indices.size(), " indices"));
  }
  const Dims dims(v.dims.subspan(1));
  const auto count = indices.size() == 0 ? 0 : v.size() / indices.size();
  for (std::int64_t i = 0; i < indices.size(); ++i) {
    put(call, out, load_i(indices, i), copy_part(v, i * count, dims));
  }
}

constexpr Param make_params[] = {
    {.name = "init_length", .types = t::i32, .required = false},
    {.name = "dynamic_length", .types = t::boolean, .form = Form::constant, .required = false},
    {.name = "elem_shape", .required = false, .variadic = true},
    {.name = "dtype", .types = t::string, .form = Form::constant, .required = false},
};
constexpr Param length_params[] = {{.name = "ls", .form = Form::list}};
constexpr Param write_params[] = {
    {.name = "ls", .form = Form::list},
    {.name = "index", .types = t::i32},
    {.name = "value", .types = element_types},
};
constexpr Param read_params[] = {
    {.name = "ls", .form = Form::list},
    {.name = "index", .types = t::i32},
};
constexpr Param gather_params[] = {
    {.name = "ls", .form = Form::list},
    {.name = "indices", .types = t::i32},
};
constexpr Param scatter_params[] = {
    {.name = "ls", .form = Form::list},
    {.name = "indices", .types = t::i32},
    {.name = "value", .types = element_types},
};
constexpr OpVersion make_versions[] = {{Opset::ios15, make_params}};
constexpr OpVersion length_versions[] = {{Opset::ios15, length_params}};
constexpr OpVersion write_versions[] = {{Opset::ios15, write_params}};
constexpr OpVersion read_versions[] = {{Opset::ios15, read_params}};
constexpr OpVersion gather_versions[] = {{Opset::ios15, gather_params}};
constexpr OpVersion scatter_versions[] = {{Opset::ios15, scatter_params}};

}  // namespace

extern const OpDef op_make_list, op_list_length, op_list_write, op_list_read, op_list_gather,
    op_list_scatter;
const OpDef op_make_list{
    .name = "make_list", .versions = make_versions, .infer = infer_make, .evaluate = evaluate_make};
const OpDef op_list_length{.name = "list_length",
                           .versions = length_versions,
                           .infer = infer_length,
                           .evaluate = evaluate_length};
const OpDef op_list_write{.name = "list_write",
                          .versions = write_versions,
                          .infer = infer_write,
                          .evaluate = evaluate_write};
const OpDef op_list_read{
    .name = "list_read", .versions = read_versions, .infer = infer_read, .evaluate = evaluate_read};
const OpDef op_list_gather{.name = "list_gather",
                           .versions = gather_versions,
                           .infer = infer_gather,
                           .evaluate = evaluate_gather};
const OpDef op_list_scatter{.name = "list_scatter",
                            .versions = scatter_versions,
                            .infer = infer_scatter,
                            .evaluate = evaluate_scatter};

}  // namespace pome::ops::definitions
