#!/usr/bin/env python3
"""Makes the polynomial coefficients of math.h: fits at Chebyshev nodes, reweighted towards the
least greatest error (Lawson), in double precision, rounded to float. Needs numpy and scipy."""
import numpy as np
from scipy import special


def fit(name, target, weight, low, high, degree):
    """Coefficients c (lowest first) so that weight(x) * (sum c_i x^i - target(x)) is small."""
    n = 4001
    x = (low + high) / 2 + (high - low) / 2 * np.cos(np.pi * (np.arange(n) + 0.5) / n)
    y, w = target(x), weight(x)
    importance = np.ones(n)
    middle, half = (low + high) / 2, (high - low) / 2
    basis = np.polynomial.chebyshev.chebvander((x - middle) / half, degree)
    for _ in range(200):
        s = np.sqrt(importance) * w
        c, *_ = np.linalg.lstsq(basis * s[:, None], y * s, rcond=None)
        error = np.abs((basis @ c - y) * w)
        importance *= error / error.max() + 1e-3
        importance /= importance.mean()
    series = np.polynomial.chebyshev.Chebyshev(c, domain=[low, high])
    powers = series.convert(kind=np.polynomial.Polynomial, domain=[-1, 1], window=[-1, 1]).coef
    single = powers.astype(np.float32)
    got = np.polynomial.polynomial.polyval(x, single.astype(np.float64))
    print(f'// {name}: weighted error {np.abs((got - y) * w).max():.2e}')
    print('{' + ', '.join(f'{float(v):.9g}F' for v in single) + '}')


half_ln2 = np.log(2) / 2 * 1.01
safe = lambda x: np.where(np.abs(x) < 1e-4, 1e-4, x)
fit('(exp(x) - 1 - x) / x^2', lambda x: np.where(np.abs(x) < 1e-3, 0.5 + x / 6 + x * x / 24,
    (np.expm1(x) - x) / safe(x)**2), lambda x: x * x / np.exp(x), -half_ln2, half_ln2, 4)
fit('(log(1+x) - x + x^2/2) / x^3', lambda x: np.where(np.abs(x) < 1e-2,
    1 / 3 - x / 4 + x * x / 5 - x**3 / 6 + x**4 / 7, (np.log1p(x) - x + x * x / 2) / safe(x)**3),
    lambda x: x * x, -0.2935, 0.4145, 8)
fit('(tanh(sqrt(s)) / sqrt(s) - 1) / s', lambda s: np.where(s < 1e-3, -1 / 3 + 2 * s / 15,
    (np.tanh(np.sqrt(s)) / np.sqrt(np.maximum(s, 1e-9)) - 1) / np.maximum(s, 1e-9)),
    lambda s: s, 0, 0.4, 5)
fit('erf(sqrt(s)) / sqrt(s)', lambda s: np.where(s < 1e-8, 2 / np.sqrt(np.pi),
    special.erf(np.sqrt(s)) / np.sqrt(np.maximum(s, 1e-12))), lambda s: np.ones_like(s), 0, 1.02, 7)
# exp(x^2) erfc(x) for x in [0, 14] by t = (x - 2) / (x + 2).
fit('erfcx(2 (1 + t) / (1 - t))', lambda t: special.erfcx(2 * (1 + t) / (1 - t)),
    lambda t: 1 / special.erfcx(2 * (1 + t) / (1 - t)), -1, 0.75, 14)
