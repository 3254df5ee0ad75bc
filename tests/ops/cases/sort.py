import numpy as np

F = np.float32


def order(x, axis, ascending):
    """Stable; NaN counts as the greatest."""
    def keys(line):
        rank = [(1, 0.0) if v != v else (0, v) for v in line.tolist()]
        places = list(range(len(rank)))
        if ascending:
            return sorted(places, key=lambda i: (rank[i], i))
        out = []
        for value in sorted(set(rank), reverse=True):
            out += [i for i in places if rank[i] == value]
        return out
    return np.apply_along_axis(keys, axis, x).astype(np.int32)


def cases(add):
    x = np.array([[3, 1, 3, 2], [0, -0.0, 5, -5], [np.inf, 1, -np.inf, 7]], F)
    n = np.array([1, np.nan, 3, np.nan, -np.inf, np.inf], F)
    i = np.array([[7, 16777217, 16777216], [-1, -1, 4]], np.int32)
    for v in (x, n, i):
        for ascending in (False, True):
            add("argsort", order(v, -1, ascending), x=v, ascending=ascending)
    add("argsort", order(x, 0, False), x=x, axis=0)
    add("argsort", np.zeros((2, 0), np.int32), x=np.zeros((2, 0), F), note="empty")
    add("argsort", x=x, axis=2, error="axis 2 is outside")

    def top(v, k, axis=-1, ascending=False, index=np.int32):
        o = np.take(order(v, axis, ascending), np.arange(k), axis)
        return [np.take_along_axis(v, o, axis), o.astype(index)]
    add("topk", top(x, 1), x=x)
    add("topk", top(x, 3), x=x, k=3, note="ties to the lowest index")
    add("topk", top(x, 2, 0, True), x=x, k=2, axis=-2, ascending=True)
    add("topk", top(n, 4), x=n, k=4)
    add("topk", top(i, 2), x=i, k=2, opset="ios16", sort=True, return_indices=True)
    add("topk", top(i, 2)[:1], x=i, k=2, opset="ios16", sort=False, return_indices=False)
    add("topk", top(x, 4), x=x, k=-1, opset="ios17", note="all")
    u = np.array([3, 255, 0], np.uint8)
    add("topk", top(u, 2, index=np.uint16), x=u, k=np.int8(2), opset="ios17",
        output_indices_dtype="uint16")
    add("topk", [np.zeros((2, 0), F), np.zeros((2, 0), np.int32)], x=np.zeros((2, 3), F), k=0,
        note="none")
    add("topk", x=x, k=5, results=2, error="found 5, the axis has 4")
    add("topk", x=x, k=2, results=1, error="has 1 results, expected 2")
    add("topk", x=x, k=2, results=2, sort=True, error="'sort' in opset iOS15")
    add("topk", x=x, k=2, results=2, opset="ios17", output_indices_dtype="int8", error="'int8'")
