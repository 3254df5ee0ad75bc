import numpy as np

F = np.float32


def ints(*v):
    return np.array(v, np.int32)


def cases(add):
    x = np.zeros((2, 0, 3), F)
    add("shape", ints(2, 0, 3), x=x)
    add("shape", ints(), x=F(1), note="scalar")
    add("shape", ints(4), x=np.zeros(4, bool))

    add("fill", np.zeros((2, 3), F), shape=ints(2, 3))
    add("fill", np.full((2, 3), 1.5, F), shape=ints(2, 3), value=F(1.5))
    add("fill", np.full((1,), np.nan, F), shape=ints(1), value=F(np.nan))
    add("fill", np.full((2,), 16777217, np.int32), shape=ints(2), value=np.int32(16777217))
    add("fill", np.full((2, 2), True), shape=ints(2, 2), value=np.bool_(True))
    add("fill", np.full((0, 2), 1, F), shape=ints(0, 2), value=F(1), note="empty")
    add("fill", np.full((), 3, F), shape=ints(), value=F(3), note="scalar")
    add("fill", shape=ints(2, -1), error="'shape'")
    add("fill", shape=np.array([2147483647] * 4, np.int32), error="'shape'")
    add("fill", shape=np.array([2147483647] * 2 + [4], np.int32), error="fit 64 bits")
    add("fill", shape=np.int32(2), error="vector")
    add("fill", shape=ints(2), value=np.zeros(2, F), error="one value")
    add("fill_like", np.full((2, 3), 7, np.int32), ref_tensor=np.ones((2, 3), F), value=np.int32(7),
        opset="ios16")
    add("fill_like", np.zeros((0, 3), F), ref_tensor=np.ones((0, 3), np.int32), opset="ios16")

    for start, end, step in ((0, 5, 1), (2, 11, 3), (5, 0, -2), (5, 0, 2), (0, 0, 1), (7, 8, 100),
                             (16777216, 16777219, 1), (-2147483648, 2147483647, 2147483647)):
        add("range_1d", np.arange(start, end, step, dtype=np.int32), start=np.int32(start),
            end=np.int32(end), step=np.int32(step))
    for start, end, step in ((0, 1, 0.25), (1, -1, -0.5), (0, 1, 0.3), (3, 1, 0.5)):
        n = max(0, int(np.ceil((np.float64(F(end)) - F(start)) / np.float64(F(step)))))
        add("range_1d", np.float64(F(start)) + np.arange(n) * np.float64(F(step)), start=F(start),
            end=F(end), step=F(step), from_data=True)
    add("range_1d", start=np.int32(0), end=np.int32(5), step=np.int32(0), error="'step': found 0")
    add("range_1d", start=F(0), end=F(np.inf), step=F(1), error="length")
    add("range_1d", start=F(np.nan), end=F(1), step=F(1), error="length")
    add("range_1d", start=ints(0, 1), end=np.int32(5), step=np.int32(1), error="one value")
    add("range_1d", start=F(0), end=np.int32(5), step=F(1), error="int32")

    i = np.array([[0, 2], [3, -1]], np.int32)
    hot = (i[..., None] == np.arange(4)).astype(np.int32)
    add("one_hot", hot, indices=i, one_hot_vector_size=4, note="indices outside leave it off")
    add("one_hot", np.moveaxis(hot, -1, 0), indices=i, one_hot_vector_size=4, axis=0)
    add("one_hot", np.moveaxis(hot, -1, 1), indices=i, one_hot_vector_size=4, axis=-2)
    add("one_hot", np.where(hot == 1, F(2.5), F(-1)), indices=i, one_hot_vector_size=4,
        on_value=F(2.5), off_value=F(-1))
    add("one_hot", hot == 1, indices=i, one_hot_vector_size=4, on_value=True, off_value=False)
    add("one_hot", np.array([0, 1, 0], np.int32), indices=np.int32(1), one_hot_vector_size=3,
        note="scalar")
    add("one_hot", np.zeros((2, 2, 0), np.int32), indices=i, one_hot_vector_size=0, note="empty")
    add("one_hot", indices=i, one_hot_vector_size=-1, error="found -1")
    add("one_hot", indices=i, one_hot_vector_size=2, on_value=np.zeros(0, F), off_value=F(0),
        error="'on_value': expected one value")
    add("one_hot", indices=i, one_hot_vector_size=2, axis=3, error="axis 3 is outside")

    rows = lambda v: np.argwhere(v).astype(np.int32)
    y = np.array([[0, 1.5, np.nan], [-0.0, 0, -np.inf]], F)
    add("non_zero", rows(y), x=y, from_data=True)
    add("non_zero", rows(i), x=i)
    add("non_zero", rows(i > 1), x=i > 1)
    add("non_zero", np.zeros((0, 3), np.int32), x=np.zeros((2, 2, 2), F), from_data=True)
    add("non_zero", np.zeros((0, 2), np.int32), x=np.zeros((0, 2), F), from_data=True, note="empty")

    p = np.arange(12, dtype=F).reshape(3, 4)
    pad2 = ((1, 2), (0, 3))
    add("pad", np.pad(p, pad2), x=p, pad=ints(1, 2, 0, 3))
    add("pad", np.pad(p, pad2, constant_values=-1), x=p, pad=ints(1, 2, 0, 3), mode="constant",
        constant_val=F(-1))
    add("pad", np.pad(p, ((1, 2), (0, 3)), mode="reflect"), x=p, pad=ints(1, 2, 0, 3), mode="reflect")
    add("pad", np.pad(p, ((1, 3), (5, 0)), mode="edge"), x=p, pad=ints(1, 3, 5, 0), mode="replicate")
    add("pad", np.full((2,), 7, F), x=np.zeros(0, F), pad=ints(2, 0), constant_val=F(7),
        note="empty")
    add("pad", np.pad(p, ((0, 0), (2, 1))), x=p, pad=ints(2, 1), constant=["pad"],
        note="last dimension")
    add("pad", p, x=p, pad=ints(), constant=["pad"], note="no dimension")
    add("pad", x=p, pad=ints(2, 1), error="two entries for each dimension of x")
    h = p.astype(np.float16)
    add("pad", np.pad(h, ((0, 1), (0, 0)), constant_values=np.float16(0.5)), x=h, pad=ints(0, 1, 0, 0),
        constant_val=np.float16(0.5))
    add("pad", x=p, pad=ints(1, 2, 0), error="two entries")
    add("pad", x=p, pad=ints(1, -2, 0, 0), error="found -2")
    add("pad", x=p, pad=ints(0, 3, 0, 0), mode="reflect", error="cannot reflect 3")
    add("pad", x=np.zeros((0, 1), F), pad=ints(1, 0, 0, 0), mode="replicate", error="cannot replicate 1")
    add("pad", x=p, pad=ints(0, 0, 0, 0), mode="wrap", error="'wrap'")
    add("pad", x=p, pad=np.zeros((2, 2), np.int32), error="'pad'")
