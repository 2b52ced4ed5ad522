"""protocol.py: what every system answers: lines of JSON on stdin and stdout, one answer for one question.

    {"do": "hello"}
        -> {"system", "version", "isa", "compiler"}     and, where it has one of its own, "blas"
    {"do": "build", "factory", "settings", "storage", "metric": "l2|ip|cosine", "base", "train", "threads", "folder", "cache"}
        -> {"train_s", "add_s", "peak_bytes", "bytes_per_vector"}     and, of an index from the cache, "threads"
        factory: a factory string, for systems that have them; settings: of the others, by name; storage: how a graph's vectors
        are kept, for systems that make one graph and search it in several forms. base and train are .npy files (float32
        [n, d]; train may be missing: the base); folder: for files of the system's own.
        train_s: 0 where the system has no separate step; add_s then holds all of it.
        cache: a folder that holds what this build made before, or will (see Cached); "build_threads" is for filling it.
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
import shutil
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


def seconds_of(call, clock=time.perf_counter):
    started = clock()
    call()
    return clock() - started


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

    def trains(self, ask):
        """False: all is done by add(), and train() is not called."""
        return False

    def train(self, rows, ask):
        """Make the index and learn."""
        raise NotImplementedError

    def add(self, rows, ask):
        """Put the rows into the index; makes it, too, where there is no training."""
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
        answer = self.build(ask)
        return dict(answer, bytes_per_vector=self.saved_bytes(ask) / len(np.load(ask["base"], mmap_mode="r")))

    def build(self, ask, clock=time.perf_counter):
        self.free()
        gc.collect()
        base = np.load(ask["base"])
        train = np.load(ask["train"]) if ask.get("train") else base
        forget_peak()
        before = memory_bytes("VmRSS")
        train_s = seconds_of(lambda: self.train(train, ask), clock) if self.trains(ask) else 0
        add_s = seconds_of(lambda: self.add(base, ask), clock)
        return {"train_s": train_s, "add_s": add_s, "peak_bytes": max(0, memory_bytes("VmHWM") - before)}

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


class Cached(System):
    """A system whose indexes are saved when they are built, and searched as loaded. Override save and load, too.

    With a cache the build is kept in its folder: the files, and build.json with what it took. Its seconds are those of the
    processor, divided by the threads, as graphs are built for hours and then the machine may have other work."""

    def save(self, folder):
        raise NotImplementedError

    def load(self, folder, ask):
        """Makes the index that is searched, of the files of save()."""
        raise NotImplementedError

    def saved_bytes(self, ask):
        return self.file_bytes

    def do_build(self, ask):
        cache = ask.get("cache")
        folder = cache or os.path.join(ask["folder"], "index")
        record = os.path.join(folder, "build.json")
        if not cache or not os.path.exists(record):
            self.fill(folder, record, ask, ask.get("build_threads", ask["threads"]) if cache else ask["threads"])
        with open(record) as file:
            answer = json.load(file)
        self.file_bytes = folder_bytes(folder)
        self.free()
        gc.collect()
        self.load(folder, ask)
        shutil.rmtree(folder) if not cache else None
        return dict(answer, bytes_per_vector=self.saved_bytes(ask) / len(np.load(ask["base"], mmap_mode="r")), kept=bool(cache))

    def fill(self, folder, record, ask, threads):
        """Builds into the folder, which is there when all of it is: an interrupted build leaves only FOLDER.part behind."""
        part = folder + ".part"
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(part)
        clock = (lambda: time.process_time() / threads) if ask.get("cache") else time.perf_counter
        answer = self.build(dict(ask, threads=threads), clock)
        self.save(part)
        with open(os.path.join(part, os.path.basename(record)), "w") as file:
            json.dump(dict(answer, threads=threads, of={name: ask[name] for name in ("factory", "settings", "metric")}), file)
        os.replace(part, folder)


def folder_bytes(folder):
    return sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(folder) for name in names if name != "build.json")


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
