"""Elementwise operations where it hurts: every rank from 0 to 6, empty and prime sizes, NaN,
infinities, both zeros, subnormal numbers, the limits of int32, casts between every pair of types."""
import numpy as np
from scipy import special

F, H, I = np.float32, np.float16, np.int32
TINY = (2.5e-7, 1.5e-45)  # the spacing of subnormal fp32 numbers
SHAPES = [(), (1,), (7,), (1, 5), (3, 1, 2), (2, 1, 3, 1), (1, 2, 1, 3, 2), (2, 1, 2, 1, 1, 3), (0,),
          (2, 0, 3), (1, 1, 0, 1, 1, 2)]
SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1e-45, 1e-40, -1.1754942e-38,
                    1.1754944e-38, 1.0, -1.0, 0.5, -2.5, 3.4028235e38, -3.4028235e38, 16777217.0], F)
HALVES = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 6e-8, -6e-8, 6.1e-5, 65504, -65504, 1, -2.5,
                   0.333], H)
LIMITS = np.array([-2 ** 31, -2 ** 31 + 1, -65536, -7, -2, -1, 0, 1, 2, 3, 7, 46341, 65536,
                   2 ** 31 - 2, 2 ** 31 - 1], I)


def wide(x):
    return np.asarray(x, np.float64)


def wrap(values):
    """Exact integers into int32, as two's complement keeps the low bits."""
    return np.array([(int(v) + 2 ** 31) % 2 ** 32 - 2 ** 31 for v in np.ravel(values)],
                    I).reshape(np.shape(values))


def cases(add):
    unary(add)
    activations(add)
    binary_floats(add)
    binary_ints(add)
    broadcasting(add)
    casts(add)


UNARY = {
    "abs": np.abs, "acos": np.arccos, "asin": np.arcsin, "atan": np.arctan, "atanh": np.arctanh,
    "ceil": np.ceil, "cosh": np.cosh, "erf": special.erf, "exp": np.exp, "exp2": np.exp2,
    "floor": np.floor, "round": np.rint, "sign": np.sign, "sinh": np.sinh, "sqrt": np.sqrt,
    "square": np.square, "tanh": np.tanh, "cos": np.cos, "sin": np.sin, "tan": np.tan,
}


def unary(add):
    rng = np.random.default_rng(51)
    for op, f in UNARY.items():
        for x in (SPECIAL, HALVES):
            keep = np.abs(x) < 1e30 if op in ("cos", "sin", "tan") else np.ones(len(x), bool)
            x = x[keep | ~np.isfinite(x)]
            add(op, f(wide(x)).astype(F) if x.dtype == F else f(wide(x)), x=x, tol=TINY,
                note="special numbers")
        for shape in SHAPES:
            x = (rng.integers(-8, 9, shape) / 8).astype(F)
            add(op, f(wide(x)), x=x, tol=(3e-7, 1e-30))
    add("abs", wrap([abs(int(v)) for v in LIMITS]), x=LIMITS, note="the least number stays")
    add("square", wrap([int(v) ** 2 for v in LIMITS]), x=LIMITS, note="wraps")
    add("sign", np.sign(LIMITS), x=LIMITS)
    for bounds in ((F(-1), F(1)), (F(0), F(np.inf)), (F(-np.inf), F(0.25))):
        add("clip", np.clip(wide(SPECIAL), *wide(bounds)), x=SPECIAL, alpha=bounds[0],
            beta=bounds[1], tol=TINY)
    for epsilon in (None, F(0), F(0.5)):
        x = SPECIAL
        e = lambda default: wide(F(default) if epsilon is None else epsilon)
        add("log", np.log(wide(x) + e(1e-45)), x=x, epsilon=epsilon, tol=TINY)
        add("rsqrt", 1 / np.sqrt(wide(x) + e(1e-12)), x=x, epsilon=epsilon, tol=TINY)
        add("inverse", (1 / (wide(x) + e(1e-4))).astype(F), x=x, epsilon=epsilon, tol=TINY)
    add("threshold", np.maximum(wide(SPECIAL), 0.25), x=SPECIAL, alpha=F(0.25), tol=TINY)
    add("threshold", np.maximum(LIMITS, 2), x=LIMITS, alpha=2)
    for shape in SHAPES:
        x = rng.integers(0, 2, shape).astype(bool)
        add("logical_not", ~x, x=x)


def activations(add):
    rng = np.random.default_rng(52)
    x, v = SPECIAL, wide(SPECIAL)
    a, b = F(0.75), F(1.5)
    p, q = wide(a), wide(b)
    negative = v < 0
    sigmoid = special.expit
    add("elu", np.where(v > 0, v, p * np.expm1(v)), x=x, alpha=a, tol=TINY)
    add("leaky_relu", np.where(negative, p * v, v), x=x, alpha=a, tol=TINY)
    add("linear_activation", (v * p + q).astype(F), x=x, alpha=a, beta=b, tol=TINY)
    add("scaled_tanh", p * np.tanh(q * v), x=x, alpha=a, beta=b, tol=TINY)
    add("clamped_relu", np.where(negative, np.minimum(q, p * v), np.minimum(q, v)), x=x, alpha=a,
        beta=b, tol=TINY)
    finite = x[np.isfinite(x)]
    w = wide(finite)
    add("silu", w * sigmoid(w), x=finite, tol=(1e-6, 1.5e-45))
    add("softsign", w / (1 + np.abs(w)), x=finite, tol=TINY)
    add("gelu", w * special.ndtr(w), x=finite, tol=(1e-6, 1.5e-45))
    add("softplus", np.logaddexp(0, v), x=x, tol=(1e-6, 1.5e-45))
    add("sigmoid", sigmoid(v), x=x, tol=(1e-6, 1.5e-45))
    add("relu", np.where(np.isnan(v), v, np.maximum(v, 0)), x=x, tol=TINY)
    add("relu6", np.where(np.isnan(v), v, np.clip(v, 0, 6)), x=x, tol=TINY)
    add("sigmoid_hard", np.clip(p * v + q, 0, 1), x=x, alpha=a, beta=b, tol=TINY)
    below = np.nan_to_num(v, nan=-1) < p
    add("thresholded_relu", np.where(below, 0, v)[1:], x=x[1:], alpha=a, tol=TINY)
    for shape in SHAPES:
        x = (rng.integers(-16, 17, shape) / 4).astype(F)
        v = wide(x)
        tol = (1e-6, 1e-30)
        add("silu", v * sigmoid(v), x=x, tol=tol)
        add("softsign", v / (1 + np.abs(v)), x=x, tol=tol)
        add("gelu", v * special.ndtr(v), x=x, tol=(2e-6, 1e-30))
        add("leaky_relu", np.where(v < 0, p * v, v), x=x, alpha=a, tol=tol)
        add("sigmoid_hard", np.clip(p * v + q, 0, 1), x=x, alpha=a, beta=b, tol=tol)
        if len(shape) > 0:
            for axis in {0, -1, len(shape) // 2}:
                add("softmax", special.softmax(v, axis=axis) if v.size else v, x=x, axis=axis, tol=tol)


FLOATS = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "real_div": np.divide,
    "maximum": np.maximum, "minimum": np.minimum,
    "floor_div": lambda a, b: np.floor(a / b), "mod": np.mod, "pow": np.power,
}
COMPARE = {"equal": np.equal, "not_equal": np.not_equal, "less": np.less,
           "less_equal": np.less_equal, "greater": np.greater, "greater_equal": np.greater_equal}


def binary_floats(add):
    x, y = SPECIAL[:, None], SPECIAL[None]
    for op, f in FLOATS.items():
        few = np.abs(np.nan_to_num(SPECIAL, posinf=0, neginf=0)) < 100
        if op in ("floor_div", "mod"):  # the quotient of far apart numbers has no exact answer
            few &= (np.abs(np.nan_to_num(SPECIAL)) > 1e-30) | (SPECIAL == 0) | ~np.isfinite(SPECIAL)
        a, b = (x[few], y[:, few]) if op in ("floor_div", "mod", "pow") else (x, y)
        add(op, f(wide(a), wide(b)).astype(F), x=a, y=b, tol=TINY, note="special numbers")
    for op, f in COMPARE.items():
        add(op, f(x, y), x=x, y=y, note="special numbers, subnormal ones are not zero")
    h = HALVES[:, None]
    for op in ("add", "mul", "maximum"):
        add(op, FLOATS[op](wide(h), wide(HALVES)[None]), x=h, y=HALVES[None], tol=TINY,
            note="fp16 is not rounded here")


def floor_div(a, b):
    return int(a) // int(b)


def cut(a, b):
    a, b = int(a), int(b)
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def power(a, b):
    a, b = int(a), int(b)
    if b < 0:
        return (a if b % 2 else 1) if a in (1, -1) else 0
    return pow(a, b, 2 ** 32)


def binary_ints(add):
    exact = {"add": lambda a, b: int(a) + int(b), "sub": lambda a, b: int(a) - int(b),
             "mul": lambda a, b: int(a) * int(b), "maximum": max, "minimum": min,
             "floor_div": floor_div, "real_div": cut, "mod": lambda a, b: int(a) % int(b),
             "pow": power}
    for op, f in exact.items():
        a, b = LIMITS, LIMITS
        if op in ("floor_div", "real_div", "mod"):
            b = b[b != 0]
        if op == "pow":
            a = a[a != 0]
        table = np.array([[f(p, q) for q in b] for p in a], object)
        add(op, wrap(table), x=a[:, None], y=b[None], note="wraps, quotients as documented")
    for op, f in COMPARE.items():
        add(op, f(LIMITS[:, None], LIMITS[None]), x=LIMITS[:, None], y=LIMITS[None])


def broadcasting(add):
    rng = np.random.default_rng(53)
    pairs = [((), ()), ((), (3,)), ((5,), ()), ((1,), (7,)), ((3, 1), (1, 5)), ((2, 3), (3,)),
             ((2, 1, 3), (4, 1)), ((1, 2, 1, 3), (2, 2, 1)), ((2, 1, 1, 3, 1), (5, 1, 2)),
             ((1, 2, 1, 2, 1, 3), (2, 1, 2, 1, 2, 1)), ((0,), (1,)), ((0,), ()), ((2, 0), (1, 1, 0)),
             ((1, 3), (0, 3)), ((0, 1), (1, 5))]
    for s, t in pairs:
        x, y = (rng.integers(-9, 10, s) / 4).astype(F), (rng.integers(1, 9, t) / 4).astype(F)
        for op in ("add", "sub", "mul", "real_div", "maximum", "minimum", "floor_div"):
            add(op, FLOATS[op](wide(x), wide(y)), x=x, y=y)
        for op in ("less", "equal"):
            add(op, COMPARE[op](x, y), x=x, y=y)
        a, b = rng.integers(0, 2, s).astype(bool), rng.integers(0, 2, t).astype(bool)
        for op, f in (("logical_and", np.logical_and), ("logical_or", np.logical_or),
                      ("logical_xor", np.logical_xor)):
            add(op, f(a, b), x=a, y=b)
        i, j = rng.integers(-9, 10, s).astype(I), rng.integers(1, 5, t).astype(I)
        add("mod", np.mod(i, j), x=i, y=j)
        add("select", np.where(a, x, wide(y)).astype(F), cond=a, a=x,
            b=np.broadcast_to(y, np.broadcast_shapes(s, t)).copy())


def casts(add):
    types = {"fp16": H, "fp32": F, "int8": np.int8, "uint8": np.uint8, "int16": np.int16,
             "uint16": np.uint16, "int32": I, "bool": np.bool_}
    numbers = [0, 1, -1, 2, 127, 128, -128, -129, 255, 256, 32767, 32768, -32768, -32769, 65535,
               65536, 2 ** 31 - 1, -2 ** 31, 0.5, -0.5, 0.999, 1.5, -1.5, 2.5, 65504, 65519, 65520,
               -65520, 1e10, -1e10, 3.4e38, 1e-7, 1e-45, np.nan, np.inf, -np.inf]

    def of(name, v):
        """The number as the type holds it, or nothing."""
        if name in ("fp16", "fp32"):
            return types[name](v)
        if name == "bool":
            return np.bool_(v) if v in (0, 1) else None
        limits = np.iinfo(types[name])
        return types[name](v) if v == v and abs(v) < 2 ** 40 and v == int(v) and \
            limits.min <= v <= limits.max else None

    def to(name, v):
        if name == "bool":
            return bool(v != 0)
        if name in ("fp16", "fp32"):
            return types[name](F(v))
        limits = np.iinfo(types[name])
        if isinstance(v, (F, H)):
            if v != v:
                return 0
            if not np.isfinite(v):
                return limits.max if v > 0 else limits.min
            return max(limits.min, min(limits.max, int(v)))
        return int(v) & (2 ** limits.bits - 1) if limits.min == 0 else \
            (int(v) - limits.min) % 2 ** limits.bits + limits.min

    for source, s in types.items():
        held = [v for v in (of(source, n) for n in numbers) if v is not None]
        for target, t in types.items():
            want = np.array([to(target, v) for v in held], t)
            old = {"fp16", "fp32", "int32", "bool"}
            opset = "ios15" if source in old and target in old else "ios17"
            add("cast", want, opset=opset, x=np.array(held, s), dtype_=target, tol=(0, 0),
                note="every number")
    for shape in SHAPES:
        x = np.arange(int(np.prod(shape)), dtype=F).reshape(shape) - 1.5
        add("cast", np.trunc(x).astype(I), x=x, dtype_="int32")
