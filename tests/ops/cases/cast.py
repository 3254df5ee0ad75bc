import numpy as np

F = np.float32
LIMITS = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767), "uint16": (0, 65535),
          "int32": (-2 ** 31, 2 ** 31 - 1)}


def integer(values, dtype):
    """Python's exact arithmetic: truncation, then saturation; NaN is 0."""
    low, high = LIMITS[dtype]
    out = []
    for v in values:
        v = float(v)
        out.append(0 if v != v else high if v > high else low if v < low else int(v))
    return np.array(out, dtype)


def cases(add):
    floats = np.array([0.0, -0.0, 0.5, -0.9, 1.5, -1.5, 127.9, 128.0, 255.5, 300.0, -129.0, 65535.5,
                       65536.0, 1e10, -1e10, np.nan, np.inf, -np.inf, 2147483648.0], F)
    halves = np.array([0.0, -0.75, 2.5, 65504.0, -65504.0, np.inf, np.nan], np.float16)
    for source in (floats, halves):
        for name in LIMITS:
            opset = "ios15" if name == "int32" else "ios17"
            add("cast", integer(source, name), x=source, dtype_=name, opset=opset,
                note="truncates and saturates")
        add("cast", source != 0, x=source, dtype_="bool", note="NaN is true")
        add("cast", source.astype(F), x=source, dtype_="fp32")
        add("cast", source.astype(np.float16), x=source, dtype_="fp16", tol=(0, 0))
    fine = np.array([1.0009766, 2049.0, 2051.0, 65519.0, 65520.0, 5.9604645e-8, 2.9e-8, 3.0e-8,
                     1e-10, -65520.0], F)
    add("cast", fine.astype(np.float16), x=fine, dtype_="fp16", tol=(0, 0),
        note="nearest even, overflow to infinity, subnormals")
    for name, (low, high) in LIMITS.items():
        values = np.array([0, 1, low, high, high - 1, (low + high) // 3], name)
        opset = "ios15" if name == "int32" else "ios17"
        for to in ("int8", "uint8", "int16", "uint16", "int32"):
            add("cast", values.astype(np.int64).astype(to), x=values, dtype_=to, opset="ios17",
                note="low bits")
        add("cast", values.astype(F), x=values, dtype_="fp32", opset=opset, tol=(0, 0))
        add("cast", values.astype(np.float32).astype(np.float16), x=values, dtype_="fp16",
            opset=opset, tol=(0, 0))
        add("cast", values != 0, x=values, dtype_="bool", opset=opset)
    flags = np.array([[True, False]])
    for to in ("fp32", "int32", "bool"):
        add("cast", flags.astype({"fp32": F}.get(to, to)), x=flags, dtype_=to)
    add("cast", flags.astype(np.float16), x=flags, dtype_="fp16")
    add("cast", flags.astype(np.uint8), x=flags, dtype_="uint8", opset="ios17")
    add("cast", np.zeros((0,), np.int32), x=np.zeros((0,), F), dtype_="int32", note="empty")
    add("cast", np.int32(3), x=F(3.7), dtype_="int32", note="scalar")
    add("cast", x=floats, dtype_="float", error="'float'")
    add("cast", x=floats, dtype_="int4", error="expected")
    add("cast", x=np.zeros(2, np.int8), dtype_="fp32", error="int8", note="small integers from iOS17")
