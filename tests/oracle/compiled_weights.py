"""Weights of a compiled model (.mlmodelc), read out of its MIL text with regular expressions.

A program that was compressed in several ways differs from its sisters in the weights alone, so that
one of them can be evaluated with another's weights.
"""
import os
import re

import numpy as np

import mil_numpy

NUMPY = {'fp16': np.float16, 'fp32': np.float32, 'int8': np.int8, 'uint8': np.uint8,
         'int32': np.int32, 'uint32': np.uint32}
STATEMENT = re.compile(r'^\s*\S.*?\s(\w+) = (\w+)\((.*)\)\[(.*)\];$')
TENSOR = (r'%s = tensor<(\w+), \[([\d, ]*)\]>'
          r'\((?:BLOBFILE\(path = [^,]*, \[\]>\("@model_path/weights/weight.bin"\), '
          r'offset = tensor<uint64, \[\]>\((\d+)\)\)|\[?([-\d, ]+)\]?)\)')
SUFFIX = re.compile(r'_(quantized|sparsified|palettized)$')


class Blob:
    """What mil_numpy.read_blob wants to know of a blob."""

    def __init__(self, offset):
        self.fileName, self.offset = '@model_path/weights/weight.bin', offset


def tensor(folder, text, name):
    found = re.search(TENSOR % name, text)
    if not found:
        return None
    dtype, shape = NUMPY[found[1]], tuple(int(n) for n in found[2].split(',') if n.strip())
    if found[3]:
        return mil_numpy.read_blob(folder, Blob(int(found[3])), dtype, shape, inside='')
    return np.array([int(n) for n in found[4].split(',')], dtype).reshape(shape)


def statements(folder):
    """(result, operation, attributes) of each operation, in order."""
    with open(os.path.join(folder, 'model.mil')) as file:
        for line in file:
            found = STATEMENT.match(line.rstrip())
            if found:
                yield found[1], found[2], found[4]


EXPAND = {'constexpr_affine_dequantize': (mil_numpy.affine_dequantize,
                                          ('quantized_data', 'zero_point', 'scale', 'axis')),
          'constexpr_sparse_to_dense': (mil_numpy.sparse_to_dense,
                                        ('nonzero_data', 'mask', 'shape'))}


def weights_for(package, folder):
    """{constant of the package: array of the compiled model}, for every constant in a weight file.

    Names are the same up to the compression that they end in. Raises where the two programs do not
    run the same operations.
    """
    stored, run = {}, []
    for name, kind, attributes in statements(folder):
        if kind in EXPAND:
            function, parts = EXPAND[kind]
            stored[SUFFIX.sub('', name)] = function(*(tensor(folder, attributes, p) for p in parts))
        elif kind != 'const':
            run.append(kind)
        elif 'BLOBFILE' in attributes:
            stored[name] = tensor(folder, attributes, 'val')
    program = mil_numpy.load(package).mlProgram.functions['main']
    block = program.block_specializations[program.opset]
    theirs = [op.type for op in block.operations
              if op.type != 'const' and not op.type.startswith('constexpr')]
    out = {}
    for op in block.operations:
        name = op.outputs[0].name
        if SUFFIX.sub('', name) in stored:
            out[name] = stored.pop(SUFFIX.sub('', name))
    if sorted(run) != sorted(theirs) or stored:
        raise ValueError(f'{folder} is no sister of {package}: {sorted(stored)}')
    return out
