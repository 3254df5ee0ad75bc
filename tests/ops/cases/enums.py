"""Every value of every attribute that is a text, as far as the other cases do not have it."""
import itertools

import convolution
import image
import numpy as np
import pooling
import recurrent

F, H, I = np.float32, np.float16, np.int32


def wide(x):
    return np.asarray(x, np.float64)


ACTIVATIONS = {**recurrent.ACT, "sigmoid_hard": recurrent.ACT["hard_sigmoid"]}


def cases(add):
    rng = np.random.default_rng(81)
    r = lambda *shape: (rng.standard_normal(shape) / 2).astype(F)
    recurrences(add, r)
    images(add, rng, r)
    windows(add, r)


def recurrences(add, r):
    tol = recurrent.TOL
    x, h, c = r(3, 2, 2), r(2, 3), r(2, 3)
    wi, wh = r(12, 2), r(12, 3)
    for name, f in ACTIVATIONS.items():
        for place in range(3):
            names = ["sigmoid", "tanh", "tanh"]
            names[place] = name
            acts = [ACTIVATIONS[n] for n in names]
            _, hn, cn = recurrent.lstm_pass(wide(x), wide(h), wide(c), wide(wi), wide(wh), 0,
                                            np.zeros(9), *acts, np.inf)
            add("lstm", [hn[None], hn, cn], tol=tol, x=x, initial_h=h, initial_c=c, weight_ih=wi,
                weight_hh=wh, direction="forward", recurrent_activation=names[0],
                cell_activation=names[1], activation=names[2])
        for place in range(2):
            names = ["sigmoid", "tanh"]
            names[place] = name
            acts = [ACTIVATIONS[n] for n in names]
            _, last = recurrent.gru_pass(wide(x), wide(h), wide(wi[:9]), wide(wh[:9]), np.zeros(9),
                                         np.zeros(9), *acts, False)
            add("gru", [last[None], last], tol=tol, x=x, initial_h=h, weight_ih=wi[:9],
                weight_hh=wh[:9], direction="forward", recurrent_activation=names[0],
                activation=names[1])
        state = wide(h)
        for row in wide(x):
            state = f(row @ wide(wi[:3]).T + state @ wide(wh[:3]).T)
        add("rnn", [state[None], state], tol=tol, x=x, initial_h=h, weight_ih=wi[:3],
            weight_hh=wh[:3], direction="forward", activation=name)


def images(add, rng, r):
    x = r(2, 1, 5, 3)
    at = (rng.random((2, 2, 4, 2)) * 3 - 1).astype(F)
    for mode, padding, kind, align in itertools.product(
            ("bilinear", "nearest"), ("constant", "border", "reflection", "symmetric"),
            ("unnormalized", "normalized_zero_to_one"), (True, False)):
        points = at if kind != "unnormalized" else at * 3
        args = (mode, padding, 1.5, kind, align)
        add("resample", image.sample(x, points, *args), tol=(1e-4, 1e-5), x=x, coordinates=points,
            sampling_mode=mode, padding_mode=padding, padding_value=F(1.5), coordinates_mode=kind,
            align_corners=align)
    same = np.array([[1, 0, 0, 0, 1, 0], [-1, 0, 1, 0, -1, 1]], F)
    add("affine", np.stack([x[0], x[1, :, ::-1, ::-1]]), tol=image.TOL, x=x, transform_matrix=same,
        output_height=5, output_width=3, sampling_mode="bilinear", padding_mode="constant",
        padding_value=F(0), coordinates_mode="normalized_zero_to_one", align_corners=True)
    matrix = np.array([[0.8, 0.3, 0.25, -0.4, 1.3, -0.5]] * 2, F)
    gx, gy = np.meshgrid(np.linspace(-1, 1, 4), np.linspace(-1, 1, 6))
    points = np.stack([gx, gy, np.ones_like(gx)], -1) @ wide(matrix[0]).reshape(2, 3).T
    for mode, padding in itertools.product(("bilinear", "nearest"),
                                           ("constant", "border", "reflection", "symmetric")):
        args = (mode, padding, 1.5, "normalized_minus_one_to_one", True)
        add("affine", image.sample(x, np.stack([points] * 2), *args), tol=(1e-4, 1e-5), x=x,
            transform_matrix=matrix, output_height=6, output_width=4, sampling_mode=mode,
            padding_mode=padding, padding_value=F(1.5),
            coordinates_mode="normalized_minus_one_to_one", align_corners=True)
    for interpolation in ("LINEAR", "NEAREST_NEIGHBOR"):
        want = image.linear(x, (10, 3), "UNALIGN_CORNERS") if interpolation == "LINEAR" else \
            x.repeat(2, 2)
        add("resize", want, opset="ios17", tol=image.TOL, x=x, shape=np.array([10, 3], I),
            resized_dims=np.uint32(2), interpolation_mode=interpolation,
            sampling_mode="UNALIGN_CORNERS")
    y0, x0, y1, x1 = 1.0, 0.0, 3.0, 2.0
    want = image.crop(x[0], np.linspace(y0, y1, 4), np.linspace(x0, x1, 2), None)[None]
    forms = {"CORNERS_HEIGHT_FIRST": [y0, x0, y1, x1], "CORNERS_WIDTH_FIRST": [x0, y0, x1, y1],
             "CENTER_SIZE_HEIGHT_FIRST": [2.0, 1.0, 2.0, 2.0],
             "CENTER_SIZE_WIDTH_FIRST": [1.0, 2.0, 2.0, 2.0]}
    for form, box in forms.items():
        add("crop_resize", want, opset="ios17", tol=image.TOL, x=x[:1], boxes=np.array([box], F),
            box_indices=np.array([0], I), target_height=4, target_width=2, box_coordinate_mode=form,
            sampling_mode="STRICT_ALIGN_CORNERS")


def windows(add, r):
    x, w = r(1, 2, 5), r(3, 2, 2)
    add("conv", convolution.conv(x, w), tol=convolution.TOL, x=x, weight=w, pad_type="valid")
    v = r(2, 3, 2)
    add("conv_transpose", convolution.transposed(x, v, None, [1], [1], 1, [(0, 0)]),
        tol=convolution.TOL, x=x, weight=v, pad_type="valid", constant=["weight"])
    q = np.arange(12).reshape(3, 2, 2).astype(np.uint8)
    dense = q.astype(float) * 0.5 - 1
    for kind in ("valid", "same", "same_lower", "custom"):
        pads = {"same": [(0, 1)], "same_lower": [(1, 0)], "custom": [(2, 1)]}.get(kind)
        add("conv_quantized", convolution.conv(x, dense, None, None, pads), tol=convolution.TOL,
            opset="ios16", x=x, weight=q, quantization_type="linear", quant_scale=F(0.5),
            quant_bias=F(-1), pad_type=kind, pad=[2, 1] if kind == "custom" else None)
