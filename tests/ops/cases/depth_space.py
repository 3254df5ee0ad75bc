import numpy as np

F = np.float32


def depth_to_space(x, b, place_first):
    n, c, h, w = x.shape
    d = c // (b * b)
    if place_first:
        return x.reshape(n, b, b, d, h, w).transpose(0, 3, 4, 1, 5, 2).reshape(n, d, h * b, w * b)
    return x.reshape(n, d, b, b, h, w).transpose(0, 1, 4, 2, 5, 3).reshape(n, d, h * b, w * b)


def space_to_depth(x, b, place_first):
    n, c, h, w = x.shape
    y = x.reshape(n, c, h // b, b, w // b, b)
    if place_first:
        return y.transpose(0, 3, 5, 1, 2, 4).reshape(n, c * b * b, h // b, w // b)
    return y.transpose(0, 1, 3, 5, 2, 4).reshape(n, c * b * b, h // b, w // b)


def space_to_batch(x, block, pads):
    x = np.pad(x, ((0, 0), (0, 0), tuple(pads[0]), tuple(pads[1])))
    n, c, h, w = x.shape
    p, q = block
    y = x.reshape(n, c, h // p, p, w // q, q).transpose(3, 5, 0, 1, 2, 4)
    return y.reshape(n * p * q, c, h // p, w // q)


def batch_to_space(x, block, crops):
    n, c, h, w = x.shape
    p, q = block
    y = x.reshape(p, q, n // (p * q), c, h, w).transpose(2, 3, 4, 0, 5, 1)
    y = y.reshape(n // (p * q), c, h * p, w * q)
    return y[:, :, crops[0][0]:y.shape[2] - crops[0][1], crops[1][0]:y.shape[3] - crops[1][1]]


def cases(add):
    deep = np.arange(2 * 12 * 2 * 3, dtype=F).reshape(2, 12, 2, 3)
    flat = np.arange(2 * 3 * 4 * 6, dtype=F).reshape(2, 3, 4, 6)
    add("depth_to_space", depth_to_space(deep, 2, True), x=deep, block_size=2)
    add("pixel_shuffle", depth_to_space(deep, 2, False), x=deep, upscale_factor=2)
    add("space_to_depth", space_to_depth(flat, 2, True), x=flat, block_size=2)
    add("pixel_unshuffle", space_to_depth(flat, 2, False), x=flat, downscale_factor=np.uint32(2),
        opset="ios16")
    add("pixel_unshuffle", space_to_depth(flat[:, :, :3], 3, False), x=flat[:, :, :3],
        downscale_factor=np.int32(3), opset="ios16")
    h = deep[:, :9].astype(np.float16)
    add("pixel_shuffle", depth_to_space(h, 3, False), x=h, upscale_factor=3)
    for op, p in (("depth_to_space", "block_size"), ("pixel_shuffle", "upscale_factor")):
        add(op, x=deep, error="channels of 12 is not divisible by 25", **{p: 5})
        add(op, x=deep, error="found 0", **{p: 0})
        add(op, x=deep[0], error="4 dimensions", **{p: 2})
    add("space_to_depth", x=flat, block_size=3, error="height of 4 is not divisible by 3")

    pairs = lambda *v: np.array(v, np.int32)
    for block, pads in (([2, 3], [[0, 0], [0, 0]]), ([2, 2], [[1, 1], [0, 2]]), ([1, 1], [[0, 0], [0, 0]]),
                        ([3, 2], [[2, 0], [1, 1]])):
        add("space_to_batch", space_to_batch(flat, block, pads), x=flat, block_shape=block,
            paddings=pairs(*pads))
    many = np.arange(12 * 2 * 2 * 3, dtype=F).reshape(12, 2, 2, 3)
    for block, crops in (([2, 3], [[0, 0], [0, 0]]), ([2, 2], [[1, 0], [0, 2]]), ([3, 1], [[2, 3], [1, 1]])):
        add("batch_to_space", batch_to_space(many, block, crops), x=many, block_shape=block,
            crops=pairs(*crops))
    add("space_to_batch", x=flat, block_shape=[3, 1], paddings=pairs([0, 0], [0, 0]),
        error="padded height of 4 is not divisible by 3")
    add("space_to_batch", x=flat, block_shape=[2, 2], paddings=pairs([0, -1], [0, 0]), error="found -1")
    add("batch_to_space", x=many, block_shape=[5, 1], crops=pairs([0, 0], [0, 0]),
        error="batch of 12 is not divisible by 5")
    add("batch_to_space", x=many, block_shape=[2, 2], crops=pairs([4, 1], [0, 0]), error="crops more")
