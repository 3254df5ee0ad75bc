import numpy as np
from scipy import special

F = np.float32


def wide(x):
    return np.asarray(x, np.float64)


def cases(add):
    x = np.array([-100.0, -20.0, -6.5, -1.0, -0.25, -0.0, 0.0, 1e-6, 0.5, 3.0, 6.0, 6.5, 100.0], F)
    v = wide(x)
    edge = np.array([np.nan, np.inf, -np.inf], F)
    sigmoid = special.expit
    plain = {
        "relu": lambda v: np.maximum(v, 0),
        "relu6": lambda v: np.minimum(np.maximum(v, 0), 6),
        "sigmoid": sigmoid,
        "softplus": lambda v: np.logaddexp(0, v),
    }
    tol = (1e-6, 1e-40)
    for op, f in plain.items():
        add(op, f(v), x=x, tol=tol)
        add(op, f(wide(edge)), x=edge, note="edges")
        h = np.array([[-1.5], [2.25]], np.float16)
        add(op, f(wide(h)), x=h, tol=tol)
        add(op, np.zeros((1, 0), F), x=np.zeros((1, 0), F), note="empty")
    add("silu", v * sigmoid(v), x=x, tol=tol)
    add("softsign", v / (1 + np.abs(v)), x=x, tol=tol)
    add("gelu", v * special.ndtr(v), x=x, tol=tol)
    add("gelu", v * special.ndtr(v), x=x, mode="EXACT", tol=tol)
    g = wide(np.linspace(-3, 3, 9).astype(F))
    add("gelu", 0.5 * g * (1 + np.tanh(np.sqrt(2 / np.pi) * (g + 0.044715 * g ** 3))),
        x=g.astype(F), mode="TANH_APPROXIMATION", tol=tol)
    add("gelu", g * sigmoid(1.702 * g), x=g.astype(F), mode="SIGMOID_APPROXIMATION", tol=tol)
    add("gelu", x=x, mode="QUICK", error="'QUICK', expected 'EXACT'")
    add("relu", x=np.zeros(2, np.int32), error="int32")

    a, b = F(0.3), F(1.5)
    p, q = wide(a), wide(b)
    one = {
        "elu": np.where(v > 0, v, p * np.expm1(v)),
        "leaky_relu": np.where(v >= 0, v, p * v),
        "thresholded_relu": np.where(v >= p, v, 0),
    }
    for op, e in one.items():
        add(op, e, x=x, alpha=a, tol=tol)
        h = x.astype(np.float16)
        add(op, x=h, alpha=a, error="fp16", note="types must agree before iOS17")
    add("leaky_relu", np.array([np.nan, np.inf, -np.inf]), x=edge, alpha=a)
    add("leaky_relu", np.array([-0.5, 2.0]), x=np.array([-1, 2], np.float16), alpha=F(0.5),
        opset="ios17")
    two = {
        "clamped_relu": np.where(v >= 0, np.minimum(q, v), np.minimum(q, p * v)),
        "linear_activation": v * p + q,
        "scaled_tanh": p * np.tanh(q * v),
        "sigmoid_hard": np.minimum(np.maximum(p * v + q, 0), 1),
    }
    for op, e in two.items():
        add(op, e, x=x, alpha=a, beta=b, tol=tol)
        add(op, x=x, alpha=a, error="'beta' is missing")

    c = np.arange(24, dtype=F).reshape(2, 3, 2, 2) - 11.5
    slopes = np.array([0.1, -2.0, 0.0], F)
    s = wide(slopes)[None, :, None, None]
    add("prelu", np.where(c >= 0, wide(c), s * wide(c)), x=c, alpha=slopes)
    add("prelu", np.where(c >= 0, wide(c), s * wide(c)).reshape(2, 3, 4), x=c.reshape(2, 3, 4),
        alpha=slopes)
    add("prelu", x=c, alpha=np.zeros(2, F), error="3 channels")
    add("prelu", x=np.zeros(3, F), alpha=slopes, error="at least 2 dimensions")
    scale = np.array([1.0, 0.5, -3.0], F)
    k = wide(scale)[None, :, None, None]
    add("softplus_parametric", s * np.logaddexp(0, k * wide(c)), x=c, alpha=slopes, beta=scale,
        tol=tol)

    m = np.array([[1.0, 2.0, 3.0], [1000.0, 1000.0, -1000.0], [0.0, -np.inf, 0.0]], F)
    add("softmax", special.softmax(wide(m), axis=-1), x=m, tol=tol)
    add("softmax", special.softmax(wide(m[:2]), axis=0), x=m[:2], axis=0, tol=tol)
    add("softmax", special.softmax(wide(c), axis=1), x=c, axis=-3, tol=tol)
    add("softmax", np.ones((2, 1)), x=np.zeros((2, 1), F), axis=1, note="size 1")
    add("softmax", np.zeros((0, 4), F), x=np.zeros((0, 4), F), note="empty")
    add("softmax", np.full(2, np.nan), x=np.full(2, -np.inf, F), note="nothing possible is NaN")
    add("softmax", x=m, axis=2, error="axis 2 is outside")
