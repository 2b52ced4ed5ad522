#!/usr/bin/env python3
"""lutra.h through ctypes: what it computes, and that nothing it is given crashes it.  SPDX-License-Identifier: MIT

    c_api_test.py LIBRARY [LEVEL...]    the shared library; LUTRA_LEVEL of each level gives the same ids
"""
import ctypes
import os
import random
import subprocess
import sys
import tempfile
import threading
import unittest
from ctypes import POINTER, byref, c_char_p, c_float, c_int, c_int64, c_size_t, c_uint8, c_void_p

OK, BAD_ARGUMENT, BAD_SPEC, UNSUPPORTED, NOT_TRAINED, TOO_FEW, NOT_FINITE, NOT_FOUND, BAD_FILE = range(9)
L2 = 1
MAX = ctypes.c_size_t(-1).value
FILTER = ctypes.CFUNCTYPE(c_int, c_void_p, c_int64)


class Params(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("nprobe", c_size_t), ("k_factor", c_float), ("filter_bits", POINTER(c_uint8)),
                ("filter_n", c_size_t), ("filter", FILTER), ("filter_context", c_void_p)]  # fmt: skip

    def __init__(self, **fields):
        super().__init__(size=ctypes.sizeof(Params), **fields)


def opened(path):
    lib = ctypes.CDLL(path)
    index, rows, params = c_void_p, POINTER(c_float), POINTER(Params)
    signatures = {
        "version": (c_char_p,), "isa": (c_char_p,), "last_error": (c_char_p,),
        "create": (c_int, c_size_t, c_char_p, c_int, POINTER(index)), "load": (c_int, c_char_p, POINTER(index)),
        "save": (c_int, index, c_char_p), "free": (None, index), "dim": (c_size_t, index), "ntotal": (c_size_t, index),
        "nlist": (c_size_t, index), "is_trained": (c_int, index), "metric": (c_int, index), "describe": (c_char_p, index),
        "train": (c_int, index, rows, c_size_t, c_size_t),
        "add": (c_int, index, rows, c_size_t, c_size_t, POINTER(c_int64)), "set": (c_int, index, c_char_p),
        "search": (c_int, index, rows, c_size_t, c_size_t, c_size_t, params, rows, POINTER(c_int64)),
        "range_search": (c_int, index, rows, c_size_t, c_size_t, c_float, params, POINTER(c_void_p)),
        "hits_of": (c_size_t, c_void_p, c_size_t, POINTER(POINTER(c_int64)), POINTER(rows)), "hits_free": (None, c_void_p),
        "remove": (c_int, index, POINTER(c_int64), c_size_t, POINTER(c_size_t)),
        "reconstruct": (c_int, index, c_int64, rows, c_size_t), "make_direct_map": (c_int, index),
    }  # fmt: skip
    for name, (result, *arguments) in signatures.items():
        function = getattr(lib, f"lutra_{name}")
        function.restype, function.argtypes = result, arguments
        setattr(lib, name, function)
    return lib


D, N = 8, 600
random.seed(1)
VALUES = [random.random() for _ in range(N * D)]
X = (c_float * (N * D))(*VALUES)


def made(lib, spec=b"IVF4,Flat", rows=N):
    index = c_void_p()
    assert lib.create(D, spec, L2, byref(index)) == OK, lib.last_error()
    assert lib.train(index, X, N, D) == OK and lib.add(index, X, rows, D, None) == OK, lib.last_error()
    return index


def found(lib, index, k=3, nq=5, params=None):
    distances, ids = (c_float * (nq * k))(), (c_int64 * (nq * k))()
    code = lib.search(index, X, nq, D, k, params, distances, ids)
    assert code == OK, lib.last_error()
    return list(ids), list(distances)


class CApiTest(unittest.TestCase):
    def setUp(self):
        self.index = made(LIB)
        self.addCleanup(LIB.free, self.index)
        self.distances, self.ids = (c_float * 64)(), (c_int64 * 64)()

    def refused(self, code, text, call, *args):
        self.assertEqual(call(*args), code, LIB.last_error())
        self.assertIn(text, LIB.last_error().decode())

    def search_refused(self, code, text, params):
        self.refused(code, text, LIB.search, self.index, X, 1, D, 3, byref(params), self.distances, self.ids)

    def test_rows_find_themselves(self):
        ids, distances = found(LIB, self.index, params=byref(Params(nprobe=4)))
        self.assertEqual(ids[::3], [0, 1, 2, 3, 4])
        self.assertEqual(distances[::3], [0] * 5)
        exact = sorted(range(N), key=lambda i: sum((X[t] - X[i * D + t]) ** 2 for t in range(D)))
        self.assertEqual(ids[:3], exact[:3])
        numbers = [call(self.index) for call in [LIB.dim, LIB.ntotal, LIB.nlist, LIB.is_trained]]
        self.assertEqual(numbers, [D, N, 4, 1])
        self.assertEqual((LIB.describe(self.index), LIB.metric(self.index)), (b"IVF4,Flat", L2))

    def test_filters(self):
        bits = (c_uint8 * 75)(*[0b10101010] * 75)
        odd = found(LIB, self.index, params=byref(Params(nprobe=4, filter_bits=bits, filter_n=N)))
        self.assertTrue(all(i % 2 == 1 for i in odd[0]))
        asked = []
        function = FILTER(lambda _, i: asked.append(i) or i % 2)
        self.assertEqual(found(LIB, self.index, params=byref(Params(nprobe=4, filter=function))), odd)
        self.assertGreater(len(asked), 0)
        for n in [0, 8]:
            self.search_refused(BAD_ARGUMENT, "at most one", Params(filter=function, filter_bits=bits, filter_n=n))
        self.search_refused(BAD_ARGUMENT, "filter_bits", Params(filter_n=8))

    def test_range_search(self):
        hits, ids, distances = c_void_p(), POINTER(c_int64)(), POINTER(c_float)()
        self.assertEqual(LIB.range_search(self.index, X, 2, D, 0.3, byref(Params(nprobe=4)), byref(hits)), OK)
        n = LIB.hits_of(hits, 1, byref(ids), byref(distances))
        self.assertEqual((n > 0, ids[0], distances[0]), (True, 1, 0))
        self.assertTrue(all(distances[i] < 0.3 for i in range(n)))
        self.assertEqual([LIB.hits_of(hits, i, None, None) for i in [2, MAX, MAX - 1]], [0, 0, 0])
        LIB.hits_free(hits)
        self.refused(BAD_ARGUMENT, "null", LIB.range_search, self.index, X, 2, D, 1, None, None)
        self.refused(BAD_ARGUMENT, "d = 9", LIB.range_search, self.index, X, 2, 9, 1, None, byref(hits))
        self.assertIsNone(hits.value)

    def test_ids_of_the_caller(self):
        index = c_void_p()
        self.assertEqual(LIB.create(D, b"Flat", L2, byref(index)), OK)
        ids = (c_int64 * 5)(10, 20, 30, 40, 50)
        self.assertEqual(LIB.add(index, X, 5, D, ids), OK, LIB.last_error())
        self.assertEqual(found(LIB, index, k=1)[0], [10, 20, 30, 40, 50])
        row, removed = (c_float * D)(), c_size_t()
        self.assertEqual(LIB.reconstruct(index, 30, row, D), OK, LIB.last_error())
        self.assertEqual(list(row), list(X[2 * D : 3 * D]))
        self.assertEqual(LIB.remove(index, (c_int64 * 3)(-7, 30, 31), 3, byref(removed)), OK, LIB.last_error())
        self.assertEqual((removed.value, LIB.ntotal(index)), (1, 4))
        self.refused(NOT_FOUND, "30", LIB.reconstruct, index, 30, row, D)
        self.assertEqual(LIB.remove(index, None, 0, None), OK)
        LIB.free(index)

    def test_save_and_load(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "a.index").encode()
            self.assertEqual(LIB.set(self.index, b"nprobe=2"), OK, LIB.last_error())
            self.assertEqual(LIB.make_direct_map(self.index), OK, LIB.last_error())
            self.assertEqual(LIB.save(self.index, path), OK, LIB.last_error())
            loaded = c_void_p()
            self.assertEqual(LIB.load(path, byref(loaded)), OK, LIB.last_error())
            self.assertEqual(found(LIB, loaded), found(LIB, self.index))
            LIB.free(loaded)
            with open(path, "r+b") as file:
                file.truncate(1000)
            self.refused(BAD_FILE, "", LIB.load, path, byref(loaded))
            self.assertIsNone(loaded.value)
            self.refused(NOT_FOUND, "none.index", LIB.load, path.replace(b"a.index", b"none.index"), byref(loaded))
            self.assertNotEqual(LIB.save(self.index, b"/none/a.index"), OK)

    def test_null_pointers(self):
        index = c_void_p()
        for call, args in [
            (LIB.create, (D, None, L2, byref(index))), (LIB.create, (D, b"Flat", L2, None)), (LIB.load, (None, byref(index))),
            (LIB.load, (b"x", None)), (LIB.save, (None, b"x")), (LIB.save, (self.index, None)), (LIB.train, (None, X, N, D)),
            (LIB.train, (self.index, None, N, D)), (LIB.add, (None, X, N, D, None)), (LIB.add, (self.index, None, N, D, None)),
            (LIB.set, (None, b"nprobe=1")), (LIB.set, (self.index, None)), (LIB.remove, (None, self.ids, 1, None)),
            (LIB.remove, (self.index, None, 1, None)), (LIB.reconstruct, (None, 0, self.distances, D)),
            (LIB.reconstruct, (self.index, 0, None, D)), (LIB.make_direct_map, (None,)),
            (LIB.search, (None, X, 1, D, 3, None, self.distances, self.ids)),
            (LIB.search, (self.index, None, 1, D, 3, None, self.distances, self.ids)),
            (LIB.search, (self.index, X, 1, D, 3, None, None, self.ids)),
            (LIB.search, (self.index, X, 1, D, 3, None, self.distances, None)),
            (LIB.range_search, (self.index, None, 1, D, 1, None, byref(index))),
        ]:  # fmt: skip
            self.refused(BAD_ARGUMENT, "null", call, *args)
        LIB.free(None), LIB.hits_free(None)
        of_null = [call(None) for call in [LIB.dim, LIB.ntotal, LIB.nlist, LIB.is_trained, LIB.describe]]
        self.assertEqual((of_null, LIB.hits_of(None, 0, None, None)), ([0, 0, 0, 0, b""], 0))

    def test_sizes(self):
        for d in [0, 1, D - 1, D + 1, MAX]:
            for call in [LIB.train, lambda *a: LIB.add(*a, None)]:
                self.refused(BAD_ARGUMENT, f"takes d = {D}", call, self.index, X, N, d)
            self.refused(BAD_ARGUMENT, f"takes d = {D}", LIB.reconstruct, self.index, 0, self.distances, d)
            self.refused(BAD_ARGUMENT, f"takes d = {D}", LIB.search, self.index, X, 1, d, 3, None, self.distances, self.ids)
        for n in [MAX, MAX // 2, MAX // 8]:
            self.refused(BAD_ARGUMENT, "more than there can be", LIB.train, self.index, X, n, D)
            self.refused(BAD_ARGUMENT, "more than there can be", LIB.add, self.index, X, n, D, None)
            self.refused(BAD_ARGUMENT, "more than there can be", LIB.search, self.index, X, n, D, 3, None, self.distances, self.ids)
            self.refused(BAD_ARGUMENT, "more than there can be", LIB.remove, self.index, self.ids, n, None)
        for k in [MAX, MAX // 4]:
            self.refused(BAD_ARGUMENT, "more than there can be", LIB.search, self.index, X, 1, D, k, None, self.distances, self.ids)
        self.refused(BAD_ARGUMENT, "k", LIB.search, self.index, X, 1, D, 0, None, self.distances, self.ids)
        self.assertEqual(LIB.search(self.index, None, 0, D, 3, None, None, None), OK)
        self.assertEqual(LIB.add(self.index, None, 0, D, None), OK)

    def test_params(self):
        for size in [0, 8, ctypes.sizeof(Params) - 1, ctypes.sizeof(Params) + 8, MAX]:
            params = Params()
            params.size = size
            self.search_refused(BAD_ARGUMENT, "of size", params)
        for k_factor in [-1, 0.5, float("nan"), float("inf")]:
            self.search_refused(BAD_ARGUMENT, "k_factor", Params(k_factor=k_factor))
        self.search_refused(UNSUPPORTED, "refine", Params(k_factor=4))
        self.assertEqual(found(LIB, self.index, params=byref(Params(nprobe=MAX)))[0][0], 0)
        wrong = {b"nprobe=many": BAD_ARGUMENT, b"probe=1": NOT_FOUND, b"nprobe": BAD_ARGUMENT, b"k_factor=2": UNSUPPORTED}
        for text, code in wrong.items():
            self.refused(code, text.split(b"=")[0].decode(), LIB.set, self.index, text)

    def test_what_indexes_refuse(self):
        index = c_void_p()
        self.refused(BAD_SPEC, "IVF16, Flat", LIB.create, D, b"IVF16, Flat", L2, byref(index))
        self.assertIsNone(index.value)
        for d, metric in [(0, L2), (D, 7), (MAX, L2)]:
            self.refused(BAD_ARGUMENT, "", LIB.create, d, b"Flat", metric, byref(index))
        self.assertEqual(LIB.create(D, b"IVF4,Flat", L2, byref(index)), OK)
        self.refused(NOT_TRAINED, "train", LIB.add, index, X, N, D, None)
        self.refused(TOO_FEW, "rows", LIB.train, index, X, 2, D)
        self.refused(NOT_FINITE, "row 0", LIB.train, index, (c_float * 64)(float("nan")), 8, D)
        LIB.free(index)

    def test_the_text_is_of_the_thread(self):
        self.refused(BAD_ARGUMENT, "train", LIB.train, None, X, N, D)
        texts = []

        def other():
            texts.append(LIB.last_error())
            LIB.set(None, b"")
            texts.append(LIB.last_error())

        thread = threading.Thread(target=other)
        thread.start(), thread.join()
        self.assertEqual(texts[0], b"")
        self.assertIn(b"set", texts[1])
        self.assertIn(b"train", LIB.last_error())

    def test_refine(self):
        index = made(LIB, b"IVF4,PQ4x4fs,RFlat")
        exact = found(LIB, self.index, params=byref(Params(nprobe=4)))
        self.assertEqual(found(LIB, index, params=byref(Params(nprobe=4, k_factor=100)))[0], exact[0])
        LIB.free(index)


    def test_every_level_gives_the_same_ids(self):
        answers = {}
        here = os.path.dirname(os.path.abspath(__file__))
        code = (f"import c_api_test as t; lib = t.opened({LIBRARY!r}); specs = [b'Flat', b'IVF4,Flat', b'IVF4,PQ4x4fs,RFlat']; "
                "print(lib.isa().decode(), [t.found(lib, t.made(lib, spec), 7, 50)[0] for spec in specs])")  # fmt: skip
        for level in LEVELS:
            run = subprocess.run([sys.executable, "-c", code], env={**os.environ, "LUTRA_LEVEL": level}, cwd=here,
                                 capture_output=True, text=True)  # fmt: skip
            self.assertEqual(run.returncode, 0, run.stderr)
            out = run.stdout
            isa, answers[level] = out.split(" ", 1)
            print(f"{level}: {isa}")
        self.assertLessEqual(len(set(answers.values())), 1, answers)


if __name__ == "__main__":
    LIBRARY, *LEVELS = os.path.abspath(sys.argv[1]), *sys.argv[2:]
    LIB = opened(LIBRARY)
    unittest.main(argv=sys.argv[:1])
