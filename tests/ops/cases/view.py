import numpy as np

F = np.float32


def shape(*values):
    return np.array(values, np.int32)


def cases(add):
    x = np.arange(24, dtype=F).reshape(2, 3, 4)
    i = np.arange(6, dtype=np.int32)
    add("reshape", x.reshape(4, 6), x=x, shape=shape(4, 6))
    add("reshape", x.reshape(2, 12), x=x, shape=shape(-1, 12))
    add("reshape", x.reshape(2, 12, 1), x=x, shape=shape(0, -1, 1))
    add("reshape", x.reshape(2, 3, 4), x=x, shape=shape(0, 0, 0))
    add("reshape", x.reshape(-1), x=x, shape=shape(-1))
    add("reshape", i.reshape(3, 2), x=i, shape=shape(3, 2))
    add("reshape", (i > 2).reshape(1, 6), x=i > 2, shape=shape(1, 6))
    add("reshape", i[:1].reshape(()), x=i[:1], shape=np.zeros(0, np.int32), note="to a scalar")
    add("reshape", np.ones((1, 1), F), x=F(1), shape=shape(1, 1), note="from a scalar")
    y = np.arange(100, dtype=F).reshape(2, 50)
    add("reshape", y.reshape(1, 1, 2, 50), x=y, shape=shape(1, 0, -1, 0), opset="ios17",
        note="zeros count from the right")
    add("reshape", i.astype(np.int8).reshape(2, 3), x=i.astype(np.int8),
        shape=np.array([2, 3], np.int16), opset="ios17")
    # (A 0 in `shape` always means a kept dimension.)
    add("reshape", np.zeros((0, 6), F), x=np.zeros((2, 0, 3), F), shape=shape(-1, 6), note="empty")
    add("reshape", np.zeros((2, 0), F), x=np.zeros((0, 2, 0), F), shape=shape(2, 0), opset="ios17",
        note="empty")
    add("reshape", x=x, shape=shape(5, -1), error="cannot view shape [2, 3, 4] as [5, -1]")
    add("reshape", x=x, shape=shape(4, 5), error="cannot view shape [2, 3, 4] as [4, 5]")
    add("reshape", x=x, shape=shape(-1, -1), error="at most one -1")
    add("reshape", x=x, shape=shape(-2, 12), error="found -2")
    add("reshape", x=x, shape=np.array([2147483647] * 4, np.int32), error="64 bits")
    add("reshape", x=x, shape=np.array([[4, 6]], np.int32), error="vector")

    refs = (np.zeros((2, 3, 4), F), np.zeros((1, 5, 6), np.int32))
    z = np.arange(180, dtype=F).reshape(18, 10)
    ints = lambda *v: tuple(np.int32(k) for k in v)
    bools = lambda *v: tuple(np.bool_(k) for k in v)
    add("reshape_like", z.reshape(2, 3, 5, 6), opset="ios16", x=z, ref_tensors=refs,
        begins=ints(0, 1), ends=ints(2, 0), end_masks=bools(False, True))
    add("reshape_like", z.reshape(6, 30), opset="ios16", x=z,
        ref_tensors=(np.zeros((6, 2), F), np.zeros((30,), F)), begins=ints(-2, 0), ends=ints(-1, 9),
        end_masks=bools(False, False))
    add("reshape_like", opset="ios16", x=z, ref_tensors=refs, begins=ints(0, 1), ends=ints(2, 2),
        end_masks=bools(False, False), error="cannot view shape [18, 10] as [2, 3, 5]")
    add("reshape_like", opset="ios16", x=z, ref_tensors=refs, begins=ints(0), ends=ints(2, 2),
        end_masks=bools(False, False), error="one for each of the 2 reference tensors")
    add("reshape_like", opset="ios15", x=z, ref_tensors=refs, begins=ints(0, 1), ends=ints(2, 2),
        end_masks=bools(False, False), error="exists from opset iOS16")

    s = np.arange(6, dtype=F).reshape(1, 2, 1, 3, 1)
    add("squeeze", s.reshape(2, 3), x=s)
    add("squeeze", s.reshape(2, 1, 3, 1), x=s, axes=[0])
    add("squeeze", s.reshape(1, 2, 3), x=s, axes=[-1, 2])
    add("squeeze", s.reshape(2, 1, 3, 1), x=s, axes=[0, 1], note="larger dimensions stay")
    add("squeeze", np.float32(3), x=np.array([[3]], F), note="to a scalar")
    add("squeeze", x=s, axes=[5], error="axis 5 is outside")
    add("expand_dims", x[:, None], x=x, axes=[1])
    add("expand_dims", x[None, ..., None], x=x, axes=[0, -1])
    add("expand_dims", x[:, None, :, None], x=x, axes=[-2, 1])
    add("expand_dims", np.array([3], F), x=F(3), axes=[0], note="from a scalar")
    add("expand_dims", i.astype(np.uint8)[None], x=i.astype(np.uint8), axes=[0], opset="ios17")
    add("expand_dims", x=x, axes=[4], error="axis 4 is outside")
    add("expand_dims", x=x, axes=[1, 1], error="given twice")
    add("expand_dims", x=i.astype(np.uint8), axes=[0], error="uint8")
    add("flatten2d", x.reshape(2, 12), x=x)
    add("flatten2d", x.reshape(6, 4), x=x, axis=-1)
    add("flatten2d", x.reshape(1, 24), x=x, axis=0)
    add("flatten2d", x.reshape(24, 1), x=x, axis=3)
    add("flatten2d", x=x, axis=4, error="axis 4 is outside")
    add("identity", x, x=x)
    add("identity", np.zeros((0, 2), np.int32), x=np.zeros((0, 2), np.int32), note="empty")

    add("transpose", x.transpose(2, 0, 1), x=x, perm=[2, 0, 1])
    add("transpose", x.transpose(0, 2, 1), x=x, perm=[0, -1, -2])
    add("transpose", i, x=i, perm=[0])
    add("transpose", (x > 3).transpose(1, 0, 2), x=x > 3, perm=[1, 0, 2])
    add("transpose", np.zeros((3, 0, 2), F), x=np.zeros((2, 3, 0), F), perm=[1, 2, 0], note="empty")
    add("transpose", x.astype(np.uint8).transpose(2, 1, 0), x=x.astype(np.uint8), perm=[2, 1, 0],
        opset="ios17")
    add("transpose", x=x, perm=[0, 1], error="3 dimensions of x")
    add("transpose", x=x, perm=[0, 1, 1], error="given twice")
    add("transpose", x=x, perm=[0, 1, 3], error="axis 3 is outside")
    add("reverse", x[::-1, ::-1, ::-1], x=x)
    add("reverse", x[:, ::-1], x=x, axes=[-2])
    add("reverse", i[::-1], x=i, axes=[0])
    add("reverse", np.zeros((0, 2), F), x=np.zeros((0, 2), F), note="empty")
    add("reverse", x=x, axes=[0, 0], error="given twice")
    r = np.arange(24, dtype=F).reshape(3, 4, 2)
    expected = r.copy()
    for b, n in enumerate((0, 3, 4)):
        expected[b, :n] = r[b, :n][::-1]
    add("reverse_sequence", expected, x=r, lengths=shape(0, 3, 4), seq_axis=1, batch_axis=0)
    add("reverse_sequence", expected.transpose(1, 2, 0), x=r.transpose(1, 2, 0),
        lengths=shape(0, 3, 4), seq_axis=0, batch_axis=-1)
    add("reverse_sequence", x=r, lengths=shape(0, 3, 5), seq_axis=1, error="found 5, expected 0 to 4")
    add("reverse_sequence", x=r, lengths=shape(0, 3), seq_axis=1, error="each of the 3 batches")
