// Binding a program to the operation table, and checking types.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "ir/program.h"
#include "ops/op_def.h"

namespace pome::ops {

/// An operation that cannot be run, for `pome info`.
struct Unresolved {
  std::string place;   ///< "operation 'x' (foo)"
  std::string type;    ///< "foo"
  std::string reason;  ///< "is not an operation of opset iOS15 or later that Pome knows"
};

/// Looks every operation of a function up and sets `Op::def`. Checks parameter names (with the
/// nearest name proposed), required parameters, forms, element types and groups against the
/// version of the function's opset, and the numbers of results and blocks.
/// Throws Error{parameters or unsupported} at the first violation.
void resolve(ir::Function& function);

/// Like `resolve`, but collects what cannot run instead of throwing.
std::vector<Unresolved> find_unresolved(ir::Function& function);

/// Runs type inference over a resolved function and compares with the declared types: kind,
/// element type and every dimension known to both must agree. Dimensions that inference knows and
/// the program does not are filled in. Throws Error{parameters} naming operation, declared and
/// inferred type.
void infer_types(ir::Function& function);

/// Value of a constant (immediate only) as a tensor in its storage type. Blobs are not read here.
base::HostTensor materialize(const ir::Constant& constant);

/// Expands packed little-endian elements of `dtype` (as blobs and immediates hold them) into a
/// tensor of its storage type. `packed` must hold exactly the tensor's elements.
void unpack(std::span<const std::byte> packed, DataType dtype, const base::MutableTensorView& out);

/// Values of an op's `const` result or literal of at most this many elements are handed to
/// inference as known.
inline constexpr std::int64_t known_limit = 4096;

}  // namespace pome::ops
