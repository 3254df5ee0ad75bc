"""What a later opset changed: parameters of another float type, more integer types, more options."""
import numpy as np

import image

F, H, I = np.float32, np.float16, np.int32
SMALL = (np.int8, np.uint8, np.int16, np.uint16)
TOL = (1e-6, 1e-30)


def wide(x):
    return np.asarray(x, np.float64)


def cases(add):
    mixed_floats(add)
    normalizations(add)
    small_integers(add)
    indexing(add)
    scattering(add)
    images(add)


def mixed_floats(add):
    """From iOS17 the numbers of an activation may be fp32 beside fp16 data, and the other way."""
    x = np.array([[-3.5, -1, -0.25, 0], [0.5, 1, 2.75, 7]])
    for data, number in ((F, H), (H, F), (H, H)):
        v, a, b = wide(x.astype(data)), number(0.375), number(1.5)
        p, q = wide(a), wide(b)
        one = {
            "elu": np.where(v > 0, v, p * np.expm1(v)),
            "leaky_relu": np.where(v >= 0, v, p * v),
            "thresholded_relu": np.where(v >= p, v, 0),
        }
        for op, want in one.items():
            add(op, want, opset="ios17", tol=TOL, x=x.astype(data), alpha=a)
        two = {
            "clamped_relu": np.where(v >= 0, np.minimum(q, v), np.minimum(q, p * v)),
            "linear_activation": v * p + q,
            "scaled_tanh": p * np.tanh(q * v),
            "sigmoid_hard": np.minimum(np.maximum(p * v + q, 0), 1),
        }
        for op, want in two.items():
            add(op, want, opset="ios17", tol=TOL, x=x.astype(data), alpha=a, beta=b)
        slopes, scale = np.array([0.5, -2, 1.25, 0]), np.array([1, 0.5, -3, 2])
        y = x.T.copy().reshape(1, 4, 2)
        s, k, w = slopes[None, :, None], scale[None, :, None], wide(y.astype(data))
        add("prelu", np.where(w >= 0, w, s * w), opset="ios17", x=y.astype(data),
            alpha=slopes.astype(number))
        add("softplus_parametric", s * np.logaddexp(0, k * w), opset="ios17", tol=TOL,
            x=y.astype(data), alpha=slopes.astype(number), beta=scale.astype(number))

    r = np.random.default_rng(31)
    a, b = r.integers(-4, 5, (3, 5)).astype(float) / 4, r.integers(-4, 5, (5, 2)).astype(float) / 4
    for s, t in ((F, H), (H, F)):
        # The result has the type of the side that is not constant.
        add("matmul", a @ b, opset="ios17", tol=TOL, dtype="fp32" if s is F else "fp16",
            x=a.astype(s), y=b.astype(t), constant=["y"])


def normalizations(add):
    r = np.random.default_rng(32)
    x = r.standard_normal((2, 3, 4, 5)).astype(H)
    v, eps = wide(x), F(0.01)
    gamma, beta = r.standard_normal(3).astype(F), r.standard_normal(3).astype(F)
    mean, var = v.mean((2, 3), keepdims=True), v.var((2, 3), keepdims=True)
    shape = (1, 3, 1, 1)
    add("instance_norm", (v - mean) / np.sqrt(var + wide(eps)) * wide(gamma).reshape(shape) +
        wide(beta).reshape(shape), opset="ios17", tol=(1e-5, 1e-5), x=x, gamma=gamma, beta=beta,
        epsilon=eps)
    add("instance_norm", (v - mean) / np.sqrt(var + wide(F(1e-5))), opset="ios17",
        tol=(1e-4, 1e-5), x=x.astype(F), note="the default epsilon")
    g, b = r.standard_normal((4, 5)).astype(F), r.standard_normal((4, 5)).astype(F)
    add("layer_norm", (v - mean) / np.sqrt(var + wide(eps)) * wide(g) + wide(b), opset="ios17",
        tol=(1e-5, 1e-5), x=x, axes=[2, 3], gamma=g, beta=b, epsilon=eps)
    norm = np.sqrt((v ** 2).sum((1, 2, 3), keepdims=True) + wide(eps))
    add("l2_norm", v / norm, opset="ios17", tol=(1e-5, 1e-5), x=x, epsilon=eps)


def small_integers(add):
    for t in SMALL:
        x = np.arange(1, 25).reshape(2, 3, 4).astype(t)
        if np.dtype(t).kind == "i":
            x[0] -= 13
        add("reverse", x[:, :, ::-1], opset="ios17", x=x, axes=[-1])
        add("squeeze", x, opset="ios17", x=x[:, None], axes=[1])
        add("slice_by_size", x[1:2, :2, 1:], opset="ios17", x=x, begin=[1, 0, 1], size=[1, 2, -1])
        add("slice_by_size", x[1:2, :2, 1:], opset="ios17", x=x, begin=np.array([1, 0, 1], np.int8),
            size=np.array([1, 2, 3], np.int8))
        windows = np.stack([x[:, i:i + 2] for i in range(2)], 1)
        add("sliding_windows", windows, opset="ios17", x=x, axis=1, size=2)
        add("reshape_like", x.reshape(4, 6), opset="ios17", x=x,
            ref_tensors=(np.zeros((4, 1), t), np.zeros((2, 6), t)), begins=(0, 1), ends=(1, 0),
            end_masks=(False, True))
        lengths = np.array([2, 3], np.int8)
        flipped = x.copy()
        flipped[0, :2] = x[0, 1::-1]
        flipped[1] = x[1, ::-1]
        add("reverse_sequence", flipped, opset="ios17", x=x, lengths=lengths, seq_axis=1,
            batch_axis=0)
    y = np.array([[3, -1, 2], [0, 7, -7]], I)
    for op, f in (("reduce_argmin", np.argmin), ("reduce_argmax", np.argmax)):
        for name in ("int32", "uint16"):
            add(op, f(y, 1).astype(name), opset="ios17", x=y, axis=1, output_dtype=name)


def indexing(add):
    r = np.random.default_rng(33)
    for t in (F, I, *SMALL):
        x = r.integers(1, 100, (3, 4, 5)).astype(t)
        if t in (F, I):
            pick = r.integers(0, 4, (3, 6, 5))
            add("gather_along_axis", np.take_along_axis(x, pick, 1), opset="ios16", x=x,
                indices=pick.astype(np.int16), axis=1)
        for index in (np.int8, np.uint8, np.int16, np.uint16, I):
            pick = r.integers(0, 5, (3, 4, 2))
            add("gather_along_axis", np.take_along_axis(x, pick, 2), opset="ios17", x=x,
                indices=pick.astype(index), axis=-1, validate_indices=True)
            nd = r.integers(0, 3, (4, 2))
            add("gather_nd", x[nd[:, 0], nd[:, 1]], opset="ios17", x=x, indices=nd.astype(index))


def scattering(add):
    r = np.random.default_rng(34)
    data = r.integers(-9, 10, (3, 4)).astype(F)
    new = r.integers(1, 5, (2, 4)).astype(F)
    combine = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide,
               "max": np.maximum, "min": np.minimum, "update": lambda old, new: new}
    for mode, f in combine.items():
        out = data.copy()
        out[[2, 0]] = f(out[[2, 0]], new)
        for validate in (False, True):
            add("scatter", out, opset="ios17", data=data, indices=np.array([2, 0], I), updates=new,
                axis=0, mode=mode, validate_indices=validate)
        add("scatter_nd", out, opset="ios17", data=data, indices=np.array([[2], [0]], I),
            updates=new, mode=mode)
        along = data.copy()
        rows, columns = np.array([2, 0, 1, 2]), np.arange(4)
        along[rows, columns] = f(along[rows, columns], new[0])
        add("scatter_along_axis", along, opset="ios17", data=data, indices=rows[None].astype(I),
            updates=new[:1], axis=0, mode=mode)


def images(add):
    r = np.random.default_rng(35)
    x = r.standard_normal((2, 3, 6, 5)).astype(F)
    # Boxes beyond the image see pad_value, which came with iOS16.
    y, at = np.linspace(-1, 6.5, 4), np.linspace(1, 5.5, 3)
    want = image.crop(x[1], y, at, 4)[None, None]
    roi = np.array([1, -1, 1, 6.5, 5.5], F).reshape(1, 1, 5, 1, 1)
    add("crop_resize", want, opset="ios16", tol=image.TOL, x=x, roi=roi, target_height=4,
        target_width=3, sampling_mode="STRICT_ALIGN_CORNERS", pad_value=F(4))

    grid = np.array([[[[1, 0], [3, 4]], [[-2, 1], [4, 5]]]] * 2, I)
    for mode in ("bilinear", "nearest"):
        args = (mode, "constant", 2.5, "unnormalized", True)
        add("resample", image.sample(x, grid, *args), opset="ios16", tol=(1e-5, 1e-5), x=x,
            coordinates=grid, sampling_mode=mode, padding_mode="constant", padding_value=F(2.5),
            coordinates_mode="unnormalized", align_corners=True, note="integer coordinates")

    data = r.standard_normal((2, 7, 3)).astype(H)
    v, size = wide(data), 3
    alpha, beta, k = F(0.25), F(0.5), F(2)
    squares = np.pad(v ** 2, ((0, 0), (1, 1), (0, 0)))
    total = sum(squares[:, i:i + 7] for i in range(size))
    add("local_response_norm", v / (wide(k) + wide(alpha) * total / size) ** wide(beta),
        opset="ios17", tol=(1e-5, 1e-6), x=data, size=size, alpha=alpha, beta=beta, k=k)
