#!/usr/bin/env python3
"""lutra for ann-benchmarks (github.com/erikbern/ann-benchmarks), through the program bench_index_points and its lines of JSON.

install copies this folder into a checkout of ann-benchmarks. Without one it runs in place, on the shipped sample:
    bench/ann_benchmarks/module.py [PROGRAM]

A call travels through a pipe and wakes a process: 20 to 80 microseconds that a user of the library does not pay are part of every
single query. Rates of --batch are not changed by it.
"""

import json
import os
import subprocess
import sys
import tempfile

import numpy

try:
    from ..base.module import BaseANN
except ImportError:  # in place
    BaseANN = object

METRICS = {"euclidean": "l2", "angular": "cosine", "dot": "ip", "ip": "ip"}
PROGRAM = os.environ.get("LUTRA_POINTS", "bench_index_points")


class Lutra(BaseANN):
    def __init__(self, metric, factory, threads=1):
        if metric not in METRICS:
            raise ValueError("metric %r; accepted: %s" % (metric, ", ".join(METRICS)))
        self.metric, self.factory, self.threads = METRICS[metric], factory, threads
        self.params = {}
        self.folder = tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        self.process = subprocess.Popen([PROGRAM, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def ask(self, **question):
        self.process.stdin.write(json.dumps(question) + "\n")
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("%s ended with code %s" % (PROGRAM, self.process.wait()))
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def save(self, name, rows):
        path = os.path.join(self.folder.name, name)
        numpy.save(path, numpy.ascontiguousarray(rows, numpy.float32))
        return path

    def fit(self, X):
        base = self.save("base.npy", X)
        self.ask(do="build", factory=self.factory, metric=self.metric, base=base, threads=self.threads)
        os.remove(base)

    def set_query_arguments(self, nprobe, k_factor=1):
        self.params = {"nprobe": nprobe, "k_factor": k_factor} if nprobe else {"k_factor": k_factor}

    def prepare_batch_query(self, X, n):
        self.ask(do="prepare", queries=self.save("queries.npy", X), k=n, params=self.params)

    def run_batch_query(self):
        self.ask(do="search")

    def get_batch_results(self):
        return [[i for i in row if i >= 0] for row in self.ask(do="ids")["ids"]]

    def batch_query(self, X, n):
        self.prepare_batch_query(X, n)
        self.run_batch_query()

    def prepare_query(self, q, n):
        self.prepare_batch_query(q[None], n)

    def run_prepared_query(self):
        self.run_batch_query()

    def get_prepared_query_results(self):
        return self.get_batch_results()[0]

    def query(self, q, n):
        self.prepare_query(q, n)
        self.run_prepared_query()
        return self.get_prepared_query_results()

    def get_memory_usage(self):
        """Kilobytes of the program, not of this Python."""
        with open("/proc/%d/status" % self.process.pid) as status:
            return next(float(line.split()[1]) for line in status if line.startswith("VmRSS:"))

    def done(self):
        self.process.stdin.close()
        self.process.wait()
        self.folder.cleanup()

    def __str__(self):
        return "lutra(%s, %s)" % (self.factory, ", ".join("%s=%s" % item for item in self.params.items()))


def run_in_place():
    """The calls that ann-benchmarks makes, on the shipped sample: recall and rates of some settings."""
    import time
    sample = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples", "data", "sift")
    def rows(name, kind):
        raw = numpy.fromfile(os.path.join(sample, name), numpy.uint8)
        width = 4 + int(raw[:4].view("<i4")[0]) * numpy.dtype(kind).itemsize
        return numpy.ascontiguousarray(raw.reshape(-1, width)[:, 4:]).view(kind)
    base, queries, truth = rows("base.bvecs", numpy.uint8), rows("query.bvecs", numpy.uint8), rows("truth_l2.ivecs", numpy.int32)
    algorithm = Lutra("euclidean", "IVF128,Flat")
    algorithm.fit(base)
    for nprobe in (1, 8, 128):
        algorithm.set_query_arguments(nprobe)
        algorithm.prepare_batch_query(queries, 10)
        started = time.time()
        algorithm.run_batch_query()
        batch = len(queries) / (time.time() - started)
        found, lone = algorithm.get_batch_results(), 0.0
        for query, expected in zip(queries, found):
            algorithm.prepare_query(query, 10)
            started = time.time()
            algorithm.run_prepared_query()
            lone += time.time() - started
            assert algorithm.get_prepared_query_results() == expected, "one by one and as a batch must agree"
        distance = lambda query, ids: ((base[ids].astype(float) - query) ** 2).sum(axis=1)
        recall = numpy.mean([(distance(q, sorted(set(f))) <= distance(q, t[9:10])).sum() / 10  # as near as the tenth: bytes have ties
                             for q, f, t in zip(queries, found, truth)])
        print("%s: recall@10 %.4f, batch %.0f queries/s, single %.1f us" % (algorithm, recall, batch, 1e6 * lone / len(queries)))
    algorithm.done()


if __name__ == "__main__":
    PROGRAM = sys.argv[1] if len(sys.argv) > 1 else os.environ.get(
        "LUTRA_POINTS", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/compare/native/bench/bench_index_points"))
    run_in_place()
