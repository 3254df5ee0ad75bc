import numpy as np

F = np.float32


def cases(add):
    a = np.arange(6, dtype=F).reshape(2, 3)
    b = -np.arange(3, dtype=F).reshape(1, 3)
    add("concat", np.concatenate([a, b], 0), values=(a, b), axis=0)
    add("concat", np.concatenate([a, a, a], 1), values=(a, a, a), axis=-1, interleave=False)
    add("concat", a, values=(a,), axis=0, note="one value")
    add("concat", np.stack([a, -a], 1).reshape(4, 3), values=(a, -a), axis=0, interleave=True)
    add("concat", np.stack([a, -a], 2).reshape(2, 6), values=(a, -a), axis=1, interleave=True)
    add("concat", a, values=(a, np.zeros((0, 3), F)), axis=0, note="empty")
    i = np.array([16777217, 3], np.int32)
    add("concat", np.concatenate([i, i]), values=(i, i), axis=0)
    add("concat", np.array([True, False, False]), values=(np.array([True]), np.array([False, False])),
        axis=0)
    add("concat", np.array([5, 7], np.int32), values=(np.int32(5), np.int32(7)), axis=0,
        note="scalars")
    add("concat", values=(a, b), axis=1, error="differs")
    add("concat", values=(a, b), axis=0, interleave=True, error="differs")
    add("concat", values=(a, b), axis=2, error="axis 2 is outside")
    add("concat", values=(a, i), axis=0, error="int32, expected fp32")
    add("concat", values=(a, b[0]), axis=0, error="expected the rank of value 0")

    add("stack", np.stack([a, -a, a], 0), values=(a, -a, a), axis=0)
    add("stack", np.stack([a, -a], 1), values=(a, -a), axis=1)
    add("stack", np.stack([a, -a], -1), values=(a, -a), axis=-1)
    add("stack", np.stack([a, -a], -2), values=(a, -a), axis=-2)
    add("stack", np.array([5, 7], np.int32), values=(np.int32(5), np.int32(7)), axis=0)
    add("stack", values=(a, b), axis=0, error="expected [2, 3]")
    add("stack", values=(a, a), axis=3, error="axis 3 is outside")

    x = np.arange(24, dtype=F).reshape(2, 6, 2)
    add("split", np.split(x, 3, 1), x=x, num_splits=3, axis=1)
    add("split", np.split(x, [1, 3], 1), x=x, split_sizes=[1, 2, 3], axis=-2)
    add("split", np.split(x, [1, 1], 0), x=x, num_splits=3, split_sizes=[1, 0, 1], axis=0)
    add("split", np.split(i, 2), x=i, num_splits=2, axis=0)
    add("split", [x], x=x, num_splits=1, axis=2)
    add("split", x=x, num_splits=4, axis=1, results=4, error="4 parts do not divide a dimension of 6")
    add("split", x=x, split_sizes=[1, 2], axis=1, results=2, error="sums up to 3, expected 6")
    add("split", x=x, split_sizes=[7, -1], axis=1, results=2, error="found -1")
    add("split", x=x, num_splits=3, axis=1, results=2, error="has 2 results")
    add("split", x=x, axis=1, error="neither")
    add("split", x=x, num_splits=2, split_sizes=[1, 2, 3], axis=1, results=3,
        error="'split_sizes' has 3")

    add("tile", np.tile(a, (2, 1)), x=a, reps=np.array([2, 1], np.int32))
    add("tile", np.tile(x, (1, 2, 3)), x=x, reps=np.array([1, 2, 3], np.int32))
    add("tile", np.tile(i, 3), x=i, reps=np.array([3], np.int32))
    add("tile", np.zeros((0, 4), F), x=np.zeros((0, 2), F), reps=np.array([3, 2], np.int32),
        note="empty")
    add("tile", x=np.zeros((1, 1, 1), F), reps=np.array([2147483647] * 3, np.int32),
        constant=["reps"], error="does not fit 64 bits")
    add("tile", x=a, reps=np.array([2], np.int32), error="2 dimensions of x")
    add("tile", np.tile(a, [2, 0]), x=a, reps=np.array([2, 0], np.int32), note="no repetition")
    add("tile", x=a, reps=np.array([2, -1], np.int32), error="found -1")
