#!/usr/bin/env python3
"""Makes the weights that a published ML Program package came without.

    mobileclip_weights.py PACKAGE OUT_PACKAGE [--seed N]

Copies PACKAGE (a .mlpackage whose weights/weight.bin is missing) to OUT_PACKAGE and writes the
weight file that its program names: every blob at the program's own offset, with its type and
shape, filled with seeded random values of a scale that keeps activations in float16's range
(Glorot-like for products, gains near 1, variances positive). The numbers mean nothing; they make
the program run, and the same seed makes the same bytes.
"""
import argparse
import os
import shutil
import struct
import sys

os.environ.setdefault('PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION', 'python')
import numpy as np  # noqa: E402
from coremltools.proto import Model_pb2  # noqa: E402

FLOAT16, FLOAT32, INT8, UINT8 = 10, 11, 21, 31
BLOB_CODES = {FLOAT16: 1, FLOAT32: 2, UINT8: 3, INT8: 4}
SENTINEL = 0xDEADBEEF


def tensor_shape(value):
    return [d.constant.size for d in value.type.tensorType.dimensions]


def uses(block):
    """{constant's name: (operation, parameter)} of its first use."""
    out = {}
    for op in block.operations:
        for name, argument in op.inputs.items():
            for binding in argument.arguments:
                out.setdefault(binding.name, (op.type, name))
    return out


def values(generator, shape, use):
    op, param = use
    if op == 'batch_norm' and param == 'variance':
        return generator.uniform(0.5, 1.5, shape)
    if param == 'gamma':
        return generator.uniform(0.8, 1.2, shape)
    if param in ('beta', 'mean', 'bias'):
        return generator.normal(0, 0.05, shape)
    if op in ('conv', 'linear', 'matmul') and len(shape) > 1:
        fan_in = int(np.prod(shape[1:])) if op != 'matmul' else shape[-2]
        return generator.normal(0, 1 / np.sqrt(max(fan_in, 1)), shape)
    if op == 'gather':
        return generator.normal(0, 0.5, shape)
    return generator.normal(0, 0.3, shape)


def write_weights(program, path, seed):
    blobs = {}
    for function in program.functions.values():
        for block in function.block_specializations.values():
            used = uses(block)
            for op in block.operations:
                if op.type != 'const':
                    continue
                value = op.attributes['val']
                if value.WhichOneof('value') != 'blobFileValue':
                    continue
                blobs[value.blobFileValue.offset] = (
                    value.type.tensorType.dataType, tensor_shape(value),
                    used.get(op.outputs[0].name, ('', '')))
    generator = np.random.default_rng(seed)
    dtypes = {FLOAT16: np.float16, FLOAT32: np.float32, INT8: np.int8, UINT8: np.uint8}
    with open(path, 'wb') as file:
        file.write(struct.pack('<II56x', len(blobs), 2))
        for offset in sorted(blobs):
            kind, shape, use = blobs[offset]
            data = values(generator, shape, use).astype(dtypes[kind]).tobytes()
            if file.tell() > offset:
                sys.exit(f'the blob at {offset} overlaps the one before it')
            file.seek(offset)
            file.write(struct.pack('<IIQQQ32x', SENTINEL, BLOB_CODES[kind], len(data), offset + 64,
                                   0))
            file.write(data)
    return len(blobs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('package')
    parser.add_argument('out')
    parser.add_argument('--seed', type=int, default=1)
    args = parser.parse_args()
    if os.path.exists(args.out):
        shutil.rmtree(args.out)
    shutil.copytree(args.package, args.out)
    os.chmod(args.out, 0o755)
    for folder, _, files in os.walk(args.out):
        os.chmod(folder, 0o755)
    root = os.path.join(args.out, 'Data', 'com.apple.CoreML')
    spec = Model_pb2.Model()
    with open(os.path.join(root, 'model.mlmodel'), 'rb') as file:
        spec.ParseFromString(file.read())
    os.makedirs(os.path.join(root, 'weights'), exist_ok=True)
    count = write_weights(spec.mlProgram, os.path.join(root, 'weights', 'weight.bin'), args.seed)
    print(f'{args.out}: {count} weights, seed {args.seed}')


if __name__ == '__main__':
    main()
