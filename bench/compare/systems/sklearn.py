"""scikit-learn: exact search by NearestNeighbors (brute), KMeans and MiniBatchKMeans."""

import pickle

import sklearn
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.neighbors import NearestNeighbors

from compare import blas
from compare.protocol import System, serve

METRICS = {"l2": "sqeuclidean", "cosine": "cosine"}


class ScikitLearn(System):
    index = None

    def hello(self):
        return {"system": "scikit-learn", "version": sklearn.__version__, "isa": "as its BLAS", "compiler": "wheel",
                "blas": blas.of_system("sklearn")}

    def free(self):
        self.index = None

    def add(self, rows, ask):
        if ask["metric"] not in METRICS:
            raise ValueError("brute force has no metric %r" % ask["metric"])
        self.index = NearestNeighbors(algorithm="brute", metric=METRICS[ask["metric"]], n_jobs=ask["threads"])
        self.index.fit(rows)

    def saved_bytes(self, ask):
        return len(pickle.dumps(self.index))

    def prepare(self, rows, k, params):
        return lambda: self.index.kneighbors(rows, k, return_distance=False)

    def kmeans(self, rows, ask):
        settings = ask["settings"]
        options = dict(n_clusters=ask["k"], init=settings["init"], n_init=1, max_iter=ask["iterations"], random_state=ask["seed"], tol=0)
        if settings["kind"] == "minibatch":
            model = MiniBatchKMeans(max_no_improvement=None, batch_size=settings.get("batch", 1024), compute_labels=False, **options)
        else:
            model = KMeans(algorithm="lloyd", **options)
        return model.fit(rows).cluster_centers_


if __name__ == "__main__":
    serve(ScikitLearn)
