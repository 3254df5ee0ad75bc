"""non_maximum_suppression, greedy in numpy."""
import numpy as np

F = np.float32


def overlap(a, b):
    lo = np.maximum(a[:2] - a[2:] / 2, b[:2] - b[2:] / 2)
    hi = np.minimum(a[:2] + a[2:] / 2, b[:2] + b[2:] / 2)
    common = np.prod(np.maximum(0, hi - lo))
    union = np.prod(a[2:]) + np.prod(b[2:]) - common
    return common / union if union > 0 else 0


def choose(boxes, scores, iou, threshold, count, per_class):
    best, label = scores.max(1), scores.argmax(1)
    chosen = []
    for i in np.argsort(-best, kind="stable"):
        if best[i] <= threshold or len(chosen) == count:
            continue
        if all((per_class and label[i] != label[j]) or overlap(boxes[i], boxes[j]) <= iou
               for j in chosen):
            chosen.append(i)
    return (chosen or [int(best.argmax())])[:count]


def nms(boxes, scores, iou, threshold, count, per_class):
    n, _, k = scores.shape
    out = [np.zeros((n, count, 4), F), np.zeros((n, count, k), F), np.full((n, count), -1, np.int32),
           np.zeros(n, np.int32)]
    for b in range(n):
        ids = choose(boxes[b].astype(float), scores[b], iou, threshold, count, per_class)
        out[0][b, :len(ids)], out[1][b, :len(ids)] = boxes[b][ids], scores[b][ids]
        out[2][b, :len(ids)], out[3][b] = ids, len(ids)
    return out


def cases(add):
    rng = np.random.default_rng(18)
    boxes = np.array([[[0, 0, 0, 0], [1, 1, 1, 1], [2, 2, 2, 2], [3, 3, 3, 3]]], F)
    scores = np.array([[[-3.5], [9.4], [2.3], [.7]]], F)
    kw = dict(boxes=boxes, scores=scores, iou_threshold=F(.2), score_threshold=F(.4), max_boxes=2,
              per_class_suppression=True)
    add("non_maximum_suppression",
        [boxes[:, 1:3], scores[:, 1:3], np.array([[1, 2]], np.int32), np.array([2], np.int32)],
        note="values that coremltools' tests state", **kw)
    for count, classes, per_class, limit in [(7, 1, False, -100), (7, 4, True, 0), (37, 4, False, 20),
                                             (20, 5, True, 50)]:
        b = (rng.random((2, 20, 4)) * 40).astype(F)
        s = (rng.random((2, 20, classes)) * 200 - 100).astype(F)
        add("non_maximum_suppression", nms(b, s, .3, limit, count, per_class), boxes=b, scores=s,
            iou_threshold=F(.3), score_threshold=F(limit), max_boxes=count,
            per_class_suppression=per_class)
        full = nms(b, s, .3, -np.inf, count, per_class)
        t = lambda a: np.ascontiguousarray(np.swapaxes(a, 1, 2))
        add("non_maximum_suppression", [t(full[0]), t(full[1]), full[2]], opset="ios17",
            boxes=t(b), scores=t(s), iou_threshold=F(.3), max_boxes=count,
            per_class_suppression=per_class)
    add("non_maximum_suppression", nms(boxes, scores, .2, 99, 2, False), note="none passes",
        **{**kw, "score_threshold": F(99)})
    twins = np.array([[[0, 0, 2, 2], [0, 0, 2, 2], [9, 9, 1, 1]]], F)
    same = np.array([[[1], [1], [1]]], F)
    add("non_maximum_suppression", nms(twins, same, .5, 0, 3, False), note="ties by number",
        boxes=twins, scores=same, iou_threshold=F(.5), score_threshold=F(0), max_boxes=3)
    half = np.array([[[0, 0, 2, 2], [1, 0, 4, 2]]], F)  # 2 x 2 in 4 x 2: overlap 4 / 8
    add("non_maximum_suppression", nms(half, same[:, :2], .5, 0, 2, False),
        note="an overlap that equals the threshold stays", boxes=half, scores=same[:, :2],
        iou_threshold=F(.5), score_threshold=F(0), max_boxes=2)
    t = lambda a: np.ascontiguousarray(np.swapaxes(a, 1, 2))
    first = [np.array([[[0, 0], [0, 0], [2, 0], [2, 0]]], F), np.array([[[1, 0]]], F)]
    add("non_maximum_suppression", [*first, np.array([[0, -1]], np.int32)], opset="ios17",
        note="and goes since iOS17", boxes=t(half), scores=t(same[:, :2]), iou_threshold=F(.5),
        max_boxes=2)
    add("non_maximum_suppression", [np.zeros((1, 2, 4), F), np.zeros((1, 2, 3), F),
                                    np.full((1, 2), -1, np.int32), np.zeros(1, np.int32)],
        boxes=np.zeros((1, 0, 4), F), scores=np.zeros((1, 0, 3), F), iou_threshold=F(.5),
        score_threshold=F(0), max_boxes=2, note="no boxes")
    bad = lambda error, **more: add("non_maximum_suppression", results=4, error=error,
                                    **{**kw, **more})
    bad("expected 4 coordinates", boxes=np.zeros((1, 4, 5), F))
    bad("for boxes of shape", scores=np.zeros((1, 3, 1), F))
    bad("at least 0", max_boxes=-1)
    bad("expected 3 dimensions", boxes=boxes[0])
    add("non_maximum_suppression", results=3, error="expected 4", **kw)
    add("non_maximum_suppression", results=3, opset="ios17", error="no parameter 'score_threshold'",
        **kw)
