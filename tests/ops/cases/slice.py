import numpy as np

F = np.float32


def ints(*v, dtype=np.int32):
    return np.array(v, dtype)


def python_slice(x, begin, end, stride=None, begin_mask=None, end_mask=None, squeeze_mask=None):
    n = x.ndim
    index = []
    for d in range(n):
        step = stride[d] if stride else 1
        if squeeze_mask and squeeze_mask[d]:
            index.append(0 if begin_mask and begin_mask[d] else int(begin[d]))
        else:
            index.append(slice(None if begin_mask and begin_mask[d] else int(begin[d]),
                               None if end_mask and end_mask[d] else int(end[d]), step))
    return tuple(index)


def cases(add):
    x = np.arange(60, dtype=F).reshape(3, 4, 5)
    i = np.arange(7, dtype=np.int32) + 16777217

    tests = [
        (x, dict(begin=[0, 1, 2], end=[2, 3, 5])),
        (x, dict(begin=[1, 0, 0], end=[3, 4, 5], stride=[1, 2, 3])),
        (x, dict(begin=[-2, -3, -1], end=[-1, 4, 5])),
        (x, dict(begin=[0, 0, 0], end=[99, -1, 2147483647])),
        (x, dict(begin=[9, 9, 9], end=[9, 9, 9], begin_mask=[True] * 3, end_mask=[True] * 3)),
        (x, dict(begin=[0, 2, 0], end=[0, 0, 4], begin_mask=[True, False, False],
                 end_mask=[True, True, False])),
        (x, dict(begin=[1, 2, 3], end=[0, 0, 0], squeeze_mask=[True, False, True],
                 end_mask=[False, True, False])),
        (x, dict(begin=[-1, -1, -1], end=[0, 0, 0], squeeze_mask=[True, True, True])),
        (x, dict(begin=[0, 0, 0], end=[0, 0, 0], stride=[-1, -2, 1],
                 begin_mask=[True, True, False], end_mask=[True, True, True])),
        (x, dict(begin=[2, 3, 4], end=[0, 0, 1], stride=[-1, -1, -2])),
        (x, dict(begin=[2, 3, 4], end=[-99, 0, 1], stride=[-1, -1, -2])),
        (x, dict(begin=[2, 0, 4], end=[2, 4, 1])),
        (x, dict(begin=[0, 0, 0], end=[3, 4, 5], stride=[2147483647, 1, -2147483648])),
        (i, dict(begin=[2], end=[5])),
        (i > 3, dict(begin=[-3], end=[7])),
        (np.zeros((0, 3), F), dict(begin=[0, 0], end=[5, 2])),
        (np.ones((1, 1), F), dict(begin=[0, 0], end=[1, 1])),
    ]
    for v, k in tests:
        inputs = {n: (np.array(p, bool) if "mask" in n else np.array(p, np.int32))
                  for n, p in k.items()}
        add("slice_by_index", v[python_slice(v, **k)], x=v, **inputs)
    u = np.arange(10, dtype=np.uint8)
    add("slice_by_index", u[2:8:2], x=u, begin=ints(2, dtype=np.int16), end=ints(8, dtype=np.int16),
        stride=ints(2, dtype=np.int16), opset="ios17")
    add("slice_by_index", x=u, begin=ints(2), end=ints(8), error="uint8")
    add("slice_by_index", x=x, begin=ints(0, 0), end=ints(1, 1, 1), error="3 dimensions of x")
    add("slice_by_index", x=x, begin=ints(0, 0, 0), end=ints(1, 1, 1), stride=ints(1, 0, 1),
        error="'stride': found 0")
    add("slice_by_index", x=x, begin=ints(3, 0, 0), end=ints(1, 1, 1),
        squeeze_mask=np.array([True, False, False]), error="index 3 is outside dimension 0")

    add("slice_by_index", x=np.zeros((0, 2), F), begin=ints(0, 0), end=ints(1, 1),
        begin_mask=np.array([True, True]), squeeze_mask=np.array([True, False]),
        error="index 0 is outside dimension 0 of 0")
    add("slice_by_size", x[1:3, 0:4, 2:3], x=x, begin=ints(1, 0, 2), size=ints(2, 4, 1))
    add("slice_by_size", x[1:, :, -2:], x=x, begin=ints(1, 0, -2), size=ints(-1, -1, -1))
    add("slice_by_size", x[:, 4:, :0], x=x, begin=ints(0, 4, 0), size=ints(3, 0, 0), note="empty")
    add("slice_by_size", x=x, begin=ints(1, 0, 2), size=ints(3, 4, 1),
        error="takes 3 elements from index 1 of dimension 0, which has 3")
    add("slice_by_size", x=x, begin=ints(1, 0, 2), size=ints(-2, 4, 1), error="found -2")
    add("slice_by_size", x=x, begin=ints(1, 0), size=ints(1, 1), error="3 dimensions of x")

    for begin, end, extra in (
            ([0, 1, 2], [2, 3, 5], {}),
            ([2, 0, 0], [0, 4, 5], dict(stride=[-1, 2, 1])),
            ([1, 0, 0], [0, 0, 0], dict(squeeze_mask=[True, False, False],
                                        end_mask=[False, True, True]))):
        index = python_slice(x, begin, end, **extra)
        update = -np.arange(1, 1 + x[index].size, dtype=F).reshape(x[index].shape)
        out = x.copy()
        out[index] = update
        inputs = {n: (np.array(p, bool) if "mask" in n else np.array(p, np.int32))
                  for n, p in dict(begin=begin, end=end, **extra).items()}
        add("slice_update", out, x=x, update=update, opset="ios18", **inputs)
    add("slice_update", x=x, update=np.zeros((1, 1, 1), F), begin=ints(0, 0, 0), end=ints(2, 1, 1),
        opset="ios18", error="[1, 1, 1], the slice has shape [2, 1, 1]")
    add("slice_update", x=x, update=x, begin=ints(0, 0, 0), end=ints(3, 4, 5), opset="ios17",
        error="exists from opset iOS18")
