// The bounded functions that products and sums do before they write (GemmFinish), each the same to
// the last bit as the elementwise function of its name.
#pragma once

#include "devices/cpu/kernels/isa.h"

namespace pome::devices::cpu::POME_ISA {
namespace {

HWY_API Float finished(Float x, GemmFinish finish, float low, float high) {
  if (finish == GemmFinish::none) return x;
  if (finish == GemmFinish::clip) {
    return min_or_nan(max_or_nan(x, hn::Set(f32, low)), hn::Set(f32, high));
  }
  const Float zero = hn::Zero(f32);
  const Float bent = hn::IfThenElse(hn::Lt(x, zero), zero, x);
  if (finish == GemmFinish::relu) return bent;
  const Float six = hn::Set(f32, 6.0F);
  return hn::IfThenElse(hn::Gt(bent, six), six, bent);
}

}  // namespace
}  // namespace pome::devices::cpu::POME_ISA
