"""ScaNN: a tree over 4-bit codes with reordering (settings leaves, reorder: float32 or int8 and, for inner product, those of SOAR:
a row is in two leaves; parameters leaves, reorder), or brute force. The package is scann-core: the wheel named scann never looks at
the processor and runs its SSE4 kernels (both install the module `scann`)."""

import importlib.metadata
import os

import numpy as np
import scann

from compare.protocol import Cached, serve, unit

KINDS = {"float32": scann.ReorderType.FLOAT32, "int8": scann.ReorderType.INT8}
SOAR = ("soar_lambda", "overretrieve_factor")
METRICS = {"l2": "squared_l2", "ip": "dot_product", "cosine": "dot_product"}


class Scann(Cached):
    index = None

    def hello(self):
        return {"system": "scann", "version": importlib.metadata.version("scann-core"), "isa": "chosen when it runs", "compiler": "wheel scann-core"}

    def free(self):
        self.index = None

    def add(self, rows, ask):
        builder = scann.scann_ops_pybind.builder(unit(rows) if ask["metric"] == "cosine" else rows, 10, METRICS[ask["metric"]])
        builder.set_n_training_threads(ask["threads"])
        if ask["settings"]["kind"] == "exact":
            builder.score_brute_force()
        else:
            leaves, soar = ask["settings"]["leaves"], {name: value for name, value in ask["settings"].items() if name in SOAR}
            builder.tree(num_leaves=leaves, num_leaves_to_search=min(10, leaves), training_sample_size=min(len(rows), 256 * leaves), **soar)
            builder.score_ah(2, anisotropic_quantization_threshold=0.2)
            builder.reorder(100, quantize=KINDS[ask["settings"].get("reorder", "float32")])
        self.index = builder.build()

    def save(self, folder):
        self.index.serialize(folder, relative_path=True)

    def load(self, folder, ask):
        self.threads, self.cosine = ask["threads"], ask["metric"] == "cosine"
        self.index = scann.scann_ops_pybind.load_searcher(folder)
        self.index.set_num_threads(self.threads)

    def prepare(self, rows, k, params):
        leaves, reorder, index = params.get("leaves", -1), params.get("reorder", -1), self.index
        scaled = unit if self.cosine else (lambda asked: asked)
        if len(rows) == 1:
            return lambda: padded(index.search(scaled(rows)[0], k, reorder, leaves)[0], k)
        search = index.search_batched_parallel if self.threads > 1 else index.search_batched
        return lambda: without_gaps(*search(scaled(rows), k, reorder, leaves))


def padded(ids, k):
    """A single query finds fewer than k now and then; the rest is -1."""
    row = np.full((1, k), -1, np.int64)
    row[0, :len(ids)] = ids
    return row


def without_gaps(ids, distances):
    """In a batch such a gap has id 0 and the distance NaN."""
    return np.where(np.isnan(distances), -1, ids.astype(np.int64))


if __name__ == "__main__":
    serve(Scann)
