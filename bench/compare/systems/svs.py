"""Intel's Scalable Vector Search: a Vamana graph (settings kind: graph, degree, window; parameter window) or lists (kind: lists,
nlist; parameters nprobe, k_reorder) over float16, searched in several forms (storage form: float16, LVQ8 or LVQ4x8)."""

import importlib.metadata
import os
import tempfile

import numpy as np
import svs

from compare.protocol import Cached, folder_bytes, serve

METRICS = {"l2": svs.DistanceType.L2, "ip": svs.DistanceType.MIP, "cosine": svs.DistanceType.Cosine}
BITS = {"LVQ8": (8, 0), "LVQ4x8": (4, 8)}


def stored(folder, form, d):
    """The loader of the vectors in a folder. LVQ in its fastest packing; residuals are looked at again by themselves."""
    path = os.path.join(folder, "data")
    loader = svs.VectorDataLoader(path if os.path.isdir(path) else path + ".hvecs", svs.DataType.float16, dims=d)
    if form == "float16":
        return loader
    primary, residual = BITS[form]
    return svs.LVQLoader(loader, primary=primary, residual=residual, padding=32, strategy=svs.LVQStrategy.Auto)


class Svs(Cached):
    index = made = None

    def hello(self):
        return {"system": "svs", "version": importlib.metadata.version("scalable-vs"), "isa": "chosen when it runs", "compiler": "wheel scalable-vs",
                "blas": "MKL of the wheel" if svs.have_mkl() else ""}

    def free(self):
        self.index = self.made = None

    def lists(self, ask):
        return ask["settings"]["kind"] == "lists"

    def trains(self, ask):
        return self.lists(ask)

    def train(self, rows, ask):
        how = svs.IVFBuildParameters(num_centroids=ask["settings"]["nlist"], num_iterations=10, training_fraction=0.5)
        self.made = svs.Clustering.build(how, rows.astype(np.float16), METRICS[ask["metric"]], num_threads=ask["threads"])

    def add(self, rows, ask):
        self.halves = rows.astype(np.float16)
        if not self.lists(ask):
            settings = ask["settings"]
            how = svs.VamanaBuildParameters(alpha=1.2 if ask["metric"] == "l2" else 0.95, graph_max_degree=settings["degree"],
                                            window_size=settings["window"])
            self.made = svs.Vamana.build(how, self.halves, METRICS[ask["metric"]], num_threads=ask["threads"])

    def save(self, folder):
        names = [os.path.join(folder, name) for name in ("config", "graph", "data")]
        if isinstance(self.made, svs.Vamana):
            self.made.save(*names)
        else:
            self.made.save(names[0])
            svs.write_vecs(self.halves, names[2] + ".hvecs")

    def load(self, folder, ask):
        d, form = np.load(ask["base"], mmap_mode="r").shape[1], ask["storage"]["form"]
        config, data = os.path.join(folder, "config"), stored(folder, form, d)
        metric, threads = METRICS[ask["metric"]], ask["threads"]
        if self.lists(ask):
            self.index = svs.IVF.assemble_from_file(config, data, metric, num_threads=threads)
        else:
            self.index = svs.Vamana(config, svs.GraphLoader(os.path.join(folder, "graph")), data, metric, num_threads=threads)
        self.file_bytes = self.bytes_as_stored(ask["folder"])

    def bytes_as_stored(self, folder):
        with tempfile.TemporaryDirectory(dir=folder) as at:
            names = [os.path.join(at, name) for name in ("config", "graph", "data")]
            self.index.save(*(names if isinstance(self.index, svs.Vamana) else (names[0], names[2])))
            return folder_bytes(at)

    def set_params(self, params):
        if "nprobe" in params:
            self.index.search_parameters = svs.IVFSearchParameters(params["nprobe"], params["k_reorder"])
        else:
            self.index.search_window_size = params["window"]

    def prepare(self, rows, k, params):
        search = self.index.search
        return lambda: search(rows, k)[0].astype(np.int64)


if __name__ == "__main__":
    serve(Svs)
