#!/usr/bin/env python3
"""Evaluates an ML Program in numpy: an oracle that shares no code with Pome.

    mil_numpy.py PACKAGE INPUTS.npz OUTPUTS.npz [--function main]

The package is read with coremltools' protobuf messages and its blob storage with a few lines here.
Numbers follow the exact mode: weights as stored (compressed ones are expanded without rounding), all
arithmetic in float64, rounding to float16 only where the program casts to fp16, at float16 inputs and
in the published copy of float16 outputs. A picture is uint8 [height, width, 3], red first, or the
tensor itself.
"""
import argparse
import math
import os
import struct
import sys

os.environ.setdefault('PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION', 'python')
import numpy as np  # noqa: E402

# MIL's element types by their number in the message; 4-bit and smaller need unpacking and are absent.
DTYPES = {1: np.bool_, 10: np.float16, 11: np.float32, 12: np.float64, 21: np.int8, 22: np.int16,
          23: np.int32, 24: np.int64, 31: np.uint8, 32: np.uint16, 33: np.uint32, 34: np.uint64}
STRING, FLOAT16, FLOAT32 = 2, 10, 11
CAST_DTYPES = {'int8': np.int8, 'uint8': np.uint8, 'int16': np.int16, 'uint16': np.uint16,
               'int32': np.int32, 'bool': np.bool_}
SENTINEL = 0xDEADBEEF


class Unsupported(Exception):
    """The program uses something that this evaluator does not know."""


# ---------------------------------------------------------------- constants

def tensor_shape(tensor_type):
    return tuple(d.constant.size for d in tensor_type.dimensions)


def read_blob(package, blob, dtype, shape, inside='Data/com.apple.CoreML'):
    """A tensor of a weight file, through the metadata record that stands at the named offset."""
    prefix = '@model_path/'
    if not blob.fileName.startswith(prefix):
        raise Unsupported(f'a weight file outside the package: {blob.fileName}')
    path = os.path.join(package, inside, blob.fileName[len(prefix):])
    count = int(np.prod(shape, dtype=np.int64))
    with open(path, 'rb') as file:
        file.seek(blob.offset)
        sentinel, _kind, size, data_offset = struct.unpack('<IIQQ', file.read(24))
        if sentinel != SENTINEL or size != count * np.dtype(dtype).itemsize:
            raise ValueError(f'no blob of {count} {np.dtype(dtype)} at {blob.offset} of {path}')
        file.seek(data_offset)
        return np.frombuffer(file.read(size), dtype).reshape(shape)


def immediate(value, kind, shape):
    field = value.WhichOneof('value')
    values = getattr(value, field).values
    if field == 'strings':
        return values[0] if not shape else list(values)
    if field == 'bytes':
        flat = np.frombuffer(values, DTYPES[kind])
    else:
        flat = np.array(list(values), DTYPES[kind])
    return flat.reshape(shape)


def constant(package, value):
    """The Python value of a constant: an array, a string or a list."""
    if value.type.WhichOneof('type') == 'listType':
        return [constant(package, v) for v in value.immediateValue.list.values]
    tensor_type = value.type.tensorType
    shape = tensor_shape(tensor_type)
    if value.WhichOneof('value') == 'blobFileValue':
        return read_blob(package, value.blobFileValue, DTYPES[tensor_type.dataType], shape)
    return immediate(value.immediateValue.tensor, tensor_type.dataType, shape)


def widened(value):
    """Floats become float64 for all arithmetic; everything else stays what it is."""
    if isinstance(value, np.ndarray) and value.dtype.kind == 'f':
        return value.astype(np.float64)
    return value


def affine_dequantize(quantized_data, zero_point, scale, axis):
    shape = [1] * quantized_data.ndim
    if np.ndim(scale) or np.ndim(zero_point):
        shape[int(axis)] = -1
    wide = quantized_data.astype(np.float64)
    return (wide - np.asarray(zero_point, np.float64).reshape(shape if np.ndim(zero_point) else ())
            ) * np.asarray(scale, np.float64).reshape(shape if np.ndim(scale) else ())


def lut_to_dense(indices, lut, shape):
    shape = tuple(int(n) for n in shape)
    count, width = int(np.prod(shape)), int(math.log2(len(lut)))
    bits = np.unpackbits(indices, bitorder='little')[:count * width].reshape(count, width)
    return widened(lut)[bits @ (1 << np.arange(width))].reshape(shape)


def sparse_to_dense(nonzero_data, mask, shape):
    shape = tuple(int(n) for n in shape)
    dense = np.zeros(int(np.prod(shape)))
    kept = np.unpackbits(mask, bitorder='little')[:dense.size].astype(bool)
    dense[kept] = nonzero_data
    return dense.reshape(shape)


# ---------------------------------------------------------------- operations

def ints(value):
    return [int(v) for v in np.asarray(value).reshape(-1)]


def window_pads(extents, kernel, strides, dilations, pad_type, pad):
    """Padding before and after each spatial dimension."""
    if pad_type == 'valid':
        return [(0, 0)] * len(extents)
    if pad_type == 'custom':
        return list(zip(pad[0::2], pad[1::2]))
    pads = []
    for n, k, s, d in zip(extents, kernel, strides, dilations):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        small, large = total // 2, total - total // 2
        pads.append((small, large) if pad_type == 'same' else (large, small))
    return pads


def taps(x, kernel, strides, dilations):
    """For each kernel position, the elements of x that it meets: [(position, view)]."""
    spatial = x.shape[2:]
    out = [(n - (k - 1) * d - 1) // s + 1 for n, k, s, d in zip(spatial, kernel, strides, dilations)]
    for position in np.ndindex(*kernel):
        where = tuple(slice(p * d, p * d + (o - 1) * s + 1, s)
                      for p, d, o, s in zip(position, dilations, out, strides))
        yield position, x[(slice(None), slice(None)) + where]


def conv(x, weight, bias=None, strides=None, pad_type='valid', pad=None, dilations=None, groups=1):
    rank, groups = weight.ndim - 2, int(groups)
    strides, dilations = ints(strides) if strides is not None else [1] * rank, \
        ints(dilations) if dilations is not None else [1] * rank
    kernel = weight.shape[2:]
    pads = window_pads(x.shape[2:], kernel, strides, dilations, pad_type,
                       ints(pad) if pad is not None else [0] * (2 * rank))
    x = np.pad(x, [(0, 0), (0, 0)] + pads)
    outputs, depth = weight.shape[0], weight.shape[1]
    total = None
    for position, seen in taps(x, kernel, strides, dilations):
        matrix = weight[(slice(None), slice(None)) + position].reshape(groups, outputs // groups, depth)
        flat = seen.reshape(x.shape[0], groups, depth, -1)
        if depth == 1:
            product = matrix[None] * flat
        else:
            product = np.matmul(matrix[None], flat)
        total = product if total is None else total + product
        shape = seen.shape[2:]
    total = total.reshape((x.shape[0], outputs) + shape)
    if bias is not None:
        total = total + bias.reshape((1, -1) + (1,) * rank)
    return total


def avg_pool(x, kernel_sizes, strides=None, pad_type='valid', pad=None,
             exclude_padding_from_average=False, ceil_mode=False):
    if ceil_mode:
        raise Unsupported('avg_pool with ceil_mode')
    kernel = ints(kernel_sizes)
    strides = ints(strides) if strides is not None else [1] * len(kernel)
    ones = [1] * len(kernel)
    pads = window_pads(x.shape[2:], kernel, strides, ones, pad_type,
                       ints(pad) if pad is not None else [0] * (2 * len(kernel)))
    pads = [(0, 0), (0, 0)] + pads
    total = sum(seen for _, seen in taps(np.pad(x, pads), kernel, strides, ones))
    if not exclude_padding_from_average:
        return total / math.prod(kernel)
    inside = np.pad(np.ones_like(x), pads)
    return total / sum(seen for _, seen in taps(inside, kernel, strides, ones))


def sigmoid(x):
    with np.errstate(over='ignore'):
        return 1 / (1 + np.exp(-x))


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=int(axis), keepdims=True))
    return e / e.sum(axis=int(axis), keepdims=True)


ERF = np.frompyfunc(math.erf, 1, 1)


def gelu(x, mode='EXACT'):
    if mode == 'EXACT':
        return x * 0.5 * (1 + ERF(x / math.sqrt(2)).astype(np.float64))
    if mode == 'TANH_APPROXIMATION':
        return x * 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))
    if mode == 'SIGMOID_APPROXIMATION':
        return x * sigmoid(1.702 * x)
    raise Unsupported(f'gelu mode {mode}')


def lstm(x, initial_h, initial_c, weight_ih, weight_hh, bias=None, direction='forward',
         output_sequence=False, recurrent_activation='sigmoid', cell_activation='tanh',
         activation='tanh'):
    if direction == 'bidirectional':
        raise Unsupported('a bidirectional lstm')
    functions = {'sigmoid': sigmoid, 'tanh': np.tanh, 'relu': lambda v: np.maximum(v, 0),
                 'linear': lambda v: v}
    gate, cell, out = (functions[n] for n in (recurrent_activation, cell_activation, activation))
    h, c, sequence = initial_h, initial_c, []
    for step in (x if direction == 'forward' else x[::-1]):
        z = step @ weight_ih.T + h @ weight_hh.T + (0 if bias is None else bias)
        # Rows are ordered input gate, forget gate, output gate, cell.
        i, f, o, g = np.split(z, 4, axis=-1)
        c = gate(f) * c + gate(i) * cell(g)
        h = gate(o) * out(c)
        sequence.append(h)
    if direction != 'forward':
        sequence.reverse()
    return (np.stack(sequence) if output_sequence else h[None]), h, c


def batch_norm(x, mean, variance, gamma=1.0, beta=0.0, epsilon=1e-5):
    def channels(v):
        return np.asarray(v, np.float64).reshape((1, -1) + (1,) * (x.ndim - 2))
    scale = channels(gamma) / np.sqrt(channels(variance) + epsilon)
    return (x - channels(mean)) * scale + channels(beta)


def layer_norm(x, axes=None, gamma=1.0, beta=0.0, epsilon=1e-5):
    axes = tuple(a % x.ndim for a in ints(axes)) if axes is not None else tuple(range(x.ndim))
    mean = x.mean(axis=axes, keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=axes, keepdims=True)
    shape = [x.shape[a] if a in axes else 1 for a in range(x.ndim)]
    gain, shift = (np.broadcast_to(v, shape) if np.ndim(v) == 0 else v.reshape(shape)
                   for v in (gamma, beta))
    return (x - mean) / np.sqrt(variance + epsilon) * gain + shift


def slice_by_index(x, begin, end, stride=None, begin_mask=None, end_mask=None, squeeze_mask=None):
    def flags(mask):
        return [False] * x.ndim if mask is None else [bool(m) for m in mask]
    steps = [1] * x.ndim if stride is None else ints(stride)
    where = []
    for b, e, s, free_b, free_e, drop in zip(ints(begin), ints(end), steps, flags(begin_mask),
                                             flags(end_mask), flags(squeeze_mask)):
        if drop:
            where.append(0 if free_b else b)
        else:
            where.append(slice(None if free_b else b, None if free_e else e, s))
    return x[tuple(where)]


def slice_by_size(x, begin, size):
    return x[tuple(slice(b, None if n == -1 else b + n) for b, n in zip(ints(begin), ints(size)))]


def pad(x, pad, mode='constant', constant_val=0.0):
    amounts = ints(pad)
    pairs = [(0, 0)] * (x.ndim - len(amounts) // 2) + list(zip(amounts[0::2], amounts[1::2]))
    if mode == 'constant':
        return np.pad(x, pairs, constant_values=constant_val)
    return np.pad(x, pairs, mode={'reflect': 'reflect', 'replicate': 'edge'}[mode])


def split(x, axis, num_splits=None, split_sizes=None):
    if split_sizes is None:
        return tuple(np.split(x, int(num_splits), axis=int(axis)))
    return tuple(np.split(x, np.cumsum(ints(split_sizes))[:-1], axis=int(axis)))


def gather(x, indices, axis=0, batch_dims=0, validate_indices=False):
    if batch_dims:
        raise Unsupported('gather with batch_dims')
    return np.take(x, np.where(indices < 0, indices + x.shape[int(axis)], indices), axis=int(axis))


def gather_nd(x, indices, batch_dims=0, validate_indices=False):
    if batch_dims:
        raise Unsupported('gather_nd with batch_dims')
    return x[tuple(np.moveaxis(indices.astype(np.int64), -1, 0))]


def cast(x, dtype):
    if dtype == 'fp16':
        with np.errstate(over='ignore'):
            return x.astype(np.float16).astype(np.float64)
    if dtype == 'fp32':
        return x if x.dtype.kind == 'f' else x.astype(np.float64)
    return x.astype(CAST_DTYPES[dtype])


def reduction(function):
    def run(x, axes=None, keep_dims=False):
        chosen = None if axes is None else tuple(ints(axes))
        return function(x, axis=chosen, keepdims=bool(keep_dims))
    return run


def matmul(x, y, transpose_x=False, transpose_y=False):
    return np.matmul(np.swapaxes(x, -1, -2) if transpose_x else x,
                     np.swapaxes(y, -1, -2) if transpose_y else y)


def squeeze(x, axes=None):
    return np.squeeze(x, None if axes is None else tuple(ints(axes)))


def reduce_argmax(x, axis=-1, keep_dims=False, output_dtype='int32'):
    return np.argmax(x, axis=int(axis), keepdims=bool(keep_dims)).astype(CAST_DTYPES[output_dtype])


def reshape(x, shape):
    if 0 in ints(shape):
        raise Unsupported('reshape to a shape with a 0')
    return x.reshape(ints(shape))


def classify(probabilities, classes):
    flat = probabilities.reshape(-1)
    return classes[int(np.argmax(flat))], probabilities


def clip(x, alpha, beta):
    return np.minimum(np.maximum(x, alpha), beta)


def linear(x, weight, bias=0.0):
    return x @ weight.T + bias


OPS = {
    'constexpr_affine_dequantize': affine_dequantize, 'constexpr_lut_to_dense': lut_to_dense,
    'constexpr_sparse_to_dense': sparse_to_dense, 'conv': conv, 'avg_pool': avg_pool,
    'sigmoid': sigmoid, 'softmax': softmax, 'gelu': gelu, 'lstm': lstm, 'batch_norm': batch_norm,
    'layer_norm': layer_norm, 'slice_by_index': slice_by_index, 'slice_by_size': slice_by_size,
    'pad': pad, 'split': split, 'gather': gather, 'gather_nd': gather_nd, 'cast': cast,
    'matmul': matmul, 'squeeze': squeeze, 'reduce_argmax': reduce_argmax, 'reshape': reshape,
    'classify': classify, 'clip': clip, 'linear': linear,
    'reduce_mean': reduction(np.mean), 'reduce_sum': reduction(np.sum),
    'add': lambda x, y: x + y, 'sub': lambda x, y: x - y, 'mul': lambda x, y: x * y,
    'real_div': lambda x, y: x / y, 'pow': lambda x, y: x ** y, 'maximum': lambda x, y: np.maximum(x, y),
    'minimum': lambda x, y: np.minimum(x, y), 'abs': lambda x: np.abs(x), 'sqrt': lambda x: np.sqrt(x),
    'square': lambda x: x * x, 'relu': lambda x: np.maximum(x, 0),
    'relu6': lambda x: np.clip(x, 0, 6), 'tanh': lambda x: np.tanh(x), 'exp': lambda x: np.exp(x),
    'erf': lambda x: ERF(x).astype(np.float64),
    'greater_equal': lambda x, y: x >= y,
    'select': lambda cond, a, b: np.where(cond, a, b),
    'expand_dims': lambda x, axes: np.expand_dims(x, tuple(ints(axes))),
    'transpose': lambda x, perm: np.transpose(x, ints(perm)),
    'tile': lambda x, reps: np.tile(x, ints(reps)),
    'stack': lambda values, axis: np.stack(values, int(axis)),
    'concat': lambda values, axis: np.concatenate(values, int(axis)),
    'shape': lambda x: np.array(x.shape, np.int32),
    'range_1d': lambda start, end, step: np.arange(start, end, step),
    'identity': lambda x: x,
}


# ---------------------------------------------------------------- programs

def load(package):
    from coremltools.proto import Model_pb2
    spec = Model_pb2.Model()
    with open(os.path.join(package, 'Data', 'com.apple.CoreML', 'model.mlmodel'), 'rb') as file:
        spec.ParseFromString(file.read())
    return spec


def as_input(value, tensor_type):
    value = np.asarray(value)
    if value.dtype == np.uint8 and value.ndim == 3:
        value = value.transpose(2, 0, 1)[None]
    shape = [d.constant.size if d.WhichOneof('dimension') == 'constant' else None
             for d in tensor_type.dimensions]
    if len(shape) != value.ndim or any(n not in (None, m) for n, m in zip(shape, value.shape)):
        raise ValueError(f'an input of shape {value.shape}, expected {shape}')
    return widened(value.astype(DTYPES[tensor_type.dataType]))


def argument(package, values, arg):
    many = [widened(constant(package, b.value)) if b.WhichOneof('binding') == 'value'
            else values[b.name] for b in arg.arguments]
    return many[0] if len(many) == 1 else many


def run_operation(package, op, values, weights):
    names = [o.name for o in op.outputs]
    if names[0] in weights:
        values[names[0]] = widened(weights[names[0]])
        return
    if op.type == 'const':
        values[names[0]] = widened(constant(package, op.attributes['val']))
        return
    if op.type not in OPS:
        raise Unsupported(f'operation {op.type} ({names[0]})')
    arguments = {k: argument(package, values, v) for k, v in op.inputs.items()}
    if 'values' in arguments and not isinstance(arguments['values'], list):
        arguments['values'] = [arguments['values']]
    for key, value in op.attributes.items():
        if key != 'name':
            arguments[key] = constant(package, value)
    results = OPS[op.type](**arguments)
    results = results if isinstance(results, tuple) else (results,)
    values.update(zip(names, results))


def published(value, value_type):
    if value_type.WhichOneof('type') != 'tensorType' or isinstance(value, str):
        return value
    with np.errstate(over='ignore'):
        return np.asarray(value).astype(DTYPES[value_type.tensorType.dataType])


def evaluate(package, inputs, function='main', keep=(), weights=None):
    """{output: array or string} of one prediction; `keep` names further values to return, `weights`
    gives arrays that take the place of constants by their names."""
    program = load(package).mlProgram.functions[function]
    block = program.block_specializations[program.opset]
    values = {i.name: as_input(inputs[i.name], i.type.tensorType) for i in program.inputs}
    types = {}
    for op in block.operations:
        types.update({o.name: o.type for o in op.outputs})
        run_operation(package, op, values, weights or {})
    outputs = {name: published(values[name], types[name]) for name in block.outputs}
    outputs.update({name: values[name] for name in keep})
    return outputs


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('package')
    parser.add_argument('inputs')
    parser.add_argument('outputs')
    parser.add_argument('--function', default='main')
    args = parser.parse_args()
    try:
        results = evaluate(args.package, dict(np.load(args.inputs)), args.function)
    except (Unsupported, ValueError, KeyError, OSError) as error:
        sys.exit(f'{args.package}: {error}')
    np.savez_compressed(args.outputs, **results)


if __name__ == '__main__':
    main()
