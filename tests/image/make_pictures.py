#!/usr/bin/env python3
"""Makes pictures.inc: small picture files written by Pillow, with the pixels that Pillow reads.

Usage: make_pictures.py > pictures.inc   (needs pillow and numpy)
"""
import io

import numpy as np
from PIL import Image


def encode(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def emit(name, data):
    body = ", ".join(f"{b}" for b in bytes(data))
    print(f"inline constexpr unsigned char {name}[] = {{{body}}};")


def main():
    print("// Made by make_pictures.py; not edited by hand.")
    print("// clang-format off")
    rng = np.random.default_rng(7)
    rgb = rng.integers(0, 256, (3, 4, 3), dtype=np.uint8)
    emit("rgb_png", encode(Image.fromarray(rgb), "PNG"))
    emit("rgb_pixels", rgb.tobytes())
    emit("rgb_as_gray", np.rint(rgb @ np.array([0.299, 0.587, 0.114])).astype(np.uint8).tobytes())

    gray = rng.integers(0, 256, (3, 4), dtype=np.uint8)
    emit("gray_png", encode(Image.fromarray(gray), "PNG"))
    emit("gray_pixels", gray.tobytes())

    # Alpha 0 and 255 only: what is transparent has to be white, whatever colour lies under it.
    alpha = np.where(rng.random((3, 4)) < 0.5, 0, 255).astype(np.uint8)
    emit("rgba_png", encode(Image.fromarray(np.dstack([rgb, alpha])), "PNG"))
    emit("rgba_over_white", np.where(alpha[..., None] == 0, 255, rgb).astype(np.uint8).tobytes())

    # Orientation 6: the stored picture has to be turned right by 90 degrees to be upright.
    flat = np.zeros((8, 16, 3), dtype=np.uint8)
    flat[:, :8] = (255, 0, 0)
    flat[:, 8:] = (0, 0, 255)
    exif = Image.Exif()
    exif[0x0112] = 6
    emit("turned_jpeg", encode(Image.fromarray(flat), "JPEG", quality=100, subsampling=0, exif=exif))

    sixteen = (np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000)
    emit("gray16_png", encode(Image.fromarray(sixteen), "PNG"))
    emit("gray16_high_bytes", (sixteen >> 8).astype(np.uint8).tobytes())

    # A smooth picture: resized by Pillow's bicubic filter, which also widens when it shrinks.
    y, x = np.mgrid[0:48, 0:64]
    smooth = np.stack([127 + 120 * np.sin(x / 9), 127 + 120 * np.cos(y / 7), (x + y) * 2.2], -1)
    smooth = Image.fromarray(np.clip(np.rint(smooth), 0, 255).astype(np.uint8))
    emit("smooth_png", encode(smooth, "PNG", optimize=True))
    emit("smooth_fill_16x16", smooth.resize((16, 16), Image.BICUBIC).tobytes())
    # Cover 16 x 16: 64 x 48 becomes 21.33 x 16, of which the middle is kept.
    box = ((64 - 48) / 2, 0, (64 + 48) / 2, 48)
    emit("smooth_crop_16x16", smooth.resize((16, 16), Image.BICUBIC, box=box).tobytes())
    print("// clang-format on")


main()
