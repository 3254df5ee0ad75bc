// Attention as one operation: what a pass makes of the operations that spell it out.
#pragma once

#include "ops/op_def.h"

namespace pome::ops {

/// "pome.attention": softmax(scale * q k^T + mask) v, where q [B.., L, E], k [B.., S, E] and
/// v [B.., S, EV] are views of the operands, so that heads need not be moved to the front.
///
/// `query_perm` names the axes of `query` in the order of q; `query_at` has an index for each axis
/// of `query`, which counts for the axes that `query_perm` leaves out. The same for key and value.
/// `result_perm` permutes [B.., L, EV] to the result. The mask (added, or false: taken out) is
/// broadcast to [B.., L, S]. A row without any element is NaN. Of this operation no file knows:
/// `find` does not give it.
const OpDef& attention() noexcept;

/// The canonical positions of its parameters.
enum AttentionParam : int {
  attention_query,
  attention_key,
  attention_value,
  attention_mask,
  attention_scale,
  attention_query_perm,
  attention_query_at,
  attention_key_perm,
  attention_key_at,
  attention_value_perm,
  attention_value_at,
  attention_result_perm,
};

}  // namespace pome::ops
