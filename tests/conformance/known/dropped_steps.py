#!/usr/bin/env python3
"""Computes, in float64 with numpy, the classical cases of the corpus whose last step known.txt lists.

Usage: dropped_steps.py CORPUS KNOWN.TXT   (a Python with numpy and coremltools, for its protobuf classes)

The recorder that made the corpus keeps sixteen predictions of a test that predicts row by row over a data
set. What the test expects of each later row (case.json counts them as "steps_dropped") it filed under the
sixteenth: `if k is None: k = MAX_STEPS - 1`. So the expected value of the sixteenth step is that of the
last row of the data set, beside the inputs of the sixteenth.

This computes every step of every such case from the files of the case alone, in the way of the published
definition of its model (trees as XGBoost and scikit-learn define them, support vectors as LIBSVM does).
It fails unless steps 1 to 15 agree in all and the cases whose sixteenth step disagrees are exactly those that KNOWN.TXT lists.
dropped_steps.txt holds what it printed. No code of this project is used.
"""
import json
import pathlib
import sys

import numpy as np
from coremltools.proto import Model_pb2

STEPS = 16


def inputs_of(folder, step):
    with np.load(folder / step["inputs"]) as file:
        return {name: file[name] for name in file.files}


def expected_of(folder, step):
    with np.load(folder / step["expected"]) as file:
        return {name: json.loads(str(file[name])) if step["tol"][name].get("dict") else file[name].item()
                for name in file.files}


def labels_of(model):
    kind = model.WhichOneof("ClassLabels")
    return list(getattr(model, kind).vector)


# --- trees ------------------------------------------------------------------------------------

COMPARE = {0: np.less_equal, 1: np.less, 2: np.greater_equal, 3: np.greater, 4: np.equal, 5: np.not_equal}
LEAF = 6


def tree_scores(message, x):
    """The base values plus a leaf of each tree; in float32 where every number of the model is one."""
    nodes = {(n.treeId, n.nodeId): n for n in message.nodes}
    children = {(n.treeId, c) for n in message.nodes if n.nodeBehavior != LEAF
                for c in (n.trueChildNodeId, n.falseChildNodeId)}
    numbers = [n.branchFeatureValue for n in message.nodes] + \
        [i.evaluationValue for n in message.nodes for i in n.evaluationInfo] + list(message.basePredictionValue)
    if np.array_equal(np.float32(numbers), numbers):
        x = np.float32(x)
    scores = np.array(message.basePredictionValue, np.float64)
    for root in sorted(set(nodes) - children):
        node = nodes[root]
        while node.nodeBehavior != LEAF:
            value = x[node.branchFeatureIndex]
            right = node.missingValueTracksTrueChild if np.isnan(value) else \
                COMPARE[node.nodeBehavior](value, node.branchFeatureValue)
            node = nodes[node.treeId, node.trueChildNodeId if right else node.falseChildNodeId]
        for info in node.evaluationInfo:
            scores[info.evaluationIndex] += info.evaluationValue
    return scores


def softmax(scores):
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


TRANSFORMS = {0: lambda s: s, 1: softmax, 2: lambda s: 1 / (1 + np.exp(-s)),
              3: lambda s: softmax(np.concatenate([[0.0], s]))}


def tree_regressor(model, x):
    return TRANSFORMS[model.postEvaluationTransform](tree_scores(model.treeEnsemble, x))[0]


def tree_classifier(model, x):
    scores = TRANSFORMS[model.postEvaluationTransform](tree_scores(model.treeEnsemble, x))
    return np.array([1 - scores[0], scores[0]]) if len(scores) == 1 else scores


# --- linear models ----------------------------------------------------------------------------

def linear(model, x):
    weights = np.array([list(w.value) for w in model.weights])
    return weights @ x + np.array(model.offset)


def glm_regressor(model, x):
    assert model.postEvaluationTransform == 0
    return linear(model, x)[0]


def glm_classifier(model, x):
    assert model.postEvaluationTransform == 0  # the logistic function
    scores = 1 / (1 + np.exp(-linear(model, x)))
    if len(scores) == 1:
        return np.array([1 - scores[0], scores[0]])
    return scores / scores.sum()  # each class against the rest


# --- support vectors --------------------------------------------------------------------------

def vectors_of(model):
    kind = model.WhichOneof("supportVectors")
    if kind == "denseSupportVectors":
        return np.array([list(v.values) for v in model.denseSupportVectors.vectors])
    rows = model.sparseSupportVectors.vectors
    width = max(n.index for v in rows for n in v.nodes)
    out = np.zeros((len(rows), width))
    for row, vector in zip(out, rows):
        for node in vector.nodes:
            row[node.index - 1] = node.value  # counted from one
    return out


def kernels(model, x):
    vectors = vectors_of(model)
    x = np.pad(x, (0, max(0, vectors.shape[1] - len(x))))
    vectors = np.pad(vectors, ((0, 0), (0, max(0, len(x) - vectors.shape[1]))))
    kind = model.kernel.WhichOneof("kernel")
    kernel = getattr(model.kernel, kind)
    if kind == "linearKernel":
        return vectors @ x
    if kind == "rbfKernel":
        return np.exp(-kernel.gamma * ((vectors - x) ** 2).sum(axis=1))
    if kind == "polyKernel":
        return (kernel.gamma * (vectors @ x) + kernel.c) ** kernel.degree
    return np.tanh(kernel.gamma * (vectors @ x) + kernel.c)


def svm_regressor(model, x):
    return np.array(model.coefficients.alpha) @ kernels(model, x) - model.rho


def svm_classifier(model, x):
    """Votes, or where the model has them probabilities."""
    k = kernels(model, x)
    counts = list(model.numberOfSupportVectorsPerClass)
    starts = np.concatenate([[0], np.cumsum(counts)])
    n = len(counts)
    votes, pair, p = np.zeros(n), np.zeros((n, n)), 0
    for i in range(n):
        for j in range(i + 1, n):
            mine, other = slice(starts[i], starts[i + 1]), slice(starts[j], starts[j + 1])
            decision = np.array(model.coefficients[j - 1].alpha[mine]) @ k[mine] + \
                np.array(model.coefficients[i].alpha[other]) @ k[other] - model.rho[p]
            votes[i if decision > 0 else j] += 1
            if len(model.probA):
                score = decision * model.probA[p] + model.probB[p]
                pair[i, j] = np.clip(1 / (1 + np.exp(score)), 1e-7, 1 - 1e-7)
                pair[j, i] = 1 - pair[i, j]
            p += 1
    return couple(pair) if len(model.probA) else votes


def couple(r):
    """Probabilities p with sum 1 towards the least sum of (r_ji p_i - r_ij p_j) squared: the second method
    of Wu, Lin and Weng (2004), their algorithm 2, which ends early, within 0.005 / classes of the optimum's
    condition Q p = p'Q p."""
    n = len(r)
    q = -r * r.T
    np.fill_diagonal(q, (r ** 2).sum(axis=0))
    p = np.full(n, 1 / n)
    for _ in range(max(100, n)):
        if np.abs(q @ p - p @ q @ p).max() < 0.005 / n:
            break
        for t in range(n):
            p[t] += (p @ q @ p - q[t] @ p) / q[t, t]
            p /= p.sum()
    return p


# --- cases ------------------------------------------------------------------------------------

REGRESSORS = {"treeEnsembleRegressor": tree_regressor, "glmRegressor": glm_regressor,
              "supportVectorRegressor": svm_regressor}
CLASSIFIERS = {"treeEnsembleClassifier": tree_classifier, "glmClassifier": glm_classifier,
               "supportVectorClassifier": svm_classifier}


def stages_of(model):
    """The models of a pipeline in their order, those of inner pipelines in place."""
    kind = model.WhichOneof("Type")
    if not kind.startswith("pipeline"):
        return [model]
    inner = model.pipeline if kind == "pipeline" else getattr(model, kind).pipeline
    return [stage for part in inner.models for stage in stages_of(part)]


class Case:
    def __init__(self, folder):
        self.folder = folder
        self.steps = json.loads((folder / "case.json").read_text())["steps"]
        model = Model_pb2.Model()
        model.ParseFromString((folder / "model.mlmodel").read_bytes())
        self.description = model.description
        stages = stages_of(model)
        self.kind = stages[-1].WhichOneof("Type")
        self.model = getattr(stages[-1], self.kind)
        self.keys = None
        if stages[0].WhichOneof("Type") == "dictVectorizer":
            vectorizer = stages[0].dictVectorizer
            self.keys = list(getattr(vectorizer, vectorizer.WhichOneof("Map")).vector)
        self.width = sum(i.inputDimensions for i in stages[-2].featureVectorizer.inputList)
        self.names = [i.inputColumn for i in stages[-2].featureVectorizer.inputList]

    def row(self, inputs):
        if self.keys is not None:
            values = json.loads(str(next(iter(inputs.values()))))
            out = np.zeros(self.width)
            for index, key in enumerate(self.keys):
                out[index] = values.get(str(key), 0.0)
            return out
        return np.concatenate([np.ravel(inputs[name]).astype(np.float64) for name in self.names])

    def compute(self, step):
        """Outputs by name, in the form of expected_of."""
        x = self.row(inputs_of(self.folder, step))
        if self.kind in REGRESSORS:
            return {self.description.predictedFeatureName: float(REGRESSORS[self.kind](self.model, x))}
        scores = CLASSIFIERS[self.kind](self.model, x)
        labels = labels_of(self.model)
        return {self.description.predictedFeatureName: labels[int(np.argmax(scores))],
                self.description.predictedProbabilitiesName: {str(k): float(v) for k, v in zip(labels, scores)}}

    def differences(self, step):
        """The outputs that differ, with what was expected and what the model says."""
        out = []
        mine = self.compute(step)
        for name, expected in expected_of(self.folder, step).items():
            got = mine[name]
            limit = 1e-3 if step["tol"][name]["fn"] == "-" else 1e-5
            if isinstance(expected, dict):
                agrees = all(abs(got[key] - value) <= max(limit, 1e-5 * abs(value))
                             for key, value in expected.items())
                got, expected = ({k: round(v, 4) for k, v in d.items()} for d in (got, expected))
            elif isinstance(expected, float):
                agrees = abs(got - expected) <= limit * max(1.0, abs(expected))
                got, expected = round(got, 4), round(expected, 4)
            else:
                agrees = got == expected
            if not agrees:
                out.append(f"{name}: expected {expected}, the model says {got}")
        return out


def main(corpus, known):
    listed = {line.strip()[:-3] for line in known.read_text().splitlines() if line.strip().endswith(":15")}
    wrong, total = set(), 0
    for path in sorted(corpus.glob("*/*/case.json")):
        dropped = json.loads(path.read_text()).get("steps_dropped", 0)
        if not dropped:
            continue
        total += 1
        case = Case(path.parent)
        assert len(case.steps) == STEPS
        early = [d for step in case.steps[:-1] for d in case.differences(step)]
        if early:
            sys.exit(f"{path.parent.name}: a step before the last differs: {early[0]}")
        last = case.differences(case.steps[-1])
        if last:
            wrong.add(path.parent.name)
            print(f"{path.parent.name} ({case.kind}, {dropped} steps dropped)\n    {'; '.join(last)}")
    if wrong != listed:
        sys.exit(f"KNOWN.TXT lists other cases: {sorted(wrong ^ listed)}")
    print(f"{total} cases with dropped steps: steps 1 to 15 agree in all, step 16 disagrees in {len(wrong)}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
