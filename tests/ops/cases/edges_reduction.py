"""Reductions, sorting, indexing and norms at their edges: every rank and axis, empty and single
sizes, NaN, infinities, ties, overflow."""
import itertools

import numpy as np
from scipy import special

F, H, I = np.float32, np.float16, np.int32
SHAPES = [(1,), (7,), (3, 5), (2, 1, 3), (2, 3, 1, 2), (1, 2, 3, 1, 2), (2, 1, 2, 1, 3, 2)]
EMPTY = [(0,), (0, 3), (3, 0), (2, 0, 3)]
TOL = (2e-6, 1e-30)


def wide(x):
    return np.asarray(x, np.float64)


REDUCE = {
    "reduce_l1_norm": lambda v, a, k: np.abs(v).sum(a, keepdims=k),
    "reduce_l2_norm": lambda v, a, k: np.sqrt((v ** 2).sum(a, keepdims=k)),
    "reduce_log_sum": lambda v, a, k: np.log(v.sum(a, keepdims=k)),
    "reduce_log_sum_exp": lambda v, a, k: special.logsumexp(v, axis=a, keepdims=k),
    "reduce_max": lambda v, a, k: v.max(a, keepdims=k, initial=-np.inf),
    "reduce_min": lambda v, a, k: v.min(a, keepdims=k, initial=np.inf),
    "reduce_mean": lambda v, a, k: v.mean(a, keepdims=k),
    "reduce_prod": lambda v, a, k: v.prod(a, keepdims=k),
    "reduce_sum": lambda v, a, k: v.sum(a, keepdims=k),
    "reduce_sum_square": lambda v, a, k: (v ** 2).sum(a, keepdims=k),
}


def cases(add):
    rng = np.random.default_rng(71)
    reductions(add, rng)
    positions(add, rng)
    sorting(add, rng)
    gathers(add, rng)
    norms(add, rng)


def reductions(add, rng):
    for op, f in REDUCE.items():
        for shape in SHAPES:
            x = (rng.integers(1, 33, shape) / 8).astype(F)
            for axes in ([0], [-1], list(range(len(shape)))[::2], None):
                keep = bool(rng.integers(2))
                a = None if axes is None else tuple(axes)
                want = np.asarray(f(wide(x), a, keep))
                add(op, want, x=x, axes=axes, keep_dims=keep, tol=TOL)
        for shape in EMPTY if op != "reduce_log_sum_exp" else []:
            for axes in ([0], [-1]):
                x = np.zeros(shape, F)
                add(op, np.asarray(f(wide(x), tuple(axes), False)), x=x, axes=axes, note="empty")
        for odd in ([np.nan, 1, 2], [1, np.inf, 2], [1, -np.inf, np.inf], [-np.inf, 3, 1]):
            x = np.array([odd, [1, 2, 3]], F)
            add(op, f(wide(x), (1,), False), x=x, axes=[1], tol=TOL, note="not finite")
    big = np.array([[2 ** 31 - 1, 1, 5], [-2 ** 31, -1, 3], [65536, 65536, 3]], I)
    exact = big.astype(object)
    wrap = lambda v: np.array([(int(e) + 2 ** 31) % 2 ** 32 - 2 ** 31 for e in v], I)
    add("reduce_sum", wrap(exact.sum(1)), x=big, axes=[1], note="wraps")
    add("reduce_prod", wrap(exact.prod(1)), x=big, axes=[1], note="wraps")
    add("reduce_sum_square", wrap((exact ** 2).sum(1)), x=big, axes=[1], note="wraps")
    add("reduce_max", big.max(1), x=big, axes=[1])
    add("reduce_min", big.min(1), x=big, axes=[1])
    # Sums of many numbers are those of the numbers, not of roundings.
    many = np.concatenate([[1e8], np.ones(1000), [-1e8]]).astype(F)
    add("reduce_sum", np.array(1000.0), x=many, axes=[0], keep_dims=False,
        reference=True)


def positions(add, rng):
    for op, f in (("reduce_argmax", np.argmax), ("reduce_argmin", np.argmin)):
        for shape in SHAPES:
            x = rng.integers(0, 4, shape).astype(F)
            for axis in {0, -1, len(shape) // 2}:
                keep = bool(rng.integers(2))
                add(op, np.asarray(f(x, axis, keepdims=keep)).astype(I), x=x, axis=axis,
                    keep_dims=keep, note="ties go to the lowest index")
        x = np.array([[1, np.nan, 3], [np.inf, -np.inf, 0], [-0.0, 0.0, -0.0]], F)
        add(op, f(x, 1).astype(I), x=x, axis=1)
        i = np.array([[2 ** 31 - 1, 2 ** 31 - 2], [-2 ** 31, -2 ** 31 + 1]], I)
        add(op, f(i, 1).astype(I), x=i, axis=1, note="not through float")
        add(op, np.zeros((0,), I), x=np.zeros((0, 3), F), axis=1, note="empty")
        add(op, x=np.zeros((2, 0), F), axis=1, error="'x'")


def order(x, axis, ascending):
    """Stable; NaN after every number when ascending, before when not."""
    key = x.astype(float) if x.dtype != I else x.astype(np.int64)
    if ascending:
        return np.argsort(key, axis, kind="stable")
    key = np.where(np.isnan(key), np.inf, key) if key.dtype == float else key
    if key.dtype == float:  # NaN is over infinity
        rank = np.where(np.isnan(x), 1, 0)
        return np.lexsort((-key, -rank), axis)
    return np.argsort(-key, axis, kind="stable")


def sorting(add, rng):
    for shape in SHAPES:
        x = rng.integers(0, 5, shape).astype(F)
        for axis in {0, -1, len(shape) // 2}:
            for ascending in (False, True):
                at = order(x, axis, ascending)
                add("argsort", at.astype(I), x=x, axis=axis, ascending=ascending)
                size = shape[axis]
                for k in {1, size}:
                    best = np.take(at, range(k), axis)
                    add("topk", [np.take_along_axis(x, best, axis), best.astype(I)], x=x, k=k,
                        axis=axis, ascending=ascending)
    x = np.array([3, np.nan, -np.inf, np.inf, -0.0, 0.0, 3, np.nan], F)
    for ascending in (False, True):
        at = order(x, 0, ascending)
        add("argsort", at.astype(I), x=x, ascending=ascending, note="NaN is the greatest")
        add("topk", [x[at[:5]], at[:5].astype(I)], x=x, k=5, ascending=ascending)
    i = np.array([2 ** 31 - 1, 2 ** 31 - 2, -2 ** 31, 0, 2 ** 31 - 1], I)
    at = order(i, 0, False)
    add("topk", [i[at[:3]], at[:3].astype(I)], x=i, k=3)
    y = rng.integers(0, 9, (2, 7)).astype(F)
    at = order(y, 1, False)[:, :3]
    best = np.take_along_axis(y, at, 1)
    for kind in ("int32", "uint16"):
        add("topk", [best, at.astype(kind)], opset="ios17", x=y, k=3, axis=1,
            output_indices_dtype=kind)
    add("topk", [best], opset="ios16", x=y, k=3, axis=1, return_indices=False)
    for t in (np.int8, np.uint8, np.int16, np.uint16):
        z = y.astype(t)
        add("topk", [np.take_along_axis(z, at, 1), at.astype(I)], opset="ios17", x=z, k=3, axis=1)


def gathers(add, rng):
    for shape in SHAPES:
        x = (np.arange(np.prod(shape)) % 251).astype(F).reshape(shape)
        for axis in {0, -1, len(shape) // 2}:
            n = shape[axis]
            for form in ((), (4,), (2, 3), (0,)):
                if len(shape) + len(form) > 7:
                    continue
                at = rng.integers(-n, n, form).astype(I)
                add("gather", np.take(x, at, axis), x=x, indices=at, axis=axis)
            if axis >= 0:
                along = list(shape)
                along[axis] = 3
                pick = rng.integers(-n, n, along).astype(I)
                add("gather_along_axis", np.take_along_axis(x, pick, axis), x=x, indices=pick,
                    axis=axis)
        for depth in range(1, len(shape) + 1):
            at = np.stack([rng.integers(-d, d, 3) for d in shape[:depth]], -1).astype(I)
            add("gather_nd", x[tuple(at.T)], x=x, indices=at)
    x = rng.integers(0, 100, (2, 3, 4, 5)).astype(F)
    for batch in (0, 1, 2):
        at = rng.integers(0, 4 if batch == 2 else 3 if batch == 1 else 2, x.shape[:batch] + (2,))
        out = np.stack([np.take(x[b], at[b], 0) for b in np.ndindex(x.shape[:batch])]) \
            if batch else np.take(x, at, 0)
        out = out.reshape(x.shape[:batch] + out.shape[1:]) if batch else out
        add("gather", out, opset="ios17", x=x, indices=at.astype(I), axis=batch, batch_dims=batch)


def norms(add, rng):
    for shape in ((1, 1, 1), (1, 3, 1), (2, 3, 7), (1, 2, 3, 5), (2, 1, 1, 1)):
        x = rng.standard_normal(shape).astype(F)
        v, spatial = wide(x), tuple(range(2, len(shape)))
        mean = v.mean(spatial, keepdims=True)
        var = v.var(spatial, keepdims=True)
        add("instance_norm", (v - mean) / np.sqrt(var + 1e-5), x=x, tol=(1e-4, 1e-6))
        c = shape[1]
        along = (1, c) + (1,) * len(spatial)
        m, s, g, b = (rng.uniform(0.5, 2, c).astype(F) for _ in range(4))
        want = (v - wide(m).reshape(along)) / np.sqrt(wide(s).reshape(along) + wide(F(1e-5)))
        add("batch_norm", want, x=x, mean=m, variance=s, tol=(1e-5, 1e-6))
        add("batch_norm", want * wide(g).reshape(along) + wide(b).reshape(along), x=x, mean=m,
            variance=s, gamma=g, beta=b, tol=(1e-5, 1e-6))
    for shape in SHAPES[1:]:
        x = rng.standard_normal(shape).astype(F)
        v = wide(x)
        for axes in ([-1], [len(shape) - 1], list(range(len(shape)))):
            mean = v.mean(tuple(axes), keepdims=True)
            var = v.var(tuple(axes), keepdims=True)
            add("layer_norm", (v - mean) / np.sqrt(var + 1e-5), x=x, axes=axes, tol=(1e-4, 1e-6))
    same = np.full((2, 5), 3.25, F)
    add("layer_norm", np.zeros((2, 5)), x=same, axes=[1], tol=(0, 1e-6), note="no variance")
    big = np.array([[3e4, 3e4, -3e4, 1e3]], H)
    v = wide(big)
    add("layer_norm", (v - v.mean()) / np.sqrt(v.var() + 1e-5), x=big, axes=[1], tol=(1e-5, 1e-6),
        note="squares beyond fp16")
    for bad in (np.nan, np.inf):
        x = np.array([[1, bad, 2], [1, 2, 3]], F)
        v = wide(x)
        want = (v - v.mean(1, keepdims=True)) / np.sqrt(v.var(1, keepdims=True) + 1e-5)
        add("layer_norm", want, x=x, axes=[1], tol=(1e-4, 1e-6), note="not finite")
