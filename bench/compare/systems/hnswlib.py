"""hnswlib: a graph, built from source for this machine. Settings M, ef_construction; parameter ef."""

import importlib.metadata
import os

import hnswlib
import numpy as np

from compare.protocol import Cached, serve


class Hnswlib(Cached):
    index = None

    def hello(self):
        return {"system": "hnswlib", "version": importlib.metadata.version("hnswlib"), "isa": "-march=native",
                "compiler": "built from source by pip"}

    def free(self):
        self.index = None

    def add(self, rows, ask):
        settings = ask["settings"]
        self.index = hnswlib.Index(space=ask["metric"], dim=rows.shape[1])
        self.index.init_index(max_elements=len(rows), M=settings["M"], ef_construction=settings["ef_construction"], random_seed=1234)
        self.index.add_items(rows, num_threads=ask["threads"])

    def save(self, folder):
        self.index.save_index(os.path.join(folder, "hnswlib.index"))

    def load(self, folder, ask):
        self.threads = ask["threads"]
        self.index = hnswlib.Index(space=ask["metric"], dim=np.load(ask["base"], mmap_mode="r").shape[1])
        self.index.load_index(os.path.join(folder, "hnswlib.index"))
        self.index.set_num_threads(self.threads)

    def set_params(self, params):
        self.index.set_ef(params["ef"])

    def prepare(self, rows, k, params):
        query, threads = self.index.knn_query, self.threads
        return lambda: query(rows, k, num_threads=threads)[0]


if __name__ == "__main__":
    serve(Hnswlib)
