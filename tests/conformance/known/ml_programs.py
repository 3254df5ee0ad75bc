#!/usr/bin/env python3
"""Computes, in float64 with numpy, the ML Program cases that known.txt lists, from the files of each case.

Usage: ml_programs.py CORPUS      (a Python with numpy and coremltools, for its protobuf classes)

For each case it prints how far the corpus' expected value lies from what the program says, in units of the
case's own tolerance (1e-4 + 1e-5 |expected|; over 1 fails), and the computation that does give the expected
value, where there is one. ml_programs.txt holds what it printed. No code of this project is used.
"""
import pathlib
import sys

import numpy as np
from coremltools.proto import Model_pb2

F16 = np.float16
DTYPES = {10: np.float16, 11: np.float32, 23: np.int32}


class Case:
    """One case's program, constants and arrays."""

    def __init__(self, corpus, name):
        self.name = name
        self.folder = corpus / "mlProgram" / name
        self.inputs = np.load(self.folder / "inputs.npz")
        expected = np.load(self.folder / "expected.npz")
        self.expected = {k: np.asarray(expected[k]) for k in expected.files}
        data = self.folder / "model.mlpackage" / "Data"
        model = Model_pb2.Model()
        model.ParseFromString(next(data.rglob("*.mlmodel")).read_bytes())
        self.weights = next((p.read_bytes() for p in data.rglob("weight.bin")), b"")
        function = next(iter(model.mlProgram.functions.values()))
        self.ops = next(iter(function.block_specializations.values())).operations

    def value(self, value):
        tensor = value.type.tensorType
        dtype = DTYPES[tensor.dataType]
        dims = [d.constant.size for d in tensor.dimensions]
        if value.WhichOneof("value") == "blobFileValue":
            at = value.blobFileValue.offset
            size, start = (int.from_bytes(self.weights[at + i:at + i + 8], "little") for i in (8, 16))
            return np.frombuffer(self.weights[start:start + size], dtype).reshape(dims)
        stored = value.immediateValue.tensor
        kind = stored.WhichOneof("value")
        flat = np.frombuffer(stored.bytes.values, dtype) if kind == "bytes" else \
            np.array(getattr(stored, kind).values, dtype)
        return flat.reshape(dims)

    def constant(self, suffix):
        """The constant whose name ends so."""
        found = [o for o in self.ops if o.type == "const" and o.outputs[0].name.endswith(suffix)]
        return self.value(found[0].attributes["val"])

    def tables(self):
        """All values that the look-up table of the program holds."""
        found = [o for o in self.ops if o.type.startswith("constexpr_lut")]
        return self.value(found[0].inputs["lut"].arguments[0].value)


def units(found, expected):
    """Largest difference in units of the tolerance."""
    expected = np.asarray(expected, float)
    return float((abs(np.asarray(found, float) - expected) / (1e-4 + 1e-5 * abs(expected))).max())


def conv(x, w, stride, pad):
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    high = (x.shape[2] - w.shape[2]) // stride[0] + 1
    wide = (x.shape[3] - w.shape[3]) // stride[1] + 1
    out = np.zeros((1, w.shape[0], high, wide))
    for i in range(high):
        for j in range(wide):
            at = x[0, :, i * stride[0]:i * stride[0] + w.shape[2], j * stride[1]:j * stride[1] + w.shape[3]]
            out[0, :, i, j] = (w * at).sum((1, 2, 3))
    return out


def conv_transpose(x, w, stride, dilation, pad, groups):
    """x [1, C, H, W], w [C, C_out / groups, KH, KW]; each input is spread over the kernel's places."""
    channels, outs, kh, kw = w.shape
    out = np.zeros((outs * groups, (x.shape[2] - 1) * stride[0] + (kh - 1) * dilation[0] + 1,
                    (x.shape[3] - 1) * stride[1] + (kw - 1) * dilation[1] + 1))
    for c in range(channels):
        group = c // (channels // groups)
        for o in range(outs):
            for i in range(kh):
                for j in range(kw):
                    rows = slice(i * dilation[0], i * dilation[0] + x.shape[2] * stride[0], stride[0])
                    cols = slice(j * dilation[1], j * dilation[1] + x.shape[3] * stride[1], stride[1])
                    target = out[group * outs + o][rows, cols]
                    target += (x[0, c] * w[c, o, i, j])[:target.shape[0], :target.shape[1]]
    return out[None, :, pad[0]:out.shape[1] - pad[0], pad[1]:out.shape[2] - pad[1]]


def say(case, expected, found, note):
    print(f"{case.name}\n    expected is {units(found, expected):.4g} tolerances from float64; {note}")


def sums(case):
    """1 + an entry of the table, both known exactly; the program adds in float32."""
    entries = np.append(case.tables().astype(float).ravel(), 0.0)  # 0: where the mask is 0
    expected = case.expected["add_0"].astype(float).ravel()
    exact = 1 + np.unique(entries)
    nearest = exact[abs(expected[:, None] - exact).argmin(1)]
    rounded = np.isin(expected, exact.astype(F16).astype(float)).all()
    off = (abs(nearest - expected) > 1e-4 + 1e-5 * abs(expected)).sum()
    say(case, expected, nearest,
        f"{off} of {expected.size} expected values are 1 + no entry of the table; "
        f"all are float16(1 + entry): {rounded}")


def convolutions(corpus):
    case = Case(corpus, "builder_to_backend_stress__2ce685bb")
    x, w = case.inputs["x"].astype(F16).astype(float), case.constant("weight_0").astype(float)
    found, expected = conv(x, w, (2, 1), 1), case.expected["conv_0"]
    say(case, expected, found, f"rounded to float16 at the end: {units(found.astype(F16), expected):.4g}; "
        "the test convolves before it rounds x and weights to the float16 that the files hold")
    case = Case(corpus, "builder_to_backend_stress__48506669")
    x, w = case.inputs["x"].astype(F16).astype(float), case.constant("weight_0").astype(float)
    found = conv_transpose(x[:, :, None], w[:, :, None], (1, 2), (1, 2), (0, 2), 2)[:, :, 0]
    expected = case.expected["conv_transpose_0"]
    say(case, expected, found, f"rounded to float16 at the end: {units(found.astype(F16), expected):.4g}; "
        "as above")
    case = Case(corpus, "builder_to_backend_stress__80a256f6")
    w = case.constant("weight_0").astype(float)
    found = conv_transpose(case.inputs["x"].astype(float), w, (2, 2), (2, 1), (2, 2), 2)
    say(case, case.expected["conv_transpose_0"], found,
        "the test convolves before it rounds the weights to float16")


def norms(corpus):
    for name in ("builder_to_backend_stress__a44c66bc", "builder_to_backend_stress__b28a2866"):
        case = Case(corpus, name)
        half, epsilon = case.inputs["x"].astype(F16), case.constant("epsilon_0").astype(float)

        def l2(x, eps):
            rows = x.reshape(int(np.prod(x.shape[:-3])), -1)
            return (rows / np.power(np.sum(rows * rows, axis=1, keepdims=True) + eps, 0.5)).reshape(x.shape)

        found, expected = l2(half.astype(float), float(epsilon)), case.expected["l2_norm_0"]
        say(case, expected, found, f"rounded to float16 at the end: {units(found.astype(F16), expected):.4g}; "
            f"each step of it done in float16 gives exactly the expected: {(l2(half, 5.7) == expected).all()}")
    case = Case(corpus, "builder_to_backend_smoke_with_gamma_and___e6e99682")
    x, expected = case.inputs["x"].astype(float), case.expected["instance_norm_0"]

    def norm(gamma, beta, eps):
        centred = x - x.mean((2, 3), keepdims=True)
        scaled = centred / np.sqrt(x.var((2, 3), keepdims=True) + eps)
        return scaled * gamma.reshape(1, -1, 1, 1) + beta.reshape(1, -1, 1, 1)

    stored = [case.constant(n).astype(float) for n in ("gamma_0", "beta_0", "epsilon_0")]
    decimal = norm(np.array([-9, 3.2, 1.3]), np.array([-0.8, 3.4, 1.2]), 1e-2)
    say(case, expected, norm(*stored), "gamma, beta and epsilon are float16 in the file; with the unrounded "
        f"3.2, 1.3, -0.8, 3.4, 1.2 and 0.01: {units(decimal, expected):.4g}")
    case = Case(corpus, "builder_to_backend_smoke__286bb761")
    x, expected = case.inputs["x"].astype(float), case.expected["local_response_norm_1"]
    padded = np.pad(x * x, ((0, 0), (1, 1), (0, 0)))
    window = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    say(case, expected, x / (1 + 1e-4 / 3 * window) ** 0.75, "x is [n, C, D] and the window of 3 goes over C; "
        f"without any neighbours: {units(x / (1 + 1e-4 / 3 * x * x) ** 0.75, expected):.4g}")


def others(corpus):
    case = Case(corpus, "builder_to_backend_smoke__94982d2a")
    h = case.inputs["initial_h"].astype(float)
    wi, wh, b = (case.constant(n).astype(float) for n in ("weight_ih_0", "weight_hh_0", "bias_0"))
    for x in case.inputs["x"].astype(float):
        h = np.tanh(x @ wi.T + h @ wh.T + b)
    say(case, case.expected["rnn_0_1"], h, f"rounded to float16 at the end: "
        f"{units(h.astype(F16), case.expected['rnn_0_1']):.4g}; the test runs the layer before it rounds "
        "inputs and weights to the float16 that the files hold")
    case = Case(corpus, "builder_to_backend_ios16__43f2ef50")
    # Element 5: row 0.5 * (4 - 1), column 0.3 * (4 - 1) of x = 1 + 4 row + column, which is linear.
    say(case, case.expected["crop_resize_0"].ravel()[5], 1 + 4 * (0.5 * 3) + 0.3 * 3,
        "element 5 was typed as 7.899")
    case = Case(corpus, "fill___d5bee210")
    value = case.constant("fill_value_0")
    say(case, case.expected["fill"], np.full(case.expected["fill"].shape, float(value)),
        f"the program has float32 values only and fills with {value}; the test's own model fills integers")
    case = Case(corpus, "ios17_invalid_indices__b8e33833")
    rows, indices = case.inputs["data"].astype(float), case.constant("indices_0")
    inside = [i for i in indices if 0 <= i < len(rows)]
    print(f"{case.name}\n    indices {indices.tolist()} into {len(rows)} rows: {len(inside)} of {len(indices)} "
          "lies inside; the test expects that the result is NOT equal to the value that it names")


def main():
    corpus = pathlib.Path(sys.argv[1])
    for name in ("builder_to_backend_stress__37016c5b", "builder_to_backend_stress__61cef38a",
                 "builder_to_backend_stress__d3ef9685", "sparse_lut__5bd7dfc6", "sparse_lut__e5d35f95"):
        sums(Case(corpus, name))
    convolutions(corpus)
    norms(corpus)
    others(corpus)


if __name__ == "__main__":
    main()
