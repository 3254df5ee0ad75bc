"""lstm, gru, rnn written out in numpy from their formulas."""
import numpy as np
from scipy.special import expit

F = np.float32
TOL = (1e-5, 1e-6)
ACT = {"tanh": np.tanh, "sigmoid": expit, "relu": lambda v: np.maximum(v, 0),
       "linear": lambda v: v, "hard_sigmoid": lambda v: np.clip(0.2 * v + 0.5, 0, 1),
       # MIL gives no scales here, and their defaults are 1: coremltools' numpy model of lstm
       # (mil/ops/tests/iOS14/test_recurrent.py) has tanh.
       "scaled_tanh": np.tanh}


def lstm_pass(x, h, c, wi, wh, b, p, ra, ca, a, clip):
    H = h.shape[1]
    outs = []
    for row in x:
        g = row @ wi.T + h @ wh.T + b
        i, f, o, z = (g[:, k * H:(k + 1) * H] for k in range(4))
        i, f = ra(i + p[:H] * c), ra(f + p[H:2 * H] * c)
        # That model clips the state of the cell.
        c = np.clip(f * c + i * ca(z), -clip, clip)
        h = ra(o + p[2 * H:] * c) * a(c)
        outs.append(h)
    return np.array(outs), h, c


def gru_pass(x, h, wi, wh, bi, bh, ra, a, after):
    H = h.shape[1]
    part = lambda m, k: m[k * H:(k + 1) * H]
    outs = []
    for row in x:
        side = lambda k: row @ part(wi, k).T + part(bi, k)
        r = ra(side(0) + h @ part(wh, 0).T + part(bh, 0))
        z = ra(side(2) + h @ part(wh, 2).T + part(bh, 2))
        if after:
            o = a(side(1) + r * (h @ part(wh, 1).T + part(bh, 1)))
        else:
            o = a(side(1) + (r * h) @ part(wh, 1).T + part(bh, 1))
        h = (1 - z) * o + z * h
        outs.append(h)
    return np.array(outs), h


def cases(add):
    rng = np.random.default_rng(13)
    r = lambda *shape: (rng.standard_normal(shape) / 2).astype(F)
    d = lambda a: None if a is None else a.astype(float)

    def lstm(S, B, I, H, direction, sequence, bias=True, peephole=False, clip=None, acts=None,
             note=None):
        both = direction == "bidirectional"
        n = 2 if both else 1
        x, h, c = r(S, B, I), r(B, n * H), r(B, n * H)
        ws = [(r(4 * H, I), r(4 * H, H), r(4 * H) if bias else None,
               r(3 * H) if peephole else None) for _ in range(n)]
        names = acts or ["sigmoid", "tanh", "tanh"]
        seqs, hs, cs = [], [], []
        for k, (wi, wh, b, p) in enumerate(ws):
            back = direction == "reverse" or k == 1
            seq, hn, cn = lstm_pass(
                d(x)[::-1] if back else d(x), d(h)[:, k * H:(k + 1) * H],
                d(c)[:, k * H:(k + 1) * H], d(wi), d(wh), d(b) if bias else np.zeros(4 * H),
                d(p) if peephole else np.zeros(3 * H), *(ACT[a] for a in names), clip or np.inf)
            if sequence:
                seqs.append(seq[::-1] if back else seq)
            else:
                seqs.append(hn[None])
            hs.append(hn)
            cs.append(cn)
        join = lambda parts: np.concatenate(parts, -1)
        wi, wh, b, p = ws[0]
        kw = dict(x=x, initial_h=h, initial_c=c, weight_ih=wi, weight_hh=wh, bias=b, peephole=p,
                  direction=direction, output_sequence=sequence,
                  clip=None if clip is None else F(clip))
        if both:
            kw.update(zip(("weight_ih_back", "weight_hh_back", "bias_back", "peephole_back"), ws[1]))
        if acts:
            kw.update(recurrent_activation=acts[0], cell_activation=acts[1], activation=acts[2])
        add("lstm", [join(seqs), join(hs), join(cs)], tol=TOL, note=note, **kw)

    lstm(5, 2, 3, 4, "forward", True)
    lstm(5, 2, 3, 4, "forward", False, bias=False)
    lstm(3, 2, 3, 4, "reverse", False)
    lstm(3, 2, 3, 4, "reverse", True, note="outputs at the steps they belong to")
    lstm(4, 3, 2, 5, "bidirectional", True, peephole=True)
    lstm(4, 1, 2, 1, "bidirectional", False)
    lstm(4, 1, 2, 3, "forward", True, clip=0.1)
    lstm(1, 1, 1, 1, "forward", True, acts=["hard_sigmoid", "relu", "linear"])
    lstm(3, 1, 2, 2, "forward", True, acts=["tanh", "scaled_tanh", "sigmoid"])
    x, h = r(3, 2, 4), r(2, 5)
    good = dict(x=x, initial_h=h, initial_c=h, weight_ih=r(20, 4), weight_hh=r(20, 5))
    states = (np.random.default_rng(14).standard_normal((6, 5)) / 2).astype(F)
    _, hn, cn = lstm_pass(d(x), d(states)[:2], d(states)[:2], d(good["weight_ih"]),
                            d(good["weight_hh"]), np.zeros(20), np.zeros(15),
                            *(ACT[a] for a in ("sigmoid", "tanh", "tanh")), np.inf)
    add("lstm", [hn[None], hn, cn], tol=TOL, note="states with more rows than the batch",
        **{**good, "initial_h": states, "initial_c": states})
    add("lstm", results=3, error="expected [S, B, I]", **{**good, "x": r(3, 4)})
    add("lstm", results=3, error="expected [4 H, H]", **{**good, "weight_hh": r(20, 4)})
    add("lstm", results=3, error="expected [20, 4]", **{**good, "weight_ih": r(20, 5)})
    add("lstm", results=3, error="expected [2, 5]", **{**good, "initial_c": r(2, 4)})
    add("lstm", results=3, error="missing for two directions", **good, direction="bidirectional")
    add("lstm", results=3, error="found 'backward'", **good, direction="backward")
    add("lstm", results=3, error="found 'softmax'", **good, activation="softmax")

    def gru(S, B, I, H, direction, sequence, opset="ios15", bias=True, after=None, input_bias=False,
            acts=None, note=None):
        x, h, wi, wh = r(S, B, I), r(B, H), r(3 * H, I), r(3 * H, H)
        b = r(3 * H) if bias else None
        bi = r(3 * H) if input_bias else None
        names = acts or ["sigmoid", "tanh"]
        seq, last = gru_pass(d(x)[::-1] if direction == "reverse" else d(x), d(h), d(wi), d(wh),
                             d(bi) if input_bias else np.zeros(3 * H),
                             d(b) if bias else np.zeros(3 * H), ACT[names[0]], ACT[names[1]], after)
        kw = dict(x=x, initial_h=h, weight_ih=wi, weight_hh=wh, bias=b, direction=direction,
                  output_sequence=sequence, reset_after=after, input_bias=bi)
        if acts:
            kw.update(recurrent_activation=acts[0], activation=acts[1])
        add("gru", [seq if sequence else last[None], last], tol=TOL, opset=opset, note=note, **kw)

    gru(5, 2, 3, 4, "forward", True)
    gru(5, 2, 3, 4, "forward", False, bias=False)
    gru(3, 2, 2, 3, "reverse", True, note="outputs in the order of computation")
    gru(3, 2, 2, 3, "reverse", False)
    gru(4, 2, 3, 2, "forward", True, acts=["tanh", "sigmoid"])
    gru(4, 2, 3, 2, "forward", True, opset="ios18", after=True, input_bias=True)
    gru(4, 2, 3, 2, "forward", True, opset="ios18", after=False, input_bias=True)
    good = dict(x=x, initial_h=h, weight_ih=r(15, 4), weight_hh=r(15, 5))
    add("gru", results=2, error="no parameter 'reset_after'", **good, reset_after=True)
    add("gru", results=2, error="expected [3 H, H]", **{**good, "weight_hh": r(15, 4)})
    add("gru", results=2, error="expected [15]", **good, bias=r(10))
    add("gru", results=2, error="found 'bidirectional'", **good, direction="bidirectional")

    def rnn(S, B, I, H, direction, sequence, act=None):
        x, h, wi, wh, b = r(S, B, I), r(B, H), r(H, I), r(H, H), r(H)
        state, outs = d(h), []
        for row in d(x)[::-1] if direction == "reverse" else d(x):
            state = ACT[act or "tanh"](row @ d(wi).T + state @ d(wh).T + b)
            outs.append(state)
        add("rnn", [np.array(outs) if sequence else state[None], state], tol=TOL, x=x, initial_h=h,
            weight_ih=wi, weight_hh=wh, bias=b, direction=direction, output_sequence=sequence,
            activation=act)

    rnn(4, 2, 3, 5, "forward", True)
    rnn(4, 2, 3, 5, "reverse", False)
    rnn(1, 1, 1, 1, "forward", True, "relu")
    rnn(3, 2, 1, 2, "forward", False, "scaled_tanh")
    add("rnn", results=2, error="expected [1 H, H]", x=x, initial_h=h, weight_ih=r(5, 4),
        weight_hh=r(5, 4))
