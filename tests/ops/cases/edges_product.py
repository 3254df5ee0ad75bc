"""Products, convolutions and pools of prime, single and empty sizes, with kernels as large as their
input, and with numbers that are not finite."""
import convolution
import numpy as np
import pooling

F, H, I = np.float32, np.float16, np.int32
TOL = (1e-5, 1e-5)


def wide(x):
    return np.asarray(x, np.float64)


def cases(add):
    rng = np.random.default_rng(91)
    r = lambda *shape: rng.standard_normal(shape).astype(F)
    products(add, rng, r)
    convolutions(add, rng, r)
    pools(add, r)


def products(add, rng, r):
    shapes = [((1, 1), (1, 1)), ((7, 13), (13, 11)), ((17,), (17, 5)), ((3, 17), (17,)),
              ((1,), (1,)), ((31, 1), (1, 37)), ((1, 41), (41, 1)), ((2, 1, 3, 5), (4, 5, 2)),
              ((1, 1, 3, 1, 3, 2), (2, 1, 3, 2, 2, 3)), ((2, 1, 1, 3), (1, 3, 3, 2)),
              ((0, 4), (4, 3)), ((4, 0), (0, 3)), ((2, 0, 3), (2, 3, 0)), ((0, 2, 3), (3, 2)),
              ((67, 3), (3, 71))]
    for s, t in shapes:
        x, y = r(*s), r(*t)
        add("matmul", wide(x) @ wide(y), x=x, y=y, tol=TOL)
        i, j = (rng.integers(-2 ** 31, 2 ** 31, q).astype(I) for q in (s, t))
        if np.prod(s) * np.prod(t) < 2000:
            exact = np.asarray(i.astype(object) @ j.astype(object))
            if exact.size == 0 or 0 in s:
                exact = np.zeros(exact.shape, object)
            want = np.array([(int(e) + 2 ** 31) % 2 ** 32 - 2 ** 31 for e in exact.ravel()], I)
            add("matmul", want.reshape((wide(x) @ wide(y)).shape), x=i, y=j, note="wraps")
    x = np.array([[1, np.inf], [np.nan, 1], [0, 2]], F)
    y = np.array([[1, 0], [2, -1]], F)
    add("matmul", wide(x) @ wide(y), x=x, y=y, note="0 x infinity is NaN")
    add("linear", wide(x) @ wide(y).T, x=x, weight=y, note="not finite")
    for s, n in (((1,), 1), ((7, 13), 11), ((2, 1, 3, 1, 5), 2), ((0, 3), 4), ((4, 0), 3),
                 ((1, 2, 1, 2, 1, 3), 5)):
        x, w, b = r(*s), r(n, s[-1]), r(n)
        add("linear", wide(x) @ wide(w).T + wide(b), x=x, weight=w, bias=b, tol=TOL)


def convolutions(add, rng, r):
    sizes = [((1, 1, 1), (1, 1, 1), 1), ((2, 3, 13), (5, 3, 13), 1), ((1, 7, 11), (7, 1, 5), 7),
             ((3, 5, 7, 1), (2, 5, 3, 1), 1), ((1, 4, 5, 7), (6, 2, 5, 7), 2),
             ((1, 13, 1, 1), (17, 13, 1, 1), 1), ((1, 2, 3, 2, 5), (3, 2, 3, 2, 5), 1),
             ((1, 6, 2, 3, 2), (6, 1, 1, 2, 2), 6)]
    for s, k, groups in sizes:
        x, w, b = r(*s), r(*k), r(k[0])
        n = len(s) - 2
        add("conv", convolution.conv(x, w, b, groups=groups), tol=TOL, x=x, weight=w, bias=b,
            groups=groups)
        pad = [(int(p), int(q)) for p, q in rng.integers(0, 6, (n, 2))]
        strides = [int(v) for v in rng.integers(1, 4, n)]
        flat = [v for pair in pad for v in pair]
        add("conv", convolution.conv(x, w, b, strides, pad, groups=groups), tol=TOL, x=x, weight=w,
            bias=b, groups=groups, strides=strides, pad_type="custom", pad=flat)
        for kind in ("same", "same_lower"):
            pairs = convolution.same(s[2:], k[2:], strides, [1] * n, kind == "same_lower")
            add("conv", convolution.conv(x, w, None, strides, pairs, groups=groups), tol=TOL,
                opset="ios16", x=x, weight=w, groups=groups, strides=strides, pad_type=kind)
        v = r(s[1], k[0] // groups, *k[2:])
        add("conv_transpose", convolution.transposed(x, v, b, strides, [1] * n, groups,
                                                     [(0, 0)] * n), tol=TOL, x=x, weight=v, bias=b,
            strides=strides, groups=groups, constant=["weight", "bias"])
    x, w = r(1, 1, 3), r(1, 1, 2)
    add("conv", convolution.conv(x, w, None, [1], [(50, 0)], [51]), tol=TOL, x=x, weight=w,
        pad_type="custom", pad=[50, 0], dilations=[51], note="taps far apart")
    odd = np.array([[[1, np.nan, 2, np.inf, 0]]], F)
    add("conv", convolution.conv(odd, np.array([[[1, 0.5]]], F)), x=odd,
        weight=np.array([[[1, 0.5]]], F), note="not finite")


def pools(add, r):
    for op in ("max_pool", "avg_pool", "l2_pool"):
        for s, kernel, strides in (((1, 1, 1), [1], [1]), ((2, 3, 13), [13], [1]),
                                   ((1, 2, 7, 11), [7, 3], [5, 2]), ((1, 1, 5, 1), [3, 1], [2, 1]),
                                   ((2, 1, 23), [3], [29])):
            x = r(*s)
            add(op, pooling.pool(op, wide(x), kernel, strides), tol=(1e-6, 1e-7), x=x,
                kernel_sizes=kernel, strides=strides, pad_type="valid")
            pads = pooling.same(s[2:], kernel, strides)
            add(op, pooling.pool(op, wide(x), kernel, strides, pads), tol=(1e-6, 1e-7), x=x,
                kernel_sizes=kernel, strides=strides, pad_type="same")
        add(op, np.zeros((0, 2, 4, 3)), x=r(0, 2, 5, 5), kernel_sizes=[2, 3], pad_type="valid")
        odd = np.array([[[1, np.inf, 2, np.nan, 3, 4, -np.inf, 5]]], F)
        if op != "max_pool":
            add(op, pooling.pool(op, wide(odd), [2]), x=odd, kernel_sizes=[2], pad_type="valid",
                note="not finite")
