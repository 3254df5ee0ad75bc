#!/usr/bin/env python3
"""Writes programs.json beside this file: whole programs for the operations that the executor runs.

Lists, states, cond and while_loop are not calls of one function, so that the cases of
tests/ops/cases cannot hold them. Each case is a program as MIL text with the inputs of one or more
predictions in a row (which share the states) and what they give, computed here in numpy:

    {"name", "program", "steps": [{"inputs": [tensor, ...], "outputs": [tensor, ...]}, ...]}

Tensors are as make_cases.py writes them.
"""
import json
import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from make_cases import tensor  # noqa: E402

F, H, I = np.float32, np.float16, np.int32


def program(opset, inputs, body, outputs):
    return f"program(1.0)\n{{\n    func main<{opset}>({inputs}) {{\n{body}\n    }} -> ({outputs});\n}}\n"


CONSTANTS = """
        tensor<int32, []> zero = const()[val = tensor<int32, []>(0)];
        tensor<int32, []> one = const()[val = tensor<int32, []>(1)];
        tensor<int32, []> two = const()[val = tensor<int32, []>(2)];
        tensor<int32, []> three = const()[val = tensor<int32, []>(3)];
        tensor<int32, []> minus_one = const()[val = tensor<int32, []>(-1)];
        tensor<bool, []> yes = const()[val = tensor<bool, []>(true)];
        tensor<bool, []> no = const()[val = tensor<bool, []>(false)];
        tensor<string, []> fp32 = const()[val = tensor<string, []>("fp32")];
        tensor<string, []> int32 = const()[val = tensor<string, []>("int32")];
"""


def cases():
    yield from branches()
    yield from loops()
    yield from lists()
    yield from states()


def step(inputs, outputs):
    return {"inputs": [tensor(i) for i in inputs], "outputs": [tensor(o) for o in outputs]}


def branches():
    text = program("ios15", "tensor<bool, []> p, tensor<fp32, [3]> x", CONSTANTS + """
        tensor<fp32, [3]> a, tensor<fp32, [3]> b = cond(pred = p)[name = tensor<string, []>("c")] {
            tensor<fp32, [3]> s = add(x = x, y = x);
        } -> (s, x), {
            tensor<fp32, [3]> q = mul(x = x, y = x);
            tensor<fp32, [3]> m = sub(x = q, y = x);
        } -> (m, q);""", "a, b")
    x = np.array([1.5, -2, 4], F)
    yield "cond gives the results of the branch that is taken", text, [
        step([np.bool_(True), x], [x + x, x]), step([np.bool_(False), x], [x * x - x, x * x])]

    text = program("ios17", "tensor<fp32, [?]> x", CONSTANTS + """
        tensor<fp32, []> t = reduce_sum(x = x, keep_dims = no);
        tensor<fp32, []> nothing = const()[val = tensor<fp32, []>(0)];
        tensor<bool, []> p = greater(x = t, y = nothing);
        tensor<fp32, [?]> y = cond(pred = p)[name = tensor<string, []>("outer")] {
            tensor<fp32, []> ten = const()[val = tensor<fp32, []>(10)];
            tensor<bool, []> large = greater(x = t, y = ten);
            tensor<fp32, [?]> inner = cond(pred = large)[name = tensor<string, []>("inner")] {
                tensor<fp32, [?]> r = mul(x = x, y = ten);
            } -> (r), {
                tensor<fp32, [?]> r2 = add(x = x, y = t);
            } -> (r2);
        } -> (inner), {
            tensor<fp32, [?]> n = abs(x = x);
        } -> (n);""", "y")
    small, large, negative = np.array([1, 2], F), np.array([3, 4, 5], F), np.array([-1, -7.5], F)
    yield "cond in cond, sizes of the branch", text, [
        step([small], [small + 3]), step([large], [large * 10]), step([negative], [-negative])]


def loops():
    text = program("ios15", "tensor<int32, []> n, tensor<fp32, [2]> x", CONSTANTS + """
        tensor<int32, []> count, tensor<fp32, [2]> sum, tensor<fp32, [2]> old =
            while_loop(loop_vars = (zero, x, x))[name = tensor<string, []>("loop")]
            (tensor<int32, []> i, tensor<fp32, [2]> a, tensor<fp32, [2]> b) {
                tensor<bool, []> more = less(x = i, y = n);
            } -> (more), (tensor<int32, []> j, tensor<fp32, [2]> c, tensor<fp32, [2]> d) {
                tensor<int32, []> next = add(x = j, y = one);
                tensor<fp32, [2]> e = add(x = c, y = d);
            } -> (next, e, c);""", "count, sum, old")

    def fibonacci(n, x):
        a, b = x.copy(), x.copy()
        for _ in range(n):
            a, b = a + b, a
        return [I(n), a, b]

    x = np.array([1, -0.5], F)
    yield "while_loop carries its variables, swapped too", text, [
        step([I(n), x], fibonacci(n, x)) for n in (0, 1, 2, 7, 11)]

    text = program("ios15", "tensor<int32, []> n", CONSTANTS + """
        tensor<int32, []> i, tensor<int32, []> total =
            while_loop(loop_vars = (zero, zero))[name = tensor<string, []>("outer")]
            (tensor<int32, []> a, tensor<int32, []> b) {
                tensor<bool, []> more = less(x = a, y = n);
            } -> (more), (tensor<int32, []> c, tensor<int32, []> d) {
                tensor<int32, []> j, tensor<int32, []> e =
                    while_loop(loop_vars = (zero, d))[name = tensor<string, []>("inner")]
                    (tensor<int32, []> f, tensor<int32, []> g) {
                        tensor<bool, []> again = less_equal(x = f, y = c);
                    } -> (again), (tensor<int32, []> h, tensor<int32, []> k) {
                        tensor<int32, []> h2 = add(x = h, y = one);
                        tensor<int32, []> l = mul(x = h, y = c);
                        tensor<int32, []> k2 = add(x = k, y = l);
                    } -> (h2, k2);
                tensor<int32, []> next = add(x = c, y = one);
            } -> (next, e);""", "i, total")

    def nested(n):
        return [I(n), I(sum(h * c for c in range(n) for h in range(c + 1)))]
    yield "a loop in a loop", text, [step([I(n)], nested(n)) for n in (0, 1, 5, 9)]

    text = program("ios15", "tensor<fp32, [?]> x, tensor<int32, []> n", CONSTANTS + """
        tensor<int32, []> i, tensor<fp32, [?]> y =
            while_loop(loop_vars = (zero, x))[name = tensor<string, []>("grow")]
            (tensor<int32, []> a, tensor<fp32, [?]> b) {
                tensor<bool, []> more = less(x = a, y = n);
            } -> (more), (tensor<int32, []> c, tensor<fp32, [?]> d) {
                tensor<int32, []> next = add(x = c, y = one);
                tensor<fp32, [?]> e = concat(values = (d, x), axis = zero, interleave = no);
            } -> (next, e);""", "y")
    x = np.array([1, 2, -3], F)
    yield "a variable that grows from turn to turn", text, [
        step([x[:k], I(n)], [np.tile(x[:k], n + 1)]) for k, n in ((3, 0), (3, 2), (1, 4))]


def lists():
    make = """
        list<tensor<fp32, [2]>, ?> l0 = make_list(init_length = three, dynamic_length = yes,
            elem_shape = (two), dtype = fp32);"""
    rows = np.array([[1, 2], [3, -4], [5.5, 6], [7, 8]], F)
    text = program("ios15", "tensor<fp32, [2]> a, tensor<fp32, [2]> b, tensor<int32, []> at",
                   CONSTANTS + make + """
        list<tensor<fp32, [2]>, ?> l1 = list_write(ls = l0, index = two, value = a);
        list<tensor<fp32, [2]>, ?> l2 = list_write(ls = l1, index = at, value = b);
        tensor<int32, []> n0 = list_length(ls = l0);
        tensor<int32, []> n = list_length(ls = l2);
        tensor<fp32, [2]> first = list_read(ls = l2, index = two);
        tensor<fp32, [2]> second = list_read(ls = l2, index = at);
        tensor<fp32, [2]> never = list_read(ls = l2, index = one);""",
                   "n0, n, first, second, never")
    a, b = rows[0], rows[1]
    yield "list_write, list_read, list_length: elements never written are zeros", text, [
        step([a, b, I(0)], [I(3), I(3), a, b, 0 * a]),
        step([a, b, I(2)], [I(3), I(3), b, b, 0 * a]),
        step([a, b, I(5)], [I(3), I(6), a, b, 0 * a])]

    text = program("ios15", "tensor<fp32, [2]> a", CONSTANTS + """
        list<tensor<fp32, [2]>, ?> l0 = make_list(elem_shape = (two));
        tensor<int32, []> n0 = list_length(ls = l0);
        list<tensor<fp32, [2]>, ?> l1 = list_write(ls = l0, index = two, value = a);
        tensor<int32, []> n1 = list_length(ls = l1);
        tensor<fp32, [2]> y = list_read(ls = l1, index = two);""", "n0, n1, y")
    yield "a list has one element, grows and holds fp32 if nothing else is said", text, [
        step([a], [I(1), I(3), a])]

    text = program("ios15", "tensor<fp32, [?, 2]> v, tensor<int32, [?]> to, tensor<int32, [?]> from",
                   CONSTANTS + make + """
        list<tensor<fp32, [2]>, ?> l1 = list_scatter(ls = l0, indices = to, value = v);
        tensor<int32, []> n = list_length(ls = l1);
        tensor<fp32, [?, 2]> y = list_gather(ls = l1, indices = from);""", "n, y")

    def scattered(to, source):
        kept = np.zeros((max(3, max(to) + 1), 2), F)
        for i, t in enumerate(to):
            kept[t] = rows[i]
        return step([rows[:len(to)], np.array(to, I), np.array(source, I)],
                    [I(len(kept)), kept[source]])
    yield "list_scatter and list_gather", text, [
        scattered([0, 1, 2], [2, 1, 0, 0]), scattered([3, 1, 0, 2], [0, 1, 2, 3]),
        scattered([4], [4, 3])]

    text = program("ios15", "tensor<int32, []> n, tensor<int32, [?]> all", CONSTANTS + """
        list<tensor<int32, []>, ?> l0 = make_list(init_length = one, dynamic_length = yes, dtype = int32);
        tensor<int32, []> i, list<tensor<int32, []>, ?> l =
            while_loop(loop_vars = (zero, l0))[name = tensor<string, []>("loop")]
            (tensor<int32, []> a, list<tensor<int32, []>, ?> b) {
                tensor<bool, []> more = less(x = a, y = n);
            } -> (more), (tensor<int32, []> c, list<tensor<int32, []>, ?> d) {
                tensor<int32, []> square = mul(x = c, y = c);
                list<tensor<int32, []>, ?> e = list_write(ls = d, index = c, value = square);
                tensor<int32, []> next = add(x = c, y = one);
            } -> (next, e);
        tensor<int32, []> length = list_length(ls = l);
        tensor<int32, [?]> y = list_gather(ls = l, indices = all);""", "length, y")
    yield "a list that a loop fills", text, [
        step([I(n), np.arange(n, dtype=I)], [I(n), np.arange(n, dtype=I) ** 2]) for n in (1, 3, 50)]


def states():
    text = program("ios18", "state<tensor<fp16, [2]>> s, tensor<fp16, [2]> x", """
        tensor<fp16, [2]> old = read_state(input = s);
        tensor<fp16, [2]> sum = add(x = old, y = x);
        write_state(data = sum, input = s)[name = string("w")];
        tensor<fp16, [2]> now = read_state(input = s);""", "old, now")
    x = [np.array(v, H) for v in ([1, 2], [0.5, -2], [100.5, 3])]
    sums = [np.zeros(2, H)]
    steps = []
    for one in x:
        sums.append((sums[-1] + one).astype(H))
        steps.append(step([one], [sums[-2], sums[-1]]))
    yield "read_state and write_state from prediction to prediction", text, steps

    text = program("ios18", "state<tensor<fp16, [2]>> s, tensor<fp16, [2]> x", """
        tensor<fp16, [2]> old = read_state(input = s);
        tensor<fp16, [2]> twice = add(x = old, y = old);
        tensor<fp16, [2]> sum = add(x = twice, y = x);
        tensor<fp16, [2]> now = coreml_update_state(state = s, value = sum)[name = string("u")];
        tensor<fp16, [2]> more = mul(x = now, y = x);""", "old, more")
    kept, steps = np.zeros(2, H), []
    for one in x:
        old, kept = kept, (kept + kept + one).astype(H)
        steps.append(step([one], [old, (kept * one).astype(H)]))
    yield "coreml_update_state gives the new value and keeps it", text, steps


def main():
    found = [{"name": name, "program": text, "steps": steps} for name, text, steps in cases()]
    body = ",\n".join(json.dumps(c, separators=(",", ":")) for c in found)
    (HERE / "programs.json").write_text("[\n" + body + "\n]\n")
    print(f"{len(found)} programs, {sum(len(c['steps']) for c in found)} predictions")


if __name__ == "__main__":
    main()
