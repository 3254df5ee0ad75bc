#!/usr/bin/env python3
"""The facts of coremltools' registry of operations, kept in registry.json beside this file.

    registry.py write    reads the registry of an installed coremltools and writes registry.json
    registry.py check    fails with a list of differences when registry.json is not what the
                         registry says; exit status 77 when there is no coremltools

registry_test.cpp compares registry.json with Pome's table of operations, so that the comparison
runs where there is no coremltools, too. The file has names, opsets and parameters: whether they are
optional, must be constants, which element types they take, and the default where it can be told
without a program. Defaults that depend on the rank of the first argument are given by rank.
"""
import json
import logging
import os
import pathlib
import sys
import types as python_types

FACTS = pathlib.Path(__file__).resolve().parent / "registry.json"
SKIP = 77
RANKS = (1, 2, 3, 4, 5)
# How coremltools keeps constants of unknown shape while it converts; no file has it.
INTERNAL = ("_const_symbolic",)


def import_coremltools():
    """From this Python, or from the one that POME_COREMLTOOLS_PYTHON or POME_PYTHON names."""
    logging.disable(logging.CRITICAL)  # it complains of parts that only macOS has
    try:
        import coremltools
        return coremltools
    except ImportError:
        for name in ("POME_COREMLTOOLS_PYTHON", "POME_PYTHON"):
            other = os.environ.get(name)
            if other and os.path.exists(other) and not os.environ.get("POME_PYTHON_TRIED"):
                os.environ["POME_PYTHON_TRIED"] = "1"
                os.execv(other, [other] + sys.argv)
        print("skipped: no Python with coremltools was found (POME_COREMLTOOLS_PYTHON may name one)")
        sys.exit(SKIP)


def plain(value):
    """A default as JSON; None when it is not a number, text, bool or a list of these."""
    if hasattr(value, "tolist"):  # numpy's numbers and arrays
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        items = [plain(v) for v in value]
        return None if any(i is None for i in items) else items
    return value if isinstance(value, (bool, int, float, str)) else None


def defaults_at(cls, rank):
    """The defaults of a call whose tensors are fp32 and have `rank` dimensions of any size."""
    small, large = defaults_of(cls, rank, 2), defaults_of(cls, rank, 3)
    return {name: value for name, value in small.items() if large.get(name) == value}


def defaults_of(cls, rank, size):
    from coremltools.converters.mil.mil import types

    tensor = python_types.SimpleNamespace(rank=rank, dtype=types.fp32, shape=(size,) * rank)
    call = cls.__new__(cls)
    for name in cls.input_spec.input_types:
        setattr(call, name, tensor)
    try:
        found = dict(call.default_inputs().items())
    except Exception:  # it looks at more of its arguments than we can invent
        return {}
    return {name: plain(value) for name, value in found.items()}


def default_of(name, by_rank):
    values = {rank: found[name] for rank, found in by_rank.items() if found.get(name) is not None}
    if not values:
        return {}
    texts = {json.dumps(v) for v in values.values()}
    if len(texts) == 1 and len(values) == len(by_rank):
        return {"default": next(iter(values.values()))}
    return {"default_by_rank": {str(rank): v for rank, v in values.items()}}


def kind_of(spec):
    return {"TensorInputType": "tensor", "ListInputType": "list", "StateInputType": "state",
            "TupleInputType": "tuple", "ListOrTensorOrDictInputType": "any",
            "PyFunctionInputType": "block", "InternalInputType": "internal"}[type(spec).__name__]


def parameters(cls, builtin_to_string):
    by_rank = {rank: defaults_at(cls, rank) for rank in RANKS}
    out = []
    for name, spec in cls.input_spec.input_types.items():
        one = {"name": name, "kind": kind_of(spec), "optional": bool(spec.optional),
               "constant": bool(spec.const)}
        if one["kind"] == "tensor":
            domain = spec.type_domain
            if spec.type_domain_id is not None:
                one["group"] = spec.type_domain_id
                domain = cls.type_domains[spec.type_domain_id]
                domain = domain if isinstance(domain, (tuple, list)) else (domain,)
            one["types"] = sorted({builtin_to_string(t) for t in domain})
        out.append(one | default_of(name, by_rank))
    return out


def read_registry():
    coremltools = import_coremltools()
    from coremltools.converters.mil.mil.ops.registry import SSAOpRegistry
    from coremltools.converters.mil.mil import types

    operations = {}
    for op, by_opset in sorted(SSAOpRegistry.core_ops.items()):
        if op in INTERNAL:
            continue
        versions, last = [], None
        for opset, cls in sorted(by_opset.items()):
            if cls is not last:
                versions.append({"since": opset.name,
                                 "parameters": parameters(cls, types.builtin_to_string)})
            last = cls
        operations[op] = versions
    for op, cls in sorted(SSAOpRegistry.dialect_ops.items()):
        if op.startswith("coreml_"):  # the one dialect that is written to files
            operations[op] = [{"since": "iOS18",
                               "parameters": parameters(cls, types.builtin_to_string)}]
    return {"coremltools": coremltools.__version__,
            "opsets": [o.name for o in SSAOpRegistry.SUPPORTED_OPSET_VERSIONS],
            "operations": operations}


def text_of(facts):
    """JSON with a line a parameter, so that a change of one is a change of one line."""
    lines = ["{", f'"coremltools": {json.dumps(facts["coremltools"])},',
             f'"opsets": {json.dumps(facts["opsets"])},', '"operations": {']
    operations = []
    for op, versions in facts["operations"].items():
        texts = []
        for version in versions:
            body = ",\n".join("   " + json.dumps(p) for p in version["parameters"])
            texts.append(f'  {{"since": {json.dumps(version["since"])}, "parameters": [\n{body}]}}')
        operations.append(f' {json.dumps(op)}: [\n' + ",\n".join(texts) + "]")
    lines.append(",\n".join(operations))
    return "\n".join(lines) + "\n}\n}\n"


def differences(ours, theirs, place=""):
    if type(ours) is not type(theirs):
        yield f"{place}: the file has {json.dumps(ours)}, coremltools {json.dumps(theirs)}"
    elif isinstance(ours, dict):
        for key in sorted(set(ours) | set(theirs)):
            if key not in theirs or key not in ours:
                yield f"{place} {key}: only in {'the file' if key in ours else 'coremltools'}"
            else:
                yield from differences(ours[key], theirs[key], f"{place} {key}")
    elif isinstance(ours, list) and len(ours) == len(theirs):
        for i, (a, b) in enumerate(zip(ours, theirs)):
            name = b.get("name", b.get("since", i)) if isinstance(b, dict) else i
            yield from differences(a, b, f"{place} {name}")
    elif ours != theirs:
        yield f"{place}: the file has {json.dumps(ours)}, coremltools {json.dumps(theirs)}"


def main():
    if sys.argv[1:] not in (["write"], ["check"]):
        sys.exit(__doc__)
    facts = read_registry()
    count = sum(len(versions) for versions in facts["operations"].values())
    print(f"coremltools {facts['coremltools']}: {len(facts['operations'])} operations, "
          f"{count} versions, opsets {facts['opsets'][0]} to {facts['opsets'][-1]}")
    if sys.argv[1] == "write":
        FACTS.write_text(text_of(facts))
        return
    kept = json.loads(FACTS.read_text())
    if kept["coremltools"] != facts["coremltools"]:
        print(f"skipped: {FACTS.name} is of coremltools {kept['coremltools']}")
        sys.exit(SKIP)
    found = list(differences(kept, json.loads(text_of(facts))))
    for line in found:
        print(line)
    if found:
        sys.exit(f"{FACTS.name} is stale: run `{pathlib.Path(__file__).name} write`")
    print(f"{FACTS.name} agrees")


if __name__ == "__main__":
    main()
