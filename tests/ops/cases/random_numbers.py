"""Random numbers: Philox 4x32-10 after Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"
(2011), which src/ops/definitions/random.cpp promises. How the words become numbers of a distribution
is Pome's own choice, written here a second time; whether the distributions are right is shown by
random_test.cpp.
"""
import numpy as np

F, H, I = np.float32, np.float16, np.int32
MASK = 0xFFFFFFFF


def philox(key, counter):
    c = [counter & MASK, counter >> 32, 0, 0]
    k = [key & MASK, key >> 32]
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & MASK, (a >> 32) ^ c[3] ^ k[1], a & MASK]
        k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
    return c


# The generator's published answer for zeros.
assert philox(0, 0) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]


def units(seed, n):
    """Two numbers in [0, 1) of 53 bits for each of n elements."""
    words = [philox(seed, i) for i in range(n)]
    unit = lambda high, low: ((high << 32 | low) >> 11) * 2.0 ** -53
    return (np.array([unit(w[0], w[1]) for w in words]), np.array([unit(w[2], w[3]) for w in words]))


def cases(add):
    shape = [3, 5]
    u, v = (a.reshape(shape) for a in units(7, 15))
    cut = lambda a, bits: np.floor(a * 2.0 ** bits) / 2.0 ** bits
    add("random_uniform", cut(u, 24), shape=shape, seed=7, dtype="fp32")
    add("random_uniform", -2 + 5 * cut(u, 24), shape=shape, low=F(-2), high=F(3), seed=7, dtype="fp32")
    add("random_uniform", -2 + 5 * cut(u, 11), shape=shape, low=H(-2), high=H(3), seed=7,
        dtype="fp16")
    add("random_uniform", cut(units(0, 4)[0], 24).reshape(2, 2), opset="ios18", shape=[2, 2], seed=0,
        dtype="fp32")
    normal = np.sqrt(-2 * np.log(1 - u)) * np.cos(2 * np.pi * v)
    add("random_normal", normal, shape=shape, seed=7, dtype="fp32", tol=(1e-6, 1e-7))
    add("random_normal", 3 - 0.5 * normal, shape=shape, mean=F(3), stddev=F(-0.5), seed=7,
        dtype="fp32", tol=(1e-6, 1e-7))
    for chance in (0.25, 0.5, 1.0, 0.0):
        add("random_bernoulli", (u < chance).astype(float), shape=shape, prob=F(chance), seed=7,
            dtype="fp32")
    add("random_bernoulli", (u < 0.5).astype(float), shape=shape, seed=7, dtype="fp32",
        note="the default is even")

    weights = np.array([[1, 0, 3, 4], [0.5, 0.25, 0.25, 0]])
    draw = units(5, 12)[0].reshape(2, 6)
    def choose(weights):
        sums = np.cumsum(weights, 1)
        return np.array([[np.searchsorted(s, d * s[-1], side="right") for d in row]
                         for s, row in zip(sums, draw)], float)
    add("random_categorical", choose(weights), x=weights.astype(F), mode="probs", size=6, seed=5)
    logits = np.array([[0.5, -1, 2, 0], [-3, 4, 4, -np.inf]])
    chosen = choose(np.exp(logits))
    add("random_categorical", chosen, x=logits.astype(F), size=6, seed=5)
    add("random_categorical", chosen, x=logits.astype(F), mode="logits", size=6, seed=5)
    add("random_categorical", np.zeros((2, 0)), x=logits.astype(F), size=0, seed=5, note="none")
    for op in ("random_uniform", "random_normal", "random_bernoulli"):
        add(op, np.zeros((0, 3)), shape=[0, 3], seed=1, dtype="fp32", note="empty")
        add(op, shape=[2, -1], seed=1, error="sizes of at least 0")
    add("random_categorical", x=logits.astype(F), mode="odds", error="found 'odds'")
    add("random_categorical", x=logits.astype(F), size=-1, error="at least 0")
