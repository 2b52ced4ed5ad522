"""usearch: a graph (settings M, ef_construction, dtype: f32, f16, bf16 or i8; parameter ef), or exact search (kind: exact).

i8 is for rows of whole numbers 0 to 255, less 128: usearch would take values as parts of 1. Distances stay the same."""

import os

import numpy as np
import usearch
from usearch.index import Index, search

from compare.protocol import Cached, serve

METRICS = {"l2": "l2sq", "ip": "ip", "cosine": "cos"}


def as_bytes(rows):
    if rows.min() < 0 or rows.max() > 255 or (rows != np.rint(rows)).any():
        raise ValueError("i8 is for whole numbers 0 to 255; these rows have others")
    return (rows - 128).astype(np.int8)


class Usearch(Cached):
    index = rows = None
    exact = bytes = False

    def hello(self):
        return {"system": "usearch", "version": usearch.__version__, "isa": Index(ndim=128, metric="l2sq", dtype="f32").hardware_acceleration,
                "compiler": "wheel"}

    def free(self):
        self.index = self.rows = None

    def add(self, rows, ask):
        settings = ask["settings"]
        self.exact, self.bytes = settings.get("kind") == "exact", settings.get("dtype") == "i8"
        if self.exact:
            self.rows = rows.copy()
            return
        self.index = Index(ndim=rows.shape[1], metric=METRICS[ask["metric"]], dtype=settings.get("dtype", "f32"),
                           connectivity=settings["M"], expansion_add=settings["ef_construction"])
        self.index.add(np.arange(len(rows)), as_bytes(rows) if self.bytes else rows, threads=ask["threads"])

    def save(self, folder):
        if self.exact:
            np.save(os.path.join(folder, "rows.npy"), self.rows)
        else:
            self.index.save(os.path.join(folder, "usearch.index"))

    def load(self, folder, ask):
        settings = ask["settings"]
        self.threads, self.metric = ask["threads"], METRICS[ask["metric"]]
        self.exact, self.bytes = settings.get("kind") == "exact", settings.get("dtype") == "i8"
        if self.exact:
            self.rows = np.load(os.path.join(folder, "rows.npy"))
        else:
            self.index = Index.restore(os.path.join(folder, "usearch.index"))

    def set_params(self, params):
        if not self.exact:
            self.index.expansion_search = params["ef"]

    def prepare(self, rows, k, params):
        threads = self.threads
        if self.exact:
            return lambda: search(self.rows, rows, k, self.metric, exact=True, threads=threads).keys.reshape(len(rows), k)
        asked = as_bytes(rows) if self.bytes else rows
        return lambda: self.index.search(asked, k, threads=threads).keys.reshape(len(rows), -1)


if __name__ == "__main__":
    serve(Usearch)
