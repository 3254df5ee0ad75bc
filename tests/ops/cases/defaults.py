"""Calls that leave parameters out which the other cases give; what is left out has its default."""
import image
import numpy as np
import recurrent

F, I = np.float32, np.int32


def wide(x):
    return np.asarray(x, np.float64)


def cases(add):
    rng = np.random.default_rng(41)
    r = lambda *shape: (rng.standard_normal(shape) / 2).astype(F)

    x, h, c = r(4, 2, 3), r(2, 5), r(2, 5)
    wi, wh = r(20, 3), r(20, 5)
    act = recurrent.ACT
    _, hn, cn = recurrent.lstm_pass(wide(x), wide(h), wide(c), wide(wi), wide(wh), 0, np.zeros(15),
                                    act["sigmoid"], act["tanh"], act["tanh"], np.inf)
    for opset in ("ios15", "ios17"):
        add("lstm", [hn[None], hn, cn], opset=opset, tol=recurrent.TOL, x=x, initial_h=h,
            initial_c=c, weight_ih=wi, weight_hh=wh)
    gi, gh = wi[:15], wh[:15]
    _, last = recurrent.gru_pass(wide(x), wide(h), wide(gi), wide(gh), np.zeros(15), np.zeros(15),
                                 act["sigmoid"], act["tanh"], False)
    for opset in ("ios15", "ios17", "ios18"):
        add("gru", [last[None], last], opset=opset, tol=recurrent.TOL, x=x, initial_h=h,
            weight_ih=gi, weight_hh=gh)
    ri, rh, state = wide(wi[:5]), wide(wh[:5]), wide(h)
    for row in wide(x):
        state = np.tanh(row @ ri.T + state @ rh.T)
    for opset in ("ios15", "ios17"):
        add("rnn", [state[None], state], opset=opset, tol=recurrent.TOL, x=x, initial_h=h,
            weight_ih=wi[:5], weight_hh=wh[:5])

    y = r(3, 4, 5)
    flipped = y.copy()
    for b, n in enumerate([3, 0, 2, 1]):
        flipped[:n, b] = y[:n, b][::-1]
    add("reverse_sequence", flipped, x=y, lengths=np.array([3, 0, 2, 1], I), batch_axis=1)
    flipped = y.copy()
    for b, n in enumerate([4, 2, 3]):
        flipped[b, :n] = y[b, :n][::-1]
    add("reverse_sequence", flipped, x=y, lengths=np.array([4, 2, 3], I), seq_axis=1)

    pick = rng.integers(0, 3, (2, 4, 5))
    for opset in ("ios15", "ios16", "ios17"):
        add("gather_along_axis", np.take_along_axis(y, pick, 0), opset=opset, x=y,
            indices=pick.astype(I))
        add("gather", y[[2, 0]], opset=opset, x=y, indices=np.array([2, 0], I))
    pick = np.array([[[2]], [[0]]], I) * np.ones((1, 4, 5), I)
    new = r(2, 4, 5)
    out = y.copy()
    out[[2, 0]] += new
    for opset in ("ios15", "ios17"):
        add("scatter_along_axis", out, opset=opset, tol=(1e-6, 1e-7), data=y, indices=pick,
            updates=new)
        add("scatter", out, opset=opset, tol=(1e-6, 1e-7), data=y, indices=np.array([2, 0], I),
            updates=new)
        add("scatter_nd", out, opset=opset, tol=(1e-6, 1e-7), data=y,
            indices=np.array([[2], [0]], I), updates=new)

    for op, f in (("reduce_argmax", np.argmax), ("reduce_argmin", np.argmin)):
        add(op, f(y, 2).astype(I), opset="ios17", x=y)
    order = np.argsort(-y, axis=-1, kind="stable")[..., :1]
    for opset in ("ios15", "ios16", "ios17"):
        add("topk", [np.take_along_axis(y, order, -1), order.astype(I)], opset=opset, x=y)

    z = np.array([[-np.inf, 0, -np.inf], [0, -np.inf, -np.inf]], F)
    add("random_categorical", np.array([[1], [0]], float), x=z, seed=3)

    photo = r(1, 2, 4, 3)
    for opset in ("ios15", "ios16"):
        add("upsample_bilinear", image.linear(photo, (8, 3), "STRICT_ALIGN_CORNERS"), opset=opset,
            tol=image.TOL, x=photo, scale_factor_height=2)
        add("upsample_nearest_neighbor", photo.repeat(2, 3), opset=opset, x=photo,
            scale_factor_width=2)
    # One point in a corner: the DEFAULT mode starts at 0.
    add("resize_bilinear", photo[:, :, :1, :1], x=photo)
    roi = np.array([0, 1, 1, 2, 2], F).reshape(1, 1, 5, 1, 1)
    for opset in ("ios15", "ios16"):
        add("crop_resize", photo[None, :, :, 1:2, 1:2], opset=opset, x=photo, roi=roi)
    add("crop_resize", photo[:, :, 1:2, 1:2], opset="ios17", x=photo,
        boxes=np.array([[1, 1, 2, 2]], F))
