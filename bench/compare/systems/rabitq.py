"""RaBitQ-Library: SymphonyQG (settings kind: graph, degree, ef_construction, bits: 0 keeps floats, or 4 or 8; parameter ef), or
lists (kind: lists, nlist, bits: 1 to 9, or 32: floats score again; parameter nprobe)."""

import importlib.metadata
import os

import numpy as np
import rabitqlib

from compare.protocol import Cached, serve, unit


class Rabitq(Cached):
    index = None

    def hello(self):
        return {"system": "rabitq", "version": importlib.metadata.version("rabitqlib"), "isa": "chosen when it runs", "compiler": "wheel rabitqlib"}

    def free(self):
        self.index = self.clusters = None

    def cluster(self, rows, ask):
        """Its own k-means of the rows that are added: it takes their assignment, too, and the last one is exact."""
        settings, mode = ask["settings"], rabitqlib.FinalAssignmentMode.Exact
        self.clusters = rabitqlib.RaBitQKMeans(rows.shape[1], settings["nlist"], num_threads=ask["threads"], seed=1234, final_assignment=mode)
        self.clusters.train(rows)

    def fitted(self, rows, ask):
        return unit(rows) if ask["metric"] == "cosine" else rows

    def add(self, rows, ask):
        settings, d, rows = ask["settings"], rows.shape[1], self.fitted(rows, ask)
        metric = "l2" if ask["metric"] == "l2" else "ip"
        if settings["kind"] == "graph":
            self.index = rabitqlib.SymqgIndex(d, settings["degree"], metric, settings["bits"])
            self.index.build(rows, settings["ef_construction"], ask["threads"])
        else:
            self.cluster(rows, ask)
            self.index = rabitqlib.IvfIndex(d, len(rows), settings["nlist"], settings["bits"], metric)
            self.index.build(rows, self.clusters.centroids, self.clusters.assignments, ask["threads"])

    def save(self, folder):
        self.index.save(os.path.join(folder, "rabitq.index"))

    def load(self, folder, ask):
        kind = rabitqlib.SymqgIndex if ask["settings"]["kind"] == "graph" else rabitqlib.IvfIndex
        self.index, self.threads, self.ask = kind.load(os.path.join(folder, "rabitq.index")), ask["threads"], ask

    def prepare(self, rows, k, params):
        threads, rows, index = self.threads, self.fitted(rows, self.ask), self.index
        if "nprobe" in params:
            return lambda: index.search(rows, k, params["nprobe"], None, threads)[0].astype(np.int64)
        search = index.search if len(rows) == 1 else index.search_batch
        return lambda: search(rows, k, params["ef"], threads)[0].astype(np.int64)


if __name__ == "__main__":
    serve(Rabitq)
