import numpy as np
from scipy import special

F = np.float32
EDGES = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 1e-30, 3e38, np.nan, np.inf,
                  -np.inf], F)


def spread(low, high, n=13, dtype=F):
    return np.linspace(low, high, n).astype(dtype)


def cases(add):
    wide = lambda x: x.astype(np.float64)
    plain = {"acos": np.arccos, "asin": np.arcsin, "atan": np.arctan, "atanh": np.arctanh,
             "ceil": np.ceil, "cos": np.cos, "cosh": np.cosh, "erf": special.erf, "exp": np.exp,
             "exp2": np.exp2, "floor": np.floor, "round": np.round, "sign": np.sign,
             "sin": np.sin, "sinh": np.sinh, "sqrt": np.sqrt, "square": np.square, "tan": np.tan,
             "tanh": np.tanh, "abs": np.abs}
    for name, f in plain.items():
        edges = EDGES if name not in ("sin", "cos", "tan") else EDGES[np.abs(EDGES) < 1e9]
        tol = (1e-6, 1e-30)
        add(name, f(wide(edges)), x=edges, note="edges", tol=tol)
        add(name, f(wide(spread(-0.99, 0.99))), x=spread(-0.99, 0.99), tol=tol)
        add(name, f(wide(spread(-4, 4).reshape(13, 1))), x=spread(-4, 4).reshape(13, 1), tol=tol)
        half = spread(-3, 3, 7, np.float16)
        add(name, f(wide(half)), x=half, note="fp16 kept in fp32", tol=tol)
        add(name, np.zeros((0, 3), F), x=np.zeros((0, 3), F), note="empty")
        add(name, f(np.float64(0.25)), x=F(0.25), note="scalar", tol=tol)
    ints = np.array([0, 1, -1, 7, -7, 2147483647, -2147483648], np.int32)
    add("abs", np.abs(ints), x=ints)
    add("sign", np.sign(ints), x=ints)
    add("square", (ints.astype(np.int64) ** 2).astype(np.int32), x=ints, note="wraps")
    exponents = np.array([-3, -1, 0, 1, 5, 30, 31, 32, 100], np.int32)
    add("exp2", np.array([2 ** int(e) & 0xFFFFFFFF if e >= 0 else 0 for e in exponents],
                         np.uint32).view(np.int32), x=exponents, note="fractions are cut, powers wrap")
    add("ceil", x=ints, error="int32")
    add("logical_not", np.array([False, True]), x=np.array([True, False]))

    x = np.array([-2, 0, 0.5, 3, np.nan, np.inf], F)
    for op, eps, f in (("inverse", 1e-4, lambda v, e: 1 / (v + e)),
                       ("rsqrt", 1e-12, lambda v, e: 1 / np.sqrt(v + e)),
                       ("log", 1e-45, lambda v, e: np.log(v + e))):
        add(op, f(wide(x), float(F(eps))), x=x, note="default epsilon", tol=(1e-6, 0))
        add(op, f(wide(x), float(F(0.125))), x=x, epsilon=F(0.125))
        h = np.array([0, 1, 2.5], np.float16)
        add(op, f(wide(h), float(np.float16(eps))), x=h, note="default epsilon in fp16",
            tol=(1e-6, 0))
        add(op, f(wide(h), 0.25), x=h, epsilon=F(0.25), opset="ios17", note="epsilon of other type")
        add(op, x=h, epsilon=F(0.25), error="fp16", note="types must agree before iOS17")
        add(op, x=x, epsilon=np.array([0.1, 0.2], F), error="one value")
    x = np.array([-np.inf, -2, -1, 0, 1, 2, np.inf, np.nan], F)
    add("clip", np.minimum(np.maximum(wide(x), -1), 1.5), x=x, alpha=F(-1), beta=F(1.5))
    add("clip", np.minimum(np.maximum(wide(x), 0), np.inf), x=x, alpha=F(0), beta=F(np.inf))
    add("clip", x=x, alpha=F(0), error="beta")
    add("threshold", np.maximum(wide(x), 0.5), x=x, alpha=F(0.5))
    add("threshold", x=x, alpha=np.zeros(0, F), error="one value")
    add("threshold", np.maximum(ints, 3), x=ints, alpha=np.int32(3))
