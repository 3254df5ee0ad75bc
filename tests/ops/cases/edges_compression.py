"""Compressed weights of every element type, block shape, rank and axis."""
import itertools

import numpy as np
from quantized import packed, typed

F, H, I = np.float32, np.float16, np.int32
RANGES = {"int4": (-8, 8), "uint4": (0, 16), "int8": (-128, 128), "uint8": (0, 256)}
INDICES = {"uint1": 1, "uint2": 2, "uint3": 3, "uint4": 4, "uint6": 6, "uint8": 8}


def wide(x):
    return np.asarray(x, np.float64)


def cases(add):
    rng = np.random.default_rng(101)
    blocks(add, rng)
    tables(add, rng)
    sparse(add, rng)
    affine(add, rng)
    quantize(add, rng)


def element(rng, name, shape):
    """Values of a type, as numbers and as a case's tensor."""
    if name in RANGES:
        low, high = RANGES[name]
        values = rng.integers(low, high, shape)
        values.flat[:1], values.flat[-1:] = low, high - 1
        return values.astype(float), typed(values, name)
    values = rng.standard_normal(shape).astype(H if name == "fp16" else F)
    return wide(values), values


def spread(small, shape):
    """Every element of `small` over its block of `shape`."""
    out = wide(small)
    for axis, size in enumerate(shape):
        out = out.repeat(size // out.shape[axis], axis)
    return out


def float_types(scale):
    return {"dtype": "fp16" if scale.dtype == H else "fp32"}


def blocks(add, rng):
    shapes = [((6,), (2,)), ((4, 6), (4, 1)), ((4, 6), (1, 1)), ((4, 6), (4, 6)), ((1, 7), (1, 7)),
              ((2, 3, 4), (1, 3, 2)), ((4, 2, 3, 3), (2, 1, 1, 3)), ((2, 2, 2, 2, 3), (1, 2, 1, 2, 1))]
    for shape, block in shapes:
        for name in RANGES:
            data, tensor = element(rng, name, shape)
            scale = (rng.random(block) + 0.1).astype(rng.choice([F, H]))
            kw = dict(opset="ios18", tol=(1e-6, 1e-12), data=tensor, scale=scale,
                      **float_types(scale))
            add("constexpr_blockwise_shift_scale", data * spread(scale, shape), **kw)
            offset, tensor = element(rng, name, block)
            add("constexpr_blockwise_shift_scale", (data - spread(offset, shape)) *
                spread(scale, shape), offset=tensor, **kw)
    for t in (F, H):
        data = rng.standard_normal((4, 6)).astype(t)
        scale = (rng.random((2, 3)) + 0.1).astype(t)
        add("constexpr_blockwise_shift_scale", wide(data) * spread(scale, (4, 6)), opset="ios18",
            tol=(1e-6, 1e-12), data=data, scale=scale, **float_types(scale), note="float data")


def tables(add, rng):
    for (name, bits), table in itertools.product(INDICES.items(), ("fp32", "fp16", "int8", "uint8")):
        for shape, groups in (((5,), (1,)), ((4, 6), (2, 3)), ((2, 3, 4), (2, 1, 1))):
            index = rng.integers(0, 2 ** bits, shape)
            values, tensor = element(rng, table, groups + (2 ** bits, 1))
            if bits == 8 and shape != (5,):
                continue
            want = np.zeros(shape)
            for at in np.ndindex(shape):
                group = tuple(i * g // s for i, g, s in zip(at, groups, shape))
                want[at] = values[group + (index[at], 0)]
            kind = {"fp32": F, "fp16": H}.get(table)
            want = want.astype(kind) if kind else typed(want.astype(int), table)
            add("constexpr_lut_to_dense", want, opset="ios18", indices=typed(index, name),
                lut=tensor)
            if shape == (4, 6) and name != "uint3":
                plain = element(rng, table, (2 ** bits,))
                out = plain[0][index]
                out = out.astype(kind) if kind else typed(out.astype(int), table)
                add("constexpr_lut_to_dense", out, opset="ios16", indices=packed(index, bits),
                    lut=plain[1], shape=np.array(shape, np.uint32))
    for axis, length in itertools.product((0, 1, -1), (2, 3)):
        index = rng.integers(0, 4, (2, 3))
        lut = rng.standard_normal((1, 1, 4, length)).astype(F)
        parts = lut[0, 0][index]  # [2, 3, length]
        a = axis % 2
        shape = [2, 3]
        shape[a] *= length
        want = np.moveaxis(parts, 2, a + 1).reshape(shape)
        add("constexpr_lut_to_dense", want, opset="ios18", indices=typed(index, "uint2"), lut=lut,
            vector_axis=axis, note="vectors")


def sparse(add, rng):
    for shape in ((1,), (13,), (3, 7), (2, 3, 5), (1, 2, 3, 1, 4)):
        mask = rng.random(shape) < 0.5
        mask.flat[-1] = True
        bits, count = typed(mask.astype(int), "uint1"), int(mask.sum())
        for name in ("fp32", "fp16", "int8", "uint8", "int4", "uint4"):
            values, tensor = element(rng, name, (count,))
            dense = np.zeros(shape)
            dense[mask] = values
            kind = {"fp32": F, "fp16": H}.get(name)
            want = dense.astype(kind) if kind else typed(dense.astype(int), name)
            add("constexpr_sparse_to_dense", want, opset="ios18", nonzero_data=tensor, mask=bits)
            if name not in ("int4", "uint4"):
                add("constexpr_sparse_to_dense", want, opset="ios16", nonzero_data=tensor,
                    mask=packed(mask, 1), shape=np.array(shape, np.uint32))
            scale = (rng.random((1,) * len(shape)) + 0.1).astype(F)
            if name in RANGES:
                offset, zero = element(rng, name, (1,) * len(shape))
                for shift, extra in ((0.0, {}), (offset.item(), {"offset": zero})):
                    add("constexpr_sparse_blockwise_shift_scale",
                        [bits, (values - shift) * float(scale.item())], dtype="fp32", opset="ios18",
                        tol=(1e-6, 1e-12), data_mask=bits, nonzero_data=tensor, scale=scale, **extra)
        for name, width in INDICES.items():
            index = rng.integers(0, 2 ** width, count)
            values, lut = element(rng, "fp32", (1,) * len(shape) + (2 ** width, 1))
            add("constexpr_lut_to_sparse", [bits, values.reshape(-1)[index].astype(F)],
                opset="ios18", indices_mask=bits, indices_nonzero_data=typed(index, name), lut=lut)
    none = typed(np.zeros((2, 3), int), "uint1")
    add("constexpr_sparse_to_dense", np.zeros((2, 3), F), opset="ios18",
        nonzero_data=np.zeros(0, F), mask=none, note="nothing kept")


def affine(add, rng):
    for name, zero_name, t in itertools.product(("int8", "uint8"), ("int8", "uint8", "fp32"), (F, H)):
        for shape in ((5,), (3, 4), (2, 3, 2, 3)):
            data, tensor = element(rng, name, shape)
            for axis in {0, -1}:
                n = shape[axis]
                along = [-1 if k == axis % len(shape) else 1 for k in range(len(shape))]
                zero, zero_tensor = element(rng, zero_name, (n,))
                scale = (rng.random(n) + 0.1).astype(t)
                want = (data - zero.reshape(along)) * wide(scale).reshape(along)
                add("constexpr_affine_dequantize", want, opset="ios16", tol=(1e-6, 1e-6),
                    quantized_data=tensor, zero_point=zero_tensor, scale=scale, axis=axis,
                    **float_types(scale))
    values = np.array([[0.1, -2, np.inf, np.nan], [6e-8, 65504, -0.0, 1]], H)
    for opset in ("ios16", "ios18"):
        add("constexpr_cast", values.astype(F), opset=opset, source_val=values, output_dtype="fp32")


def quantize(add, rng):
    for t, name in itertools.product((F, H), ("int8", "uint8")):
        low, high = RANGES[name]
        for shape in ((), (7,), (2, 3, 5), (1, 2, 1, 3, 2)):
            x = (rng.standard_normal(shape) * 40).astype(t)
            scale = t(0.5)
            zero = np.dtype(name).type(3)
            want = np.clip(np.rint(wide(x) / 0.5) + 3, low, high - 1).astype(name)
            add("quantize", want, opset="ios17", input=x, zero_point=zero, scale=scale,
                output_dtype=name)
            add("dequantize", (wide(want) - 3) * 0.5, opset="ios17", input=want, zero_point=zero,
                scale=scale, **float_types(np.asarray(scale)))
