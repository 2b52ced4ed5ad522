#!/usr/bin/env python3
"""make_datasets.py: build real-world ANN benchmark data sets from Debian packages.

Three data sets, each with disjoint queries and exact ground truth:

  sift    128-d uint8 SIFT descriptors of photographs and photo-sourced textures
          (like SIFT1M / BIGANN), L2; cosine ground truth as well.
  speech  256-d float32 frame features of recorded human speech, one .npy file
          per utterance slice in a folder 3_feature256/ (the layout RVC uses), L2.
  words   200-d float32 word and bigram embeddings (PPMI + truncated SVD) of
          English documentation and dictionaries, raw norms, inner product;
          cosine ground truth as well.

Two editions of each, under --out:

  full/     the large one
  small/    a sub-sample of full/ (about 55 MiB in all)

Nothing is downloaded except Debian packages (apt-get download; no root needed, the
packages are unpacked below OUT/work, not installed).  Every random choice has a
fixed seed, so the same packages on the same library versions and CPU give the same
files; other CPUs may differ in the last bits of the float sets.

What the machine needs (Debian 12: run with /usr/bin/python3):
    apt-get update
    apt-get install --no-install-recommends libopenblas0-pthread python3-numpy python3-scipy python3-opencv ffmpeg
The packages named in IMAGE_SOURCES, SPEECH_SOURCES and TEXT_SOURCES below are fetched
by this script (about 2.1 GB; unpacked about 3.5 GB).  Full size needs about 8 GB of disk, 8 GB of
memory and, on two cores, some 20 minutes (sift 14, speech 4, words 5).  The ground truth is
BLAS-bound: an OPENBLAS_CORETYPE set for an older processor makes it slower; a
float64 sample is compared after every step, so a broken BLAS is noticed.

Examples:
    tools/make_datasets.py --out data                     everything, full size
    tools/make_datasets.py --out data sift                one data set
    tools/make_datasets.py --out data --scale 0.1 sift    100k base vectors instead of 1M
    tools/make_datasets.py sift --out data --editions small    only the small edition of one set
    tools/make_datasets.py --out data check               statistics of what is there

bench/compare/run --data OUT measures on them: on the full edition where it is there, else on the small one.

Every step is skipped if its result exists already, so an interrupted run can be
repeated; --force rebuilds the sets (the unpacked packages and the extracted
descriptors stay; delete OUT/work to begin anew).  OUT/work may be deleted at the end.

File formats: .bvecs/.fvecs/.ivecs (TEXMEX: each row is a little-endian int32
dimension and then the values as uint8/float32/int32), and .npy of the same arrays.
Ground truth: *_gt_<metric>.ivecs ids of the 100 best, best first, ties to the lower
id; *_gt_<metric>_dist.fvecs their squared L2 distance or inner product.
"""

import argparse
import hashlib
import html
import io
import json
import multiprocessing
import os
import re
import subprocess
import time
import zipfile
from collections import defaultdict

try:
    import numpy as np
except ImportError:  # --help does without; main() says what to install
    np = None

# --------------------------------------------------------------------------------
# Which Debian packages are used, and for what
# --------------------------------------------------------------------------------

# SIFT: (package, kind, path must match, path must not match).  kind "photo" is for
# real photographs (many key points may be taken from each), "texture" for
# photo-sourced game textures (few from each).  Vector art, normal maps and other
# derived maps are left out.
DERIVED_MAP = (r"(_(norm|normal|bump|gloss|glow|luma|nm|sm|gm|lm|hm|reflect|shirt|pants|spec|mask|blend)"
               r"|normal|gloss|logo)[^/]*$")
IMAGE_SOURCES = [
    ("plasma-workspace-wallpapers", "photo", r"/images/2560x1600\.jpg$", r"PastelHills|FlyingKonqui"),
    ("mate-backgrounds", "photo", r"/nature/.*\.jpg$|Elephants_3840x2160\.jpg$", None),
    ("ukui-wallpapers", "photo", r"backgrounds/.*\.jpg$|calla\.png$|goldfish\.png$", None),
    ("lomiri-wallpapers-16.04", "photo", r"\.jpg$", None),
    ("lomiri-wallpapers-20.04", "photo", r"\.jpg$", None),
    ("lxqt-themes", "photo", r"wallpapers/(flowers|fog|after|Butterfly|Valendas|apple|cloud|drop|this|butterfly)", None),
    ("palapeli-data", "photo", r"\.jpe?g$", None),
    ("python3-skimage", "photo", r"/data/.*\.(jpe?g|png)$", r"diff|text|phantom|checker|grid|clock_motion"),
    ("opencv-doc", "photo", r"/examples/.*\.(jpe?g|png)$", r"chess|left\d|right\d|digits|letter|mask|logo|notes|calib|aruco|charuco"),
    ("stellarium-data", "photo", r"/landscapes/.*\.(jpe?g|png)$", r"fog|glow|illum|ocean|zero"),
    ("tuxpaint-stamps-default", "photo", r"/stamps/.*\.png$", r"/cartoon/|clipart|symbol|flags|_mirror|/hobbies/"),
    ("nexuiz-textures", "texture", r"\.(jpe?g|png)$", DERIVED_MAP),
    ("openarena-081-textures", "texture", r"\.(jpe?g|png)$", DERIVED_MAP),
    ("ufoai-textures", "texture", r"\.(jpe?g|png)$", DERIVED_MAP),
    ("torcs-data", "texture", r"/tracks/.*\.(jpe?g|png)$", DERIVED_MAP + r"|_n\.png$|-map|shadow"),
]

# Speech: recorded human voices (telephone-exchange prompts, 16 kHz G.722).
SPEECH_SOURCES = [
    ("asterisk-core-sounds-en-g722", "en"),
    ("asterisk-core-sounds-es-g722", "es"),
    ("asterisk-core-sounds-fr-g722", "fr"),
    ("asterisk-core-sounds-it-g722", "it"),
    ("asterisk-core-sounds-ru-g722", "ru"),
]

# Words: (package, path must match).
TEXT_SOURCES = [
    ("dict-gcide", r"\.dict\.dz$"),
    ("dict-wn", r"\.dict\.dz$"),
    ("dict-foldoc", r"\.dict\.dz$"),
    ("dict-jargon", r"\.dict\.dz$"),
    ("linux-doc-6.1", r"/Documentation/.*\.(rst|txt)(\.gz)?$"),
    ("python3.11-doc", r"/_sources/.*\.txt$"),
    ("perl-doc", r"\.pod$"),
    ("postgresql-doc-15", r"\.html$"),
    ("rust-doc", r"/html/(book|reference|nomicon|rust-by-example|cargo|rustc|rustdoc|embedded-book|edition-guide"
                 r"|unstable-book|std)/.*\.html$"),
    ("cppreference-doc-en-html", r"\.html$"),
    ("libreoffice-help-en-us", r"\.html$"),
    ("git-doc", r"\.txt$"),
    ("debian-handbook", r"/en-US/.*\.html$"),
    ("debian-reference-en", r"\.html$"),
    ("developers-reference", r"\.html$"),
    ("manpages", r"/man/.*\.gz$"),
    ("manpages-dev", r"/man/.*\.gz$"),
]

SEED = 20261122
K_GT = 100
# Rows at --scale 1; only the full edition scales.
FULL = dict(sift_base=1_000_000, sift_learn=100_000, sift_query=10_000,
            speech_base=10**9, speech_query=5_000,          # speech: all frames there are
            words_base=10**9, words_query=5_000)            # words: all words there are
SMALL = dict(sift_base=100_000, sift_learn=20_000, sift_query=1_000,
             speech_base=20_000, speech_query=1_000,
             words_base=20_000, words_query=1_000)
HELD = dict(sift_base=200_000, sift_learn=20_000, sift_query=1_000,
            speech_base=50_000, speech_query=1_000,
            words_base=50_000, words_query=1_000)


# --------------------------------------------------------------------------------
# Small helpers
# --------------------------------------------------------------------------------

T0 = time.time()


def say(*parts):
    print("[%7.1fs]" % (time.time() - T0), *parts, flush=True)


def rng_for(*names):
    """A generator whose seed depends on SEED and on the names alone."""
    digest = hashlib.sha256(("%d/" % SEED + "/".join(map(str, names))).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest[:16], np.uint32))


def hash01(*names):
    """A fixed pseudo-random number in [0, 1) for a name."""
    digest = hashlib.sha256(("%d/" % SEED + "/".join(map(str, names))).encode()).digest()
    return int.from_bytes(digest[:8], "little") / 2.0**64


def write_vecs(path, rows):
    """Write .bvecs (uint8), .fvecs (float32) or .ivecs (int32), in blocks."""
    kind = {"b": np.uint8, "f": np.float32, "i": np.int32}[path.rsplit(".", 1)[1][0]]
    assert rows.dtype == kind, (path, rows.dtype)
    n, d = rows.shape
    head = np.frombuffer(np.array([d], "<i4").tobytes(), np.uint8)
    with open(path + ".part", "wb") as out:
        for i in range(0, n, 65536):
            block = np.ascontiguousarray(rows[i:i + 65536])
            raw = block.view(np.uint8).reshape(len(block), -1)
            out.write(np.hstack([np.broadcast_to(head, (len(block), 4)), raw]).tobytes())
    os.replace(path + ".part", path)


def read_vecs(path):
    kind = {"b": np.uint8, "f": np.float32, "i": np.int32}[path.rsplit(".", 1)[1][0]]
    raw = np.fromfile(path, np.uint8)
    d = int(raw[:4].view("<i4")[0])
    raw = raw.reshape(-1, 4 + d * np.dtype(kind).itemsize)
    return np.ascontiguousarray(raw[:, 4:]).view(kind)


def save_npy(path, array):
    with open(path + ".part", "wb") as out:
        np.save(out, np.ascontiguousarray(array))
    os.replace(path + ".part", path)


def first_of_each(rows):
    """Boolean mask of the rows that are not an exact copy of an earlier row."""
    rows = np.ascontiguousarray(rows)
    as_one = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
    keep = np.zeros(len(rows), bool)
    keep[np.unique(as_one, return_index=True)[1]] = True
    return keep


def rows_in(rows, others):
    """Boolean mask: is this row an exact copy of one of the others?"""
    seen = set(map(bytes, np.ascontiguousarray(others).view(np.uint8).reshape(len(others), -1)))
    return np.array([bytes(r) in seen for r in np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), -1)])


# --------------------------------------------------------------------------------
# Packages
# --------------------------------------------------------------------------------

def fetch_package(work, name):
    """Download a Debian package and unpack it to WORK/x/NAME; returns that folder."""
    target = os.path.join(work, "x", name)
    if os.path.isdir(target):
        return target
    debs = os.path.join(work, "debs")
    os.makedirs(debs, exist_ok=True)
    deb = [f for f in sorted(os.listdir(debs)) if f.startswith(name + "_") and f.endswith(".deb")]
    if not deb:
        say("downloading", name)
        subprocess.run(["apt-get", "download", "-q", name], cwd=debs, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        deb = [f for f in sorted(os.listdir(debs)) if f.startswith(name + "_") and f.endswith(".deb")]
    say("unpacking", deb[-1])
    os.makedirs(target + ".part", exist_ok=True)
    subprocess.run(["dpkg", "-x", os.path.join(debs, deb[-1]), target + ".part"], check=True)
    os.rename(target + ".part", target)
    return target


def files_of(folder, pattern, without=None):
    """Files below folder (no links) whose relative path matches, in sorted order."""
    want, skip = re.compile(pattern, re.I), re.compile(without, re.I) if without else None
    found = []
    for base, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(base, name)
            rel = os.path.relpath(path, folder)
            if want.search("/" + rel) and not (skip and skip.search(rel)) and not os.path.islink(path):
                found.append(rel)
    return sorted(found)


# --------------------------------------------------------------------------------
# Exact ground truth
# --------------------------------------------------------------------------------

def ground_truth(base, query, metric, k=K_GT, spare=28):
    """Exact k best of base for each query: ids (int32), squared L2 or inner product.

    Blocks of float32 matrix products select k + spare candidates; these are then
    scored again in float64 and sorted, ties to the lower id.  (For uint8 rows the
    float32 products are exact: everything stays below 2^24.)
    """
    k = min(k, len(base))
    wide = min(k + spare, len(base))
    base32 = base if base.dtype == np.float32 else None
    norms = np.concatenate([np.einsum("ij,ij->i", b, b) for b in
                            (base[i:i + 65536].astype(np.float32) for i in range(0, len(base), 65536))])
    ids = np.empty((len(query), k), np.int32)
    scores = np.empty((len(query), k), np.float32)
    step_q, step_b = 500, 50_000
    started = time.time()
    for q0 in range(0, len(query), step_q):
        q = query[q0:q0 + step_q].astype(np.float32)
        limit = np.full(len(q), np.inf, np.float32)
        got_row = np.empty(0, np.int64)
        got_id = np.empty(0, np.int64)
        got_val = np.empty(0, np.float32)
        for b0 in range(0, len(base), step_b):
            b = base32[b0:b0 + step_b] if base32 is not None else base[b0:b0 + step_b].astype(np.float32)
            val = q @ b.T                                   # smaller is better from here on
            val *= -2.0 if metric == "l2" else -1.0
            if metric == "l2":
                val += norms[b0:b0 + step_b]
            if b0 == 0:                                     # a first bound on the wide-th best
                limit = np.partition(val, min(wide, val.shape[1]) - 1, axis=1)[:, min(wide, val.shape[1]) - 1]
            row, col = np.nonzero(val <= limit[:, None])
            got_row = np.concatenate([got_row, row])
            got_id = np.concatenate([got_id, col + b0])
            got_val = np.concatenate([got_val, val[row, col]])
            order = np.lexsort((got_id, got_val, got_row))
            got_row, got_id, got_val = got_row[order], got_id[order], got_val[order]
            start = np.searchsorted(got_row, np.arange(len(q)))
            rank = np.arange(len(got_row)) - start[got_row]
            keep = rank < wide
            got_row, got_id, got_val, rank = got_row[keep], got_id[keep], got_val[keep], rank[keep]
            last = rank == wide - 1
            limit[got_row[last]] = got_val[last]
        cand = got_id.reshape(len(q), wide)
        for i in range(len(q)):
            rows = base[cand[i]].astype(np.float64)
            one = query[q0 + i].astype(np.float64)
            exact = ((rows - one) ** 2).sum(1) if metric == "l2" else -(rows @ one)
            order = np.lexsort((cand[i], exact))[:k]
            ids[q0 + i] = cand[i][order]
            scores[q0 + i] = exact[order] if metric == "l2" else -exact[order]
        if time.time() - started > 15:
            started = time.time()
            say("   ground truth %s: %d of %d queries" % (metric, q0 + len(q), len(query)))
    return ids, scores


def check_truth(base, query, metric, ids, scores, sample=10):
    """Compare a few rows of the ground truth with a plain float64 computation."""
    for i in rng_for("check", len(base), len(query), metric).choice(len(query), min(sample, len(query)), replace=False):
        one = query[i].astype(np.float64)
        val = np.empty(len(base))
        for b0 in range(0, len(base), 100_000):
            rows = base[b0:b0 + 100_000].astype(np.float64)
            val[b0:b0 + 100_000] = ((rows - one) ** 2).sum(1) if metric == "l2" else -(rows @ one)
        near = np.argpartition(val, ids.shape[1] + 20)[:ids.shape[1] + 20] if len(base) > ids.shape[1] + 20 else np.arange(len(base))
        near = np.flatnonzero(val <= np.sort(val[near])[ids.shape[1] - 1])
        want = near[np.lexsort((near, val[near]))][:ids.shape[1]]
        if not np.array_equal(want, ids[i]):
            # Different BLAS sums can swap rows whose float64 scores agree to about 1e-12.
            gap = np.abs(np.sort(val[want]) - np.sort(val[ids[i]])).max()
            if gap > 1e-9 * np.abs(val[want]).max():
                raise SystemExit("ground truth is wrong for query %d (gap %g): broken BLAS?" % (i, gap))


def unit(rows):
    """Rows scaled to length 1 (float32); zero rows stay zero."""
    rows = rows.astype(np.float32)
    length = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
    return (rows / np.maximum(length, 1e-30)[:, None]).astype(np.float32)


def write_truth(folder, name, base, query, metric, both=True):
    """metric: l2, ip, or cosine (inner product of the unit-length rows)."""
    b, q = (unit(base), unit(query)) if metric == "cosine" else (base, query)
    inner = "l2" if metric == "l2" else "ip"
    ids, scores = ground_truth(b, q, inner)
    check_truth(b, q, inner, ids, scores)
    stem = os.path.join(folder, "%s_gt_%s" % (name, metric))
    write_vecs(stem + ".ivecs", ids)
    write_vecs(stem + "_dist.fvecs", scores)
    if both:
        save_npy(stem + ".npy", ids)
        save_npy(stem + "_dist.npy", scores)
    say("  %s: truth %s written, float64 sample agrees" % (name, metric))


def done(path, force):
    """Is this edition there?  The marker file is the last one written; --force removes it."""
    if force and os.path.exists(path) and os.path.getmtime(path) < T0:
        os.remove(path)
    return os.path.exists(path)


def mark(path, **facts):
    with open(path, "w") as out:
        json.dump(facts, out, indent=1, sort_keys=True)
        out.write("\n")


# --------------------------------------------------------------------------------
# sift
# --------------------------------------------------------------------------------

PHOTO_CAP, TEXTURE_CAP = 15_000, 800        # most key points kept of one image
MAX_SIDE, MIN_SIDE = 2560, 100              # larger images are reduced, smaller ones skipped
CONTRAST = 0.03                             # SIFT's contrastThreshold (OpenCV's default is 0.04)
QUERIES_PER_IMAGE = {"photo": 600, "texture": 200}
SAME_IMAGE_BITS = 40                        # of 256 dHash bits: at most so many differ -> same image


def list_images(work):
    """(name, package, kind, file, member of a zip or None) for every image to use."""
    images = []
    for package, kind, want, skip in IMAGE_SOURCES:
        folder = fetch_package(work, package)
        for rel in files_of(folder, want, skip):
            images.append((package + "/" + rel, package, kind, os.path.join(folder, rel), None))
        for rel in files_of(folder, r"\.(pk3|zip)$"):
            path = os.path.join(folder, rel)
            for member in sorted(zipfile.ZipFile(path).namelist()):
                if re.search(want, "/" + member, re.I) and not (skip and re.search(skip, member, re.I)):
                    images.append((package + "/" + rel + "!" + member, package, kind, path, member))
    return images


def image_group(name):
    """Images of one group never end up on both sides of a base/query/held-out split.

    Photographs: the file name without digits at its end.  Textures: the first word of
    the file name with its number (trak4_brick2 -> trak4), over all packages, since
    games share texture sets.
    """
    package, rest = name.split("/", 1)
    stem = re.sub(r"\.\w+$", "", rest.split("!")[-1].split("/")[-1]).lower()
    if package == "plasma-workspace-wallpapers":
        return "plasma:" + rest.split("/wallpapers/")[1].split("/")[0]
    if package == "stellarium-data":
        return "landscape:" + rest.split("/landscapes/")[1].split("/")[0]
    if package in ("opencv-doc", "python3-skimage", "tuxpaint-stamps-default"):
        return package + ":" + re.sub(r"[^a-z]", "", stem)[:4]
    for source, kind, _, _ in IMAGE_SOURCES:
        if source == package and kind == "photo":
            return "photo:" + re.sub(r"[\d_-]+$", "", stem)
    match = re.match(r"[^a-z]*([a-z]+\d*)", stem)
    return "texture:" + (match.group(1) if match else stem)


def extract_image(job):
    """Descriptors of one image, saved to a cache file (empty if it is unusable)."""
    (name, package, kind, path, member), cache = job
    import cv2
    cv2.setNumThreads(1)
    if os.path.exists(cache):
        return 0
    raw = zipfile.ZipFile(path).read(member) if member else open(path, "rb").read()
    picture = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_UNCHANGED)
    desc, dhash = np.zeros((0, 128), np.uint8), np.zeros(256, np.uint8)
    if picture is not None and min(picture.shape[:2]) >= MIN_SIDE:
        if picture.dtype != np.uint8:
            picture = (picture / 257).astype(np.uint8)
        if picture.ndim == 3 and picture.shape[2] == 4:     # paint over mid grey
            alpha = picture[:, :, 3:].astype(np.float32) / 255
            picture = (picture[:, :, :3] * alpha + 128 * (1 - alpha)).astype(np.uint8)
        gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) if picture.ndim == 3 else picture
        factor = MAX_SIDE / max(gray.shape)
        if factor < 1:
            gray = cv2.resize(gray, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        tiny = cv2.resize(gray, (17, 16), interpolation=cv2.INTER_AREA).astype(int)
        dhash = (tiny[:, 1:] > tiny[:, :-1]).astype(np.uint8).ravel()
        sift = cv2.SIFT_create(nfeatures=0, contrastThreshold=CONTRAST)
        points, found = sift.detectAndCompute(gray, None)
        if found is not None:
            desc = np.clip(np.rint(found), 0, 255).astype(np.uint8)
            cap = PHOTO_CAP if kind == "photo" else TEXTURE_CAP
            if len(desc) > cap:
                desc = desc[np.sort(rng_for("cap", name).choice(len(desc), cap, replace=False))]
    with open(cache + ".part", "wb") as out:
        np.savez(out, desc=desc, dhash=dhash)
    os.replace(cache + ".part", cache)
    return len(desc)


def hide_stderr():
    """libpng warns about colour profiles on stderr; exceptions still reach the parent."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def sift_pool(work, jobs):
    """All usable images: list of (name, kind, group, descriptors)."""
    images = list_images(work)
    folder = os.path.join(work, "sift")
    os.makedirs(folder, exist_ok=True)
    caches = [os.path.join(folder, hashlib.sha1(i[0].encode()).hexdigest() + ".npz") for i in images]
    todo = [(i, c) for i, c in zip(images, caches) if not os.path.exists(c)]
    say("sift: %d images, %d still to do" % (len(images), len(todo)))
    with multiprocessing.Pool(jobs, initializer=hide_stderr) as pool:
        total, shown = 0, time.time()
        for n, got in enumerate(pool.imap_unordered(extract_image, todo, chunksize=4), 1):
            total += got
            if time.time() - shown > 20:
                shown = time.time()
                say("  sift: %d of %d images, %d descriptors" % (n, len(todo), total))
    # Leave out images that look like an earlier one (other resolution, other tint).
    kept, hashes, dropped = [], np.zeros((0, 256), np.uint8), 0
    for image, cache in zip(images, caches):
        with np.load(cache) as data:
            desc, dhash = data["desc"], data["dhash"]
        if len(desc) < 20:
            continue
        if len(hashes) and (hashes != dhash).sum(1).min() <= SAME_IMAGE_BITS:
            dropped += 1
            continue
        hashes = np.vstack([hashes, dhash])
        kept.append((image[0], image[2], image_group(image[0]), desc))
    say("sift: %d images kept, %d look-alikes dropped, %d descriptors" %
        (len(kept), dropped, sum(len(k[3]) for k in kept)))
    return kept


def split_images(pool):
    """Give every group of images one role; large groups go to the base."""
    by_kind = defaultdict(lambda: defaultdict(int))
    for _, kind, group, desc in pool:
        by_kind[kind][group] += len(desc)
    role = {}
    for kind, groups in sorted(by_kind.items()):
        total = sum(groups.values())
        want = [("held_query", 0.012), ("query", 0.03), ("learn", 0.08), ("held_base", 0.16)]
        names = sorted(groups, key=lambda g: hash01("group", g))
        names = [g for g in names if groups[g] <= 0.03 * total]
        for label, share in want:
            got = 0
            while names and got < share * total:
                group = names.pop(0)
                role[group] = label
                got += groups[group]
    return role


def drop_linked(base, base_image, query, query_image, what, probes=40):
    """Mask of the rows to keep: those of images that share no picture with the base.

    A texture or a photograph can hide inside another file under another name.  A few
    descriptors of each image are looked up in the base; if a tenth of them (at least 3)
    have a very near neighbour in one and the same base image, the image is left out.
    """
    pick = np.concatenate([np.flatnonzero(query_image == i)[:probes] for i in np.unique(query_image)])
    ids, score = ground_truth(base, query[pick], "l2", k=1, spare=7)
    linked = []
    for image in np.unique(query_image):
        mine = query_image[pick] == image
        hits = base_image[ids[mine, 0][score[mine, 0] < 104.0 ** 2]]        # a fifth of the mean distance
        if len(hits) and np.bincount(hits).max() >= max(3, 0.1 * mine.sum()):
            linked.append(image)
    say("  sift: %d of %d %s images share a picture with the base, left out" %
        (len(linked), len(np.unique(query_image)), what))
    return ~np.isin(query_image, linked)


def make_sift(out, work, scale, jobs, force, wanted):
    marker = {e: os.path.join(out, e, "sift", "sift.json") for e in wanted}
    if all(done(m, force) for m in marker.values()):
        return say("sift: done already")
    pool = sift_pool(work, jobs)
    role = split_images(pool)
    parts, origin = defaultdict(list), defaultdict(list)
    used = defaultdict(lambda: defaultdict(int))
    for index, (name, kind, group, desc) in enumerate(pool):
        label = role.get(group, "base")
        if "query" in label:                                    # many images rather than many of each
            cap = QUERIES_PER_IMAGE[kind]
            if len(desc) > cap:
                desc = desc[rng_for("query cap", name).choice(len(desc), cap, replace=False)]
        parts[label].append(desc)
        origin[label].append(np.full(len(desc), index))
        used[label]["images"] += 1
        used[label][kind + "_images"] += 1
        used[label][kind + "_descriptors"] += len(desc)
    rows, image = {}, {}
    for label in ("base", "learn", "query", "held_base", "held_query"):
        stack, source = np.vstack(parts[label]), np.concatenate(origin[label])
        keep = first_of_each(stack)
        stack, source = stack[keep], source[keep]
        order = rng_for("shuffle", label).permutation(len(stack))
        rows[label], image[label] = stack[order], source[order]
        say("  sift: %-10s %8d distinct descriptors %s" % (label, len(stack), dict(used[label])))

    # Everything is cleaned against all rows there are, so that small/ and heldout/ come out
    # the same at every --scale.
    base, learn = rows["base"], rows["learn"]

    def clean_queries(label, against, against_image):
        keep = drop_linked(against, against_image, rows[label], image[label], label)
        left = rows[label][keep]
        return left[~rows_in(left, base) & ~rows_in(left, learn) & ~rows_in(left, rows["held_base"])]

    if "full" in wanted or "small" in wanted:
        query = clean_queries("query", base, image["base"])
    else:
        query = rows["query"]
    hbase = hlearn = hquery = None
    if "heldout" in wanted:
        keep = drop_linked(base, image["base"], rows["held_base"], image["held_base"], "held-out base", 20)
        keep &= ~rows_in(rows["held_base"], base) & ~rows_in(rows["held_base"], learn)
        held, held_image = rows["held_base"][keep], image["held_base"][keep]
        hbase, hlearn = np.split(held[:HELD["sift_base"] + HELD["sift_learn"]], [HELD["sift_base"]])
        hquery = clean_queries("held_query", held, held_image)[:HELD["sift_query"]]
    want = {k: int(v * scale) for k, v in FULL.items() if k.startswith("sift")}
    editions = {
        "small": (base[:SMALL["sift_base"]], learn[:SMALL["sift_learn"]], query[:SMALL["sift_query"]]),
        "heldout": (hbase, hlearn, hquery),
        "full": (base[:want["sift_base"]], learn[:want["sift_learn"]], query[:want["sift_query"]]),
    }
    for edition in wanted:
        if done(marker[edition], force):
            continue
        folder = os.path.dirname(marker[edition])
        os.makedirs(folder, exist_ok=True)
        b, l, q = editions[edition]
        for label, part in (("base", b), ("learn", l), ("query", q)):
            write_vecs(os.path.join(folder, "sift_%s.bvecs" % label), part)
            if edition != "small":
                save_npy(os.path.join(folder, "sift_%s.npy" % label), part)
        say("sift %s: base %s learn %s query %s" % (edition, b.shape, l.shape, q.shape))
        write_truth(folder, "sift", b, q, "l2", edition != "small")
        write_truth(folder, "sift", b, q, "cosine", edition != "small")
        mark(marker[edition], dim=128, base=len(b), learn=len(l), query=len(q), metric="l2",
             images={k: dict(v) for k, v in used.items()}, **stats(b, q, "l2", folder, "sift"))
        say("READY", folder)


# --------------------------------------------------------------------------------
# speech
# --------------------------------------------------------------------------------

RATE, WINDOW, HOP = 16_000, 400, 320        # 25 ms windows every 20 ms, as HuBERT frames
MELS, CONTEXT = 80, 4                       # log-mel bands; frames stacked on either side
PCA_DIMS, OUT_DIMS = 96, 256
SLICE = 185                                 # frames per file: 3.7 s, RVC's slice length


def mel_filters(n_fft=512):
    """Triangular mel filters, MELS x (n_fft/2 + 1), 50 Hz to 7600 Hz."""
    def mel(f):
        return 2595 * np.log10(1 + np.asarray(f) / 700)
    edges = 700 * (10 ** (np.linspace(mel(50), mel(7600), MELS + 2) / 2595) - 1)
    bins = np.arange(n_fft // 2 + 1) * RATE / n_fft
    low, mid, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    return np.maximum(0, np.minimum((bins - low) / (mid - low), (high - bins) / (high - mid)))


def log_mels(audio, filters, rng):
    """Frames x (MELS * (2 CONTEXT + 1)) for one recording."""
    audio = audio + 1e-4 * rng.standard_normal(len(audio))      # -80 dB dither: no digital silence
    frames = np.lib.stride_tricks.sliding_window_view(audio, WINDOW)[::HOP] * np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(frames, 512)) ** 2
    mels = np.log(power @ filters.T + 1e-5)
    padded = np.pad(mels, ((CONTEXT, CONTEXT), (0, 0)), mode="edge")
    return np.hstack([padded[i:i + len(mels)] for i in range(2 * CONTEXT + 1)]).astype(np.float32)


def decode_g722(paths, temp):
    """16 kHz samples of each file; many files per ffmpeg process, as starting one is slow."""
    os.makedirs(temp, exist_ok=True)
    for start in range(0, len(paths), 50):
        some = paths[start:start + 50]
        command = ["ffmpeg", "-v", "error", "-nostdin", "-y"]
        for path in some:
            command += ["-f", "g722", "-i", path]
        for i in range(len(some)):
            command += ["-map", "%d:a" % i, "-f", "s16le", "-ac", "1", "-ar", str(RATE), os.path.join(temp, "%d.raw" % i)]
        subprocess.run(command, check=True)
        for i in range(len(some)):
            yield np.fromfile(os.path.join(temp, "%d.raw" % i), "<i2").astype(np.float64) / 32768


def speech_recordings(work):
    """(name, stacked log-mel frames) of every recording, cached."""
    cache = os.path.join(work, "speech_logmel.npz")
    if os.path.exists(cache):
        with np.load(cache, allow_pickle=False) as data:
            names, bounds, frames = data["names"], data["bounds"], data["frames"]
        return [(str(n), frames[a:b]) for n, a, b in zip(names, bounds[:-1], bounds[1:])]
    filters, seen, result = mel_filters(), set(), []
    for package, language in SPEECH_SOURCES:
        folder = fetch_package(work, package)
        files = []
        for rel in files_of(folder, r"\.g722$"):
            key = hashlib.sha1(open(os.path.join(folder, rel), "rb").read()).digest()
            if key not in seen:                                 # the same recording only once
                seen.add(key)
                files.append(rel)
        count = 0
        for rel, audio in zip(files, decode_g722([os.path.join(folder, f) for f in files], os.path.join(work, "pcm"))):
            if len(audio) < 16 * HOP + WINDOW or audio.std() < 1e-3:
                continue                                        # too short, or silence
            result.append((language + "/" + rel.split("/sounds/")[1], log_mels(audio, filters, rng_for("dither", rel))))
            count += len(result[-1][1])
        say("  speech: %s %d frames" % (package, count))
    bounds = np.cumsum([0] + [len(r[1]) for r in result])
    with open(cache + ".part", "wb") as out:
        np.savez(out, names=np.array([r[0] for r in result]), bounds=bounds, frames=np.vstack([r[1] for r in result]))
    os.replace(cache + ".part", cache)
    return result


def speech_network(train):
    """The fixed 'network': PCA whitening (softened) and tanh(W x + b) to 256 values."""
    train = train[np.sort(rng_for("pca").choice(len(train), min(60_000, len(train)), replace=False))].astype(np.float64)
    mean = train.mean(0)
    values, vectors = np.linalg.eigh(np.cov(train - mean, rowvar=False))
    order = np.argsort(-values)[:PCA_DIMS]
    # A power below 1/2 keeps some of the energy order, as trained features have.
    basis = vectors[:, order] * np.sign(vectors[np.abs(vectors[:, order]).argmax(0), order])
    whiten = basis * (values[order] ** -0.4)
    scale = ((train - mean) @ whiten).std()
    rng = rng_for("network")
    weights = rng.standard_normal((PCA_DIMS, OUT_DIMS)) * (0.8 / (scale * np.sqrt(PCA_DIMS)))
    offset = 0.2 * rng.standard_normal(OUT_DIMS)
    return lambda frames: np.tanh(((frames - mean) @ whiten) @ weights + offset).astype(np.float32)


def load_speech(folder):
    """The base vectors as RVC reads them: 3_feature256/*.npy joined in sorted name order."""
    folder = os.path.join(folder, "3_feature256")
    return np.concatenate([np.load(os.path.join(folder, f)) for f in sorted(os.listdir(folder))], 0)


def write_speech_folder(folder, recordings):
    """One I_J.npy per slice J of recording I (names not zero-padded, as RVC's); a manifest beside them."""
    target = os.path.join(folder, "3_feature256")
    os.makedirs(target, exist_ok=True)
    for old in os.listdir(target):
        os.remove(os.path.join(target, old))
    with open(os.path.join(folder, "speech_manifest.tsv"), "w") as manifest:
        manifest.write("file\tframes\trecording\n")
        for i, (name, frames) in enumerate(recordings):
            pieces = np.array_split(frames, -(-len(frames) // SLICE))
            for j, piece in enumerate(pieces):
                np.save(os.path.join(target, "%d_%d.npy" % (i, j)), np.ascontiguousarray(piece))
                manifest.write("%d_%d.npy\t%d\t%s\n" % (i, j, len(piece), name))


def take_frames(recordings, count):
    """The first recordings that hold at least count frames together."""
    taken, total = [], 0
    for recording in recordings:
        if total >= count:
            break
        taken.append(recording)
        total += len(recording[1])
    return taken


def make_speech(out, work, scale, jobs, force, wanted):
    marker = {e: os.path.join(out, e, "speech", "speech.json") for e in wanted}
    if all(done(m, force) for m in marker.values()):
        return say("speech: done already")
    role = defaultdict(list)
    for name, frames in sorted(speech_recordings(work), key=lambda r: hash01("recording", r[0])):
        x = hash01("speech role", name)
        role["held_query" if x < 0.02 else "query" if x < 0.06 else "held_base" if x < 0.21 else "base"].append((name, frames))
    network = speech_network(np.vstack([f for _, f in role["base"]]))
    role = {k: [(n, network(f)) for n, f in v] for k, v in role.items()}
    for label, recordings in sorted(role.items()):
        say("  speech: %-10s %5d recordings %7d frames" % (label, len(recordings), sum(len(f) for _, f in recordings)))

    def some_queries(label, count):
        rows = np.vstack([f for _, f in role[label]])
        return rows[rng_for("speech", label).permutation(len(rows))[:count]]

    total = sum(len(f) for _, f in role["base"])
    full = take_frames(role["base"], min(FULL["speech_base"], total) * min(scale, 1.0))
    query = some_queries("query", FULL["speech_query"])
    editions = {
        "small": (take_frames(role["base"], SMALL["speech_base"]), query[:SMALL["speech_query"]]),
        "heldout": (take_frames(role["held_base"], HELD["speech_base"]), some_queries("held_query", HELD["speech_query"])),
        "full": (full, query[:int(len(query) * min(scale, 1.0))]),
    }
    for edition in wanted:
        recordings, q = editions[edition]
        if done(marker[edition], force):
            continue
        folder = os.path.dirname(marker[edition])
        write_speech_folder(folder, recordings)
        base = load_speech(folder)
        write_vecs(os.path.join(folder, "speech_query.fvecs"), q)
        if edition != "small":                              # small/ has the .npy files only
            write_vecs(os.path.join(folder, "speech_base.fvecs"), base)
            save_npy(os.path.join(folder, "speech_base.npy"), base)
            save_npy(os.path.join(folder, "speech_query.npy"), q)
        say("speech %s: %d files, base %s query %s" %
            (edition, len(os.listdir(os.path.join(folder, "3_feature256"))), base.shape, q.shape))
        write_truth(folder, "speech", base, q, "l2", edition != "small")
        step = np.linalg.norm(np.diff(base[:20000], axis=0), axis=1)
        far = np.linalg.norm(base[:20000] - base[rng_for("far").permutation(len(base))[:min(20000, len(base))]][:len(base[:20000])], axis=1)
        mark(marker[edition], dim=256, base=len(base), query=len(q), metric="l2", recordings=len(recordings),
             next_frame_over_random_distance=round(float(np.median(step) / np.median(far)), 4),
             value_mean_std=[round(float(base.mean()), 4), round(float(base.std()), 4)],
             **stats(base, q, "l2", folder, "speech"))
        say("READY", folder)


# --------------------------------------------------------------------------------
# words
# --------------------------------------------------------------------------------

WORD_DIMS = 200
WINDOW_WORDS = 5
CONTEXT_WORDS = 20_000                      # columns of the co-occurrence matrix
MAX_BIGRAMS = 80_000
HELD_TEXT = 0.3                             # share of the documents for the held-out edition


def text_of(path):
    """Plain text of one file: dictionary, man page, HTML, or anything else as it is."""
    raw = open(path, "rb").read()
    if path.endswith((".gz", ".dz")):
        import gzip
        raw = gzip.GzipFile(fileobj=io.BytesIO(raw)).read()
    text = raw.decode("utf-8", "replace")
    if path.endswith(".html"):
        text = re.sub(r"(?is)<(script|style|head|nav)\b.*?</\1>", " ", text)
        text = html.unescape(re.sub(r"<[^>]*>", " ", text))
    elif re.search(r"/man\d?/", path):
        text = re.sub(r'(?m)^[.\'](\\"|TH|SH|de|if|ie|el|so).*$', " ", text)
        text = re.sub(r"(?m)^[.'][A-Za-z]+", " ", text)
        text = re.sub(r"\\f[A-Z]|\\f\([A-Z]{2}|\\[-&/,e|^ ]", "", text)
    elif path.endswith(".dz"):
        text = re.sub(r"\[(1913 Webster|PJC|WordNet [^\]]*|Webster[^\]]*|[^\]]{0,12}\+PJC)\]", " ", text)
    return text


def documents(work):
    """(name, list of tokens) of every document; the big dictionaries in parts of 2000 lines."""
    token = re.compile(r"[a-z](?:[a-z'_]*[a-z])?")
    for package, want in TEXT_SOURCES:
        folder = fetch_package(work, package)
        count, seen = 0, set()
        for rel in files_of(folder, want, r"print\.html$|genindex|/search|bookindex"):
            text = text_of(os.path.join(folder, rel)).lower()
            lines = text.split("\n")
            for part in range(0, len(lines), 2000):
                piece = "\n".join(lines[part:part + 2000])
                key = hashlib.sha1(piece.encode()).digest()
                if key in seen:
                    continue
                seen.add(key)
                tokens = token.findall(piece)
                count += len(tokens)
                yield "%s/%s#%d" % (package, rel, part), tokens
        say("  words: %s %d tokens" % (package, count))


def token_ids(docs, min_count):
    """Vocabulary (frequent first), token ids of all documents joined with -1 between them."""
    from collections import Counter
    counts = Counter()
    for tokens in docs:
        counts.update(tokens)
    vocab = sorted((w for w, c in counts.items() if c >= min_count and len(w) < 40), key=lambda w: (-counts[w], w))
    number = {w: i for i, w in enumerate(vocab)}
    parts = []
    for tokens in docs:
        parts.append(np.fromiter((number.get(t, -1) for t in tokens), np.int32, len(tokens)))
        parts.append(np.full(WINDOW_WORDS, -1, np.int32))
    return vocab, np.concatenate(parts)


def join_bigrams(vocab, ids, min_count):
    """Turn word pairs that occur together more than by chance into tokens of their own."""
    n = len(vocab)
    freq = np.bincount(ids[ids >= 0], minlength=n).astype(np.float64)
    left, right = ids[:-1].astype(np.int64), ids[1:].astype(np.int64)
    stop = 120                                              # the commonest words form no pairs
    good = (left >= stop) & (right >= stop) & (left != right)
    pair = np.where(good, left * n + right, -1)
    keys, counts = np.unique(pair[good], return_counts=True)
    score = (counts - 4.0) * freq.sum() / (freq[keys // n] * freq[keys % n])
    take = np.flatnonzero((counts >= min_count) & (score > 8))
    take = take[np.lexsort((keys[take], -counts[take]))][:MAX_BIGRAMS]
    chosen = np.sort(keys[take])
    at = np.searchsorted(chosen, pair).clip(0, len(chosen) - 1)
    hit = chosen[at] == pair
    hit[1:] &= ~hit[:-1]                                    # no overlaps
    joined = ids.copy()
    joined[:-1][hit] = n + at[hit]
    keep = np.ones(len(ids), bool)
    keep[1:][hit] = False
    joined = joined[keep]
    words = vocab + [vocab[k // n] + "_" + vocab[k % n] for k in chosen]
    freq = np.bincount(joined[joined >= 0], minlength=len(words))
    order = np.lexsort((np.arange(len(words)), -freq))      # frequent first again
    order = order[freq[order] >= min_count]
    rename = np.full(len(words) + 1, -1, np.int32)
    rename[order] = np.arange(len(order))
    return [words[i] for i in order], rename[joined]


def ppmi_matrix(ids, n, rng):
    """Sparse positive pointwise mutual information, words x CONTEXT_WORDS."""
    from scipy import sparse
    freq = np.bincount(ids[ids >= 0], minlength=n) / (ids >= 0).sum()
    chance = np.minimum(1.0, np.sqrt(1e-4 / np.maximum(freq, 1e-12)))      # thin out the commonest words
    drop = (ids >= 0) & (rng.random(len(ids)) > chance[ids])
    ids = ids[~drop]
    columns = min(CONTEXT_WORDS, n)
    counts = sparse.csr_matrix((n, columns), dtype=np.float32)
    for start in range(0, len(ids), 3_000_000):
        chunk = ids[start:start + 3_000_000 + WINDOW_WORDS]
        r, c, w = [], [], []
        for step in range(1, WINDOW_WORDS + 1):
            a, b = chunk[:-step], chunk[step:]
            for x, y in ((a, b), (b, a)):
                ok = (x >= 0) & (y >= 0) & (y < columns)
                r.append(x[ok])
                c.append(y[ok])
                w.append(np.full(ok.sum(), 1.0 / step, np.float32))
        counts = counts + sparse.coo_matrix((np.concatenate(w), (np.concatenate(r), np.concatenate(c))),
                                            shape=(n, columns)).tocsr()
    say("  words: %d tokens after thinning, %d co-occurring pairs" % (len(ids), counts.nnz))
    row_sum = np.asarray(counts.sum(1)).ravel()
    col_sum = np.asarray(counts.sum(0)).ravel() ** 0.75
    col_share = col_sum / col_sum.sum()
    coo = counts.tocoo()
    value = np.log(coo.data / (row_sum[coo.row] * col_share[coo.col]))
    keep = value > 0
    return sparse.csr_matrix((value[keep].astype(np.float32), (coo.row[keep], coo.col[keep])), shape=(n, columns))


def truncated_svd(matrix, dims, rng, spare=20, rounds=2):
    """Randomised truncated SVD (Halko, Martinsson and Tropp 2011): left vectors, values."""
    transposed = matrix.T.tocsr()
    block = np.linalg.qr(matrix @ rng.standard_normal((matrix.shape[1], dims + spare)).astype(np.float32))[0]
    for _ in range(rounds):
        block = np.linalg.qr(transposed @ block)[0]
        block = np.linalg.qr(matrix @ block)[0]
    small = (transposed @ block).T
    u, s, _ = np.linalg.svd(small, full_matrices=False)
    u = block @ u
    u *= np.sign(u[np.abs(u).argmax(0), np.arange(u.shape[1])])
    return u[:, :dims], s[:dims]


def embed(docs, min_count, label):
    """Words and their raw float32 embeddings."""
    vocab, ids = token_ids(docs, min_count)
    words, ids = join_bigrams(vocab, ids, max(min_count, 6))
    say("  words %s: %d tokens, %d words, %d words and bigrams" % (label, (ids >= 0).sum(), len(vocab), len(words)))
    matrix = ppmi_matrix(ids, len(words), rng_for("thin", label))
    u, s = truncated_svd(matrix, WORD_DIMS, rng_for("svd", label))
    vectors = u * np.sqrt(s)
    vectors *= 5.0 / np.median(np.linalg.norm(vectors, axis=1))            # one factor for all: norms stay raw
    vectors = vectors.astype(np.float32)
    good = (np.diff(matrix.indptr) >= 5) & first_of_each(vectors)          # words with hardly any context
    order = rng_for("words", label).permutation(np.flatnonzero(good))
    say("  words %s: %d vectors" % (label, len(order)))
    return [words[i] for i in order], vectors[order]


def make_words(out, work, scale, jobs, force, wanted):
    marker = {e: os.path.join(out, e, "words", "words.json") for e in wanted}
    if all(done(m, force) for m in marker.values()):
        return say("words: done already")
    texts = {"main": [], "held": []}
    for name, tokens in documents(work):
        texts["held" if hash01("document", name) < HELD_TEXT else "main"].append(tokens)
    vectors = {"main": ([], np.zeros((0, WORD_DIMS), np.float32)), "held": ([], np.zeros((0, WORD_DIMS), np.float32))}
    if "full" in wanted or "small" in wanted:
        vectors["main"] = embed(texts["main"], 5, "main")
    if "heldout" in wanted:
        vectors["held"] = embed(texts["held"], 4, "held")

    def split(label, first_base, queries, rows):
        """The first first_base vectors are all the query candidates, the rest the base."""
        words, all_rows = vectors[label]
        return (words[first_base:first_base + rows], all_rows[first_base:first_base + rows],
                words[:queries], all_rows[:queries])

    there = len(vectors["main"][0]) - FULL["words_query"]
    part = min(scale, 1.0)
    editions = {
        "small": split("main", FULL["words_query"], SMALL["words_query"], SMALL["words_base"]),
        "heldout": split("held", HELD["words_query"], HELD["words_query"], HELD["words_base"]),
        "full": split("main", FULL["words_query"], int(FULL["words_query"] * part), int(there * part)),
    }
    for edition in wanted:
        names, base, query_names, query = editions[edition]
        if done(marker[edition], force):
            continue
        folder = os.path.dirname(marker[edition])
        os.makedirs(folder, exist_ok=True)
        for label, rows, labels in (("base", base, names), ("query", query, query_names)):
            write_vecs(os.path.join(folder, "words_%s.fvecs" % label), rows)
            if edition != "small":
                save_npy(os.path.join(folder, "words_%s.npy" % label), rows)
            with open(os.path.join(folder, "words_%s.txt" % label), "w") as out_file:
                out_file.write("\n".join(labels) + "\n")
        say("words %s: base %s query %s" % (edition, base.shape, query.shape))
        write_truth(folder, "words", base, query, "ip", edition != "small")
        write_truth(folder, "words", base, query, "cosine", edition != "small")
        ids = read_vecs(os.path.join(folder, "words_gt_cosine.ivecs"))
        for i in range(3):
            say("   e.g. nearest to %s by cosine: %s" % (query_names[i], ", ".join(names[j] for j in ids[i][:6])))
        mark(marker[edition], dim=WORD_DIMS, base=len(base), query=len(query), metric="ip",
             **stats(base, query, "ip", folder, "words"))
        say("READY", folder)


# --------------------------------------------------------------------------------
# Statistics and the command line
# --------------------------------------------------------------------------------

def stats(base, query, metric, folder, name):
    """What makes a set easy or hard: duplicates, norms, how much nearer the nearest is."""
    rng = rng_for("stats", name)
    sample = base[np.sort(rng.choice(len(base), min(2000, len(base)), replace=False))].astype(np.float64)
    norm = np.sqrt(np.einsum("ij,ij->i", sample, sample))
    result = dict(duplicate_base_rows=int(len(base) - first_of_each(base).sum()),
                  queries_equal_to_a_base_row=int(rows_in(query, base).sum()),
                  norm_min_median_max=[round(float(x), 4) for x in (norm.min(), np.median(norm), norm.max())],
                  norm_cv=round(float(norm.std() / norm.mean()), 4))
    ids = read_vecs(os.path.join(folder, "%s_gt_%s.ivecs" % (name, metric)))
    score = read_vecs(os.path.join(folder, "%s_gt_%s_dist.fvecs" % (name, metric))).astype(np.float64)
    q = query[:500].astype(np.float64)
    if metric == "l2":
        pairs = np.sqrt(np.maximum((q ** 2).sum(1)[:, None] + (sample ** 2).sum(1) - 2 * q @ sample.T, 0))
        near = np.sqrt(np.maximum(score, 0))
        good = near[(near[:, 0] > 0) & (near[:, -1] > near[:, 0])]
        lid = -1.0 / np.mean(np.log(good[:, :-1] / good[:, -1:]), axis=1)
        result.update(mean_distance=round(float(pairs.mean()), 4),
                      nn1_mean_distance=round(float(near[:, 0].mean()), 4),
                      nn100_mean_distance=round(float(near[:, -1].mean()), 4),
                      nn1_over_mean=round(float((near[:500, 0] / pairs.mean(1)[:len(near[:500])]).mean()), 4),
                      share_of_queries_nn1_under_fifth_of_mean=round(float((near[:, 0] < 0.2 * pairs.mean()).mean()), 4),
                      lid_mle_k100_median=round(float(np.median(lid)), 2))
    else:
        dots = q @ sample.T
        result.update(mean_ip=round(float(dots.mean()), 4), std_ip=round(float(dots.std()), 4),
                      ip1_mean=round(float(score[:, 0].mean()), 4), ip100_mean=round(float(score[:, -1].mean()), 4),
                      different_ids_at_rank_1=int(len(np.unique(ids[:, 0]))),
                      ip_and_cosine_top10_overlap=None)
        cosine = os.path.join(folder, "%s_gt_cosine.ivecs" % name)
        if os.path.exists(cosine):
            other = read_vecs(cosine)
            result["ip_and_cosine_top10_overlap"] = round(float(np.mean(
                [len(set(a[:10]) & set(b[:10])) / 10 for a, b in zip(ids, other)])), 3)
    say("  %s" % result)
    return result


def check(out):
    """Print every set's recorded facts and re-check a sample of the ground truth."""
    for edition in ("full", "small"):
        for name, metric, inner in (("sift", "l2", "bvecs"), ("speech", "l2", "fvecs"), ("words", "ip", "fvecs")):
            folder = os.path.join(out, edition, name)
            facts = os.path.join(folder, name + ".json")
            if not os.path.exists(facts):
                print(edition, name, "-- not there")
                continue
            base_file = os.path.join(folder, "%s_base.%s" % (name, inner))
            base = read_vecs(base_file) if os.path.exists(base_file) else load_speech(folder)
            query = read_vecs(os.path.join(folder, "%s_query.%s" % (name, inner)))
            ids = read_vecs(os.path.join(folder, "%s_gt_%s.ivecs" % (name, metric)))
            score = read_vecs(os.path.join(folder, "%s_gt_%s_dist.fvecs" % (name, metric)))
            check_truth(base, query, metric, ids, score)
            size = sum(os.path.getsize(os.path.join(d, f)) for d, _, fs in os.walk(folder) for f in fs)
            print("%s/%s: base %s %s query %s, %.1f MiB, truth agrees" %
                  (edition, name, base.shape, base.dtype, query.shape, size / 2**20))
            print(open(facts).read())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", metavar="sift|speech|words|check",
                        help="which sets to make (default: sift speech words); check: print facts, re-check truth")
    parser.add_argument("--out", required=True, help="folder for the results; OUT/work holds what is in between")
    parser.add_argument("--scale", type=float, default=1.0,
                        help="factor on the full edition's row counts, default 1 (sift: 1,000,000 base rows); "
                             "below 1 smaller, above 1 as far as the images go")
    parser.add_argument("--editions", nargs="+", default=["small", "full"], choices=["small", "full"],
                        help="which editions to make (default: small full)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes to use (default: all cores)")
    parser.add_argument("--force", action="store_true", help="make the sets again even if they are there")
    args = parser.parse_args()
    steps = {"sift": make_sift, "speech": make_speech, "words": make_words}
    if set(args.what) - set(steps) - {"check"}:
        parser.error("unknown set: " + " ".join(args.what))
    if np is None:
        parser.error("numpy is missing: apt-get install --no-install-recommends "
                     "libopenblas0-pthread python3-numpy python3-scipy python3-opencv ffmpeg, and run it with /usr/bin/python3")
    out = os.path.abspath(args.out)
    work = os.path.join(out, "work")
    os.makedirs(work, exist_ok=True)
    for name in args.what or list(steps):
        started = time.time()
        if name == "check":
            check(out)
        else:
            steps[name](out, work, args.scale, args.jobs, args.force, args.editions)
        say("%s took %.0f s" % (name, time.time() - started))


if __name__ == "__main__":
    main()
