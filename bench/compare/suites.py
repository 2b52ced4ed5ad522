"""suites.py: what is compared: for each suite its data, its entries (a system and what it builds) and its operating points.
Standard library alone, as the suites are named and their systems installed before numpy is there."""

from collections import namedtuple
from dataclasses import dataclass, field


@dataclass
class Entry:
    """One row: a system, what it builds (factory, settings), and the points it is searched at."""
    system: str
    label: str
    factory: str = ""
    settings: dict = field(default_factory=dict)
    storage: dict = field(default_factory=dict)  # how a graph made with these settings keeps its vectors
    points: list = field(default_factory=lambda: [{}])


@dataclass
class Plan:
    """batches: queries in a call, 0 for all. levels: recalls at which rates are compared; empty: the best that all first
    points reach. joined: systems of which all entries together are one front, their best."""
    dataset: object
    entries: list
    batches: tuple = (0, 1)
    levels: tuple = (0.5, 0.8, 0.9, 0.95, 0.99)
    joined: tuple = ()
    notes: list = field(default_factory=list)


@dataclass
class ClusterPlan:
    """rows [n, d] into k clusters, for each of the numbers of iterations."""
    dataset: object
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


# The frontier: of each system what can be on its front at recall@10 0.90 to 0.99. One front a system, over all of its entries.
FRONTIER_LEVELS = (0.9, 0.95, 0.99)
EF = [{"ef": e} for e in (16, 24, 36, 54, 80, 120, 180, 280, 450, 700)]  # of graphs: some 1.5 times more at each step
WINDOWS = [{"window": point["ef"]} for point in EF]
RERANKED = {4: (16, 24, 32, 48, 64, 96, 128), 8: (24, 48, 96, 160), 16: (48, 96, 192)}  # k_factor: numbers of lists visited
PROBES = [{"nprobe": p} for p in (12, 18, 26, 38, 56, 80, 120, 180)]
LEAVES = {40: (16, 24, 36, 54), 80: (24, 36, 54, 80, 120), 160: (54, 80, 120, 180)}  # reorder: numbers of leaves searched
MOST_LEAVES = {20: (4, 8), 40: (8, 12, 16), 80: (16, 24, 36, 54), 200: (54, 80, 120, 200)}  # of word vectors


def lists_of(system, factories, points):
    return [Entry(system, factory, factory, points=points) for factory in factories]


def graph_entries(dataset):
    """hnswlib, usearch, faiss, pyglass, VSAG, SVS and SymphonyQG: graphs, each at the settings that its authors publish with."""
    l2 = dataset.metric == "l2"
    entries = [Entry("hnswlib", "M=%d efC=400" % m, settings={"M": m, "ef_construction": 400}, points=EF) for m in (16, 32)]
    entries += [Entry("usearch", "%s M=16 efC=128" % kind, settings={"dtype": kind, "M": 16, "ef_construction": 128}, points=EF)
                for kind in (("i8", "f16") if l2 else ("f32", "f16"))]
    entries += [Entry("faiss", "HNSW32,SQ8", "HNSW32,SQ8", {"ef_construction": 200}, points=EF)]
    built = {"kind": "HNSW", "quant": "FP32", "R": 32, "L": 200}
    entries += [Entry("glass", "HNSW R=32 L=200 SQ8U%s" % (" + " + refine if refine else ""), settings=built,
                      storage={"quant": "SQ8U", "refine": refine}, points=EF) for refine in ("", "FP32")]
    entries += [Entry("vsag", "HGraph 32 efC=400 %s, reorder" % base, settings={"base": base, "max_degree": 32, "ef_construction": 400},
                      points=EF) for base in (("sq8_uniform",) if l2 else ("sq8",))]
    entries += [Entry("svs", "Vamana 64/128 %s" % form, settings={"kind": "graph", "degree": 64, "window": 128},
                      storage={"form": form}, points=WINDOWS) for form in ("float16", "LVQ8", "LVQ4x8")]
    return entries + [Entry("rabitq", "SymphonyQG %d efC=200%s" % (32, ", %d bits" % bits if bits else ""),
                            settings={"kind": "graph", "degree": 32, "ef_construction": 200, "bits": bits}, points=EF) for bits in (0, 8)]


def list_entries(dataset, nlist):
    """SVS's and RaBitQ-Library's lists."""
    entries = [Entry("svs", "IVF%d %s" % (nlist, form), settings={"kind": "lists", "nlist": nlist}, storage={"form": form},
                     points=[{"nprobe": p["nprobe"], "k_reorder": 4.0} for p in fitting(PROBES, nlist)]) for form in ("float16", "LVQ8", "LVQ4x8")]
    return entries + [Entry("rabitq", "IVF%d, %d bits" % (nlist, bits), settings={"kind": "lists", "nlist": nlist, "bits": bits},
                            points=fitting(PROBES, nlist)) for bits in (5, 7, 32)]


def fitting(points, nlist):
    """Points of lists, none of them twice where there are fewer lists."""
    return [dict(point) for point in dict.fromkeys(tuple(dict(p, nprobe=min(p["nprobe"], nlist)).items()) for p in points)]


def scann_trees(dataset, numbers):
    """Leaves; int8 rows are looked at again where memory traffic counts. Inner product: with SOAR and without."""
    wanted, entries = MOST_LEAVES if dataset.metric == "ip" else LEAVES, []
    for leaves in numbers:
        for reorder in ("float32", "int8"):
            for soar in ({}, SOAR) if dataset.metric == "ip" and reorder == "float32" else ({},):
                label = "tree %d%s, AH 2, reorder %s" % (leaves, " SOAR" if soar else "", reorder)
                entries.append(Entry("scann", label, settings=dict(soar, leaves=leaves, kind="ah", reorder=reorder),
                                     points=steps("leaves", "reorder", wanted, leaves)))
    return entries


def sift_entries(dataset, notes):
    some, many = nlist_for(1024, dataset.n, notes), nlist_for(4096, dataset.n, notes)
    refined_points, half = steps("nprobe", "k_factor", RERANKED, many), dataset.d // 2
    kinds = ((some, half, "x4fs"), (many, dataset.d // 4, "x4fsr"), (many, half, "x4fs"), (many, half, "x4fsr"))
    codes = dict.fromkeys("IVF%d,PQ%d%s,RFlat" % kind for kind in kinds)
    entries = []
    for system in ("lutra", "faiss"):
        entries += lists_of(system, ["IVF%d,Flat" % n for n in sorted({some, many})], fitting(PROBES, many)) + lists_of(system, codes, refined_points)
    entries += lists_of("faiss", ["IVF%d,SQ8" % many], fitting(PROBES, many))
    return entries + list_entries(dataset, many) + scann_trees(dataset, sorted({some, nlist_for(2000, dataset.n, []), many}))


def words_entries(dataset, notes):
    some, few = nlist_for(1024, dataset.n, notes), nlist_for(512, dataset.n, notes)
    both, half = sorted({some, few}), dataset.d // 2
    points, entries = steps("nprobe", "k_factor", FRONTIER_IP, some), []
    for system, ending in (("lutra", "x4fsra"), ("faiss", "x4fsr")):
        entries += lists_of(system, ["IVF%d,PQ%d%s,RFlat" % (n, half, ending) for n in both], points)
        entries += lists_of(system, ["IVF%d,Flat" % n for n in both], fitting([{"nprobe": p} for p in (8, 16, 32, 64, 128, 256)], some))
    entries += list_entries(dataset, some)
    return entries + scann_trees(dataset, sorted({few, some, nlist_for(2000, dataset.n, [])}))


FRONTIER_IP = {4: (8, 16, 32), 10: (8, 16, 32, 64, 128), 20: (32, 64, 128), 50: (64, 128, 256)}


def frontier(name, metric, of_lists):
    def plan(open_set):
        notes = ["One front a system: the best of its settings at each recall."]
        dataset = open_set(name, metric)
        entries = of_lists(dataset, notes) + graph_entries(dataset)
        return Plan(dataset, entries, levels=FRONTIER_LEVELS, joined=tuple({entry.system: 0 for entry in entries}), notes=notes)
    return plan


def kmeans(open_set):
    dataset = open_set("sift", "l2")
    rows = dataset.train_rows()
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
    rows = dataset.train_rows()
    k, batch = min(10_000, len(rows) // 20), 512
    notes = ["%s rows of d = %d to %s centroids. Mini-batches: 512 rows a step, random rows to begin with, 4 passes without an early stop; "
             "scikit-learn computes no labels." % ("{:,}".format(len(rows)), dataset.d, "{:,}".format(k))]
    entries = [Entry("sklearn", "MiniBatchKMeans", settings={"kind": "minibatch", "init": "random", "batch": batch}),
               Entry("lutra", "minibatch", settings={"kind": "minibatch", "batch": batch}),
               Entry("lutra", "two-level", settings={"kind": "two-level"})]
    return ClusterPlan(dataset, k, (4,), entries, notes)


Suite = namedtuple("Suite", "plan about systems")
RIVALS = ("faiss", "hnswlib", "usearch", "glass", "vsag", "svs", "rabitq", "scann")
SUITES = {
    "sift-ivfpq": Suite(ivfpq("sift", "l2"), "IVF1024,PQ64x4fs,RFlat and IVF{n},Flat on SIFT descriptors", ("lutra", "faiss", "scann")),
    "speech-rvc": Suite(speech_rvc, "IVF{N//39},Flat, nprobe 1, calls of 1, 50 and 1,000 speech frames: voice conversion", ("lutra", "faiss")),
    "speech-ivfpq": Suite(ivfpq("speech", "l2"), "IVF1024,PQ128x4fs,RFlat and IVF{n},Flat on speech frames", ("lutra", "faiss", "scann")),
    "words-ip": Suite(ivfpq("words", "ip"), "IVF1024,PQ100x4fs,RFlat on words, inner product", ("lutra", "faiss", "scann")),
    "flat": Suite(flat, "exact search", ("lutra", "faiss", "sklearn", "usearch", "scann")),
    "kmeans": Suite(kmeans, "k-means: seconds at equal inertia", ("lutra", "faiss", "sklearn")),
    "guide": Suite(guide, "what each part of IVF1024,PQ128x4fs,RFlat does, on speech frames", ("lutra",)),
    "compress": Suite(compress, "many rows to few centroids: mini-batches and k-means on two levels", ("sklearn", "lutra")),
    "frontier-sift": Suite(frontier("sift", "l2", sift_entries), "each system at the best of its settings, SIFT descriptors", ("lutra",) + RIVALS),
    "frontier-words": Suite(frontier("words", "ip", words_entries), "each system at the best of its settings, words, inner product", ("lutra",) + RIVALS),
}
TOGETHER = {"frontier": ("frontier-sift", "frontier-words")}
