"""data.py: data sets: found in a folder or an HDF5 file, and brought to the .npy files that every system reads.

A folder may be one of tools/make_datasets.py (its --out, an edition in it, or a set in that), the shipped sample, or yours:
base, query and, if you have them, train and truth, in .npy, .fvecs or .bvecs (ids: .npy, .ivecs). Without truth it is computed.
"""

import functools
import hashlib
import os
from dataclasses import dataclass

import numpy as np

from compare import scoring

VECTORS = (".npy", ".fvecs", ".bvecs")
IDS = (".ivecs", ".npy")
NAMES = {"base": ("base", "{}_base"), "query": ("query", "queries", "{}_query"), "train": ("train", "learn", "{}_learn")}
HDF5_METRICS = {"euclidean": "l2", "angular": "cosine", "dot": "ip"}
TRUTH_K = 100


class NoData(Exception):
    """The data that a suite needs is not where it was looked for."""


@dataclass
class DataSet:
    """base, query and train are .npy files, float32; train is the base where there is no other. truth: int ids [nq, k]."""
    name: str
    metric: str
    base: str
    query: str
    train: str
    truth: np.ndarray
    notes: list

    def __post_init__(self):
        self.rows, self.queries = np.load(self.base, mmap_mode="r"), np.load(self.query, mmap_mode="r")
        self.n, self.d = self.rows.shape

    def train_rows(self):
        return np.load(self.train, mmap_mode="r")

    def describe(self):
        return "%s: %s x %d, %s queries, %s" % (self.name, "{:,}".format(self.n), self.d, "{:,}".format(len(self.queries)), self.metric)


@functools.cache
def digest(path):
    """Of a file's bytes: the same data elsewhere is the same."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_vecs(path):
    kind = {"b": np.uint8, "f": np.float32, "i": np.int32}[os.path.splitext(path)[1][1]]
    raw = np.fromfile(path, np.uint8)
    d = int(raw[:4].view("<i4")[0]) if len(raw) >= 4 else 0
    size = 4 + d * np.dtype(kind).itemsize
    if d <= 0 or len(raw) % size:
        raise NoData("%s: its %d bytes are not rows of d = %d" % (path, len(raw), d))
    return np.ascontiguousarray(raw.reshape(-1, size)[:, 4:]).view(kind)


def read_rows(path):
    """Rows of a file, or of all .npy files in a folder, joined in the order of their names."""
    if os.path.isdir(path):
        names = sorted(name for name in os.listdir(path) if name.endswith(".npy"))
        return np.concatenate([np.load(os.path.join(path, name)) for name in names])
    return np.load(path) if path.endswith(".npy") else read_vecs(path)


def first_there(folder, stems, endings, name):
    for stem in stems:
        for ending in endings:
            path = os.path.join(folder, stem.format(name) + ending)
            if os.path.exists(path):
                return path
    return None


def is_set(folder, name):
    return first_there(folder, NAMES["query"], VECTORS, name) is not None


def set_folder(data, name):
    """Where the set is: `data` itself, or below it. Looked for in the full edition first."""
    for below in ("", name, os.path.join("full", name), os.path.join("small", name)):
        folder = os.path.join(data, below)
        if is_set(folder, name) and (below or os.path.basename(os.path.abspath(data)) != "full"):
            return folder
    raise NoData("%s has no set \"%s\": no query file (.npy, .fvecs, .bvecs) in it, in %s/, full/%s/ or small/%s/"
                 % (data, name, name, name, name))


def cached(cache, sources, make):
    """The .npy file that make() gave for these files, made again when one of them changes."""
    stamp = repr([(os.path.abspath(s), os.path.getmtime(s), os.path.getsize(s)) for s in sources]) + make.__qualname__
    path = os.path.join(cache, hashlib.sha256(stamp.encode()).hexdigest()[:16] + ".npy")
    if not os.path.exists(path):
        os.makedirs(cache, exist_ok=True)
        np.save(path + ".part.npy", make())
        os.replace(path + ".part.npy", path)
    return path


def as_floats(cache, path):
    def floats():
        return np.ascontiguousarray(read_rows(path), np.float32)
    return cached(cache, [path], floats)


def limited(cache, path, rows):
    """The first rows of a .npy file."""
    def first_rows():
        return np.load(path, mmap_mode="r")[:rows]
    first_rows.__qualname__ += str(rows)
    return cached(cache, [path], first_rows)


def find_truth(folder, name, metric):
    stems = ("truth_" + metric, "{}_gt_" + metric, "gt_" + metric, "truth", "gt")
    path = first_there(folder, stems, IDS, name)
    return read_rows(path).astype(np.int64) if path else None


def computed_truth(cache, base, query, metric):
    def exact_ids():
        return scoring.exact(np.load(base), np.load(query), metric, TRUTH_K)
    exact_ids.__qualname__ += metric
    return np.load(cached(cache, [base, query], exact_ids))


def check_truth(dataset):
    """A few rows of the truth against exact search: the wrong metric or base would show."""
    some = np.linspace(0, len(dataset.truth) - 1, min(5, len(dataset.truth))).astype(int)
    at = min(10, dataset.truth.shape[1])
    want = scoring.exact(np.asarray(dataset.rows), dataset.queries[some], dataset.metric, at)
    judge = scoring.Judge(dataset.rows, dataset.queries[some], want, dataset.metric)
    share = judge.recalls(dataset.truth[some][:, :at], [at])[at]
    if share < 0.99:
        raise NoData("%s: the truth file is not of this base and metric (%s): %.2f of it agrees with exact search"
                     % (dataset.name, dataset.metric, share))


def from_folder(folder, name, metric, cache):
    query = as_floats(cache, first_there(folder, NAMES["query"], VECTORS, name))
    source = first_there(folder, NAMES["base"], VECTORS, name) or os.path.join(folder, "3_feature256")
    if not os.path.exists(source):
        raise NoData("%s has queries but no base (.npy, .fvecs, .bvecs, or a folder 3_feature256)" % folder)
    base = as_floats(cache, source)
    train = first_there(folder, NAMES["train"], VECTORS, name)
    truth = find_truth(folder, name, metric)
    notes = [] if truth is not None else ["truth: computed by the runner, float64"]
    truth = computed_truth(cache, base, query, metric) if truth is None else truth
    return DataSet(label(folder), metric, base, query, as_floats(cache, train) if train else base, truth, notes)


def label(folder):
    """The last parts of a path: full/sift; of the shipped sample sample/sift."""
    parts = os.path.abspath(folder).split(os.sep)
    return "/".join(["sample", parts[-1]] if parts[-3:-1] == ["examples", "data"] else parts[-2:])


def from_hdf5(path, cache):
    """A file of ann-benchmarks: train is the base, test the queries, the attribute distance the metric."""
    import h5py
    with h5py.File(path, "r") as file:
        distance = file.attrs.get("distance", "euclidean")
        distance = distance.decode() if isinstance(distance, bytes) else distance
        if distance not in HDF5_METRICS or "train" not in file or "test" not in file:
            raise NoData("%s: distance %r; files with train, test and one of %s are read" % (path, distance, ", ".join(HDF5_METRICS)))
        truth = np.array(file["neighbors"], np.int64) if "neighbors" in file else None

    def rows_of(part):
        def rows():
            with h5py.File(path, "r") as file:
                return np.ascontiguousarray(file[part], np.float32)
        rows.__qualname__ += part
        return cached(cache, [path], rows)
    base, query, metric = rows_of("train"), rows_of("test"), HDF5_METRICS[distance]
    truth = computed_truth(cache, base, query, metric) if truth is None else truth
    return DataSet(os.path.splitext(os.path.basename(path))[0], metric, base, query, base, truth, [])


def open_set(data, name, metric, cache, queries=None, train=None):
    """The set `name` in `data` with its truth checked; at most so many queries and training rows."""
    if os.path.isfile(data):
        found = from_hdf5(data, cache)
    elif os.path.isdir(data):
        found = from_folder(set_folder(data, name), name, metric, cache)
    else:
        raise NoData("%s: no such file or folder; --data takes a folder of sets or an HDF5 file of ann-benchmarks" % data)
    if len(found.truth) < len(found.queries) or found.truth.shape[1] < 10:
        raise NoData("%s: truth %s for %d queries; 10 neighbours of each are needed" % (found.name, found.truth.shape, len(found.queries)))
    if queries and queries < len(found.queries):
        found = DataSet(found.name, found.metric, found.base, limited(cache, found.query, queries), found.train,
                        found.truth[:queries], found.notes + ["the first %s queries" % "{:,}".format(queries)])
    if train and train < len(np.load(found.train, mmap_mode="r")):
        found.train = limited(cache, found.train, train)
    check_truth(found)
    return found
