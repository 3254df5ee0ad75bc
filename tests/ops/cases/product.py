"""linear, matmul, einsum, scaled_dot_product_attention against numpy."""
import numpy as np
from scipy.special import softmax

F = np.float32
TOL = (1e-5, 1e-5)


def attention(q, k, v, mask=None):
    q, k, v = (a.astype(float) for a in (q, k, v))
    scores = q @ np.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1])
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    return softmax(scores, axis=-1) @ v


def cases(add):
    rng = np.random.default_rng(12)
    r = lambda *shape: rng.standard_normal(shape).astype(F)
    d = lambda a: a.astype(float)

    # linear
    x, w, b = r(2, 3, 5), r(7, 5), r(7)
    add("linear", d(x) @ d(w).T + b, tol=TOL, x=x, weight=w, bias=b)
    add("linear", d(x) @ d(w).T, tol=TOL, x=x, weight=w)
    add("linear", d(x[0, 0]) @ d(w).T, tol=TOL, x=x[0, 0], weight=w, note="a vector")
    i, iw = rng.integers(-9, 9, (2, 3)).astype(np.int32), np.array([[1, 2, 3]], np.int32)
    add("linear", i @ iw.T + np.int32(4), x=i, weight=iw, bias=np.array([4], np.int32))
    add("linear", np.zeros((0, 7), F), x=r(0, 5), weight=w)
    add("linear", d(x) @ d(w).T, dtype="fp16", tol=(1e-3, 1e-3), opset="ios17",
        x=x.astype(np.float16), weight=w)
    add("linear", x=x, weight=r(7, 4), error="takes 4 inputs, the last dimension of x is 5")
    add("linear", x=x, weight=w, bias=r(6), error="has 6 values, expected 7")
    add("linear", x=x, weight=r(5), error="expected [D_out, D_in]")
    add("linear", x=x, weight=w.astype(np.float16), error="expected fp32")

    # matmul
    for left, right, tx, ty in [((2, 3), (3, 4), False, False), ((3, 2), (3, 4), True, False),
                                ((2, 3), (4, 3), False, True), ((3, 2), (4, 3), True, True),
                                ((5, 1, 2, 3), (3, 3, 4), False, False),
                                ((1, 7, 2, 3), (5, 1, 4, 3), False, True),
                                ((0, 3), (3, 2), False, False), ((2, 0), (0, 2), False, False)]:
        a, c = r(*left), r(*right)
        ma, mc = (np.swapaxes(d(a), -1, -2) if tx else d(a)), \
            (np.swapaxes(d(c), -1, -2) if ty else d(c))
        add("matmul", ma @ mc, tol=TOL, x=a, y=c, transpose_x=tx, transpose_y=ty)
    v, m, s = r(3), r(3, 4), r(2, 5, 3)
    add("matmul", d(v) @ d(m), tol=TOL, x=v, y=m, note="vector on the left")
    add("matmul", d(s) @ d(v), tol=TOL, x=s, y=v, note="vector on the right")
    add("matmul", d(v) @ d(v), tol=TOL, x=v, y=v, note="two vectors")
    big = np.array([[2**24 + 1, 1]], np.int32)
    add("matmul", np.array([[2**24 + 2]], np.int32), x=big, y=np.array([[1], [1]], np.int32),
        note="exact integers")
    ints = np.arange(6, dtype=np.int32).reshape(2, 3)
    parts = np.array([[0.5, 1.25], [2, -0.75], [-1.5, 0.25]], F)
    add("matmul", (ints @ d(parts)).astype(np.int32), x=ints, y=parts, opset="ios17", constant=["y"],
        note="the type of the side that is not constant")
    add("matmul", x=r(2, 3), y=r(4, 2), error="cannot multiply shapes [2, 3] and [4, 2]")
    add("matmul", x=r(2, 2, 3), y=r(3, 3, 4), error="cannot multiply shapes")
    add("matmul", x=F(1), y=r(2, 2), error="expected at least one dimension")

    # einsum
    x, y = r(2, 3, 4, 5), r(2, 5, 4, 6)
    add("einsum", np.einsum("nchw,nwhu->nchu", d(x), d(y)), tol=TOL, values=(x, y),
        equation="nchw,nwhu->nchu")
    add("einsum", np.einsum("nchw,nwhu->nchu", np.repeat(d(x[:1]), 2, 0), np.repeat(d(y[:, :, :1]), 4, 2)),
        tol=TOL, values=(x[:1], y[:, :, :1]), equation="nchw,nwhu->nchu", note="stretched")
    add("einsum", np.einsum("chw,whr->chr", d(x[0]), d(y[0])), tol=TOL, values=(x[0], y[0]),
        equation="chw,whr->chr")
    a, c, e = r(3, 4), r(4, 5), r(5)
    add("einsum", np.einsum("ij,jk,k->i", d(a), d(c), d(e)), tol=TOL, values=(a, c, e),
        equation="ij, jk, k -> i", note="three operands")
    sq = r(4, 4)
    add("einsum", np.einsum("ii->i", d(sq)), tol=TOL, values=(sq,), equation="ii->i",
        note="diagonal")
    add("einsum", np.einsum("ij->", d(sq)), tol=TOL, values=(sq,), equation="ij->", note="all")
    add("einsum", np.zeros((3, 2), F), values=(r(3, 0), r(0, 2)), equation="ij,jk->ik")
    add("einsum", values=(a, a), equation="ij,jk->ik", error="dimension 'j' has sizes 4 and 3")
    add("einsum", values=(a,), equation="ij,jk->ik", error="the equation names 2")
    add("einsum", values=(a,), equation="ijk->i", error="the equation names 3")
    add("einsum", values=(a,), equation="ij", error="expected '->'")
    add("einsum", values=(a,), equation="ij->iz", error="letter 'z' is in no operand")
    add("einsum", values=(a,), equation="...j->j", error="expected letters")
    add("einsum", values=(a,), equation="ij->ii", error="once in the result")

    # scaled_dot_product_attention
    q, k, v = r(2, 3, 5, 4), r(2, 3, 7, 4), r(2, 3, 7, 6)
    sdpa = lambda *args, **kw: add("scaled_dot_product_attention", *args, opset="ios18", **kw)
    sdpa(attention(q, k, v), tol=TOL, query=q, key=k, value=v)
    mask = rng.random((5, 7)) < 0.6
    mask[:, 0] = True
    sdpa(attention(q, k, v, mask), tol=TOL, query=q, key=k, value=v, attn_mask=mask)
    bias = r(2, 1, 1, 7)
    sdpa(attention(q, k, v, bias), tol=TOL, query=q, key=k, value=v, attn_mask=bias)
    mask[2] = False
    with np.errstate(all="ignore"):
        sdpa(attention(q[0], k[0], v[0], mask), tol=TOL, query=q[0], key=k[0], value=v[0],
             attn_mask=mask, note="a row without elements is NaN")
    sdpa(np.zeros((1, 0, 6), F), query=r(1, 0, 4), key=k[0, :1], value=v[0, :1], note="no queries")
    sdpa(query=q, key=r(2, 3, 7, 5), value=v, error="the same last dimension")
    sdpa(query=q, key=k, value=r(2, 3, 6, 6), error="has 6 rows, the key has 7")
    sdpa(query=q, key=k[:1], value=v, error="the same batch dimensions")
    sdpa(query=q, key=k, value=v, attn_mask=r(5, 6), error="cannot be broadcast to [2, 3, 5, 7]")
    sdpa(query=q[0, 0], key=k[0, 0], value=v[0, 0], error="expected at least 3")
