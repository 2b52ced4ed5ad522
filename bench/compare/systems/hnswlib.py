"""hnswlib: a graph, built from source for this machine. Settings M, ef_construction; parameter ef."""

import importlib.metadata

import hnswlib

from compare.protocol import System, serve


class Hnswlib(System):
    index = None

    def hello(self):
        return {"system": "hnswlib", "version": importlib.metadata.version("hnswlib"), "isa": "-march=native",
                "compiler": "built from source by pip"}

    def free(self):
        self.index = None

    def train(self, rows, ask):
        self.threads = ask["threads"]
        self.index = hnswlib.Index(space=ask["metric"], dim=rows.shape[1])
        settings = ask["settings"]
        self.index.init_index(max_elements=len(rows), M=settings["M"], ef_construction=settings["ef_construction"], random_seed=1234)
        self.index.set_num_threads(self.threads)

    def add(self, rows, ask):
        self.index.add_items(rows, num_threads=self.threads)

    def saved_bytes(self, ask):
        return self.index.index_file_size()

    def set_params(self, params):
        self.index.set_ef(params["ef"])

    def prepare(self, rows, k, params):
        query, threads = self.index.knn_query, self.threads
        return lambda: query(rows, k, num_threads=threads)[0]


if __name__ == "__main__":
    serve(Hnswlib)
