"""quantize, dequantize and the constexpr operations."""
import numpy as np

F = np.float32


def along(v, x, axis):
    return v.astype(float).reshape([-1 if k == axis % x.ndim else 1 for k in range(x.ndim)]) \
        if np.ndim(v) else float(v)


def packed(values, bits):
    """Little-endian bit stream of unsigned values as bytes."""
    stream = [(int(v) >> b) & 1 for v in np.ravel(values) for b in range(bits)]
    stream += [0] * (-len(stream) % 8)
    return np.array([sum(bit << k for k, bit in enumerate(stream[i:i + 8]))
                     for i in range(0, len(stream), 8)], np.uint8)


def typed(values, name):
    """A case's tensor of a type that numpy lacks."""
    values = np.asarray(values)
    return {"dtype": name, "dims": list(values.shape), "data": [int(v) for v in values.flatten()]}


def cases(add):
    rng = np.random.default_rng(17)
    r = lambda *shape: rng.standard_normal(shape).astype(F)
    q17 = lambda *a, **kw: add("quantize", *a, opset="ios17", **kw)
    x = (r(2, 3, 4) * 50).astype(F)
    for dtype, lo, hi in [(np.int8, -128, 127), (np.uint8, 0, 255)]:
        name = np.dtype(dtype).name
        for axis, scale, zero in [(None, F(.5), None), (None, F(.25), dtype(7)),
                                  (1, np.array([.5, 2, .25], F), None),
                                  (-1, np.array([.5, 2, .25, 4], F), np.array([1, 2, 3, 4], dtype))]:
            want = np.rint(x / along(scale, x, axis or 0)) + \
                (0 if zero is None else along(zero, x, axis or 0))
            q17(np.clip(want, lo, hi).astype(dtype), input=x, zero_point=zero, scale=scale,
                axis=axis, output_dtype=name)
    q17(np.array([0, 2, 2, -2, 127, -128, 0], np.int8),
        input=np.array([.5, 1.5, 2.5, -1.5, np.inf, -np.inf, np.nan], F), scale=F(1),
        output_dtype="int8", note="half to even, saturated, NaN to 0")
    q17(np.zeros((0, 3), np.int8), input=r(0, 3), scale=F(1), output_dtype="int8")
    q17(input=x, scale=np.array([1, 2], F), axis=1, output_dtype="int8",
        error="has 2 values, the axis has 3")
    q17(input=x, scale=np.array([1, 2, 3], F), output_dtype="int8", error="is missing for a vector")
    q17(input=x, scale=F(1), zero_point=np.uint8(1), output_dtype="int8",
        error="is uint8, expected int8")
    q17(input=x, scale=F(1), output_dtype="int4", error="found 'int4'")
    q17(input=x, scale=np.float16(1), output_dtype="int8", error="expected fp32")

    q = rng.integers(-128, 127, (2, 3, 4)).astype(np.int8)
    d17 = lambda *a, **kw: add("dequantize", *a, opset="ios17", **kw)
    d17((q * .5), dtype="fp32", input=q, scale=F(.5))
    d17((q.astype(float) - 5) * .5, dtype="fp32", input=q, scale=F(.5), zero_point=np.int8(5))
    zero = np.array([-100, 0, 100], np.int8)
    scale = np.array([.5, .25, 3], F)
    d17((q - along(zero, q, 1)) * along(scale, q, 1), dtype="fp32", input=q, scale=scale,
        zero_point=zero, axis=1)
    d17(input=q, scale=F(1), zero_point=np.uint8(1), error="expected int8")
    d17(input=q, scale=scale, axis=1, zero_point=np.int8(1), error="must be a scalar where scale")

    constexpr_cases(add, rng, r)


def constexpr_cases(add, rng, r):
    # iOS16
    q = rng.integers(0, 255, (4, 3, 2)).astype(np.uint8)
    for axis in (0, 1, -1):
        n = q.shape[axis]
        zero, scale = rng.integers(0, 255, n).astype(np.uint8), np.abs(r(n))
        add("constexpr_affine_dequantize", (q - along(zero, q, axis)) * along(scale, q, axis),
            dtype="fp32", opset="ios16", quantized_data=q, zero_point=zero, scale=scale, axis=axis,
            tol=(1e-6, 0))
    add("constexpr_affine_dequantize", (q.astype(float) - 3) * .5, dtype="fp32", opset="ios16",
        quantized_data=q, zero_point=np.uint8(3), scale=F(.5), axis=0, note="scalars")
    add("constexpr_affine_dequantize", opset="ios16", quantized_data=q, zero_point=np.uint8(3),
        scale=np.array([1, 2], F), axis=0, error="expected")
    half = np.array([1.5, 65504, 2**-24], np.float16)
    add("constexpr_cast", half.astype(F), opset="ios16", source_val=half, output_dtype="fp32")
    add("constexpr_cast", opset="ios16", source_val=half, output_dtype="int8", error="fp32")
    for bits in (1, 2, 4, 6, 8):
        idx = rng.integers(0, 2**bits, (3, 5))
        lut = r(2**bits)
        add("constexpr_lut_to_dense", lut[idx], opset="ios16", indices=packed(idx, bits), lut=lut,
            shape=np.array([3, 5], np.uint32))
    add("constexpr_lut_to_dense", opset="ios16", indices=packed([1, 2], 2), lut=r(3),
        shape=np.array([2], np.uint32), error="parameter 'lut'")
    add("constexpr_lut_to_dense", opset="ios16", indices=packed([1] * 9, 2), lut=r(4),
        shape=np.array([99], np.uint32), error="parameter 'indices'")
    mask = rng.random((3, 7)) < .5
    values = r(int(mask.sum()))
    dense = np.zeros((3, 7), F)
    dense[mask] = values
    add("constexpr_sparse_to_dense", dense, opset="ios16", nonzero_data=values,
        mask=packed(mask, 1), shape=np.array([3, 7], np.uint32))
    add("constexpr_sparse_to_dense", opset="ios16", nonzero_data=values[:-1],
        mask=packed(mask, 1), shape=np.array([3, 7], np.uint32), error="nonzero_data")

    # iOS18
    for name, bits in [("uint1", 1), ("uint2", 2), ("uint3", 3), ("uint4", 4), ("uint6", 6)]:
        idx = rng.integers(0, 2**bits, (4, 6))
        lut = r(2, 3, 2**bits, 1)  # blocks of 2 x 2
        want = np.array([[lut[i // 2, j // 2, idx[i, j], 0] for j in range(6)] for i in range(4)])
        add("constexpr_lut_to_dense", want, opset="ios18", indices=typed(idx, name), lut=lut)
    idx = rng.integers(0, 4, (2, 3))
    lut = r(1, 1, 4, 2)
    want = lut[0, 0][idx]  # [2, 3, 2]
    add("constexpr_lut_to_dense", np.moveaxis(want, 2, 1).reshape(4, 3), opset="ios18",
        indices=typed(idx, "uint2"), lut=lut, vector_axis=0, note="vectors")
    add("constexpr_lut_to_dense", want.reshape(2, 6), opset="ios18", indices=typed(idx, "uint2"),
        lut=lut, vector_axis=-1, note="vectors")
    add("constexpr_lut_to_dense", opset="ios18", indices=typed(idx, "uint2"), lut=r(2, 2, 4, 1),
        error="parameter 'lut'")
    for name, lo, hi in [("int4", -8, 8), ("uint4", 0, 16), ("int8", -128, 128)]:
        data = rng.integers(lo, hi, (4, 6))
        scale = np.abs(r(2, 3))
        wide = np.kron(scale.astype(float), np.ones((2, 2)))
        add("constexpr_blockwise_shift_scale", data * wide, dtype="fp32", opset="ios18",
            data=typed(data, name), scale=scale, tol=(1e-6, 0))
        zero = rng.integers(lo, hi, (2, 3))
        add("constexpr_blockwise_shift_scale", (data - np.kron(zero, np.ones((2, 2)))) * wide,
            dtype="fp32", opset="ios18", data=typed(data, name), scale=scale,
            offset=typed(zero, name), tol=(1e-6, 0))
    add("constexpr_blockwise_shift_scale", opset="ios18", data=typed(data, "int8"), scale=r(3, 3),
        error="parameter 'scale'")
    bits = typed(mask.astype(int), "uint1")
    add("constexpr_sparse_to_dense", dense, opset="ios18", nonzero_data=values, mask=bits)
    add("constexpr_sparse_to_dense", opset="ios18", nonzero_data=values[:-1], mask=bits,
        error="nonzero_data")
    idx = rng.integers(0, 4, int(mask.sum()))
    lut = r(1, 1, 4, 1)
    add("constexpr_lut_to_sparse", [bits, lut[0, 0, idx, 0]], opset="ios18", indices_mask=bits,
        indices_nonzero_data=typed(idx, "uint2"), lut=lut)
    data = rng.integers(-8, 8, int(mask.sum()))
    rows = np.nonzero(mask)[0]
    scale = np.abs(r(3, 1))
    add("constexpr_sparse_blockwise_shift_scale", [bits, data * scale[rows, 0].astype(float)],
        dtype="fp32", opset="ios18", data_mask=bits, nonzero_data=typed(data, "int4"), scale=scale,
        tol=(1e-6, 0))
