"""gather*, scatter* against numpy's take, take_along_axis and ufunc.at."""
import numpy as np

F = np.float32
I = np.int32


def gather_batched(x, at, axis, batch):
    """gather with leading dimensions of x and indices walked together."""
    if batch == 0:
        return np.take(x, at, axis)
    return np.stack([gather_batched(a, b, axis - 1, batch - 1) for a, b in zip(x, at)])


def gather_nd(x, at, batch=0):
    if batch:
        return np.stack([gather_nd(a, b, batch - 1) for a, b in zip(x, at)])
    return x[tuple(np.moveaxis(at, -1, 0))]


MODES = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide,
         "max": np.maximum, "min": np.minimum}


def put(data, where, updates, mode):
    out = data.astype(float) if data.dtype == F else data.copy()
    if mode == "update":
        out[where] = updates
    elif mode == "div" and data.dtype == I:
        for w, u in zip(np.ndindex(updates.shape), updates.flat):
            spot = tuple(np.broadcast_arrays(*where)[k][w] for k in range(len(where)))
            out[spot] = int(out[spot] / u)
    else:
        MODES[mode].at(out, where, updates)
    return out


def grid(shape, axis, at):
    """Index arrays that address `at` along an axis, whole along the others."""
    where = list(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij", sparse=True))
    where[axis] = at
    return tuple(where)


def cases(add):
    rng = np.random.default_rng(14)
    x = np.arange(60, dtype=F).reshape(3, 4, 5)
    at = np.array([[2, 0], [1, 1]], I)

    # gather
    for axis in (0, 1, 2, -1, -3):
        add("gather", np.take(x, at, axis), x=x, indices=at, axis=axis)
    add("gather", np.take(x, I(1), 1), x=x, indices=I(1), axis=1, note="a scalar index")
    add("gather", np.take(x, [-1, -3], 0), x=x, indices=np.array([-1, -3], I), axis=0,
        note="negative indices")
    add("gather", np.zeros((3, 0, 5), F), x=x, indices=np.zeros(0, I), axis=1, note="no indices")
    add("gather", x[[1, 0]] > 25, x=x > 25, indices=np.array([1, 0], I))
    big = np.array([2**24 + 1, -2**31], I)
    add("gather", big[::-1], x=big, indices=np.array([1, 0], I), note="exact integers")
    rows = np.array([[0, 3], [2, 1], [-1, 0]], I)
    add("gather", gather_batched(x, rows, 1, 1), opset="ios16", x=x, indices=rows, axis=1,
        batch_dims=1)
    add("gather", gather_batched(x, rows, 2, 1), opset="ios16", x=x, indices=rows, axis=2,
        batch_dims=1)
    add("gather", np.take(x.astype(np.int8), [1], 1), opset="ios17", x=x.astype(np.int8),
        indices=np.array([1], np.uint8), axis=1, validate_indices=True)
    add("gather", x=x, indices=np.array([3], I), error="index 3 is outside a dimension of 3")
    add("gather", x=x, indices=np.array([-4], I), error="index -4 is outside")
    add("gather", x=x, indices=np.array([-1], I), opset="ios17", validate_indices=True,
        error="index -1 is outside")
    add("gather", x=x, indices=at, axis=3, error="axis 3 is outside")
    add("gather", x=x, indices=rows, axis=0, batch_dims=1, opset="ios16",
        error="found 1, expected 0 to 0")
    add("gather", x=x, indices=at, batch_dims=0, error="in opset iOS15")

    add("gather", x=x, indices=at, axis=1, batch_dims=1, opset="ios16",
        error="expected 3 in dimension 0")

    # gather_along_axis
    for axis in (0, 1, -1):
        shape = list(x.shape)
        shape[axis] = 2
        pick = rng.integers(0, x.shape[axis], shape).astype(I)
        add("gather_along_axis", np.take_along_axis(x, pick, axis), x=x, indices=pick, axis=axis)
    pick = np.full((3, 4, 1), -1, I)
    add("gather_along_axis", x[..., 4:], x=x, indices=pick, axis=2, note="negative")
    add("gather_along_axis", x=x, indices=np.zeros((3, 4), I), error="expected 3")
    add("gather_along_axis", x=x, indices=np.full((1, 4, 5), 3, I),
        error="index 3 is outside a dimension of 3")
    add("gather_along_axis", x=x, indices=np.zeros((1, 3, 5), I), error="expected 4 in dimension 1")
    add("gather_along_axis", x=x, indices=pick, axis=2, opset="ios17", validate_indices=True,
        error="index -1 is outside")

    # gather_nd
    nd = np.array([[0, 1], [2, 3], [-1, 0]], I)
    add("gather_nd", gather_nd(x, nd), x=x, indices=nd)
    add("gather_nd", gather_nd(x, np.array([1, 2, 3], I)), x=x, indices=np.array([1, 2, 3], I),
        note="one element")
    batch = np.array([[[0], [3]], [[1], [1]], [[2], [0]]], I)
    add("gather_nd", gather_nd(x, batch, 1), opset="ios16", x=x, indices=batch, batch_dims=1)
    add("gather_nd", np.zeros((0, 5), F), x=x, indices=np.zeros((0, 2), I), note="no indices")
    add("gather_nd", x=x, indices=batch[:2], batch_dims=1, opset="ios16",
        error="expected 3 in dimension 0")
    add("gather_nd", x=x, indices=np.array([[0, 4]], I), error="index 4 is outside")
    add("gather_nd", x=x, indices=np.zeros((1, 4), I), error="addresses 4 dimensions")

    # scatter
    data, upd = x[:, :, 0].copy(), np.arange(1, 13, dtype=F).reshape(3, 4)
    twice = np.array([2, 0, 2], I)
    for mode in ["update", *MODES]:
        add("scatter", put(data, (twice,), upd, mode), data=data, indices=twice, updates=upd,
            axis=0, mode=mode)
        ints = (rng.integers(1, 9, (3, 4)).astype(I), rng.integers(1, 4, (3, 4)).astype(I))
        add("scatter", put(ints[0], (twice[:, None], np.arange(4)[None]), ints[1], mode),
            data=ints[0], indices=twice, updates=ints[1], axis=0, mode=mode)
    one = np.array([1, -1], I)
    add("scatter", put(data, (slice(None), one), upd[:, :2], "add"), data=data, indices=one,
        updates=upd[:, :2], axis=-1, note="the default adds")
    add("scatter", data, data=data, indices=np.zeros(0, I), updates=np.zeros((0, 4), F))
    nan = np.array([1, np.nan], F)
    add("scatter", np.array([np.nan, np.nan], F), data=nan, indices=np.array([0, 1], I),
        updates=np.array([np.nan, 3], F), mode="max")
    bad = dict(data=data, updates=upd[:2])
    add("scatter", **bad, indices=np.array([3, 0], I), error="index 3 is outside a dimension of 3")
    add("scatter", **bad, indices=np.array([-4, 0], I), error="index -4 is outside")
    add("scatter", **bad, indices=np.array([-1, 0], I), opset="ios17", validate_indices=True,
        error="index -1 is outside")
    add("scatter", **bad, indices=np.array([0, 1], I), mode="replace", error="found 'replace'")
    add("scatter", **bad, indices=np.array([0], I), error="expected [1, 4]")
    add("scatter", **bad, indices=np.array([0, 1], I), axis=2, error="axis 2 is outside")
    add("scatter", data=np.array([1], I), indices=np.array([0], I), updates=np.array([0], I),
        mode="div", error="divides integers by 0")

    # scatter_along_axis
    for axis in (0, 1, -1):
        shape = list(x.shape)
        shape[axis] = 2
        pick = rng.integers(0, x.shape[axis], shape).astype(I)
        new = rng.standard_normal(shape).astype(F)
        a = axis % 3
        where = tuple(pick if k == a else g for k, g in enumerate(np.indices(shape)))
        for mode in ("add", "max", "mul"):
            add("scatter_along_axis", put(x, where, new, mode), tol=(1e-6, 1e-6), data=x,
                indices=pick, updates=new, axis=axis, mode=mode)
    add("scatter_along_axis", np.array([[1, 9], [8, 3]], F), data=np.array([[1, 2], [7, 3]], F),
        indices=np.array([[-1, 0]], I), updates=np.array([[8, 9]], F), axis=0, mode="update")
    add("scatter_along_axis", data=x, indices=np.full((1, 4, 5), 3, I),
        updates=np.zeros((1, 4, 5), F), error="index 3 is outside")
    add("scatter_along_axis", data=x, indices=np.zeros((1, 3, 5), I),
        updates=np.zeros((1, 3, 5), F), error="for data of shape")
    add("scatter_along_axis", data=x, indices=np.zeros((1, 4, 5), I),
        updates=np.zeros((2, 4, 5), F), error="expected [1, 4, 5]")

    # scatter_nd
    where = np.array([[0, 1], [2, 3], [0, 1]], I)
    new = rng.standard_normal((3, 5)).astype(F)
    for mode in ["update", *MODES]:
        add("scatter_nd", put(x, (where[:, 0], where[:, 1]), new, mode), tol=(1e-6, 1e-6), data=x,
            indices=where, updates=new, mode=mode)
    full = np.array([[[0, 0, 0], [2, 3, 4]]], I)
    add("scatter_nd", put(x, tuple(full.reshape(2, 3).T), np.array([5, 6], F), "add"), data=x,
        indices=full, updates=np.array([[5, 6]], F))
    add("scatter_nd", x, data=x, indices=np.zeros((0, 1), I), updates=np.zeros((0, 4, 5), F))
    add("scatter_nd", data=x, indices=np.array([[0, 4]], I), updates=new[:1],
        error="index 4 is outside a dimension of 4")
    add("scatter_nd", data=x, indices=np.array([[0, -1]], I), updates=new[:1], opset="ios17",
        validate_indices=True, error="index -1 is outside")
    add("scatter_nd", data=x, indices=where, updates=new[:2], error="expected [3, 5]")
    add("scatter_nd", data=x, indices=np.zeros((1, 4), I), updates=new[:1, 0],
        error="addresses 4 dimensions")
