"""blas.py: the fastest kernels of the OpenBLAS that a system's wheels bring.

An OpenBLAS does not know processors that came after it, and may take SSE3 kernels there, a quarter as fast as the best it has.
OPENBLAS_CORETYPE asks for others. It is read when the library is loaded: each of the kernels that the libraries hold and this
processor can run is timed in a process of its own,

    python3 -m compare.blas faiss      # {"seconds": of a product of matrices, "held": [kernels], "blas": "OpenBLAS 0.3.15, SkylakeX"}

and what crashes, hangs or is not there is no candidate."""

import ctypes
import importlib
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field

from compare import machine, process

VARIABLE = "OPENBLAS_CORETYPE"
# Systems whose wheels bring an OpenBLAS that they compute with: what to import, and the folders in whose names it is.
PACKAGES = {"faiss": (("faiss",), ("faiss",)), "sklearn": (("numpy", "scipy.linalg"), ("numpy", "scipy")), "vsag": (("pyvsag",), ("pyvsag",))}
NEEDING = tuple(PACKAGES) + ("svs",)  # svs has MKL, which needs no help
AVX512 = "avx512f avx512cd avx512bw avx512dq avx512vl"
NEEDS = {"Haswell": "avx2 fma", "Zen": "avx2 fma", "SkylakeX": AVX512, "Cooperlake": AVX512 + " avx512_bf16",
         "SapphireRapids": AVX512 + " avx512_bf16 amx_tile amx_bf16", "neoversen1": "asimd"}
ROWS, DEPTH = 1024, 128  # [ROWS, DEPTH] by its like, transposed: queries and centroids
SECONDS = 0.3            # for a candidate: the least time of a product counts, for the machine may be busy
HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


@dataclass
class Choice:
    """own: variables for the system. seconds: of each kernel that ran (None: what the library takes by itself); empty: unknown."""
    own: dict = field(default_factory=dict)
    seconds: dict = field(default_factory=dict)


@dataclass
class Library:
    """A loaded library with a BLAS in it; builds differ in the names of its functions and the width of its integers."""
    path: str

    def __post_init__(self):
        self.code = ctypes.CDLL(self.path)
        variants = [(prefix, suffix) for prefix in ("", "scipy_") for suffix in ("", "64_")]
        self.prefix, self.suffix = next((v for v in variants if hasattr(self.code, v[0] + "cblas_sgemm" + v[1])), (None, None))

    def function(self, name):
        """It, or None if the library keeps it to itself."""
        return getattr(self.code, self.prefix + name + self.suffix, None)

    def words(self, name):
        call = self.function(name)
        if call is None:
            return ""
        call.restype = ctypes.c_char_p
        return call().decode()

    def describe(self):
        """OpenBLAS 0.3.15, SkylakeX. Of a library that does not tell: the kernels it was asked for."""
        kernel = self.words("openblas_get_corename") or os.environ.get(VARIABLE, "its own choice of kernels")
        return "%s, %s" % (" ".join(self.words("openblas_get_config").split()[:2]) or "OpenBLAS", kernel)

    def held(self):
        """The kernels whose names are in the file."""
        with open(self.path, "rb") as file:
            text = file.read()
        return [name for name in NEEDS if re.search(rb"(?<![A-Za-z])%s\0" % name.encode(), text)]


def loaded(folders):
    """The libraries in this process that have a BLAS, of packages in folders with such names."""
    try:
        with open("/proc/self/maps") as maps:
            paths = {line.split(None, 5)[5].strip() for line in maps if ".so" in line}
    except OSError:
        return []
    ours = [path for path in sorted(paths) if os.path.basename(os.path.dirname(path)).startswith(folders)]
    found = [Library(path) for path in ours if re.search("openblas|libvsag", path)]
    return [library for library in found if library.prefix is not None]


def of_system(system):
    """What its tables say, in its own process."""
    return "; ".join(dict.fromkeys(library.describe() for library in loaded(PACKAGES[system][1])))


def product_seconds(library):
    whole = ctypes.c_int64 if library.suffix else ctypes.c_int32
    rows, other, out = ((ctypes.c_float * size)() for size in (ROWS * DEPTH, ROWS * DEPTH, ROWS * ROWS))
    row_major, plain, transposed, one, zero = 101, 111, 112, ctypes.c_float(1), ctypes.c_float(0)
    n, d, product = whole(ROWS), whole(DEPTH), library.function("cblas_sgemm")
    times = []
    while sum(times) < SECONDS:
        started = time.perf_counter()
        product(row_major, plain, transposed, n, n, d, one, rows, d, other, d, zero, out, n)
        times.append(time.perf_counter() - started)
    return min(times)


def timed(command, kernel, threads):
    """What the command prints with these kernels, or None."""
    env = process.environment(threads, {VARIABLE: kernel} if kernel else {})
    try:
        said = json.loads(subprocess.run(command, env=env, cwd=HERE, capture_output=True, timeout=60, check=True).stdout)
        return {"seconds": float(said["seconds"]), "held": list(said["held"])}
    except (OSError, ValueError, KeyError, TypeError, subprocess.SubprocessError):
        return None


def fastest(command, threads=1, flags=None):
    """The Choice for libraries that the command times; nothing is asked for where they choose best by themselves."""
    flags = machine.flags() if flags is None else flags
    first = timed(command, None, threads)
    if first is None:
        return Choice()
    seconds = {None: first["seconds"]}
    for kernel in first["held"]:
        said = timed(command, kernel, threads) if set(NEEDS[kernel].split()) <= set(flags.split()) else None
        if said:
            seconds[kernel] = said["seconds"]
    best = min(seconds, key=seconds.get)
    return Choice({VARIABLE: best} if best else {}, seconds)


def main(system):
    modules, folders = PACKAGES[system]
    for module in modules:
        importlib.import_module(module)
    libraries = loaded(folders)
    held = [name for name in NEEDS if all(name in library.held() for library in libraries)]
    print(json.dumps({"seconds": sum(map(product_seconds, libraries)) if libraries else None, "held": held, "blas": of_system(system)}))


if __name__ == "__main__":
    main(sys.argv[1])
