"""Operations that move elements, at every rank from 0 to 6, with empty and prime sizes, negative axes
and strides, and elements of every type."""
import itertools

import numpy as np

F, H, I = np.float32, np.float16, np.int32
TYPES = (F, I, np.bool_, np.int8, np.uint8, np.int16, np.uint16)
SHAPES = [(), (1,), (7,), (3, 5), (2, 1, 3), (2, 3, 1, 2), (1, 2, 3, 1, 2), (2, 1, 2, 1, 3, 2), (0,),
          (2, 0, 3), (1, 0, 2, 1, 1, 3)]


def numbers(shape, t=F):
    n = int(np.prod(shape))
    return (np.arange(n) % 251 if t != np.bool_ else np.arange(n) % 3 == 0).astype(t).reshape(shape)


def cases(add):
    rng = np.random.default_rng(61)
    permutations(add, rng)
    views(add, rng)
    joins(add)
    slices(add, rng)
    pads_and_tiles(add, rng)
    makers(add)
    every_type(add)


def permutations(add, rng):
    for shape in SHAPES:
        x = numbers(shape)
        for _ in range(2):
            perm = [int(p) for p in rng.permutation(len(shape))]
            if perm:
                add("transpose", x.transpose(perm), x=x, perm=perm)
                add("transpose", x.transpose(perm), x=x, perm=[p - len(shape) for p in perm],
                    note="negative axes")
        if shape:
            axes = [int(a) for a in range(-len(shape), 0, 2)]
            add("reverse", np.flip(x, axes), x=x, axes=axes)
            add("reverse", np.flip(x), x=x, note="all axes")


def views(add, rng):
    for shape in SHAPES:
        x = numbers(shape)
        add("identity", x, x=x)
        add("shape", np.array(shape, I), x=x) if shape else None
        if x.size:
            add("reshape", x.reshape(-1), x=x, shape=[-1])
            add("reshape", x.reshape((1,) * 2 + shape + (1,)), x=x, shape=[1, 1, *shape, 1])
        else:
            add("reshape", x.reshape((1,) + shape), x=x, shape=[1] + [0] * len(shape),
                note="0 keeps a size, counted from the right")
        add("squeeze", x.squeeze(), x=x)
        add("expand_dims", x[None, ..., None], x=x, axes=[0, -1])
        add("expand_dims", np.expand_dims(x, 0), x=x, axes=[-len(shape) - 1])
        for axis in range(-len(shape), len(shape) + 1):
            cut = axis % len(shape) if axis < 0 else axis
            add("flatten2d", x.reshape(int(np.prod(shape[:cut])), int(np.prod(shape[cut:]))), x=x,
                axis=axis)
    x = numbers((2, 3, 5))
    for shape in ([0, -1], [6, 5], [-1, 3, 5], [2, -1, 5], [5, 3, 2], [1, 2, 1, 3, 1, 5], [30]):
        want = [x.shape[k] if d == 0 else d for k, d in enumerate(shape)]
        if 0 not in shape:
            add("reshape", x.reshape(want), x=x, shape=shape)


def joins(add):
    for shape in SHAPES[1:]:
        rank = len(shape)
        for axis in {0, rank - 1, -1, -rank}:
            parts = [numbers(shape[:axis % rank] + (n,) + shape[axis % rank + 1:]) + n
                     for n in (3, 0, 1, 5)]
            add("concat", np.concatenate(parts, axis), values=tuple(parts), axis=axis)
            add("stack", np.stack([parts[0], parts[0] + 1], axis), values=(parts[0], parts[0] + 1),
                axis=axis)
            whole = np.concatenate(parts, axis)
            add("split", parts, x=whole, split_sizes=[3, 0, 1, 5], axis=axis)
            add("split", np.split(whole, 3, axis), x=whole, num_splits=3, axis=axis)
    add("stack", np.array([1, 2, 3], F), values=(F(1), F(2), F(3)), axis=0)
    x, y = numbers((2, 3, 2)), numbers((2, 3, 2)) + 100
    for axis in (0, 1, 2):
        mixed = np.stack([x, y], axis + 1)
        shape = list(x.shape)
        shape[axis] *= 2
        add("concat", mixed.reshape(shape), values=(x, y), axis=axis, interleave=True)


def slices(add, rng):
    def pieces(shape):
        out = []
        for d in shape:
            step = int(rng.choice([-3, -2, -1, 1, 2, 3]))
            begin, end = (int(v) for v in rng.integers(-d - 2, d + 3, 2))
            out.append((begin, end, step, bool(rng.integers(2)), bool(rng.integers(2))))
        return out

    for shape, _ in itertools.product(SHAPES[1:], range(5)):
        x = numbers(shape)
        parts = pieces(shape)
        index = tuple(slice(None if bm else b, None if em else e, s) for b, e, s, bm, em in parts)
        begin, end, stride, begin_mask, end_mask = (list(v) for v in zip(*parts))
        add("slice_by_index", x[index], x=x, begin=begin, end=end, stride=stride,
            begin_mask=begin_mask, end_mask=end_mask)
        new = x[index] + 1000
        want = x.copy()
        want[index] = new
        if new.size:
            add("slice_update", want, opset="ios18", x=x, update=new, begin=begin, end=end,
                stride=stride, begin_mask=begin_mask, end_mask=end_mask)
        if 0 not in shape:
            at = [int(rng.integers(0, d)) for d in shape]
            size = [int(rng.integers(1, d - a + 1)) for d, a in zip(shape, at)]
            index = tuple(slice(a, a + n) for a, n in zip(at, size))
            add("slice_by_size", x[index], x=x, begin=at, size=size)
            squeeze = [bool(rng.integers(2)) for _ in shape]
            index = tuple(a if q else slice(a, None) for a, q in zip(at, squeeze))
            add("slice_by_index", x[index], x=x, begin=[a - d for a, d in zip(at, shape)],
                end=[0] * len(shape), end_mask=[True] * len(shape), squeeze_mask=squeeze)
    x = numbers((5,))
    for begin, end, stride in ((4, -7, -1), (-1, 0, -2), (10, -10, -3), (2, 2, 1), (3, 1, 1),
                               (-9, 9, 4), (0, -1, 2 ** 30)):
        add("slice_by_index", x[begin:end:stride], x=x, begin=[begin], end=[end], stride=[stride])
    add("slice_by_index", x=x, begin=[0], end=[5], stride=[0], error="'stride'")


def pads_and_tiles(add, rng):
    for shape in SHAPES[1:]:
        x = numbers(shape)
        width = rng.integers(0, 4, (len(shape), 2))
        add("pad", np.pad(x, width, constant_values=-1.5), x=x, pad=[int(w) for w in width.ravel()],
            mode="constant", constant_val=F(-1.5))
        if 0 not in shape:
            last = np.array([[0, 0]] * (len(shape) - 1) + [[min(2, shape[-1] - 1), shape[-1] - 1]])
            flat = [int(w) for w in last[-1]]
            add("pad", np.pad(x, last, mode="reflect"), x=x, pad=flat, mode="reflect",
                constant=["pad"])
            last[-1] = (3, 1)
            add("pad", np.pad(x, last, mode="edge"), x=x, pad=[3, 1], mode="replicate",
                constant=["pad"])
        reps = [int(v) for v in rng.integers(1, 4, len(shape))]
        add("tile", np.tile(x, reps), x=x, reps=reps)
    x = np.array([[np.nan, np.inf], [-np.inf, 1]], F)
    add("pad", np.pad(x, 1, constant_values=np.nan), x=x, pad=[1, 1, 1, 1], mode="constant",
        constant_val=F(np.nan))


def makers(add):
    for shape in SHAPES[1:]:
        add("fill", np.full(shape, 2.5, F), shape=list(shape), value=F(2.5))
        add("fill_like", np.full(shape, 7, I), opset="ios16", ref_tensor=numbers(shape),
            value=I(7))
        index = numbers(shape, I) % 5
        for axis in (-1, 0):
            hot = np.eye(5, dtype=I)[index]
            add("one_hot", np.moveaxis(hot, -1, axis), indices=index, one_hot_vector_size=5,
                axis=axis)
        x = (numbers(shape) % 3).astype(F)
        add("non_zero", np.argwhere(x).astype(I), x=x, from_data=True)
        if len(shape) >= 2:
            for lower, upper in ((0, 0), (1, -1), (-1, 1), (7, 7), (0, 2)):
                rows, columns = np.indices(shape[-2:])
                keep = ((lower < 0) | (rows - columns <= lower)) & \
                       ((upper < 0) | (columns - rows <= upper))
                add("band_part", np.where(keep, x, 0), x=x, lower=lower, upper=upper)
    for start, end, step in ((0, 7, 1), (7, 0, -1), (5, 5, 1), (0, 10, 3), (3, -4, -3), (-2, 3, 2)):
        add("range_1d", np.arange(start, end, step).astype(I), start=start, end=end, step=step)
        add("range_1d", np.arange(start, end, step).astype(F), start=F(start), end=F(end),
            step=F(step), from_data=True)
    for shape in SHAPES[1:]:
        x = numbers(shape)
        for axis in {0, -1, len(shape) - 1}:
            a = axis % len(shape)
            for exclusive, reverse in itertools.product((False, True), (False, True)):
                y = np.flip(x, a) if reverse else x
                total = np.cumsum(y.astype(np.float64), a)
                if exclusive:
                    total -= y
                add("cumsum", np.flip(total, a) if reverse else total, x=x, axis=axis,
                    exclusive=exclusive, reverse=reverse)


def every_type(add):
    """From iOS17 on elements of eight and sixteen bits are moved as well as the others."""
    for t in TYPES:
        x = numbers((2, 3, 4), t)
        new = t in (np.int8, np.uint8, np.int16, np.uint16)
        opset = "ios17" if new else "ios15"
        add("transpose", x.transpose(2, 0, 1), opset=opset, x=x, perm=[2, 0, 1])
        add("reverse", x[:, ::-1], opset=opset, x=x, axes=[1])
        add("reshape", x.reshape(4, 6), opset=opset, x=x, shape=[4, 6])
        add("expand_dims", x[:, None], opset=opset, x=x, axes=[1])
        add("squeeze", x[:1, 0], opset=opset, x=x[:1, :1, :], axes=[1])
        add("identity", x, opset=opset, x=x) if not new else None
        add("slice_by_index", x[::-1, 1:, ::2], opset=opset, x=x, begin=[-1, 1, 0], end=[-3, 3, 4],
            stride=[-1, 1, 2])
        add("shape", np.array([2, 3, 4], I), opset=opset, x=x)
        add("gather", x[:, [2, 0]], opset=opset if t != np.bool_ else "ios17", x=x,
            indices=np.array([2, 0], I), axis=1) if t != np.bool_ else None
        if not new:
            add("concat", np.concatenate([x, x], 1), values=(x, x), axis=1)
        add("slice_update", np.where(np.indices(x.shape)[0] == 1, x[:1], x), opset="ios18", x=x,
            update=x[:1], begin=[1, 0, 0], end=[2, 3, 4])
        if t != np.bool_:
            zeros = np.where(x % 2 == 0, 0, x).astype(t)
            if not new:
                add("non_zero", np.argwhere(zeros).astype(I), x=zeros, from_data=True)
