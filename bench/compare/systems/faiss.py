"""faiss, by its factory strings. Searches go past the Python wrapper, straight to the C++ call."""

import os

import faiss
import numpy as np

from compare import blas
from compare.protocol import Cached, serve

PARAMETERS = {"nprobe": "nprobe", "k_factor": "k_factor_rf"}


def graph(index):
    """The HNSW in an index, behind a refine stage, too."""
    index = faiss.downcast_index(index)
    return graph(index.base_index) if hasattr(index, "base_index") else index


class Faiss(Cached):
    index = None

    def hello(self):
        simd = faiss.SIMDConfig.get_level_name() if hasattr(faiss, "SIMDConfig") else faiss.get_compile_options()
        return {"system": "faiss", "version": faiss.__version__, "isa": simd.strip(), "compiler": "wheel faiss-cpu",
                "blas": blas.of_system("faiss")}

    def free(self):
        self.index = None

    def trains(self, ask):
        return self.made(np.load(ask["base"], mmap_mode="r").shape[1], ask).is_trained is False

    def made(self, d, ask):
        faiss.omp_set_num_threads(ask["threads"])
        factory = "L2norm," + ask["factory"] if ask["metric"] == "cosine" else ask["factory"]
        index = faiss.index_factory(d, factory, faiss.METRIC_L2 if ask["metric"] == "l2" else faiss.METRIC_INNER_PRODUCT)
        if "ef_construction" in ask["settings"]:
            graph(index).hnsw.efConstruction = ask["settings"]["ef_construction"]
        return index

    def train(self, rows, ask):
        self.index = self.made(rows.shape[1], ask)
        self.index.train(rows)

    def add(self, rows, ask):
        self.index = self.index or self.made(rows.shape[1], ask)
        self.index.add(rows)

    def save(self, folder):
        faiss.write_index(self.index, os.path.join(folder, "faiss.index"))

    def load(self, folder, ask):
        faiss.omp_set_num_threads(ask["threads"])
        self.index = faiss.read_index(os.path.join(folder, "faiss.index"))

    def set_params(self, params):
        space = faiss.ParameterSpace()
        for name, value in params.items():
            if name == "ef":
                graph(self.index).hnsw.efSearch = value
            else:
                space.set_index_parameter(self.index, PARAMETERS[name], value)

    def prepare(self, rows, k, params):
        n = len(rows)
        distances, ids = np.empty((n, k), np.float32), np.empty((n, k), np.int64)
        arguments = (n, faiss.swig_ptr(rows), k, faiss.swig_ptr(distances), faiss.swig_ptr(ids))
        search = self.index.search_c

        def call(kept=(rows, distances)):  # the C++ side holds no reference to them
            search(*arguments)
            return ids
        return call

    def kmeans(self, rows, ask):
        faiss.omp_set_num_threads(ask["threads"])
        kmeans = faiss.Kmeans(rows.shape[1], ask["k"], niter=ask["iterations"], seed=ask["seed"],
                              max_points_per_centroid=len(rows), min_points_per_centroid=1)
        kmeans.train(rows)
        return kmeans.centroids


if __name__ == "__main__":
    serve(Faiss)
