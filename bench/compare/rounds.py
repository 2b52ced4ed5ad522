"""rounds.py: systems measured in alternation, A B A B: each round goes through the operating points, and at each point through
the systems, so that a busy minute of the machine hits all of them alike."""

import hashlib
import json
import os
import sys
from dataclasses import dataclass, field

import numpy as np

from compare import data, machine, scoring
from compare.process import Failed, Process, Refused

K = 10
REBUILT_BELOW = 20  # seconds: a build that takes longer is not repeated in each round


@dataclass
class Row:
    """An entry and all that is known of it. failure says why it was given up; refused counts points it does not take."""
    entry: object
    process: Process = None
    identity: dict = field(default_factory=dict)
    builds: list = field(default_factory=list)
    points: dict = field(default_factory=dict)  # (batch, number of the point) -> Point
    failure: str = ""
    kept: bool = False       # the index is in the cache
    build_threads: int = 0

    def rebuilt(self):
        return not self.kept and self.builds[0]["train_s"] + self.builds[0]["add_s"] < REBUILT_BELOW

    @property
    def name(self):
        return "%s %s" % (self.entry.system, self.entry.label)


@dataclass
class Point:
    params: dict
    batch: int
    recalls: dict = field(default_factory=dict)
    samples: list = field(default_factory=list)  # a system's answers, one a round
    failure: str = ""

    def values(self, name):
        return [sample[name] for sample in self.samples]

    def median(self, name):
        return float(np.median(self.values(name)))


def say(*parts):
    print("==", *parts, file=sys.stderr, flush=True)


@dataclass
class Options:
    root: str
    out: str
    commands: dict  # system -> command line
    threads: int = 1
    rounds: int = 3
    seconds: float = 0.5
    timeout: float = 3600
    environments: dict = field(default_factory=dict)  # system -> variables of its own
    cache: str = ""         # a folder of indexes that are kept
    build_threads: int = 0  # for filling it


class Race:
    """Processes of all entries of a plan, and the rows they fill."""

    def __init__(self, plan, options):
        self.plan, self.options = plan, options
        self.rows = [Row(entry) for entry in plan.entries]

    def __enter__(self):
        for number, row in enumerate(self.rows):
            self.guard(row, lambda: self.start(row, number))
        return self

    def __exit__(self, *_):
        for row in self.rows:
            if row.process:
                row.process.end()

    def start(self, row, number):
        options, system = self.options, row.entry.system
        row.folder = os.path.join(options.out, "work", "%d-%s" % (number, system))
        os.makedirs(row.folder, exist_ok=True)
        log = os.path.join(row.folder, "log.txt")
        row.process = Process(options.commands[system], log, options.threads, os.path.join(options.root, "bench"),
                              options.environments.get(system, {}))
        row.identity = row.process.ask({"do": "hello"}, 120)

    def guard(self, row, work):
        """Does the work; a failure ends this row alone."""
        try:
            work()
        except (Failed, Refused, scoring.WrongIds, OSError, KeyError, TypeError, ValueError) as error:
            row.failure = "%s" % error if not isinstance(error, (KeyError, TypeError)) else "its answer lacks something: %s" % error
            say("%s: %s" % (row.name, (row.failure.splitlines() or [""])[0]))
            if row.process:
                row.process.end()

    def running(self):
        return [row for row in self.rows if not row.failure]

    def ask(self, row, **question):
        return row.process.ask(question, self.options.timeout)


class SearchRace(Race):
    def run(self):
        dataset = self.plan.dataset
        self.judge = scoring.Judge(dataset.rows, dataset.queries, dataset.truth, dataset.metric)
        self.build_all()
        for number in range(self.options.rounds):
            say("round %d of %d: %d systems" % (number + 1, self.options.rounds, len(self.running())))
            for at in range(max(len(row.entry.points) for row in self.rows)):
                self.measure_all(at)
        self.flag_suspicious()
        return self.rows

    def build_all(self):
        for number in range(self.options.rounds):
            for row in self.running():
                if number == 0 or row.rebuilt():
                    say("build %d of %s" % (number + 1, row.name))
                    self.guard(row, lambda: self.build(row))

    def fill_cache(self):
        """Builds what is not kept yet and measures nothing; one system at a time is in memory."""
        for row in self.running():
            say("build of %s" % row.name)
            self.guard(row, lambda: self.build(row))
            row.process.end()
        return self.rows

    def kept_in(self, row):
        """The folder of this build: of this data, system, version, setting and machine. The threads that filled it are not asked for."""
        dataset, entry = self.plan.dataset, row.entry
        key = [data.digest(dataset.base), data.digest(dataset.train), dataset.metric, entry.factory, entry.settings,
               row.identity.get("version"), machine.model()]
        name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
        return os.path.join(self.options.cache, entry.system, name)

    def build(self, row):
        dataset, entry = self.plan.dataset, row.entry
        train = {} if dataset.train == dataset.base else {"train": dataset.train}
        kept = {"cache": self.kept_in(row), "build_threads": self.options.build_threads} if self.options.cache else {}
        answer = self.ask(row, do="build", factory=entry.factory, settings=entry.settings, storage=entry.storage, metric=dataset.metric,
                          base=dataset.base, threads=self.options.threads, folder=row.folder, **train, **kept)
        row.builds.append({name: float(answer[name]) for name in ("train_s", "add_s", "peak_bytes", "bytes_per_vector")})
        row.kept, row.build_threads = bool(answer.get("kept")), int(answer.get("threads", self.options.threads))

    def measure_all(self, at):
        for batch in self.plan.batches:
            for row in self.running():
                if at < len(row.entry.points):
                    self.guard(row, lambda: self.measure(row, batch, at))

    def measure(self, row, batch, at):
        """One sample of one point. A point that the system refuses is left out from then on."""
        point = row.points.setdefault((batch, at), Point(row.entry.points[at], batch))
        if point.failure:
            return
        ids_file = os.path.join(row.folder, "ids.npy")
        try:
            sample = self.ask(row, do="measure", params=point.params, queries=self.plan.dataset.query, batch=batch, k=K,
                              seconds=self.options.seconds, ids_file=ids_file)
        except Refused as refusal:
            point.failure = str(refusal)
            return
        ids = np.load(ids_file)
        os.remove(ids_file)
        scoring.check_ids(ids, len(self.plan.dataset.queries), K, self.plan.dataset.n)
        point.recalls = point.recalls or self.judge.recalls(ids)
        point.samples.append({name: float(sample[name]) for name in ("batch_qps", "p50_us", "p99_us")})

    def flag_suspicious(self):
        for row in self.rows:
            others = [p.recalls[K] for other in self.rows if other.entry.system != row.entry.system
                      for p in other.points.values() if p.samples]
            for point in row.points.values():
                if point.samples and scoring.suspicious(point.recalls[K], others):
                    point.failure = "suspicious: recall %.4f where others have %.2f" % (point.recalls[K], max(others))
            if not row.failure and row.points and all(p.failure for p in row.points.values()):
                row.failure = next(iter(row.points.values())).failure


class ClusterRace(Race):
    """points: (0, number in plan.iterations) -> Point with samples of seconds and inertia."""

    def run(self):
        self.data = np.load(self.plan.dataset.train)
        for number in range(self.options.rounds):
            say("round %d of %d" % (number + 1, self.options.rounds))
            for at in range(len(self.plan.iterations)):
                for row in self.running():
                    self.guard(row, lambda: self.cluster(row, at))
        return self.rows

    def cluster(self, row, at):
        plan = self.plan
        point = row.points.setdefault((0, at), Point({"iterations": plan.iterations[at]}, 0))
        path = os.path.join(row.folder, "centroids.npy")
        answer = self.ask(row, do="kmeans", base=plan.dataset.train, k=plan.k, iterations=plan.iterations[at],
                          settings=row.entry.settings, threads=self.options.threads, seed=1234, centroids_file=path)
        if not point.samples:
            centroids = np.load(path)
            scoring.check_centroids(centroids, plan.k, plan.dataset.d)
            point.inertia = scoring.inertia(self.data, centroids)
        point.samples.append({"seconds": float(answer["seconds"])})
