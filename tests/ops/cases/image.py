"""Resizing and sampling of images, from the formulas of MIL's documentation."""
import numpy as np
from scipy import ndimage

F = np.float32
TOL = (2e-6, 2e-6)


def points(mode, n_in, n_out):
    i = np.arange(n_out)
    if mode == "STRICT_ALIGN_CORNERS" or (mode == "ALIGN_CORNERS" and n_out > 1):
        at = i * ((n_in - 1) / max(n_out - 1, 1))
    elif mode == "ALIGN_CORNERS":
        at = np.array([(n_in - 1) / 2])
    elif mode == "DEFAULT":
        at = i * (n_in / n_out)
    elif mode == "OFFSET_CORNERS":
        delta = max(1, n_in - 1) / n_out
        at = 0.5 * delta + i * delta
    else:
        spacing = n_in / n_out
        at = i * spacing + 0.5 * spacing - 0.5
    return np.clip(at, 0, n_in - 1)


def weights(at, n):
    """Rows of linear interpolation weights."""
    out = np.zeros((len(at), n))
    for row, a in zip(out, at):
        lo = min(int(np.floor(a)), n - 1)
        row[lo] += 1 - (a - lo)
        if a > lo:
            row[lo + 1] += a - lo
    return out


def linear(x, sizes, mode):
    out = x.astype(float)
    for k, size in enumerate(sizes):
        axis = x.ndim - len(sizes) + k
        m = weights(points(mode, x.shape[axis], size), x.shape[axis])
        out = np.moveaxis(np.tensordot(m, out, ([1], [axis])), 0, axis)
    return out


def nearest(x, sizes, at=lambda i, n_in, n_out: ((2 * i + 1) * n_in) // (2 * n_out)):
    for k, size in enumerate(sizes):
        axis = x.ndim - len(sizes) + k
        x = np.take(x, at(np.arange(size), x.shape[axis], size), axis)
    return x


def crop(image, ys, xs, pad):
    """Bilinear at the points of a grid; `pad` outside, or the border where it is None."""
    at = np.meshgrid(ys, xs, indexing="ij")
    h, w = image.shape[-2:]
    out = np.stack([ndimage.map_coordinates(p.astype(float), at, order=1, mode="nearest")
                    for p in image])
    if pad is not None:
        outside = (at[0] < 0) | (at[0] > h - 1) | (at[1] < 0) | (at[1] > w - 1)
        out[:, outside] = pad
    return out


def cases(add):
    rng = np.random.default_rng(15)
    r = lambda *shape: rng.standard_normal(shape).astype(F)
    modes = ["DEFAULT", "STRICT_ALIGN_CORNERS", "ALIGN_CORNERS", "OFFSET_CORNERS",
             "UNALIGN_CORNERS"]
    two = np.array([0, 1], F).reshape(1, 1, 2)
    x = r(1, 2, 5, 7)

    # The grid points of the documentation.
    doc = {("UNALIGN_CORNERS", 5): [0, .1, .5, .9, 1], ("STRICT_ALIGN_CORNERS", 5): [0, .25, .5, .75, 1],
           ("DEFAULT", 5): [0, .4, .8, 1, 1], ("OFFSET_CORNERS", 5): [.1, .3, .5, .7, .9],
           ("DEFAULT", 6): [0, 1 / 3, 2 / 3, 1, 1, 1], ("ALIGN_CORNERS", 1): [.5],
           ("STRICT_ALIGN_CORNERS", 1): [0]}
    for (mode, n), want in doc.items():
        add("resize_bilinear", np.array(want, float).reshape(1, 1, n), tol=TOL, x=two,
            target_size_height=1, target_size_width=n, sampling_mode=mode)
    for mode in modes:
        add("resize_bilinear", linear(x, (11, 4), mode), tol=TOL, x=x, target_size_height=11,
            target_size_width=4, sampling_mode=mode)
        add("resize", linear(x, (8, 3, 13), mode), tol=TOL, opset="ios17", x=x,
            shape=np.array([8, 3, 13], np.int32), resized_dims=np.uint32(3), sampling_mode=mode)
    add("resize_bilinear", linear(x, (1, 1), "DEFAULT"), tol=TOL, x=x, note="the default is 1 x 1")
    add("resize_bilinear", np.zeros((0, 2, 2), F), x=r(0, 3, 3), target_size_height=2,
        target_size_width=2)
    inf = np.array([np.inf, 1, 2], F).reshape(1, 1, 3)
    add("resize_bilinear", inf, x=inf, target_size_height=1, target_size_width=3,
        note="an infinity beside a point does not matter")
    add("resize_bilinear", x=two[0], error="expected at least 3 dimensions")
    add("resize_bilinear", x=two, target_size_height=0, error="found 0, expected at least 1")
    add("resize_bilinear", x=two, sampling_mode="CENTER", error="found 'CENTER', expected")
    add("resize_bilinear", x=r(1, 0, 3), target_size_height=2, error="nothing to resize")

    for sizes in [(2, 3), (5, 7), (11, 15), (1, 1)]:
        add("resize_nearest_neighbor", nearest(x, sizes), x=x, target_size_height=sizes[0],
            target_size_width=sizes[1])
    y = r(1, 1, 2, 1)
    add("resize", nearest(y, (3, 2)), opset="ios17", x=y, shape=np.array([1, 1, 3, 2], np.int32),
        resized_dims=np.uint32(2), interpolation_mode="NEAREST_NEIGHBOR", sampling_mode="DEFAULT")
    add("resize", linear(x, (5, 9), "DEFAULT"), tol=TOL, opset="ios17", x=x,
        shape=np.array([1, 0, 9], np.int16), resized_dims=np.uint32(2), note="0 keeps")
    ints = np.array([[[2**24 + 1, 5]]], np.int32)
    add("resize", np.repeat(ints, 2, 2), opset="ios17", x=ints, shape=np.array([4], np.int32),
        resized_dims=np.uint32(1), interpolation_mode="NEAREST_NEIGHBOR")
    bad = dict(opset="ios17", x=x, shape=np.array([2, 2], np.int32))
    add("resize", **bad, resized_dims=np.uint32(3), error="found 3 for 4 dimensions")
    add("resize", **bad, resized_dims=np.uint32(2), interpolation_mode="CUBIC",
        error="found 'CUBIC'")
    add("resize", **{**bad, "shape": np.array([2, -2], np.int32)}, resized_dims=np.uint32(2),
        error="found -2")

    for fh, fw in [(2, 3), (F(2.5), F(1.5)), (F(0.5), F(0.75))]:
        sizes = int(np.floor(5 * float(fh))), int(np.floor(7 * float(fw)))
        kw = dict(x=x, scale_factor_height=fh, scale_factor_width=fw)
        add("upsample_bilinear", linear(x, sizes, "STRICT_ALIGN_CORNERS"), tol=TOL, **kw)
        add("upsample_bilinear", linear(x, sizes, "UNALIGN_CORNERS"), tol=TOL, **kw,
            align_corners=False)
        add("upsample_bilinear", linear(x, sizes, "DEFAULT"), tol=TOL, **kw, opset="ios16",
            align_corners=False, half_pixel_centers=False)
        add("upsample_nearest_neighbor", nearest(x, sizes, lambda i, a, b: i * a // b), **kw)
    add("upsample_bilinear", np.array([0, .1, .5, .9, 1]).reshape(1, 1, 5), tol=TOL, x=two,
        scale_factor_width=F(2.6), align_corners=False)
    add("upsample_nearest_neighbor", x, x=x)
    add("upsample_nearest_neighbor", x=x, scale_factor_width=0, error="a factor above 0")
    add("upsample_bilinear", x=x, half_pixel_centers=True, error="in opset iOS15")

    add("crop", x[:, :, 1:3, 0:5], x=x, crop_height=[1, 2], crop_width=[0, 2])
    add("crop", x[:, :, 5:, :], x=x, crop_height=[5, 0], crop_width=[0, 0], note="nothing left")
    add("crop", x=x, crop_height=[3, 3], crop_width=[0, 0], error="off a dimension of 5")
    add("crop", x=x, crop_height=[-1, 0], crop_width=[0, 0], error="amounts of at least 0")
    add("crop", x=x, crop_height=[1], crop_width=[0, 0], error="has 1 values, expected 2")

    crop_resize_cases(add, r)
    resample_cases(add, r)


def crop_resize_cases(add, r):
    image = np.arange(1, 17, dtype=F).reshape(1, 1, 4, 4)
    roi = lambda *v: np.array(v, F).reshape(1, 1, len(v), 1, 1)
    base = dict(x=image, target_height=2, target_width=2, box_coordinate_mode="CORNERS_HEIGHT_FIRST",
                sampling_mode="ALIGN_CORNERS")
    # Values that coremltools' own tests state.
    add("crop_resize", np.array([6, 7, 10, 11], F).reshape(1, 1, 1, 2, 2), roi=roi(1, 1, 2, 2), **base)
    add("crop_resize", np.array([11, 10, 7, 6], F).reshape(1, 1, 1, 2, 2), roi=roi(2, 2, 1, 1),
        note="inverted", **base)
    add("crop_resize", np.array([8.5], F).reshape(1, 1, 1, 1, 1), roi=roi(1, 1, 2, 2),
        **{**base, "target_height": 1, "target_width": 1})
    add("crop_resize", np.array([1, 2, 5, 6], F).reshape(1, 1, 1, 2, 2), tol=TOL,
        roi=roi(0, 0, 0, 1 / 3, 1 / 3), normalized_coordinates=True, **base)
    add("crop_resize", np.array([3.5, 5.5, 11.5, 13.5], F).reshape(1, 1, 1, 2, 2),
        roi=roi(2, 2, 1, 1), normalized_coordinates=True,
        **{**base, "sampling_mode": "UNALIGN_CORNERS"})
    boxes = np.array([[.1, .3, 1.3, 1.], [.5, 1.8, 1., .3], [0, .4, .6, .7]], F)
    add("crop_resize",
        np.array([3.1, 5.2, 10, 10, 10, 7.9, 10, 13.9, 2.2, 3.1, 9.4, 10.3], F).reshape(3, 1, 2, 2),
        tol=(1e-5, 1e-5), opset="ios17", boxes=boxes, box_indices=np.zeros(3, np.int32),
        normalized_coordinates=True, pad_value=F(10), **base)
    # From the formulas: grids between the corners of a box.
    x = r(2, 2, 6, 5)
    y0, x0, y1, x1 = 1.0, 0.5, 4.0, 3.5
    grids = {"STRICT_ALIGN_CORNERS": lambda a, b, n: np.linspace(a, b, n),
             "DEFAULT": lambda a, b, n: np.minimum(a + np.arange(n) * (b - a + 1) / n, b),
             "OFFSET_CORNERS": lambda a, b, n: a + (np.arange(n) + .5) * (b - a) / n,
             "UNALIGN_CORNERS": lambda a, b, n: np.clip(a + (np.arange(n) + .5) * (b - a + 1) / n - .5,
                                                        a, b)}
    for mode, grid in grids.items():
        want = np.stack([crop(i, grid(y0, y1, 3), grid(x0, x1, 5), None) for i in x])[None]
        add("crop_resize", want, tol=TOL, x=x, roi=roi(y0, x0, y1, x1), target_height=3,
            target_width=5, sampling_mode=mode)
    want = crop(x[1], grids["DEFAULT"](y0, y1, 3), grids["DEFAULT"](x0, x1, 5), None)[None, None]
    add("crop_resize", want, tol=TOL, x=x, roi=roi(1, y0 * 2, x0 * 2, y1 * 2, x1 * 2),
        spatial_scale=F(.5), target_height=3, target_width=5, note="of image 1")
    want = crop(x[1], np.linspace(1, 6, 3), np.linspace(-.5, 3, 3), 0)[None]
    for mode, box in [("CORNERS_WIDTH_FIRST", [-.5, 1, 3, 6]),
                      ("CENTER_SIZE_HEIGHT_FIRST", [3.5, 1.25, 5, 3.5]),
                      ("CENTER_SIZE_WIDTH_FIRST", [1.25, 3.5, 3.5, 5])]:
        add("crop_resize", want, tol=TOL, opset="ios17", x=x, boxes=np.array([box], F),
            box_indices=np.array([1], np.uint16), target_height=3, target_width=3,
            box_coordinate_mode=mode, sampling_mode="STRICT_ALIGN_CORNERS")
    add("crop_resize", np.zeros((0, 2, 2, 2), F), opset="ios17", x=x, boxes=np.zeros((0, 4), F),
        target_height=2, target_width=2)
    bad = dict(opset="ios17", x=x, boxes=np.zeros((1, 4), F))
    add("crop_resize", **bad, box_indices=np.array([2], np.int32), error="outside a batch of 2")
    add("crop_resize", **bad, box_coordinate_mode="ANY", error="found 'ANY'")
    add("crop_resize", opset="ios17", x=x, boxes=np.zeros((1, 5), F), error="expected 4")
    add("crop_resize", opset="ios17", x=x, boxes=np.zeros((3, 4), F), error="outside a batch of 2")
    add("crop_resize", x=x, boxes=np.zeros((1, 4), F), error="in opset iOS15")
    add("crop_resize", opset="ios17", x=x, roi=roi(0, 0, 0, 0), error="no parameter 'roi'")
    add("crop_resize", x=x, roi=roi(0, 0, 1), error="expected 4")
    add("crop_resize", x=x[0], roi=roi(0, 0, 1, 1), error="expected 4 dimensions")


def fold(at, n, padding):
    """Coordinate of a point in an image that is continued by mirrors or its border."""
    if padding == "border":
        return np.clip(at, 0, n - 1)
    low, span = (0, n - 1) if padding == "reflection" else (-.5, n)
    at = (at - low) % (2 * span) if span else np.zeros_like(at)
    return np.clip(low + np.minimum(at, 2 * span - at), 0, n - 1)


def sample(x, coordinates, mode, padding, value, kind, align):
    h, w = x.shape[-2:]
    def unit(c, n):
        if kind == "unnormalized":
            return c
        c = (c + 1) / 2 if kind == "normalized_minus_one_to_one" else c
        return c * (n - 1) if align else c * n - .5
    out = np.zeros(x.shape[:2] + coordinates.shape[1:3])
    for b in range(x.shape[0]):
        cx, cy = unit(coordinates[b, ..., 0].astype(float), w), unit(coordinates[b, ..., 1].astype(float), h)
        if padding != "constant":
            cx, cy = fold(cx, w, padding), fold(cy, h, padding)
        for c in range(x.shape[1]):
            # A wide frame of the padding value makes the outside an ordinary place.
            frame = np.pad(x[b, c].astype(float), 2, constant_values=value)
            if mode == "nearest":
                yy, xx = np.rint(cy), np.rint(cx)
            else:
                yy, xx = cy, cx
            out[b, c] = ndimage.map_coordinates(frame, [np.clip(yy, -2, h + 1) + 2,
                                                        np.clip(xx, -2, w + 1) + 2], order=1)
    return out


def resample_cases(add, r):
    rng = np.random.default_rng(16)
    x = np.array([11, 22, 33, 44], F).reshape(1, 1, 2, 2)
    at = np.array([-1, -2, -3.7, -1, 0, 0, 3.5, 1.2], F).reshape(1, 2, 2, 2)
    # Values that coremltools' own tests state.
    for want, args in [
            ([8.585, 6.17, 27.5, 6.17], ("bilinear", "constant", 6.17, "normalized_minus_one_to_one", True)),
            ([11, 11, 11, 44], ("nearest", "border", -1, "unnormalized", False)),
            ([22, 36.3, 11, 34.1], ("bilinear", "reflection", -1, "normalized_zero_to_one", True)),
            ([22, 33, 11, 33], ("nearest", "symmetric", -1, "normalized_zero_to_one", False))]:
        names = ("sampling_mode", "padding_mode", "padding_value", "coordinates_mode", "align_corners")
        kw = dict(zip(names, args))
        kw["padding_value"] = F(kw["padding_value"])
        add("resample", np.array(want, float).reshape(1, 1, 2, 2), tol=(1e-6, 1e-5), x=x, coordinates=at,
            **kw)
    y = r(2, 1, 5, 4)
    at = (rng.random((2, 3, 6, 2)) * 4 - 2).astype(F)
    for mode in ("bilinear", "nearest"):
        for padding in ("constant", "border", "reflection", "symmetric"):
            for align in (True, False):
                args = (mode, padding, 2.5, "normalized_minus_one_to_one", align)
                add("resample", sample(y, at, *args), tol=(1e-5, 1e-5), x=y, coordinates=at,
                    sampling_mode=mode, padding_mode=padding, padding_value=F(2.5),
                    coordinates_mode=args[3], align_corners=align)
    kw = dict(sampling_mode="bilinear", padding_mode="constant", padding_value=F(7),
              coordinates_mode="unnormalized", align_corners=True)
    odd = np.array([np.nan, 0, np.inf, 0, 1e30, -1e30, 1, 1], F).reshape(1, 2, 2, 2)
    add("resample", np.array([7, 7, 7, 44], F).reshape(1, 1, 2, 2), x=x, coordinates=odd, **kw,
        note="points that are not numbers lie outside")
    odd[:] = np.array([np.nan, 0, np.inf, 0, -np.inf, np.inf, 1, 1]).reshape(odd.shape)
    add("resample", np.array([11, 22, 33, 44], F).reshape(1, 1, 2, 2), x=x, coordinates=odd,
        **{**kw, "padding_mode": "border"}, note="border")
    grid = np.array([[[[1, 0]]]], np.int8)
    add("resample", np.array([[[[22]]]], F), opset="ios17", x=x, coordinates=grid, **kw)
    add("resample", x=x, coordinates=grid, error="expected one of the element types", **kw)
    add("resample", x=x, coordinates=np.zeros((2, 1, 1, 2), F), error="expected 1 in dimension 0", **kw)
    add("resample", x=x, coordinates=np.zeros((1, 1, 1, 3), F), error="expected 2 in dimension 3", **kw)
    add("resample", x=x, coordinates=odd, error="found 'wrap'", **{**kw, "padding_mode": "wrap"})
    add("resample", x=x[0], coordinates=odd, error="expected 4 dimensions", **kw)

    # affine: values that coremltools' own tests state
    matrix = np.array([[-1, -2, -3.7, -1, 3.5, 1.2]], F)
    kw = dict(sampling_mode="bilinear", padding_mode="constant", padding_value=F(0),
              coordinates_mode="normalized_minus_one_to_one", align_corners=True)
    add("affine", np.array([10.7525, 2.5025, 0, 1.98, 0, 0, 0, 0, 0]).reshape(1, 1, 3, 3),
        tol=(1e-5, 1e-5), x=x, transform_matrix=matrix, output_height=3, output_width=3, **kw)
    add("affine", np.array([10.7525, 5.94, 2.5025, .44, 0, 0, 0, 0, 0, 0]).reshape(1, 1, 2, 5),
        tol=(1e-5, 1e-5), x=x, transform_matrix=matrix, output_height=2, output_width=5, **kw)
    same = np.array([[1, 0, 0, 0, 1, 0], [-1, 0, 0, 0, -1, 0]], F)
    add("affine", np.stack([y[0], y[1, :, ::-1, ::-1]]), tol=TOL, x=y, transform_matrix=same,
        output_height=5, output_width=4, note="one matrix an image", **kw)
    add("affine", x=y, transform_matrix=np.zeros((3, 6), F), output_height=1, output_width=1,
        error="expected 2 in dimension 0", **kw)
    add("affine", x=y, transform_matrix=same, output_height=0, output_width=1,
        error="at least 1", **kw)
    add("affine", x=y, transform_matrix=same, output_height=1, output_width=1,
        error="expected normalized coordinates", **{**kw, "coordinates_mode": "unnormalized"})
