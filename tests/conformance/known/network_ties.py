"""Shows that the topK cases in known.txt expect the place of one of several equal elements.

The tests took their indices from numpy.argsort without `kind`, which keeps no order among equal
elements. For each case: the values at the expected indices are those at the lowest possible ones.

    python network_ties.py shared/conformance/neuralNetwork
"""
import pathlib
import sys

import numpy as np
from coremltools.proto import Model_pb2

CASES = ("topk_cpu__131d3840", "topk_cpu__d41edb6e", "topk_gpu__57598da0", "topk_gpu__bb3302d1",
         "topk_gpu__bbb38f6c")


def check(folder):
    model = Model_pb2.Model()
    model.ParseFromString((folder / "model.mlmodel").read_bytes())
    layer = model.neuralNetwork.layers[0].topK
    data = np.load(folder / "inputs.npz")["data"]
    expected = np.load(folder / "expected.npz")["indices"].astype(np.int64)
    order = np.argsort(data if layer.useBottomK else -data, axis=layer.axis, kind="stable")
    expected = expected.reshape([expected.size if data.ndim == 1 else n for n in
                                 (expected.shape if expected.ndim == data.ndim else (-1,))])
    stable = np.take(order, range(expected.shape[layer.axis]), axis=layer.axis)
    same_values = np.array_equal(np.take_along_axis(data, expected, layer.axis),
                                 np.take_along_axis(data, stable, layer.axis))
    return same_values, int((expected != stable).sum())


def main():
    root = pathlib.Path(sys.argv[1])
    for name in CASES:
        same, differ = check(root / name)
        print(f"{name}: {differ} indices differ from the lowest ones, the values there "
              f"{'are equal' if same else 'DIFFER'}")
        assert same and differ > 0


if __name__ == "__main__":
    main()
