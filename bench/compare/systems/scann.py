"""ScaNN: a tree over 4-bit codes with exact reordering (setting leaves; parameters leaves, reorder), or brute force."""

import importlib.metadata
import os

import numpy as np
import scann

from compare.protocol import System, serve, unit

METRICS = {"l2": "squared_l2", "ip": "dot_product", "cosine": "dot_product"}


class Scann(System):
    index = None

    def hello(self):
        return {"system": "scann", "version": importlib.metadata.version("scann"), "isa": "chosen when it runs", "compiler": "wheel"}

    def free(self):
        self.index = None

    def train(self, rows, ask):
        """Its training and adding are one."""
        self.threads, self.cosine = ask["threads"], ask["metric"] == "cosine"
        builder = scann.scann_ops_pybind.builder(unit(rows) if self.cosine else rows, 10, METRICS[ask["metric"]])
        builder.set_n_training_threads(self.threads)
        if ask["settings"]["kind"] == "exact":
            builder.score_brute_force()
        else:
            leaves = ask["settings"]["leaves"]
            builder.tree(num_leaves=leaves, num_leaves_to_search=min(10, leaves), training_sample_size=min(len(rows), 256 * leaves))
            builder.score_ah(2, anisotropic_quantization_threshold=0.2).reorder(100)
        self.index = builder.build()
        self.index.set_num_threads(self.threads)

    def add(self, rows, ask):
        """Done by train()."""

    def saved_bytes(self, ask):
        folder = os.path.join(ask["folder"], "scann")
        os.makedirs(folder, exist_ok=True)
        self.index.serialize(folder)
        size = sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder))
        for name in os.listdir(folder):
            os.remove(os.path.join(folder, name))
        return size

    def prepare(self, rows, k, params):
        leaves, reorder, index = params.get("leaves"), params.get("reorder"), self.index
        scaled = unit if self.cosine else (lambda asked: asked)
        if len(rows) == 1:
            return lambda: padded(index.search(scaled(rows)[0], k, reorder, leaves)[0][None], k)
        search = index.search_batched_parallel if self.threads > 1 else index.search_batched
        return lambda: padded(search(scaled(rows), k, reorder, leaves)[0], k)


def padded(ids, k):
    """Always k columns: where it found fewer, -1."""
    ids = np.asarray(ids).astype(np.int64)
    return ids if ids.shape[1] == k else np.pad(ids, ((0, 0), (0, k - ids.shape[1])), constant_values=-1)


if __name__ == "__main__":
    serve(Scann)
