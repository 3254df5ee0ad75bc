// What an operation is: signature by opset, shape inference, reference evaluation, effects.
//
// One operation (or one family of like operations, such as the elementwise unary ones) is one file
// in src/ops/definitions/ and one line in src/ops/op_table.inc.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "pome/data_type.h"

namespace pome::ops {

class InferContext;
class EvalContext;

/// MIL opsets in order. CoreML5 = iOS15, CoreML6 = iOS16, CoreML7 = iOS17, CoreML8 = iOS18,
/// CoreML9 = iOS26.
enum class Opset : std::uint8_t { ios15, ios16, ios17, ios18, ios26 };

/// A set of element types as a bit mask.
using TypeSet = std::uint32_t;
constexpr TypeSet set_of(DataType type) noexcept {
  return TypeSet{1} << static_cast<unsigned>(type);
}
template <typename... Types>
constexpr TypeSet types(Types... t) noexcept {
  return (set_of(t) | ...);
}
constexpr bool contains(TypeSet set, DataType type) noexcept {
  return (set & set_of(type)) != 0;
}

namespace t {  // the sets that signatures are written with
inline constexpr TypeSet boolean = types(DataType::boolean);
inline constexpr TypeSet string = types(DataType::string);
inline constexpr TypeSet fp16 = types(DataType::fp16);
inline constexpr TypeSet fp32 = types(DataType::fp32);
inline constexpr TypeSet i32 = types(DataType::int32);
inline constexpr TypeSet floats = types(DataType::fp16, DataType::fp32);
inline constexpr TypeSet small_ints =
    types(DataType::int8, DataType::uint8, DataType::int16, DataType::uint16);
inline constexpr TypeSet sub_byte = types(DataType::int4, DataType::uint1, DataType::uint2,
                                          DataType::uint3, DataType::uint4, DataType::uint6);
inline constexpr TypeSet numbers = floats | i32;  ///< fp16, fp32, int32
inline constexpr TypeSet ints = i32 | small_ints;
inline constexpr TypeSet all_numbers = floats | ints;
inline constexpr TypeSet all = all_numbers | boolean;
inline constexpr TypeSet base = numbers | boolean;  ///< what most operations took in iOS15
inline constexpr TypeSet any = ~TypeSet{0};
}  // namespace t

/// How a parameter takes its argument.
enum class Form : std::uint8_t {
  tensor,    ///< any tensor value
  constant,  ///< must be known when the program is compiled
  list,      ///< a list value
  state,     ///< a state
  any,       ///< tensors and lists, checked by `infer` (loop variables)
};

/// One parameter of a signature.
struct Param {
  std::string_view name;
  TypeSet types = t::any;
  Form form = Form::tensor;
  bool required = true;
  bool variadic = false;
  char group = 0;  ///< parameters with the same letter must have the same element type
};

/// A signature, valid from opset `since` until the next version of the operation.
///
/// Positions are shared: parameter i of every version has the name of parameter i of the last
/// version (the canonical form); a version may have fewer parameters, or narrower types. What an
/// older version spells differently is rewritten by `OpDef::upgrade`.
struct OpVersion {
  Opset since;
  std::span<const Param> params;
};

enum class Effects : std::uint8_t {
  none,
  random,  ///< not folded, not merged
  reads_state,
  writes_state,
  control_flow,  ///< has blocks; run by the executor
  compress,      ///< constexpr_*: evaluated at load, or read as it is by a kernel
};

/// Whether a result may share the memory of an argument.
enum class Alias : std::uint8_t {
  none,
  view,      ///< result 0 is parameter 0 under other dimensions (reshape, squeeze, identity)
  in_place,  ///< elementwise: result 0 may overwrite parameter 0 when types and dims agree
};

/// Definition of one operation. Plain data; all of them are constants of the program.
struct OpDef {
  std::string_view name;
  std::span<const OpVersion> versions;  ///< by opset, oldest first
  /// The canonical signature, where the last version is not it: operations that dropped or renamed
  /// parameters (crop_resize, non_maximum_suppression). It names the parameters of all versions.
  std::span<const Param> canonical = {};
  std::uint8_t min_results = 1;
  std::uint8_t max_results = 1;  ///< 255: as many as the program declares
  /// Sets the result types from the argument types, or fails with a sentence. Must work with
  /// unknown dimensions and must, for known ones, give exactly what `evaluate` will produce,
  /// unless the shape depends on data: such dimensions stay unknown.
  void (*infer)(InferContext&) = nullptr;
  /// Plain reference evaluation from the documentation: simple loops, double accumulation.
  /// Null for control flow and states, which the executor runs.
  void (*evaluate)(EvalContext&) = nullptr;
  Effects effects = Effects::none;
  Alias alias = Alias::none;
  std::uint8_t blocks = 0;  ///< nested blocks (cond and while_loop: 2)
  /// `evaluate` needs only the types of its arguments, not their elements (shape).
  bool from_types = false;

  /// The canonical signature.
  std::span<const Param> params() const noexcept {
    return canonical.empty() ? versions.back().params : canonical;
  }
};

/// The definition of an operation, or null.
const OpDef* find(std::string_view name) noexcept;
/// All definitions, by name.
std::span<const OpDef* const> all();
/// The signature that `opset` sees; null when the operation came later.
const OpVersion* version(const OpDef& def, Opset opset) noexcept;

/// "ios15" / "CoreML5" ... ; nullopt-like false when unknown.
bool parse_opset(std::string_view text, Opset& out) noexcept;
/// "iOS15", ... as documentation writes it.
std::string_view name(Opset opset) noexcept;

}  // namespace pome::ops
