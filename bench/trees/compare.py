#!/usr/bin/env python3
"""Tree ensembles on many rows: Pome beside XGBoost, treelite (GTIL) and tl2cgen (treelite's compiler).

  python3 -m venv build/bench-venv && build/bench-venv/bin/pip install -r bench/trees/requirements.txt
  ninja -C build bench_trees
  build/bench-venv/bin/python bench/trees/compare.py [--rows 1000000] [--threads 2] [--rounds 5]

Trains a regressor of 500 trees of depth 8 on 30 features with XGBoost, converts it with coremltools, and
lets each predict the same rows of float32 from memory on the same number of threads. Rounds are paired: in
each, all predict once, one after the other; the figures are medians over rounds of a peer's time divided by
Pome's in the same round. The library of each peer is used as its documentation recommends for speed:
XGBoost's inplace_predict (no DMatrix is made) and the prediction of a DMatrix made before; tl2cgen's
predictor compiled by gcc -O3 with its DMatrix made before; treelite's GTIL on the array.
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np


def train(args):
    import xgboost
    rng = np.random.default_rng(0)
    x = rng.standard_normal((50000, args.features)).astype(np.float32)
    y = (np.sin(x[:, 0] * 2) + x[:, 1] * x[:, 2] + np.abs(x).sum(axis=1) * 0.1 +
         rng.standard_normal(len(x)) * 0.5).astype(np.float32)
    if args.missing:
        x[rng.random(x.shape) < args.missing] = np.nan
    model = xgboost.XGBRegressor(n_estimators=args.trees, max_depth=args.depth, learning_rate=0.05,
                                 tree_method="hist", base_score=0.5, n_jobs=args.threads)
    model.fit(x, y)
    return model, rng


def rows_of(args, rng):
    x = rng.standard_normal((args.rows, args.features)).astype(np.float32)
    if args.missing:
        x[rng.random(x.shape) < args.missing] = np.nan
    return x


class Pome:
    def __init__(self, args, model, x, folder):
        import coremltools
        names = ["f%d" % i for i in range(args.features)]
        model.get_booster().feature_names = names
        spec = coremltools.converters.xgboost.convert(model.get_booster(), names, "target", force_32bit_float=True)
        path = folder / "model.mlmodel"
        coremltools.models.MLModel(spec.get_spec(), skip_model_load=True).save(str(path))
        x.tofile(folder / "rows.f32")
        self.results = folder / "results.f64"
        self.process = subprocess.Popen([args.program, path, folder / "rows.f32", str(args.features),
                                         str(args.threads), self.results],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def seconds(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def numbers(self):
        self.process.stdin.close()
        if self.process.wait():
            sys.exit("bench_trees failed")
        return np.fromfile(self.results, np.float64)


def peers_of(args, model, x, folder):
    """By name: a function that predicts all rows and returns its seconds and the results."""
    import xgboost
    booster = model.get_booster()
    booster.set_param({"nthread": args.threads})
    out = {"XGBoost inplace_predict":
           lambda: timed(lambda: booster.inplace_predict(x, validate_features=False))}

    def of_matrix():  # a new one each time, since predictions of a known one come from a cache
        matrix = xgboost.DMatrix(x, nthread=args.threads, feature_names=booster.feature_names)
        return timed(lambda: booster.predict(matrix))
    out["XGBoost DMatrix"] = of_matrix
    if args.only_xgboost:
        return out
    import tl2cgen
    import treelite
    forest = treelite.frontend.from_xgboost(booster)
    compiled = folder / "compiled.so"
    tl2cgen.export_lib(forest, toolchain="gcc", libpath=str(compiled), nthread=args.threads,
                       params={"parallel_comp": args.trees // 8}, options=["-O3", "-march=native"])
    predictor = tl2cgen.Predictor(str(compiled), nthread=args.threads)
    rows = tl2cgen.DMatrix(x, dtype="float32")
    out["tl2cgen"] = lambda: timed(lambda: predictor.predict(rows))
    if not args.skip_gtil:
        out["treelite GTIL"] = lambda: timed(lambda: treelite.gtil.predict(forest, x, nthread=args.threads))
    return out


def timed(call):
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, np.ravel(result)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=30)
    parser.add_argument("--trees", type=int, default=500)
    parser.add_argument("--depth", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--missing", type=float, default=0.0, help="share of values that are missing")
    parser.add_argument("--skip-gtil", action="store_true", help="leave treelite's slower way out")
    parser.add_argument("--only-xgboost", action="store_true", help="leave treelite and tl2cgen out")
    parser.add_argument("--program", default="build/bench/bench_trees")
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    with tempfile.TemporaryDirectory() as name:
        compare(args, pathlib.Path(name))


def compare(args, folder):
    model, rng = train(args)
    x = rows_of(args, rng)
    pome = Pome(args, model, x, folder)
    peers = peers_of(args, model, x, folder)
    pome.seconds()
    results = {name: call()[1] for name, call in peers.items()}  # and warm
    times = {name: [] for name in ["Pome", *peers]}
    for _ in range(args.rounds):
        times["Pome"].append(pome.seconds())
        for peer, call in peers.items():
            times[peer].append(call()[0])
    mine = pome.numbers()
    print(f"{args.trees} trees of depth {args.depth}, {args.rows} rows of {args.features} features, "
          f"{args.threads} threads, {args.rounds} rounds")
    for name, seconds in times.items():
        ratios = [theirs / ours for theirs, ours in zip(seconds, times["Pome"])]
        line = f"{name:26} {statistics.median(seconds):8.3f} s"
        if name != "Pome":
            off = np.max(np.abs(mine - results[name]) / np.maximum(1, np.abs(results[name])))
            line += f"   Pome's speed is {100 * statistics.median(ratios):5.0f} % of it" \
                    f" ({100 * min(ratios):.0f} to {100 * max(ratios):.0f}); results differ by {off:.1e} at most"
        print(line)


if __name__ == "__main__":
    main()
