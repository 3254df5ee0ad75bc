"""Writes half_vectors.inc: float32 bit patterns and the float16 that numpy rounds them to."""
import pathlib

import numpy as np

rng = np.random.default_rng(16)
edges = [0x00000000, 0x80000000, 0x00000001, 0x007FFFFF, 0x00800000, 0x33000000, 0x33000001,
         0x32FFFFFF, 0x337FFFFF, 0x33800000, 0x33BFFFFF, 0x33C00000, 0x33C00001, 0x387FC000,
         0x387FDFFF, 0x387FE000, 0x387FE001, 0x387FFFFF, 0x38800000, 0x38801000, 0x38803000,
         0x3F800000, 0x3F801000, 0x3F801001, 0x3F803000, 0xBF802FFF, 0x477FE000, 0x477FEFFF,
         0x477FF000, 0x47800000, 0x7F7FFFFF, 0x7F800000, 0xFF800000]
normal = rng.integers(0x38000000, 0x47900000, 120, dtype=np.uint32)
subnormal = rng.integers(0x32000000, 0x38900000, 60, dtype=np.uint32)
signs = rng.integers(0, 2, 180, dtype=np.uint32) << np.uint32(31)
bits = np.concatenate([np.array(edges, np.uint32), np.concatenate([normal, subnormal]) | signs])
with np.errstate(over="ignore", under="ignore"):
    half = bits.view(np.float32).astype(np.float16).view(np.uint16)
lines = [f"{{0x{b:08X}U, 0x{h:04X}U}}," for b, h in zip(bits.tolist(), half.tolist())]
rows = [" ".join(lines[i:i + 4]) for i in range(0, len(lines), 4)]
pathlib.Path(__file__).with_name("half_vectors.inc").write_text("\n".join(rows) + "\n")
