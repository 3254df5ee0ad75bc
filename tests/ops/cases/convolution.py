"""conv, conv_transpose, conv_quantized against scipy.signal's correlations."""
import itertools

import numpy as np
from scipy import signal

F = np.float32
TOL = (1e-5, 1e-5)


def dilated(kernel, dilations):
    shape = [(k - 1) * d + 1 for k, d in zip(kernel.shape, dilations)]
    out = np.zeros(shape)
    out[tuple(slice(None, None, d) for d in dilations)] = kernel
    return out


def conv(x, w, b=None, strides=None, pad=None, dilations=None, groups=1):
    """Correlation of padded inputs; `pad` as pairs."""
    n = x.ndim - 2
    strides, dilations = strides or [1] * n, dilations or [1] * n
    pad = pad or [(0, 0)] * n
    x = np.pad(x.astype(float), [(0, 0), (0, 0)] + list(pad))
    per_out, per_in = w.shape[0] // groups, w.shape[1]
    rows = []
    for image in x:
        planes = []
        for o in range(w.shape[0]):
            first = o // per_out * per_in
            total = sum(signal.correlate(image[first + c], dilated(w[o, c].astype(float), dilations),
                                         "valid", "direct") for c in range(per_in))
            total = total[tuple(slice(None, None, s) for s in strides)]
            planes.append(total + (0 if b is None else b[o]))
        rows.append(planes)
    return np.array(rows)


def same(sizes, kernel, strides, dilations, lower=False):
    pairs = []
    for i, k, s, d in zip(sizes, kernel, strides, dilations):
        total = max(0, (-(-i // s) - 1) * s + (k - 1) * d + 1 - i)
        pairs.append((total - total // 2, total // 2) if lower else (total // 2, total - total // 2))
    return pairs


def transposed(x, w, b, strides, dilations, groups, crop, size=None):
    """Full convolution of x with zeros between its elements, cropped; `crop` as pairs."""
    per_in, per_out = x.shape[1] // groups, w.shape[1]
    rows = []
    for image in x.astype(float):
        planes = []
        for o in range(per_out * groups):
            group = o // per_out
            total = 0
            for c in range(group * per_in, (group + 1) * per_in):
                wide = dilated(image[c], strides)
                kernel = dilated(w[c, o % per_out].astype(float), dilations)
                total = total + signal.convolve(wide, kernel, "full", "direct")
            total = total[tuple(slice(a, total.shape[i] - z) for i, (a, z) in enumerate(crop))]
            planes.append(total + (0 if b is None else b[o]))
        rows.append(planes)
    return np.array(rows)


def cases(add):
    rng = np.random.default_rng(11)
    r = lambda *shape: rng.standard_normal(shape).astype(F)

    # conv
    x, w, b = r(2, 3, 7), r(5, 3, 3), r(5)
    add("conv", conv(x, w), tol=TOL, x=x, weight=w)
    add("conv", conv(x, w, b, [2], [(1, 2)], [2]), tol=TOL, x=x, weight=w, bias=b, strides=[2],
        pad_type="custom", pad=[1, 2], dilations=[2])
    x, w, b = r(1, 4, 6, 5), r(6, 2, 3, 2), r(6)
    for strides, dilations, lower in itertools.product([[1, 1], [2, 3]], [[1, 1], [2, 1]],
                                                       [False, True]):
        pads = same(x.shape[2:], w.shape[2:], strides, dilations, lower)
        add("conv", conv(x, w, b, strides, pads, dilations, 2), tol=TOL,
            opset="ios16" if lower else "ios15", x=x, weight=w, bias=b, strides=strides,
            dilations=dilations, groups=2, pad_type="same_lower" if lower else "same")
    x, w = r(1, 6, 5, 5), r(6, 1, 3, 3)
    add("conv", conv(x, w, groups=6), tol=TOL, x=x, weight=w, groups=6, note="depthwise")
    x, w = r(1, 2, 4, 3, 5), r(3, 2, 2, 3, 1)
    add("conv", conv(x, w, None, [1, 1, 2], [(1, 0), (0, 0), (2, 1)]), tol=TOL, x=x, weight=w,
        strides=[1, 1, 2], pad_type="custom", pad=[1, 0, 0, 0, 2, 1], note="3-D")
    x, w = r(2, 2, 1, 1), r(3, 2, 1, 1)
    add("conv", conv(x, w), tol=TOL, x=x, weight=w, note="1x1 of one element")
    add("conv", np.zeros((0, 3, 1, 1), F), x=r(0, 2, 1, 1), weight=w, note="empty batch")
    half = r(1, 2, 5).astype(np.float16)
    w = r(2, 2, 2)
    add("conv", conv(half, w), tol=TOL, opset="ios17", x=half, weight=w,
        note="weights of another type")
    x, w = r(1, 3, 7), r(5, 3, 3)
    add("conv", x=x, weight=r(5, 2, 3), error="takes 2 input channels in 1 groups, x has 3")
    add("conv", x=x, weight=r(5, 1, 3), groups=3, error="3 groups do not divide 5")
    add("conv", x=x, weight=w, bias=r(4), error="expected [5]")
    add("conv", x=x, weight=r(5, 3, 8), error="larger than the padded input")
    add("conv", x=x, weight=w, strides=[0], error="found 0, expected at least 1")
    add("conv", x=x, weight=w, pad_type="full", error="found 'full', expected")
    add("conv", x=x, weight=r(5, 3, 3, 3), error="expected 3 as x has")
    add("conv", x=x, weight=w, strides=[1, 1], error="has 2 values, expected 1")

    # conv_transpose
    plain = add
    add = lambda op, *a, **kw: plain(op, *a, **{"constant": ["weight", "bias"], **kw})
    x, w, b = r(2, 4, 5), r(4, 3, 3), r(6)
    add("conv_transpose", transposed(x, w[:, :3], b[:3], [1], [1], 1, [(0, 0)]), tol=TOL, x=x,
        weight=w, bias=b[:3])
    add("conv_transpose", transposed(x, w, b, [2], [2], 2, [(1, 2)]), tol=TOL, x=x, weight=w,
        bias=b, strides=[2], dilations=[2], groups=2, pad_type="custom", pad=[1, 2])
    x, w = r(1, 3, 4, 3), r(3, 2, 3, 4)
    full = [(4 - 1) * 2 + 3, (3 - 1) * 3 + 4]
    cut = [full[0] - 8, full[1] - 9]
    pairs = [(c // 2, c - c // 2) for c in cut]
    add("conv_transpose", transposed(x, w, None, [2, 3], [1, 1], 1, pairs), tol=TOL, x=x, weight=w,
        strides=[2, 3], pad_type="same")
    add("conv_transpose",
        transposed(x, w, None, [2, 3], [1, 1], 1, [(c - c // 2, c // 2) for c in cut]), tol=TOL,
        opset="ios17", x=x, weight=w, strides=[2, 3], pad_type="same_lower")
    # conv of 7 x 8 with "same" and these strides gives 4 x 3, so its gradient is 7 x 8.
    cut = [full[0] - 7, full[1] - 8]
    add("conv_transpose",
        transposed(x, w, None, [2, 3], [1, 1], 1, [(c // 2, c - c // 2) for c in cut]), tol=TOL,
        x=x, weight=w, strides=[2, 3], pad_type="same", output_shape=[1, 2, 7, 8])
    k1 = r(3, 2, 1, 1)
    wide = np.zeros((1, 2, 8, 6))
    wide[:, :, ::2, ::2] = np.einsum("nchw,co->nohw", x, k1[:, :, 0, 0])
    add("conv_transpose", wide, tol=TOL, x=x, weight=k1, strides=[2, 2], pad_type="same",
        note="kernel smaller than the stride")
    longer = np.concatenate([transposed(x, w, None, [1, 1], [1, 1], 1, [(0, 0), (0, 0)]),
                             np.zeros((1, 2, 1, 6))], axis=2)
    add("conv_transpose", longer, tol=TOL, x=x, weight=w, output_shape=[1, 2, 7, 6],
        note="nothing reaches the last row")
    x, w = r(1, 2, 2, 3, 2), r(2, 1, 2, 1, 3)
    add("conv_transpose", transposed(x, w, None, [2, 1, 1], [1, 1, 2], 2, [(0, 0)] * 3), tol=TOL,
        x=x, weight=w, strides=[2, 1, 1], dilations=[1, 1, 2], groups=2, note="3-D")
    add("conv_transpose", np.zeros((0, 3, 7), F), x=r(0, 4, 5), weight=r(4, 3, 3), note="no batch")
    x, w = r(2, 4, 5), r(4, 3, 3)
    add("conv_transpose", x=x, weight=r(3, 3, 3), error="takes 3 input channels, x has 4")
    add("conv_transpose", x=x, weight=w, groups=3, error="3 groups do not divide 4")
    add("conv_transpose", x=x, weight=w, bias=r(4), error="expected [3]")
    add("conv_transpose", x=x, weight=w, pad_type="custom", pad=[5, 5], error="cuts more")
    add("conv_transpose", x=x, weight=w, output_shape=[2, 4, 7], error="expected 3")
    add("conv_transpose", x=x, weight=w, output_shape=[2, 3], error="has 2 values, expected 3")

    # conv_quantized
    add = plain
    x = r(1, 3, 5, 5)
    q = rng.integers(0, 255, (4, 3, 2, 2)).astype(np.uint8)
    scale, shift = np.abs(r(4)) / 100, r(4)
    dense = q.astype(float) * scale.astype(float)[:, None, None, None] + \
        shift.astype(float)[:, None, None, None]
    add("conv_quantized", conv(x, dense, None, [2, 2]), tol=(1e-5, 1e-4), x=x, weight=q,
        quantization_type="linear", quant_scale=scale, quant_bias=shift, strides=[2, 2])
    dense = q.astype(float) * float(F(0.01)) - 1
    add("conv_quantized", conv(x, dense), tol=(1e-5, 1e-4), x=x, weight=q,
        quantization_type="linear", nbits=8, quant_scale=F(0.01), quant_bias=F(-1))
    add("conv_quantized", x=x, weight=q, quantization_type="lut", quant_scale=F(1),
        quant_bias=F(0), error="found 'lut', expected 'linear'")
    add("conv_quantized", x=x, weight=q, quantization_type="linear", quant_scale=r(3),
        quant_bias=F(0), error="has 3 values, expected 1 or 4")
