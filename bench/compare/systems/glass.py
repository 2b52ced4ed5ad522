"""pyglass: a graph (settings kind: HNSW or NSG, R, L, quant: what it is built with), searched in several forms (storage quant:
SQ8U, FP32 ..., and refine: "" or FP32, which looks at the best again); parameter ef. The wheel is made for AVX2."""

import importlib.metadata
import os

import glass
import numpy as np

from compare.protocol import Cached, serve, unit

BYTES = {"FP32": 4, "FP16": 2, "BF16": 2, "SQ8": 1, "SQ8U": 1, "": 0}  # of a component


class Glass(Cached):
    graph = searcher = None

    def hello(self):
        return {"system": "glass", "version": importlib.metadata.version("pyglass-portable"), "isa": "AVX2", "compiler": "wheel pyglass-portable"}

    def free(self):
        self.graph = self.searcher = None

    def space(self, ask):
        """Its metric, and what makes the rows fit it."""
        return "L2" if ask["metric"] == "l2" else "IP", unit if ask["metric"] == "cosine" else np.asarray

    def add(self, rows, ask):
        settings, (metric, fit) = ask["settings"], self.space(ask)
        glass.set_num_threads(ask["threads"])
        self.graph = glass.Index(settings["kind"], metric, settings["quant"], R=settings["R"], L=settings["L"]).build(fit(rows))

    def save(self, folder):
        self.graph.save(os.path.join(folder, "glass.graph"))

    def load(self, folder, ask):
        """A graph is moved into its searcher, so each has one of its own. Its prefetching is tuned by optimize()."""
        self.threads, storage, (metric, self.fit) = ask["threads"], ask["storage"], self.space(ask)
        glass.set_num_threads(self.threads)
        rows = np.load(ask["base"])
        self.searcher = glass.Searcher(glass.Graph(os.path.join(folder, "glass.graph")), self.fit(rows), metric, storage["quant"], storage["refine"])
        self.searcher.set_ef(64)
        self.searcher.optimize(self.threads)
        self.file_bytes += rows.size * (BYTES[storage["quant"]] + BYTES[storage["refine"]])

    def set_params(self, params):
        self.searcher.set_ef(params["ef"])

    def prepare(self, rows, k, params):
        search, batch, threads = self.searcher.search, self.searcher.batch_search, self.threads
        if len(rows) == 1:
            return lambda: search(self.fit(rows)[0], k)[0][None]
        return lambda: batch(self.fit(rows), k, threads)[0].reshape(len(rows), k)


if __name__ == "__main__":
    serve(Glass)
