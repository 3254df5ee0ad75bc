#!/usr/bin/env python3
"""Makes resized.inc: pictures resized by the definition in docs/images.md, in float64.

Usage: make_resized.py > resized.inc   (needs numpy; with Pillow it also says how far Pillow is)

Every pixel of the result is a sum over all pixels of the picture, rows and columns at once, with
weights straight from the definition: nothing of how the library goes about it is repeated here.
"""
import sys

import numpy as np


def kernel(x):
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def weights(count, begin, end, size):
    """[count, size]: how much each input pixel counts for each output pixel."""
    step = (end - begin) / count
    middle = begin + (np.arange(count) + 0.5) * step
    distance = (np.arange(size)[None] + 0.5 - middle[:, None]) / max(step, 1)
    out = kernel(distance)
    return out / out.sum(axis=1, keepdims=True)


def resample(picture, box, width, height):
    left, top, right, bottom = box
    across = weights(width, left, right, picture.shape[1])
    down = weights(height, top, bottom, picture.shape[0])
    out = np.einsum("yr,xc,rck->yxk", down, across, picture.astype(np.float64), optimize=True)
    return np.clip(np.rint(out), 0, 255).astype(np.uint8)


def fill(picture, width, height):
    return resample(picture, (0, 0, picture.shape[1], picture.shape[0]), width, height)


def crop_box(picture, width, height):
    h, w = picture.shape[:2]
    factor = min(w / width, h / height)
    return (w - factor * width) / 2, (h - factor * height) / 2, (w + factor * width) / 2, (h + factor * height) / 2


def crop(picture, width, height):
    return resample(picture, crop_box(picture, width, height), width, height)


def fit(picture, width, height):
    h, w = picture.shape[:2]
    factor = min(width / w, height / h)
    inner = fill(picture, max(1, round(w * factor)), max(1, round(h * factor)))
    out = np.zeros((height, width, picture.shape[2]), np.uint8)
    y, x = (height - inner.shape[0]) // 2, (width - inner.shape[1]) // 2
    out[y:y + inner.shape[0], x:x + inner.shape[1]] = inner
    return out


def compare_with_pillow(picture, name, result, box):
    try:
        from PIL import Image
    except ImportError:
        return
    size = result.shape[1], result.shape[0]
    theirs = np.asarray(Image.fromarray(picture).resize(size, Image.BICUBIC, box=box))
    furthest = np.abs(theirs.astype(int) - result.astype(int)).max()
    print(f"{name}: Pillow differs by at most {furthest}", file=sys.stderr)


def emit(name, data):
    body = ", ".join(str(b) for b in data.tobytes())
    print(f"inline constexpr unsigned char {name}[] = {{{body}}};")


def main():
    print("// Made by make_resized.py; not edited by hand.")
    print("// clang-format off")
    noise = np.random.default_rng(11).integers(0, 256, (17, 23, 3), dtype=np.uint8)
    emit("noise_23x17", noise)
    whole = 0, 0, 23, 17
    for mode, width, height in ((fill, 7, 5), (fill, 40, 31), (fill, 50, 6), (fill, 1, 1), (crop, 10, 10),
                                (crop, 31, 8), (crop, 5, 13), (fit, 16, 16), (fit, 40, 11), (fit, 3, 30)):
        name = f"{mode.__name__}_{width}x{height}"
        result = mode(noise, width, height)
        emit(name, result)
        if mode is not fit:
            compare_with_pillow(noise, name, result, whole if mode is fill else crop_box(noise, width, height))
    print("// clang-format on")


main()
