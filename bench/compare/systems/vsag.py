"""VSAG: HGraph over 8-bit codes with exact reordering. Settings base (sq8 or sq8_uniform), max_degree, ef_construction; parameter
ef. Its Python package has no call for many queries: a batch is a loop of one-query calls."""

import importlib.metadata
import json
import os

import numpy as np
import pyvsag

from compare import blas
from compare.protocol import Cached, serve


class Vsag(Cached):
    index = None

    def hello(self):
        pyvsag.set_logger_off()
        return {"system": "vsag", "version": importlib.metadata.version("pyvsag"), "isa": "chosen when it runs", "compiler": "wheel pyvsag",
                "blas": blas.of_system("vsag")}

    def free(self):
        self.index = None

    def made(self, d, ask):
        settings = ask["settings"]
        inner = {"base_quantization_type": settings["base"], "use_reorder": True, "precise_quantization_type": "fp32",
                 "max_degree": settings["max_degree"], "ef_construction": settings["ef_construction"], "build_thread_count": ask["threads"]}
        return pyvsag.Index("hgraph", json.dumps({"dtype": "float32", "metric_type": ask["metric"], "dim": d, "index_param": inner}))

    def add(self, rows, ask):
        self.index = self.made(rows.shape[1], ask)
        self.index.build(rows, np.arange(len(rows)), len(rows), rows.shape[1])

    def save(self, folder):
        self.index.save(os.path.join(folder, "vsag.index"))

    def load(self, folder, ask):
        self.index = self.made(np.load(ask["base"], mmap_mode="r").shape[1], ask)
        self.index.load(os.path.join(folder, "vsag.index"))

    def prepare(self, rows, k, params):
        search, how = self.index.knn_search, json.dumps({"hgraph": {"ef_search": params["ef"]}})
        if len(rows) == 1:
            return lambda: search(rows[0], k, how)[0][None]
        return lambda: np.stack([search(row, k, how)[0] for row in rows])


if __name__ == "__main__":
    serve(Vsag)
