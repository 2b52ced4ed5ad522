"""usearch: a graph (settings M, ef_construction; parameter ef), or exact search. Vectors stay float32."""

import numpy as np
import usearch
from usearch.index import Index, search

from compare.protocol import System, serve

METRICS = {"l2": "l2sq", "ip": "ip", "cosine": "cos"}


class Usearch(System):
    index = None
    rows = None

    def hello(self):
        return {"system": "usearch", "version": usearch.__version__, "isa": Index(ndim=128, metric="l2sq", dtype="f32").hardware_acceleration,
                "compiler": "wheel"}

    def free(self):
        self.index = self.rows = None

    def train(self, rows, ask):
        self.threads, self.metric, settings = ask["threads"], METRICS[ask["metric"]], ask["settings"]
        self.exact = settings["kind"] == "exact"
        if not self.exact:
            self.index = Index(ndim=rows.shape[1], metric=self.metric, dtype="f32", connectivity=settings["M"],
                               expansion_add=settings["ef_construction"])

    def add(self, rows, ask):
        if self.exact:
            self.rows = rows.copy()
        else:
            self.index.add(np.arange(len(rows)), rows, threads=self.threads)

    def saved_bytes(self, ask):
        return self.rows.nbytes if self.exact else self.index.serialized_length

    def set_params(self, params):
        if not self.exact:
            self.index.expansion_search = params["ef"]

    def prepare(self, rows, k, params):
        threads = self.threads
        if self.exact:
            return lambda: search(self.rows, rows, k, self.metric, exact=True, threads=threads).keys.reshape(len(rows), k)
        return lambda: self.index.search(rows, k, threads=threads).keys.reshape(len(rows), -1)


if __name__ == "__main__":
    serve(Usearch)
