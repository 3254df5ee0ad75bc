#!/usr/bin/env python3
"""Writes tests/ops/data/*.json: cases of single operations with the results numpy and scipy give.

Each module in tests/ops/cases/ has a function `cases(add)` and becomes one data file. A case is

    {"op", "opset", "inputs": {parameter: tensor or list of tensors}, "outputs": [tensor, ...]}

with tensors {"dtype": MIL's name, "dims", "data": row-major, "nan"/"inf"/"-inf" as text}. Optional:
"note" for people; "tol": [relative, absolute] where one rounding to fp32 does not cover it;
"from_data": true when the result's shape depends on float data; "constant": parameters whose
arguments are constants in every run although the signature does not ask for it; "reference": true
when only the reference, which sums in double, can be as exact as that; "error": a part of the sentence
that the case must fail with (then "results" may say how many results the operation declares).

Run it with the interpreter that has numpy and scipy; the results are committed.
"""
import importlib
import json
import math
import pathlib
import sys
import warnings

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
NAMES = {"float16": "fp16", "float32": "fp32", "bool": "bool"}


def tensor(value):
    """A case's tensor from a numpy array, a Python number, a bool or a string."""
    if isinstance(value, dict):
        return value
    if isinstance(value, str):
        return {"dtype": "string", "dims": [], "data": [value]}
    if isinstance(value, bool):
        value = np.bool_(value)
    elif isinstance(value, int):
        value = np.int32(value)
    elif isinstance(value, float):
        value = np.float32(value)
    elif isinstance(value, list):
        value = np.array(value, np.bool_ if value and isinstance(value[0], bool) else np.int32)
    value = np.asarray(value)
    name = NAMES.get(value.dtype.name, value.dtype.name)
    return {"dtype": name, "dims": list(value.shape), "data": [plain(v) for v in value.flatten()]}


def plain(value):
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, np.integer):
        return int(value)
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    # The shortest text that reads back as this value in the type it is held in.
    value = np.float32(value)
    return float(np.format_float_positional(value, unique=True)) if 1e-5 < abs(value) < 1e15 \
        else float(np.format_float_scientific(value, unique=True))


class Adder:
    def __init__(self):
        self.cases = []

    def __call__(self, op, outputs=None, *, opset="ios15", note=None, tol=None, error=None,
                 from_data=False, results=None, dtype=None,
                 constant=None, reference=False, **inputs):
        """`outputs`: one array or a list of them. Float results computed in double are rounded to
        `dtype`, by default the type of the first input (as values are held: fp16 as fp32)."""
        case = {"op": op, "opset": opset}
        if note:
            case["note"] = note
        case["inputs"] = {k.rstrip("_"): [tensor(i) for i in v] if isinstance(v, tuple)
                          else tensor(v) for k, v in inputs.items() if v is not None}
        if error is not None:
            case["error"] = error
            if results:
                case["results"] = results
        else:
            outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
            case["outputs"] = [self.output(o, dtype, case["inputs"]) for o in outputs]
        if tol:
            case["tol"] = list(tol)
        if constant:
            case["constant"] = constant
        if from_data:
            case["from_data"] = True
        if reference:
            case["reference"] = True
        self.cases.append(case)

    @staticmethod
    def output(value, dtype, inputs):
        if isinstance(value, dict):
            return value
        value = np.asarray(value)
        if value.dtype == np.float64:
            first = next(iter(inputs.values()))
            first = first[0] if isinstance(first, list) else first
            name = dtype or (first["dtype"] if first["dtype"] in ("fp16", "fp32") else "fp32")
            out = tensor(value.astype(np.float32))
            out["dtype"] = name
            return out
        return tensor(value)


def main():
    sys.path.insert(0, str(HERE / "cases"))
    wanted = sys.argv[1:]
    np.seterr(all="ignore")
    warnings.simplefilter("ignore", RuntimeWarning)
    for path in sorted((HERE / "cases").glob("*.py")):
        if path.stem.startswith("_") or (wanted and path.stem not in wanted):
            continue
        adder = Adder()
        importlib.import_module(path.stem).cases(adder)
        lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in adder.cases)
        (HERE / "data").mkdir(exist_ok=True)
        (HERE / "data" / (path.stem + ".json")).write_text("[\n" + lines + "\n]\n")
        print(f"{path.stem}: {len(adder.cases)} cases")


if __name__ == "__main__":
    main()
