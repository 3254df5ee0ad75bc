// Types and constants of MIL messages, as IR.
#pragma once

#include <memory>

#include "base/budget.h"
#include "ir/constant.h"
#include "ir/type.h"
#include "proto/MIL.pb.h"

namespace pome::frontend {

/// Throws Error{io} when the message holds no type, an unknown element type or nests too deep.
ir::Type import_type(const proto::mil::ValueType& message);

/// Throws Error{io} when the value has no type, or its elements do not fit it.
ir::ConstantPtr import_value(const proto::mil::Value& message,
                             const std::shared_ptr<const void>& owner, base::Budget& budget);

}  // namespace pome::frontend
