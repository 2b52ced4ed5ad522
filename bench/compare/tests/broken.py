"""Systems that go wrong, each in one way: python broken.py WAY. Where they answer at all, they search exactly."""

import os
import sys
import time

import numpy as np

from compare import protocol, scoring

WAY = sys.argv[1]


class Broken(protocol.Cached if WAY == "is kept" else protocol.System):
    def trains(self, ask):
        return True

    def save(self, folder):
        np.save(os.path.join(folder, "rows.npy"), self.rows)

    def load(self, folder, ask):
        self.rows = np.load(os.path.join(folder, "rows.npy"))

    def free(self):
        self.rows = None

    def hello(self):
        if WAY == "missing package":
            os.write(2, b"ModuleNotFoundError: No module named 'nosuch'\n")
            os._exit(1)
        return {"system": WAY, "version": "1", "isa": "none", "compiler": "none",
                "blas": "fake BLAS, " + os.environ.get("OPENBLAS_CORETYPE", "default")}

    def train(self, rows, ask):
        if WAY == "refuses":
            raise ValueError("cannot build %s: not known here" % ask["factory"])
        self.rows = rows

    def add(self, rows, ask):
        if WAY == "hangs":
            time.sleep(60)

    def saved_bytes(self, ask):
        return self.rows.nbytes

    def prepare(self, rows, k, params):
        if WAY == "crashes":
            os.abort()
        if WAY == "refuses points" and params.get("nprobe") == 2:
            raise ValueError("nprobe=2: only 1 is accepted")
        ids = scoring.exact(self.rows, rows, "l2", len(self.rows))
        return lambda: self.spoil(ids, k)

    def spoil(self, ids, k):
        n = len(self.rows)
        wrong = {"out of range": ids[:, :k] + n, "twice": np.repeat(ids[:, :1], k, axis=1), "too few columns": ids[:, :k - 1],
                 "far": ids[:, ::-1][:, :k], "no ids": ids[:, :k].astype(np.float64)}
        return wrong.get(WAY, ids[:, :k])

    def first_pass(self, *arguments):
        ids = super().first_pass(*arguments)
        return ids.astype(np.float64) if WAY == "no ids" else ids

    def kmeans(self, rows, ask):
        centroids = rows[:ask["k"]].copy()
        return centroids[:-1] if WAY == "too few centroids" else centroids


if WAY == "no JSON":
    for _ in sys.stdin:
        print("Welcome!", flush=True)
else:
    protocol.serve(Broken)
