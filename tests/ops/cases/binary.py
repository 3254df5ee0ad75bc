import numpy as np

F = np.float32


def wide(x):
    return np.asarray(x, np.float64)


def cases(add):
    a = np.array([[1.5, -2.0, 0.0, np.nan], [np.inf, -np.inf, 3e38, -7.25]], F)
    b = np.array([2.0, -0.5, 0.0, 4.0], F)
    arithmetic = {
        "add": np.add, "sub": np.subtract, "mul": np.multiply, "real_div": np.divide,
        "maximum": np.maximum, "minimum": np.minimum,
    }
    for op, f in arithmetic.items():
        add(op, f(wide(a), wide(b)).astype(F), x=a, y=b, note="edges")
        add(op, f(wide(b), wide(F(3))), x=b, y=F(3), note="scalar")
        add(op, f(wide(b[:, None]), wide(b[None, :])), x=b[:, None], y=b[None, :], note="outer")
        add(op, np.zeros((2, 0), F), x=np.zeros((2, 0), F), y=np.zeros((1, 1), F), note="empty")
        h = np.array([1, 60000, -2], np.float16)
        add(op, f(wide(h), wide(h[::-1])), x=h, y=h[::-1].copy(), note="fp16 is not rounded")
    # pow and the roundings, by definition in double.
    x = np.array([-7.5, -2.0, -1.0, 0.0, 0.3, 2.0, 7.5], F)
    y = np.array([2.0, -2.0, 0.75], F)
    add("pow", np.power(wide(x[:, None]), wide(y)), x=x[:, None], y=y, tol=(1e-6, 0))
    add("pow", np.power(wide([0, 2, -8, np.inf]), wide([0, np.inf, 3, -1])),
        x=np.array([0, 2, -8, np.inf], F), y=np.array([0, np.inf, 3, -1], F))
    add("floor_div", np.floor(wide(x[:, None]) / wide(y)), x=x[:, None], y=y)
    add("floor_div", np.array([np.inf, -np.inf, np.nan]), x=np.array([1, -1, 0], F), y=F(0),
        note="by zero")
    add("mod", np.mod(wide(x[:, None]), wide(y)), x=x[:, None], y=y)
    add("mod", np.array([np.nan, 5.0]), x=np.array([1, 5], F), y=np.array([0, np.inf], F))

    i = np.array([7, -7, 7, -7, 0, 2147483647, -2147483648], np.int32)
    j = np.array([2, 2, -2, -2, 5, 3, -1], np.int32)
    big, small = i.astype(np.int64), j.astype(np.int64)
    wrap = lambda v: v.astype(np.int64).astype(np.int32)
    add("add", wrap(big + small), x=i, y=j, note="wraps")
    add("sub", wrap(big - small), x=i, y=j)
    add("mul", wrap(big * small), x=i, y=j)
    add("maximum", np.maximum(i, j), x=i, y=j)
    add("minimum", np.minimum(i, j), x=i, y=j)
    add("floor_div", wrap(big // small), x=i, y=j, note="toward minus infinity")
    add("mod", wrap(big % small), x=i, y=j, note="sign of the divisor")
    add("real_div", wrap(np.trunc(big / small)), x=i, y=j, note="integers are cut")
    bases = [0, 1, -1, 2, -3, 10, 7, -1, 1, 5]
    powers = [0, 9, 3, 31, 5, 12, 40, -3, -4, -1]
    def power(p, q):
        if q < 0:
            return p ** -q if p in (1, -1) else 0
        return (p ** q + 2 ** 31) % 2 ** 32 - 2 ** 31
    add("pow", np.array([power(p, q) for p, q in zip(bases, powers)], np.int32),
        x=np.array(bases, np.int32), y=np.array(powers, np.int32), note="wraps, fractions are cut")
    for op in ("floor_div", "mod", "real_div"):
        add(op, x=i, y=np.int32(0), error="integer 0 to divide by")
    add("pow", x=np.int32(0), y=np.int32(-1), error="negative power")
    add("add", x=np.zeros((2, 3), F), y=np.zeros((2, 2), F), error="[2, 3] and 'y' of shape [2, 2]")
    add("add", x=np.zeros(2, F), y=np.zeros(2, np.int32), error="int32, expected fp32")
    add("add", x=np.zeros(2, F), z=np.zeros(2, F), error="'z'")
    add("add", x=np.zeros(2, F), error="'y' is missing")

    comparisons = {"equal": np.equal, "not_equal": np.not_equal, "less": np.less,
                   "less_equal": np.less_equal, "greater": np.greater,
                   "greater_equal": np.greater_equal}
    for op, f in comparisons.items():
        add(op, f(a, b), x=a, y=b)
        add(op, f(a, a), x=a, y=a.copy(), note="equal elements")
        add(op, f(i[:, None], j), x=i[:, None], y=j)
        p = np.array([2147483647, 2147483646], np.int32)
        add(op, f(p, p[::-1]), x=p, y=p[::-1].copy(), note="not through float")
    t = np.array([[True], [False]])
    u = np.array([True, False])
    for op, f in {"logical_and": np.logical_and, "logical_or": np.logical_or,
                  "logical_xor": np.logical_xor}.items():
        add(op, f(t, u), x=t, y=u)
        add(op, x=i, y=i, error="int32")

    cond = np.array([[True], [False]])
    add("select", np.where(cond, a, b), cond=cond, a=a, b=b, note="NaN only where chosen")
    add("select", np.where(True, b, F(0)), cond=np.bool_(True), a=b, b=F(0))
    add("select", np.where(u, np.int32(16777217), np.int32(3)), cond=u, a=np.int32(16777217),
        b=np.int32(3))
    add("select", np.where(u, u, t), cond=u, a=u, b=t)
    add("select", cond=np.zeros(3, bool), a=np.zeros(2, F), b=np.zeros(1, F), error="'cond'")
    add("select", cond=np.zeros(1, bool), a=np.zeros(2, F), b=np.zeros(3, F), error="'b'")
