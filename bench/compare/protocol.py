"""protocol.py: what every system answers: lines of JSON on stdin and stdout, one answer for one question.

    {"do": "hello"}
        -> {"system", "version", "isa", "compiler"}     and, where it has one of its own, "blas"
    {"do": "build", "factory", "settings", "metric": "l2|ip|cosine", "base", "train", "threads", "folder"}
        -> {"train_s", "add_s", "peak_bytes", "bytes_per_vector"}
        factory: a factory string, for systems that have them; settings: of the others, by name. base and train are .npy
        files (float32 [n, d]; train may be missing: the base); folder: for files of the system's own.
        peak_bytes: memory while training and adding, beyond the loaded vectors; bytes_per_vector: of the saved index.
    {"do": "measure", "params", "queries", "batch", "k", "seconds", "ids_file"}
        -> {"calls", "batch_qps", "p50_us", "p99_us"}
        batch: queries in one call, 0 for all. First an untimed pass over the queries, in order, until all are answered or the
        seconds are over; its ids go to ids_file (.npy int64 [answered, k], -1 where there is none). Then timed calls.
    {"do": "kmeans", "base", "k", "iterations", "settings", "threads", "seed", "centroids_file"}
        -> {"seconds"}     and the centroids, .npy float32 [k, d]

What cannot be done is answered with {"error": why}. Recall and inertia are the runner's work, by the same code for all.

A system in Python is a subclass of System in one file in systems/, with serve(Name) at its end; any other program
that reads and writes these lines will do (see systems/lutra.py).
"""

import gc
import json
import os
import sys
import time

import numpy as np

MOST_CALLS = 50_000


def memory_bytes(name):
    """A line of /proc/self/status: VmRSS, resident now; VmHWM, at most since forget_peak(). 0 on other systems."""
    try:
        with open("/proc/self/status") as status:
            return next((int(line.split()[1]) * 1024 for line in status if line.startswith(name + ":")), 0)
    except OSError:
        return 0


def forget_peak():
    try:
        with open("/proc/self/clear_refs", "w") as refs:
            refs.write("5")
    except OSError:
        pass


def seconds_of(call):
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30)


class System:
    """Override hello, train, add, prepare and saved_bytes; or kmeans, for a system that clusters."""

    def __init__(self):
        self.queries = {}

    def hello(self):
        raise NotImplementedError

    def free(self):
        """Forget the index."""

    def train(self, rows, ask):
        """Make the index and learn; returns None if this system has no training of its own."""
        raise NotImplementedError

    def add(self, rows, ask):
        raise NotImplementedError

    def saved_bytes(self, ask):
        raise NotImplementedError

    def prepare(self, rows, k, params):
        """A function without arguments that searches rows and returns ids [len(rows), k]; making it is not timed."""
        raise NotImplementedError

    def set_params(self, params):
        """Called once before the searches of one measurement."""

    def kmeans(self, rows, ask):
        """Centroids [k, d]."""
        raise NotImplementedError

    def do_hello(self, _):
        return self.hello()

    def do_build(self, ask):
        self.free()
        gc.collect()
        base = np.load(ask["base"])
        train = np.load(ask["train"]) if ask.get("train") else base
        forget_peak()
        before = memory_bytes("VmRSS")
        train_s = seconds_of(lambda: self.train(train, ask))
        add_s = seconds_of(lambda: self.add(base, ask))
        peak = max(0, memory_bytes("VmHWM") - before)
        return {"train_s": train_s, "add_s": add_s, "peak_bytes": peak, "bytes_per_vector": self.saved_bytes(ask) / len(base)}

    def do_measure(self, ask):
        path, k, seconds = ask["queries"], ask["k"], ask["seconds"]
        if path not in self.queries:
            self.queries[path] = np.ascontiguousarray(np.load(path))
        queries = self.queries[path]
        batch = ask["batch"] or len(queries)
        tiled = np.ascontiguousarray(np.concatenate([queries, queries[np.arange(batch) % len(queries)]]))
        self.set_params(ask["params"])
        self.params = ask["params"]
        np.save(ask["ids_file"], self.first_pass(tiled, len(queries), batch, k, seconds))
        return self.timed_calls(tiled, len(queries), batch, k, seconds)

    def first_pass(self, tiled, n, batch, k, seconds):
        ids, answered, started = [], 0, time.perf_counter()
        while answered < n and (answered == 0 or time.perf_counter() - started < seconds):
            rows = tiled[answered:min(answered + batch, n)]
            ids.append(np.array(self.prepare(rows, k, self.params)(), np.int64))
            answered += len(rows)
        return np.concatenate(ids)

    def timed_calls(self, tiled, n, batch, k, seconds):
        times, used = [], 0.0
        gc.collect()
        gc.disable()
        while not times or (len(times) < MOST_CALLS and used + times[-1] < seconds):
            start = len(times) * batch % n
            call = self.prepare(tiled[start:start + batch], k, self.params)
            times.append(seconds_of(call))
            used += times[-1]
        gc.enable()
        p50, p99 = np.quantile(times, [0.5, 0.99], method="nearest")
        return {"calls": len(times), "batch_qps": batch / p50, "p50_us": 1e6 * p50, "p99_us": 1e6 * p99}

    def do_kmeans(self, ask):
        rows = np.load(ask["base"])
        started = time.perf_counter()
        centroids = self.kmeans(rows, ask)
        seconds = time.perf_counter() - started
        np.save(ask["centroids_file"], np.asarray(centroids, np.float32))
        return {"seconds": seconds}


def serve(kind):
    """Answers with a system of this kind until stdin ends. What the system prints goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    system = kind()
    for line in sys.stdin:
        try:
            ask = json.loads(line)
            answer = getattr(system, "do_" + ask["do"])(ask)
        except Exception as error:  # whatever it is, it is this system's answer
            answer = {"error": "%s: %s" % (type(error).__name__, error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
