import numpy as np

F = np.float32
TOL = (2e-6, 1e-6)


def wide(x):
    return np.asarray(x, np.float64)


def cases(add):
    rng = np.random.default_rng(2)
    x = rng.normal(1, 2, (2, 3, 4, 5)).astype(F)
    w = wide(x)
    mean, var = rng.normal(size=3).astype(F), rng.uniform(0.5, 2, 3).astype(F)
    gamma, beta = rng.normal(size=3).astype(F), rng.normal(size=3).astype(F)
    c = lambda v: wide(v)[None, :, None, None]
    normal = lambda eps: (w - c(mean)) / np.sqrt(c(var) + eps)
    add("batch_norm", normal(1e-5), x=x, mean=mean, variance=var, tol=TOL)
    add("batch_norm", c(gamma) * normal(wide(F(0.1))) + c(beta), x=x, mean=mean, variance=var,
        gamma=gamma, beta=beta, epsilon=F(0.1), tol=TOL)
    add("batch_norm", normal(1e-5)[..., 0], x=x[..., 0].copy(), mean=mean, variance=var, tol=TOL)
    h = x.astype(np.float16)
    add("batch_norm", (wide(h) - c(mean)) / np.sqrt(c(var) + 1e-5), x=h, mean=mean, variance=var,
        opset="ios17", tol=TOL, note="statistics of another type")
    add("batch_norm", x=h, mean=mean, variance=var, error="fp16")
    add("batch_norm", x=x, mean=mean[:2], variance=var, error="3 channels")

    def moments(v, axes, eps):
        m = v.mean(axis=axes, keepdims=True)
        return (v - m) / np.sqrt(((v - m) ** 2).mean(axis=axes, keepdims=True) + eps)
    add("instance_norm", moments(w, (2, 3), 1e-5), x=x, tol=TOL)
    add("instance_norm", c(gamma) * moments(w, (2, 3), wide(F(0.01))) + c(beta), x=x, gamma=gamma,
        beta=beta, epsilon=F(0.01), tol=TOL)
    add("instance_norm", moments(w[..., 0], (2,), 1e-5), x=x[..., 0].copy(), tol=TOL)
    add("instance_norm", x=np.zeros(3, F), error="at least 2 dimensions")

    add("layer_norm", moments(w, (0, 1, 2, 3), 1e-5), x=x, note="all axes", tol=TOL)
    add("layer_norm", moments(w, (3,), 1e-5), x=x, axes=[-1], tol=TOL)
    g, b = rng.normal(size=(4, 5)).astype(F), rng.normal(size=(4, 5)).astype(F)
    add("layer_norm", moments(w, (2, 3), wide(F(1e-3))) * wide(g) + wide(b), x=x, axes=[2, 3],
        gamma=g, beta=b, epsilon=F(1e-3), tol=TOL)
    g = rng.normal(size=(3, 5)).astype(F)
    add("layer_norm", moments(w, (1, 3), 1e-5) * wide(g)[None, :, None, :], x=x, axes=[3, 1],
        gamma=g, tol=TOL, note="axes apart")
    add("layer_norm", moments(w, (1,), 1e-5) * c(gamma), x=x, axes=[1], gamma=gamma, tol=TOL,
        note="channels first")
    far = (1e6 + np.arange(4)).astype(F)[None]
    add("layer_norm", moments(wide(far), (1,), 1e-5), x=far, axes=[1], tol=TOL, note="far from zero")
    add("layer_norm", np.zeros((2, 1)), x=np.full((2, 1), 7, F), axes=[1], note="size 1")
    add("layer_norm", np.zeros((0, 4), F), x=np.zeros((0, 4), F), axes=[1], note="empty")
    add("layer_norm", x=x, axes=[3], gamma=np.zeros(4, F), error="[5] of x")
    add("layer_norm", x=x, axes=[4], error="axis 4 is outside")

    s = (w ** 2).sum(axis=(1, 2, 3), keepdims=True)
    add("l2_norm", w / np.sqrt(s + 1e-6), x=x, tol=TOL)
    add("l2_norm", w[0] / np.sqrt((w[0] ** 2).sum() + 0.5), x=x[0], epsilon=F(0.5), tol=TOL)
    add("l2_norm", np.zeros((1, 2, 2)), x=np.zeros((1, 2, 2), F), note="zeros")
    add("l2_norm", x=np.zeros((2, 2), F), error="at least 3 dimensions")

    def lrn(v, size, alpha, beta_, k):
        out = np.empty_like(v)
        for i in range(v.shape[1]):
            lo, hi = max(0, i - size // 2), min(v.shape[1], i - size // 2 + size)
            total = (v[:, lo:hi] ** 2).sum(axis=1)
            out[:, i] = v[:, i] / (k + alpha / size * total) ** beta_
        return out
    y = rng.normal(size=(2, 7, 2, 3)).astype(F)
    add("local_response_norm", lrn(wide(y), 3, 1e-4, 0.75, 1), x=y, size=3, tol=TOL)
    add("local_response_norm", lrn(wide(y), 5, wide(F(0.3)), 0.5, 2), x=y, size=5, alpha=F(0.3),
        beta=F(0.5), k=F(2), tol=TOL)
    add("local_response_norm", lrn(wide(y[..., 0]), 1, 1e-4, 0.75, 1), x=y[..., 0].copy(), size=1,
        tol=TOL)
    add("local_response_norm", x=y, size=0, error="at least 1")
