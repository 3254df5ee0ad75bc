// How much arithmetic a program is: the products of its convolutions, linear and recurrent layers.
#pragma once

#include "ir/program.h"

namespace pome::cli {

/// Floating-point operations of one run of the function, a multiplication and an addition counted
/// as two; operations that are no products count nothing. Taps of a convolution that fall on its
/// padding are not counted. 0 where a shape is open or an operation is unknown to this version.
/// Resolves the function and infers its types, which changes it.
double count_flops(ir::Function& function);

}  // namespace pome::cli
