#!/usr/bin/env python3
"""Whole models against other engines: rounds in which each engine in turn predicts, and the median of
the ratios of each round with its 95 % interval.

    python bench/paired.py --peerbench ../shared/bench/peerbench.py --dir MODELS \\
        --pome build/bin/pome --threads 1 --rounds 15 [--models resnet50,lstm] [--rt]

Needs the Python environment and the exported networks that peerbench's README describes. An engine's
time of a round is the median of its predictions in that round, for Pome with the conversion of the
inputs and the delivery of the outputs. Prints a table in Markdown.
"""
import argparse
import importlib.util
import json
import os
import shlex
import statistics
import subprocess
import sys

ALL = "resnet50,mobilenet_v2,vit_b16,bert_base,deeplab_mnv3,style_transfer,lstm"


def load_peerbench(path):
    spec = importlib.util.spec_from_file_location("peerbench", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def interval(values):
    """The median and the order statistics that enclose it with at least 95 %, whatever the
    distribution; fewer than six values enclose it with less."""
    ordered = sorted(values)
    n = len(ordered)
    # P(at most k of n fair coins) <= 2.5 %
    k, cumulated, term = -1, 0.0, 0.5**n
    while k + 1 < n and cumulated + term <= 0.025:
        cumulated += term
        k += 1
        term = term * (n - k) / (k + 1)
    low = max(0, k + 1)
    return statistics.median(ordered), ordered[min(low, n - 1)], ordered[max(n - 1 - low, 0)]


class Pome:
    def __init__(self, args, bench, model, suffix):
        self.bench, self.threads = bench, args.threads
        path = lambda extension: os.path.join(args.dir, model + extension)
        self.command = [args.pome, "bench", path(".%s.mlpackage" % suffix), "--threads",
                        str(args.threads), "--accuracy", args.accuracy, "--seconds",
                        str(args.seconds), "--json", "--ref", path(".ref.npy")]
        inputs = 0
        while os.path.exists(path(".in%d.npy" % inputs)):
            self.command += ["--input", path(".in%d.npy" % inputs)]
            inputs += 1
        self.last = {}

    def round(self):
        done = subprocess.run(self.command, capture_output=True, text=True,
                              preexec_fn=self.bench.pin(self.threads))
        if done.returncode != 0:
            sys.exit("%s: %s" % (shlex.join(self.command), done.stderr))
        self.last = json.loads(done.stdout.splitlines()[-1])
        return self.last["latency_ms_median"]


class Peer:
    def __init__(self, args, bench, model, engine):
        self.seconds = args.seconds
        self.worker = bench.Worker(engine, args.dir, model, args.threads)
        self.last = self.worker.hello
        if "error" in self.last:
            sys.exit("%s on %s: %s" % (engine, model, self.last["error"]))

    def round(self):
        before = len(self.worker.ts)
        self.worker.round(100000, self.seconds)
        return statistics.median(self.worker.ts[before:])


def measure(args, bench, model):
    engines = {"pome": Pome(args, bench, model, "f32"), "pome f16": Pome(args, bench, model, "f16")}
    for engine in args.engines.split(","):
        engines[engine] = Peer(args, bench, model, engine)
    times = {name: [] for name in engines}
    for number in range(args.rounds):
        order = list(engines)
        first = number % len(order)
        for name in order[first:] + order[:first]:
            times[name].append(engines[name].round())
    for engine in engines.values():
        if isinstance(engine, Peer):
            engine.worker.close()
    return engines, times


def row(model, args, engines, times):
    cells = [model, "%.1f" % statistics.median(times["pome"]),
             "%.1f" % statistics.median(times["pome f16"])]
    for name in args.engines.split(","):
        ratios = [peer / own for peer, own in zip(times[name], times["pome"])]
        cells += ["%.1f" % statistics.median(times[name]), "%.2f (%.2f-%.2f)" % interval(ratios)]
    own = engines["pome"].last
    cells += ["%.1e" % own["rel_rms"], "%.0f / %.1f" % (own["load_ms"], own["load_cached_ms"]),
              "%.0f / %.0f" % (own["rss_mb"], engines["pome f16"].last["rss_mb"])]
    return "| " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peerbench", required=True, help="peerbench.py")
    parser.add_argument("--dir", required=True, help="the exported networks")
    parser.add_argument("--pome", default="build/bin/pome")
    parser.add_argument("--models", default=ALL)
    parser.add_argument("--engines", default="ort,openvino-f32")
    parser.add_argument("--accuracy", default="exact", choices=["exact", "fast"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.3, help="of an engine in a round")
    parser.add_argument("--rt", action="store_true", help="real-time priority (root)")
    args = parser.parse_args()
    bench = load_peerbench(args.peerbench)
    bench.RT = args.rt
    head = ["network", "Pome ms", "Pome f16 ms"]
    for name in args.engines.split(","):
        head += [name + " ms", name + " / Pome (95 %)"]
    head += ["rel. rms", "load / cached ms", "peak MB f32 / f16"]
    print("| " + " | ".join(head) + " |\n|" + " --- |" * len(head), flush=True)
    for model in args.models.split(","):
        print(row(model, args, *measure(args, bench, model)), flush=True)


if __name__ == "__main__":
    main()
