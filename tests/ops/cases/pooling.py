import itertools

import numpy as np

F = np.float32


def pool(op, x, kernel, strides=None, pads=None, ceil=False, exclude=False):
    """Straight from the definition, on a padded copy with a mask of what is input (1), padding (0)
    and outside both (NaN)."""
    n = len(kernel)
    strides = strides or [1] * n
    pads = pads or [0] * 2 * n
    spatial = x.shape[2:]
    out = []
    for i in range(n):
        total = pads[2 * i] + pads[2 * i + 1]
        room = spatial[i] + total - kernel[i]
        o = (room + strides[i] - 1) // strides[i] + 1 if ceil else room // strides[i] + 1
        if ceil and total > 0 and (o - 1) * strides[i] >= spatial[i] + pads[2 * i]:
            o -= 1
        out.append(o)
    result = np.zeros(x.shape[:2] + tuple(out))
    for place in itertools.product(*map(range, out)):
        lo = [p * s - pads[2 * i] for i, (p, s) in enumerate(zip(place, strides))]
        inside = tuple(slice(max(0, l), min(d, l + k)) for l, k, d in zip(lo, kernel, spatial))
        padded = np.prod([min(l + k, d + pads[2 * i + 1]) - l
                          for i, (l, k, d) in enumerate(zip(lo, kernel, spatial))])
        window = x[(slice(None), slice(None)) + inside].reshape(x.shape[0], x.shape[1], -1)
        if op == "max_pool":
            value = window.max(-1)
        elif op == "l2_pool":
            value = np.sqrt((window ** 2).sum(-1))
        else:
            value = window.sum(-1) / (window.shape[-1] if exclude else padded)
        result[(slice(None), slice(None)) + place] = value
    return result


def same(spatial, kernel, strides, lower=False):
    pads = []
    for d, k, s in zip(spatial, kernel, strides):
        total = max(0, (-(-d // s) - 1) * s + k - d)
        small, large = total // 2, total - total // 2
        pads += [large, small] if lower else [small, large]
    return pads


def cases(add):
    rng = np.random.default_rng(3)
    tol = (1e-6, 1e-7)
    x1, x2 = rng.normal(size=(2, 2, 9)).astype(F), rng.normal(size=(1, 2, 7, 6)).astype(F)
    x3 = rng.normal(size=(1, 2, 4, 5, 3)).astype(F)
    w1, w2, w3 = (v.astype(np.float64) for v in (x1, x2, x3))
    for op in ("avg_pool", "max_pool", "l2_pool"):
        add(op, pool(op, w2, [3, 2]), x=x2, kernel_sizes=[3, 2], pad_type="valid", tol=tol)
        add(op, pool(op, w1, [3], [2]), x=x1, kernel_sizes=[3], strides=[2], pad_type="valid", tol=tol)
        for lower in (False, True):
            add(op, pool(op, w2, [3, 2], [2, 3], same((7, 6), [3, 2], [2, 3], lower)), x=x2,
                kernel_sizes=[3, 2], strides=[2, 3], pad_type="same_lower" if lower else "same",
                opset="ios16", tol=tol)
        add(op, pool(op, w2, [2, 3], [1, 2], [1, 0, 1, 2]), x=x2, kernel_sizes=[2, 3],
            strides=[1, 2], pad_type="custom", pad=[1, 0, 1, 2], tol=tol)
        add(op, pool(op, w2, [2, 2], [2, 2], [1, 1, 1, 1], ceil=True), x=x2, kernel_sizes=[2, 2],
            strides=[2, 2], pad_type="custom", pad=[1, 1, 1, 1], ceil_mode=True, tol=tol)
        add(op, pool(op, w2, [3, 3], [2, 2], ceil=True), x=x2, kernel_sizes=[3, 3], strides=[2, 2],
            pad_type="valid", ceil_mode=True, tol=tol)
        add(op, pool(op, w2, [7, 6]), x=x2, kernel_sizes=[7, 6], pad_type="valid", note="global",
            tol=tol)
        add(op, pool(op, w2, [1, 1]), x=x2, kernel_sizes=[1, 1], pad_type="valid", note="size 1")
        add(op, x=x2, kernel_sizes=[8, 1], pad_type="valid", error="does not fit dimension 2")
        add(op, x=x2, kernel_sizes=[2], pad_type="valid", error="found 1 values, expected 2")
        add(op, x=x2, kernel_sizes=[2, 2], strides=[0, 1], pad_type="valid", error="found 0")
        add(op, x=x2, kernel_sizes=[2, 2], pad_type="full", error="'full'")
        add(op, x=x2, kernel_sizes=[2, 2], pad=[1, -1, 0, 0], pad_type="custom", error="found -1")
        add(op, x=x2[0, 0], kernel_sizes=[2], pad_type="valid", error="3 to 5 dimensions")
    for op in ("avg_pool", "max_pool"):
        add(op, pool(op, w3, [2, 3, 2], [2, 1, 1], [1, 1, 0, 1, 0, 0]), x=x3, kernel_sizes=[2, 3, 2],
            strides=[2, 1, 1], pad_type="custom", pad=[1, 1, 0, 1, 0, 0], tol=tol)
    for exclude in (False, True):
        add("avg_pool", pool("avg_pool", w2, [3, 3], [2, 2], [1, 1, 1, 1], exclude=exclude), x=x2,
            kernel_sizes=[3, 3], strides=[2, 2], pad_type="custom", pad=[1, 1, 1, 1],
            exclude_padding_from_average=exclude, tol=tol)
        add("avg_pool", pool("avg_pool", w2, [3, 3], [2, 2], [1, 1, 1, 1], True, exclude), x=x2,
            kernel_sizes=[3, 3], strides=[2, 2], pad_type="custom", pad=[1, 1, 1, 1],
            ceil_mode=True, exclude_padding_from_average=exclude, tol=tol)
    n = np.array([[[-5, np.nan, -3, -4, -np.inf, -np.inf]]], F)
    add("max_pool", np.array([[[np.nan, np.nan, -3, -4, -np.inf]]]), x=n, kernel_sizes=[2],
        pad_type="valid", note="NaN and infinities")
    add("max_pool", np.array([[[-5.0, -5.0]]]), x=np.array([[[-5]]], F), kernel_sizes=[2],
        pad_type="custom", pad=[1, 1], note="padding never wins")
    add("max_pool", x=x2, kernel_sizes=[2, 2], pad_type="valid", exclude_padding_from_average=True,
        error="exclude_padding_from_average")
