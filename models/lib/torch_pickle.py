"""Reads the checkpoints that torch.save wrote before version 1.6, without torch.

Such a file is a row of pickles (magic number, protocol, system information, the object, the keys of
its storages) and then the raw storages. The object is unpickled with nothing allowed but ordered
dictionaries and the two functions that rebuild tensors.
"""
import collections
import pickle
import struct

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
DTYPES = {'FloatStorage': np.float32, 'HalfStorage': np.float16, 'DoubleStorage': np.float64,
          'LongStorage': np.int64, 'IntStorage': np.int32, 'ShortStorage': np.int16,
          'CharStorage': np.int8, 'ByteStorage': np.uint8, 'BoolStorage': np.bool_}


class Tensor:
    """A view of a storage, filled in when the storages have been read."""

    def __init__(self, storage, offset, size, stride):
        self.storage, self.offset, self.size, self.stride = storage, offset, size, stride

    def array(self, storages):
        data = storages[self.storage[0]]
        last = self.offset + sum((n - 1) * s for n, s in zip(self.size, self.stride))
        if min((self.offset, *self.stride)) < 0 or last >= data.size:
            raise ValueError(f'a tensor reaches element {last} of a storage of {data.size}')
        strides = [s * data.itemsize for s in self.stride]
        view = np.lib.stride_tricks.as_strided(data[self.offset:], self.size, strides)
        return np.array(view)


def rebuild(storage, offset, size, stride, *_):
    return Tensor(storage, offset, size, stride)


class Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) == ('collections', 'OrderedDict'):
            return collections.OrderedDict
        if module == 'torch._utils' and name in ('_rebuild_tensor', '_rebuild_tensor_v2'):
            return rebuild
        if module == 'torch' and name in DTYPES:
            return name
        raise pickle.UnpicklingError(f'the checkpoint asks for {module}.{name}, which is not allowed')

    def persistent_load(self, pid):
        kind, storage_type, key, _location, numel, *_ = pid
        if kind != 'storage':
            raise pickle.UnpicklingError(f'the checkpoint holds a {kind!r}, expected a storage')
        return key, storage_type, numel


def load(file):
    """{name: numpy array} of a state dictionary in an open binary file."""
    magic, _protocol, _system = (Unpickler(file).load() for _ in range(3))
    if magic != MAGIC:
        raise ValueError('not a checkpoint of torch.save before version 1.6')
    state = Unpickler(file).load()
    keys = Unpickler(file).load()
    types = {t.storage[0]: t.storage[1] for t in state.values() if isinstance(t, Tensor)}
    storages = {}
    for key in keys:
        (count,) = struct.unpack('<q', file.read(8))
        dtype = np.dtype(DTYPES[types[key]])
        storages[key] = np.frombuffer(file.read(count * dtype.itemsize), dtype)
    return {name: t.array(storages) for name, t in state.items() if isinstance(t, Tensor)}
