import numpy as np

F = np.float32


def wide(x):
    return np.asarray(x, np.float64)


def cases(add):
    x = np.array([[1, 2, 3, 4], [0.5, -1, np.inf, 1], [1e8, 1, -1e8, 1]], F)
    add("cumsum", np.cumsum(wide(x), 0), x=x)
    add("cumsum", np.cumsum(wide(x), 1), x=x, axis=-1)
    ex = np.concatenate([np.zeros((3, 1)), np.cumsum(wide(x), 1)[:, :-1]], 1)
    add("cumsum", ex, x=x, axis=1, exclusive=True)
    add("cumsum", np.cumsum(wide(x)[:, ::-1], 1)[:, ::-1], x=x, axis=1, reverse=True)
    back = np.cumsum(wide(x)[:, ::-1], 1)
    add("cumsum", np.concatenate([np.zeros((3, 1)), back[:, :-1]], 1)[:, ::-1], x=x, axis=1,
        reverse=True, exclusive=True)
    i = np.array([2147483647, 1, 16777217], np.int32)
    add("cumsum", np.cumsum(i.astype(np.int64)).astype(np.int32), x=i, note="wraps")
    add("cumsum", np.zeros((0, 2), F), x=np.zeros((0, 2), F), note="empty")
    add("cumsum", x=x, axis=2, error="axis 2 is outside")

    m = np.arange(1, 25, dtype=F).reshape(2, 3, 4)
    add("band_part", m, x=m)
    add("band_part", np.triu(m), x=m, lower=0, upper=-1)
    add("band_part", np.tril(m), x=m, lower=-1, upper=0)
    add("band_part", np.triu(np.tril(m, 2), -1), x=m, lower=1, upper=2)
    add("band_part", np.triu(np.tril(m, 0), 0), x=m, lower=0, upper=0)
    n = np.full((2, 2), np.nan, F)
    add("band_part", np.array([[np.nan, 0], [0, np.nan]], F), x=n, lower=0, upper=0,
        note="zeros whatever was there")
    add("band_part", np.triu(m.astype(np.int32)), x=m.astype(np.int32), lower=0)
    add("band_part", np.tril(np.ones((2, 2), bool)), x=np.ones((2, 2), bool), upper=0)
    add("band_part", x=np.zeros(3, F), error="at least 2 dimensions")

    def windows(v, axis, size, stride=1):
        w = np.lib.stride_tricks.sliding_window_view(v, size, axis)
        w = np.moveaxis(w, -1, axis + 1)
        return np.take(w, np.arange(0, w.shape[axis], stride), axis)
    add("sliding_windows", windows(m, 1, 2), x=m, axis=1, size=2)
    add("sliding_windows", windows(m, 2, 3, 2), x=m, axis=-1, size=3, stride=2)
    add("sliding_windows", windows(m, 0, 2), x=m, axis=0, size=2, stride=5)
    add("sliding_windows", windows(i, 0, 1), x=i, axis=0, size=1)
    add("sliding_windows", x=m, axis=1, size=4, error="does not fit dimension 1")
    add("sliding_windows", x=m, axis=1, size=0, error="at least 1")
    add("sliding_windows", x=m, axis=1, size=1, stride=0, error="at least 1")
