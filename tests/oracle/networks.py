"""The sample models' networks straight from their checkpoints, in numpy float64.

Nothing here knows ML Programs: these are the published architectures, written again, so that a
mistake of the conversion scripts in models/ shows.
"""
import math

import numpy as np

ERF = np.frompyfunc(math.erf, 1, 1)


def convolve(x, weight, stride, groups):
    """A square convolution with TensorFlow's 'SAME' padding; x is [channels, height, width]."""
    k = weight.shape[2]
    pads = []
    for n in x.shape[1:]:
        total = max((math.ceil(n / stride) - 1) * stride + k - n, 0)
        pads.append((total // 2, total - total // 2))
    x = np.pad(x, [(0, 0)] + pads)
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(1, 2))
    windows = windows[:, ::stride, ::stride]
    if groups == 1:
        return np.einsum('chwij,ocij->ohw', windows, weight, optimize=True)
    return np.einsum('chwij,cij->chw', windows, weight[:, 0], optimize=True)


def efficientnet_lite0(checkpoint, image):
    """The probabilities of the 1,000 classes; image is uint8 [224, 224, 3]."""
    w = {k: v.astype(np.float64) for k, v in checkpoint.items()}

    def unit(x, conv, norm, stride=1, groups=1, active=True):
        x = convolve(x, w[conv + '.weight'], stride, groups)
        scale = w[norm + '.weight'] / np.sqrt(w[norm + '.running_var'] + 1e-3)
        shift = w[norm + '.bias'] - w[norm + '.running_mean'] * scale
        x = x * scale[:, None, None] + shift[:, None, None]
        return np.clip(x, 0, 6) if active else x

    x = unit((image.transpose(2, 0, 1) - 127.0) / 128.0, '_conv_stem', '_bn0', 2)
    # Per stage: repeats and the stride of its first block.
    index = 0
    for repeats, first_stride in [(1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1)]:
        for n in range(repeats):
            block, entry = f'_blocks.{index}.', x
            index += 1
            if block + '_expand_conv.weight' in w:
                x = unit(x, block + '_expand_conv', block + '_bn0')
            x = unit(x, block + '_depthwise_conv', block + '_bn1', first_stride if n == 0 else 1,
                     groups=x.shape[0])
            x = unit(x, block + '_project_conv', block + '_bn2', active=False)
            x = x + entry if n > 0 else x
    x = unit(x, '_conv_head', '_bn1').mean(axis=(1, 2))
    logits = w['_fc.weight'] @ x + w['_fc.bias']
    e = np.exp(logits - logits.max())
    return e / e.sum()


def minilm(checkpoint, ids):
    """The unit-length mean of the last layer's tokens; ids are the tokens of one sentence."""
    w = {k: v.astype(np.float64) for k, v in checkpoint.items() if v.dtype.kind == 'f'}

    def dense(x, name):
        return x @ w[name + '.weight'].T + w[name + '.bias']

    def norm(x, name):
        x = x - x.mean(axis=1, keepdims=True)
        x = x / np.sqrt((x * x).mean(axis=1, keepdims=True) + 1e-12)
        return x * w[name + '.weight'] + w[name + '.bias']

    names = 'embeddings.{}_embeddings.weight'
    x = w[names.format('word')][ids] + w[names.format('position')][:len(ids)] \
        + w[names.format('token_type')][0]
    x = norm(x, 'embeddings.LayerNorm')
    for i in range(6):
        layer = f'encoder.layer.{i}.'
        q, k, v = (dense(x, f'{layer}attention.self.{n}').reshape(-1, 12, 32)
                   for n in ('query', 'key', 'value'))
        scores = np.einsum('ihd,jhd->hij', q, k) / math.sqrt(32)
        e = np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = np.einsum('hij,jhd->ihd', e / e.sum(axis=-1, keepdims=True), v).reshape(-1, 384)
        x = norm(x + dense(mixed, layer + 'attention.output.dense'),
                 layer + 'attention.output.LayerNorm')
        inner = dense(x, layer + 'intermediate.dense')
        inner = inner * 0.5 * (1 + ERF(inner / math.sqrt(2)).astype(np.float64))
        x = norm(x + dense(inner, layer + 'output.dense'), layer + 'output.LayerNorm')
    mean = x.mean(axis=0)
    return mean / np.linalg.norm(mean)
