// Kernel families: groups of operations that are prepared and planned alike.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "devices/cpu/kernels/kernels.h"
#include "exec/device.h"

namespace pome::devices::cpu {

/// Elementwise calls that the kernels of a family do behind their own work (epilogue.h), and the
/// dimension of the result that vectors may lie along there.
enum class Tails : std::uint8_t {
  none,      ///< no such calls
  flat,      ///< no vectors, only single elements and tensors of the result's shape
  channels,  ///< dimension 1
  last,      ///< the last dimension
};

/// One family. `supports` says which calls of its operations it runs, in words for a person when it
/// does not; `cost` is in seconds; `prepare` is called only after `supports` said yes.
struct Family {
  std::span<const std::string_view> operations;
  exec::Support (*supports)(const exec::CallSite&);
  double (*cost)(const exec::CallSite&);
  std::unique_ptr<exec::OpKernel> (*prepare)(const exec::CallSite&, const Kernels&);
  Tails tails = Tails::none;
  exec::LayoutRule (*layout_rule)(const exec::CallSite&) = nullptr;  ///< null: dense
};

extern const Family layout_family, conv_family, linear_family, matmul_family;
extern const Family unary_family, binary_family, logic_family, select_family, cast_family;
extern const Family softmax_family, layer_norm_family, channel_norm_family, l2_norm_family;
extern const Family attention_family;
extern const Family reduction_family, arg_family, pool_family;
extern const Family transpose_family, join_family, split_family, slice_family, pad_family;
extern const Family tile_family, gather_family, lstm_family, resize_family, depth_space_family;

}  // namespace pome::devices::cpu
