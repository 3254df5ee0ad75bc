import numpy as np
from scipy import special

F = np.float32


def wide(x):
    return np.asarray(x, np.float64)


def cases(add):
    rng = np.random.default_rng(1)
    x = rng.uniform(0.5, 2, (2, 3, 4)).astype(F)
    x[1] *= F(0.125)
    signed = (x - 1).astype(F)
    ops = {
        "reduce_l1_norm": (lambda v, **k: np.sum(np.abs(v), **k), signed),
        "reduce_l2_norm": (lambda v, **k: np.sqrt(np.sum(v * v, **k)), signed),
        "reduce_log_sum": (lambda v, **k: np.log(np.sum(v, **k)), x),
        "reduce_log_sum_exp": (lambda v, **k: special.logsumexp(v, **k), signed),
        "reduce_max": (np.max, signed), "reduce_min": (np.min, signed),
        "reduce_mean": (np.mean, signed), "reduce_sum": (np.sum, signed),
        "reduce_prod": (np.prod, x),
        "reduce_sum_square": (lambda v, **k: np.sum(v * v, **k), signed),
    }
    tol = (1e-6, 1e-7)
    for op, (f, v) in ops.items():
        w = wide(v)
        add(op, f(w), x=v, note="all axes", tol=tol)
        add(op, f(w, axis=(0, 1, 2), keepdims=True), x=v, keep_dims=True, tol=tol)
        add(op, f(w, axis=1), x=v, axes=[1], keep_dims=False, tol=tol)
        add(op, f(w, axis=(0, 2), keepdims=True), x=v, axes=[-1, 0], keep_dims=True, tol=tol)
        h = v[0].astype(np.float16)
        add(op, f(wide(h), axis=1), x=h, axes=[1], tol=tol)
        add(op, f(w[:, :1], axis=1), x=v[:, :1], axes=[1], note="size 1", tol=tol)
        add(op, np.zeros((0, 3), F), x=np.zeros((0, 2, 3), F), axes=[1], note="no results")
        add(op, x=v, axes=[3], error="axis 3 is outside")
        add(op, x=v, axes=[1, -2], error="given twice")
    n = np.array([[1, np.nan, 3], [np.inf, -np.inf, 2]], F)
    for op, f in (("reduce_max", np.max), ("reduce_min", np.min), ("reduce_sum", np.sum)):
        add(op, f(wide(n), axis=1), x=n, axes=[1], note="NaN and infinities")
    add("reduce_log_sum_exp", np.array([1000 + np.log(2), -np.inf, np.inf]),
        x=np.array([[1000, 1000], [-np.inf, -np.inf], [np.inf, 1]], F), axes=[1])
    add("reduce_sum", np.zeros(2), x=np.zeros((2, 0), F), axes=[1], note="of nothing")
    add("reduce_prod", np.ones(2), x=np.zeros((2, 0), F), axes=[1], note="of nothing")
    add("reduce_max", np.full(2, -np.inf), x=np.zeros((2, 0), F), axes=[1], note="of nothing")
    add("reduce_mean", np.full(2, np.nan), x=np.zeros((2, 0), F), axes=[1], note="of nothing")

    i = np.array([[7, -3, 2147483647], [16777217, 2, -5]], np.int32)
    b = i.astype(np.int64)
    wrap = lambda v: np.asarray(v).astype(np.int64).astype(np.int32)
    add("reduce_sum", wrap(b.sum(1)), x=i, axes=[1], note="wraps")
    add("reduce_prod", wrap(b.prod(1)), x=i, axes=[1])
    add("reduce_l1_norm", wrap(np.abs(b).sum(1)), x=i, axes=[1])
    add("reduce_sum_square", wrap((b * b).sum(0)), x=i, axes=[0])
    add("reduce_max", i.max(1), x=i, axes=[1])
    add("reduce_min", i.min(0), x=i, axes=[0])
    s = np.array([[3, 4, 2], [-3, -4, -1]], np.int32)
    add("reduce_mean", np.array([3, -2], np.int32), x=s, axes=[1], note="cut toward zero")
    add("reduce_l2_norm", np.array([5, 5], np.int32), x=s, axes=[1])
    add("reduce_log_sum", np.int32(0), x=s)

    t = np.array([[3, 1, 3], [-1, -1, -2], [np.inf, np.nan, np.nan]], F)
    add("reduce_argmax", np.argmax(t, 1).astype(np.int32), x=t, note="first of ties, first NaN")
    add("reduce_argmin", np.argmin(t[:2], 1).astype(np.int32), x=t[:2])
    add("reduce_argmax", np.argmax(t[:2], 0).astype(np.int32)[None], x=t[:2], axis=0, keep_dims=True)
    add("reduce_argmin", np.argmin(i, 1).astype(np.int32), x=i, axis=-1, keep_dims=False)
    add("reduce_argmax", np.argmax(x, 1).astype(np.uint16), x=x, axis=1, output_dtype="uint16",
        opset="ios17")
    add("reduce_argmax", x=x, axis=1, output_dtype="uint16", error="'output_dtype' in opset iOS15")
    add("reduce_argmax", x=x, axis=1, output_dtype="int8", opset="ios17", error="'int32' or 'uint16'")
    add("reduce_argmax", x=np.zeros((2, 0), F), error="no elements")
    add("reduce_argmax", x=F(1), error="axis -1 is outside")
