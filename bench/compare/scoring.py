"""scoring.py: how good answers are, by the same code for every system: ids checked, recall, inertia, rates at equal recall."""

import numpy as np

SUSPICIOUS, SOUND = 0.01, 0.5  # a recall below the first where another system has the second

ALIKE = 0.002                  # recalls that differ by less are called equal


class WrongIds(Exception):
    """What a system answered cannot be the result of a search."""


def check_ids(ids, answered_of, k, n):
    """ids [answered, k] are row numbers below n, each once in a row; -1 for none."""
    if ids.ndim != 2 or ids.shape[1] != k or not 1 <= len(ids) <= answered_of or ids.dtype.kind != "i":
        raise WrongIds("wrong ids: shape %s of %s; [1 to %d, %d] of integers is needed" % (ids.shape, ids.dtype, answered_of, k))
    if ids.min() < -1 or ids.max() >= n:
        raise WrongIds("wrong ids: %d to %d; rows are 0 to %d (-1: none)" % (ids.min(), ids.max(), n - 1))
    ordered = np.sort(ids, axis=1)
    twice = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
    if twice.any():
        raise WrongIds("wrong ids: %d of %d queries were given an id twice" % (twice.any(axis=1).sum(), len(ids)))


def unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30)


def scores(base, queries, ids, metric):
    """float64 [nq, k], lower is better: squared L2, or negated inner product (cosine: of unit rows)."""
    out = np.empty(ids.shape)
    for begin in range(0, len(ids), 256):
        near = base[ids[begin:begin + 256].ravel()].astype(np.float64).reshape(-1, ids.shape[1], base.shape[1])
        query = queries[begin:begin + 256].astype(np.float64)[:, None]
        if metric == "l2":
            out[begin:begin + 256] = ((near - query) ** 2).sum(2)
        else:
            out[begin:begin + 256] = -(near * query).sum(2)
            if metric == "cosine":
                out[begin:begin + 256] /= np.maximum(np.linalg.norm(near, axis=2) * np.linalg.norm(query, axis=2), 1e-30)
    return out


class Judge:
    """Recall against one truth [nq, k], best first, -1 where there are no more. An id that is as near as the last of the true
    nearest counts as one of them: sets of bytes have many equal distances. An id that is given twice counts once."""

    def __init__(self, base, queries, truth, metric):
        self.base, self.queries, self.truth, self.metric = base, queries, truth, metric
        self.truth_scores = scores(base, queries, np.maximum(truth, 0), metric)

    def recalls(self, ids, ranks=(1, 10)):
        """{rank: share of the `rank` nearest that were found}, of ids [answered, k] of the first queries; 1 if there are none."""
        found, truth = scores(self.base, self.queries[:len(ids)], np.maximum(ids, 0), self.metric), self.truth[:len(ids)]
        counts = ids >= 0
        for j in range(1, ids.shape[1]):
            counts[:, j] &= (ids[:, :j] != ids[:, j:j + 1]).all(axis=1)
        result = {}
        for rank in ranks:
            wanted = truth[:, :rank] >= 0
            last = wanted.shape[1] - 1 - wanted[:, ::-1].argmax(axis=1)
            bound = self.truth_scores[np.arange(len(ids)), last][:, None]
            near = found[:, :rank] <= bound + 1e-6 * np.abs(bound)
            for j in range(wanted.shape[1]):
                near |= ids[:, :rank] == truth[:, j:j + 1]
            right = np.minimum((near & counts[:, :rank]).sum(axis=1), wanted.sum(axis=1))
            result[rank] = float(right.sum() / wanted.sum()) if wanted.any() else 1.0
        return result


def exact(base, queries, metric, k):
    """ids [nq, k] of the true nearest, nearest first: float32 products choose, float64 decides."""
    wide = min(k + 28, len(base))
    rows, asked = (unit(base).astype(np.float32), unit(queries).astype(np.float32)) if metric == "cosine" else (base, queries)
    terms = np.einsum("ij,ij->i", rows, rows) if metric == "l2" else np.zeros(len(rows), np.float32)
    ids = np.empty((len(queries), min(k, len(base))), np.int64)
    for begin in range(0, len(queries), 100):
        value = terms - (2 if metric == "l2" else 1) * (asked[begin:begin + 100] @ rows.T)
        near = np.sort(np.argpartition(value, wide - 1, axis=1)[:, :wide], axis=1)
        order = np.argsort(scores(base, queries[begin:begin + 100], near, metric), axis=1, kind="stable")
        ids[begin:begin + 100] = np.take_along_axis(near, order, axis=1)[:, :ids.shape[1]]
    return ids


def inertia(rows, centroids):
    """The sum of squared distances of rows to their nearest centroids: float32 products choose, float64 sums."""
    total, terms = 0.0, np.einsum("ij,ij->i", centroids, centroids)
    for begin in range(0, len(rows), 8192):
        block = rows[begin:begin + 8192]
        nearest = (terms - 2 * (block @ centroids.T)).argmin(axis=1)
        total += float(((block - centroids[nearest]).astype(np.float64) ** 2).sum())
    return total


def check_centroids(centroids, k, d):
    if centroids.shape != (k, d) or not np.isfinite(centroids).all():
        raise WrongIds("wrong centroids: shape %s; [%d, %d] finite values are needed" % (centroids.shape, k, d))


def front(points, better=max):
    """Of (x, value) those that no other beats: at least its x with a better value. In rising order of x."""
    kept = []
    for x, value in sorted(points, key=lambda p: (-p[0], -p[1] if better is max else p[1])):
        if not kept or (value != kept[-1][1] and better(value, kept[-1][1]) == value):
            kept.append((x, value))
    return kept[::-1]


def at_level(points, level, better=max):
    """(value, how) where the front of (recall, value) passes `level`, its logarithm interpolated over the recall.
    how: "" between points, "from" below the lowest recall measured (its value stands in), None if not reached (value None)."""
    kept = front(points, better)
    if not kept or kept[-1][0] < level:
        return None, None
    if level <= kept[0][0]:
        return kept[0][1], "" if kept[0][0] - level < ALIKE else "from"
    above = next(i for i, (x, _) in enumerate(kept) if x >= level)
    (x0, v0), (x1, v1) = kept[above - 1], kept[above]
    share = (level - x0) / (x1 - x0)
    return float(np.exp((1 - share) * np.log(v0) + share * np.log(v1))), ""


def suspicious(recall_here, others):
    return recall_here < SUSPICIOUS and max(others, default=0) >= SOUND
