"""suites.py: what is compared: for each suite its data, its entries (a system and what it builds) and its operating points."""

from dataclasses import dataclass, field

from compare import data


@dataclass
class Entry:
    """One row: a system, what it builds, and the settings it is searched with."""
    system: str
    label: str
    factory: str = ""
    settings: dict = field(default_factory=dict)
    points: list = field(default_factory=lambda: [{}])


@dataclass
class Plan:
    """batches: queries in a call, 0 for all. levels: recalls at which rates are compared; empty: the best that all first
    points reach. joined: systems of which all entries together are one front, their best."""
    dataset: data.DataSet
    entries: list
    batches: tuple = (0, 1)
    levels: tuple = (0.5, 0.8, 0.9, 0.95, 0.99)
    joined: tuple = ()
    notes: list = field(default_factory=list)


@dataclass
class ClusterPlan:
    """rows [n, d] into k clusters, for each of the numbers of iterations."""
    dataset: data.DataSet
    k: int
    iterations: tuple
    entries: list
    notes: list = field(default_factory=list)


def powers(most, start=1):
    return [start << i for i in range(64) if start << i <= most]


def nlist_for(wanted, n, notes):
    """The number of lists asked for, or the largest power of two with 39 rows a list where there are fewer rows."""
    if n >= 39 * wanted:
        return wanted
    nlist = max(1, 1 << (max(1, n // 39)).bit_length() - 1)
    notes.append("IVF%d in place of IVF%d: %s vectors, 39 a list at least" % (nlist, wanted, "{:,}".format(n)))
    return nlist


def speech_rvc(open_set):
    dataset = open_set("speech", "l2")
    nlist = max(1, dataset.n // 39)
    factory = "IVF%d,Flat" % nlist
    points = [{"nprobe": p} for p in powers(min(8, nlist))]
    entries = [Entry(system, factory, factory, points=points) for system in ("lutra", "faiss")]
    notes = ["Each call has 1, 50 or 1,000 frames; the comparison is at the recall of nprobe 1 (the better of the two)."]
    return Plan(dataset, entries, (1, 50, 1000), (), notes=notes + repeats(dataset, 1000))


def repeats(dataset, batch):
    if len(dataset.queries) >= batch:
        return []
    return ["The set has %d queries: calls of %d repeat them." % (len(dataset.queries), batch)]


def fastscan(dataset, nlist, points):
    """Rows of a system and its ending of IVF{nlist},PQ{d/2}x4fs{ending},RFlat: 4-bit codes, the nearest of them scored exactly."""
    def entry(system, ending):
        factory = "IVF%d,PQ%dx4fs%s,RFlat" % (nlist, dataset.d // 2, ending)
        return Entry(system, factory, factory, points=points)
    return entry


def flat_lists(system, nlist):
    factory = "IVF%d,Flat" % nlist
    return Entry(system, factory, factory, points=[{"nprobe": p} for p in powers(min(128, nlist))])


def scann(leaves, points, **soar):
    label = "tree %d%s, AH 2, reorder" % (leaves, " SOAR" if soar else "")
    return Entry("scann", label, settings=dict(soar, leaves=leaves, kind="ah"), points=points)


def steps(lists, kept, wanted, most):
    """Points of two parameters: for each number of kept rows the numbers of lists visited, `most` of them at most."""
    return [{lists: p, kept: k} for k, values in wanted.items() for p in dict.fromkeys(min(p, most) for p in values)]


def refined_l2(dataset, nlist):
    entry = fastscan(dataset, nlist, steps("nprobe", "k_factor", dict.fromkeys((1, 4, 8, 16), powers(128)), nlist))
    scanned = steps("leaves", "reorder", dict.fromkeys((40, 100), powers(128)), nlist)
    entries = [entry(system, ending) for system in ("lutra", "faiss") for ending in ("", "r")]
    many = nlist_for(4 * nlist, dataset.n, [])  # lutra's best for batches of rows of whole numbers
    exact = [("lutra", nlist), ("faiss", nlist)] + [("lutra", many)] * (many != nlist)
    entries += [flat_lists(system, lists) for system, lists in exact]
    return entries + [scann(nlist, scanned)]


# Inner product: what can be on a front from recall 0.8 up. k_factor: numbers of lists; reorder: numbers of leaves.
FASTSCAN_IP = {2: (4, 8, 16), 4: (8, 16, 32, 64), 10: (8, 16, 32, 64, 128), 20: (32, 64, 128)}
SCANN_IP = {20: (4,), 40: (8, 16), 60: (12, 16), 100: (16, 24, 32, 64), 200: (64,)}
SOAR = {"soar_lambda": 1.5, "overretrieve_factor": 2.0}


def refined_ip(dataset, nlist):
    """Score-aware codes ("a", which faiss does not have) are ScaNN's, too. Its trees: as many leaves as lists, half of them (which is
    worth it with SOAR only, where a row is in two leaves), and 2,000. Codes of residuals also in half as many lists."""
    points = steps("nprobe", "k_factor", FASTSCAN_IP, nlist)
    entry, halved = fastscan(dataset, nlist, points), fastscan(dataset, max(1, nlist // 2), points)
    many = nlist_for(2000, dataset.n, [])
    trees = sorted({(max(1, nlist // 2), True), (nlist, False), (nlist, True), (many, False), (many, True)})
    entries = [entry("lutra", ending) for ending in ("", "a", "r", "ra")] + [entry("faiss", ending) for ending in ("", "r")]
    entries += [halved("lutra", "ra"), halved("faiss", "r")] * (nlist > 1)
    return entries + [scann(leaves, steps("leaves", "reorder", SCANN_IP, leaves), **(SOAR if soar else {})) for leaves, soar in trees]


def refined(dataset, nlist):
    return refined_l2(dataset, nlist) if dataset.metric == "l2" else refined_ip(dataset, nlist)


def ivfpq(name, metric):
    def plan(open_set):
        notes = []
        dataset = open_set(name, metric)
        entries = refined(dataset, nlist_for(1024, dataset.n, notes))
        if dataset.metric == "l2":
            return Plan(dataset, entries, levels=(0.5, 0.8, 0.9, 0.95, 0.96, 0.99), notes=notes)
        notes.append("scann is one front: the best of its trees with few leaves and many, with SOAR and without.")
        return Plan(dataset, entries, levels=(0.8, 0.9, 0.95, 0.97), joined=("scann",), notes=notes)
    return plan


def flat(open_set):
    dataset = open_set("sift", "l2", queries=1000)
    entries = [Entry("lutra", "Flat", "Flat"), Entry("faiss", "Flat", "Flat"), Entry("sklearn", "brute"),
               Entry("usearch", "exact", settings={"kind": "exact"}), Entry("scann", "brute force", settings={"kind": "exact"})]
    return Plan(dataset, entries, levels=(0.999,), notes=["Exact search: every vector is looked at."])


def pareto(open_set):
    notes = []
    dataset = open_set("sift", "l2")
    nlist = nlist_for(1024, dataset.n, notes)
    ef = [{"ef": e} for e in (10, 20, 40, 80, 160, 320)]
    graph = {"M": 16, "ef_construction": 200}
    entries = refined(dataset, nlist)
    entries += [Entry("faiss", "HNSW16", "HNSW16", {"ef_construction": 200}, ef), Entry("hnswlib", "M=16 efC=200", settings=graph, points=ef),
                Entry("usearch", "M=16 efC=200", settings=dict(graph, kind="graph"), points=ef)]
    return Plan(dataset, entries, joined=tuple({entry.system for entry in entries}), notes=notes)


def kmeans(open_set):
    dataset = open_set("sift", "l2")
    rows = data.np.load(dataset.train, mmap_mode="r")
    notes = []
    k = 1024 if len(rows) >= 39 * 1024 else nlist_for(1024, len(rows), notes)
    notes = ["k = %d, on %s rows of d = %d, all of them used by every system." % (k, "{:,}".format(len(rows)), dataset.d)]
    entries = [Entry("lutra", "kmeans"), Entry("faiss", "Kmeans"),
               Entry("sklearn", "KMeans random", settings={"kind": "full", "init": "random"}),
               Entry("sklearn", "KMeans k-means++", settings={"kind": "full", "init": "k-means++"}),
               Entry("sklearn", "MiniBatchKMeans", settings={"kind": "minibatch", "init": "k-means++"})]
    return ClusterPlan(dataset, k, (1, 2, 3, 5, 8, 12, 18, 25), entries, notes)


def guide(open_set):
    """What each part of a factory string does for speed and recall, one part at a time."""
    notes = []
    dataset = open_set("speech", "l2", queries=2000)
    lists = "IVF%d" % nlist_for(1024, dataset.n, notes)
    codes = "PQ%dx4fs" % (dataset.d // 2)
    probes = [{"nprobe": p} for p in powers(128)]
    refined_points = [{"nprobe": p, "k_factor": 4} for p in powers(128)]
    entries = [Entry("lutra", f, f, points=p) for f, p in (("Flat", [{}]), (lists + ",Flat", probes), (lists + "," + codes, probes),
                                                           (lists + "," + codes + ",RFlat", refined_points))]
    return Plan(dataset, entries, (0,), notes=notes)


def compress(open_set):
    """Many rows to few, as before the index of a voice is built."""
    dataset = open_set("speech", "l2", train=200_000)
    rows = data.np.load(dataset.train, mmap_mode="r")
    k, batch = min(10_000, len(rows) // 20), 512
    notes = ["%s rows of d = %d to %s centroids. Mini-batches: 512 rows a step, random rows to begin with, 4 passes without an early stop; "
             "scikit-learn computes no labels." % ("{:,}".format(len(rows)), dataset.d, "{:,}".format(k))]
    entries = [Entry("sklearn", "MiniBatchKMeans", settings={"kind": "minibatch", "init": "random", "batch": batch}),
               Entry("lutra", "minibatch", settings={"kind": "minibatch", "batch": batch}),
               Entry("lutra", "two-level", settings={"kind": "two-level"})]
    return ClusterPlan(dataset, k, (4,), entries, notes)


SUITES = {
    "sift-ivfpq": (ivfpq("sift", "l2"), "IVF1024,PQ64x4fs,RFlat and IVF{n},Flat on SIFT descriptors"),
    "speech-rvc": (speech_rvc, "IVF{N//39},Flat, nprobe 1, calls of 1, 50 and 1,000 speech frames: voice conversion"),
    "speech-ivfpq": (ivfpq("speech", "l2"), "IVF1024,PQ128x4fs,RFlat and IVF{n},Flat on speech frames"),
    "words-ip": (ivfpq("words", "ip"), "IVF1024,PQ100x4fs,RFlat on words, inner product"),
    "flat": (flat, "exact search"),
    "kmeans": (kmeans, "k-means: seconds at equal inertia"),
    "guide": (guide, "what each part of IVF1024,PQ128x4fs,RFlat does, on speech frames"),
    "compress": (compress, "many rows to few centroids: mini-batches and k-means on two levels"),
    "pareto": (pareto, "each system at its own best settings: recall@10 against queries/s"),
}
