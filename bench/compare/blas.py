"""blas.py: the fastest kernels of the OpenBLAS that a wheel brings.

An OpenBLAS does not know processors that came after it, and may take SSE3 kernels there, a quarter as fast as the best it has.
OPENBLAS_CORETYPE asks for others. It is read when the library is loaded: each candidate is timed in a process of its own,

    python3 -m compare.blas faiss      # seconds of one product of matrices

and what crashes, hangs or is not there is no candidate."""

import ctypes
import importlib
import os
import subprocess
import sys
import time

from compare import machine, process

VARIABLE = "OPENBLAS_CORETYPE"
NEEDS = {"Haswell": "avx2 fma", "Zen": "avx2 fma", "SkylakeX": "avx512f avx512cd avx512bw avx512dq avx512vl", "neoversen1": "asimd"}
ROWS, DEPTH = 1024, 128  # [ROWS, DEPTH] by its like, transposed: queries and centroids
SECONDS = 0.3            # for a candidate: the least time of a product counts, for the machine may be busy
HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def kernels(flags):
    """What a processor with these flags can run; None is what the library takes by itself."""
    return [None] + [name for name, needs in NEEDS.items() if set(needs.split()) <= set(flags.split())]


def loaded(package):
    """The OpenBLAS in this process that came with the package (its folder's name begins so), or None."""
    try:
        with open("/proc/self/maps") as maps:
            paths = {line.split(None, 5)[5].strip() for line in maps if "openblas" in line}
    except OSError:
        return None
    ours = [path for path in sorted(paths) if os.path.basename(os.path.dirname(path)).startswith(package)]
    return ctypes.CDLL(ours[0]) if ours else None


def describe(library):
    """OpenBLAS 0.3.15, SkylakeX; "" without a library."""
    if library is None:
        return ""
    library.openblas_get_config.restype = library.openblas_get_corename.restype = ctypes.c_char_p
    config, kernel = library.openblas_get_config().decode(), library.openblas_get_corename().decode()
    return "%s, %s" % (" ".join(config.split()[:2]), kernel)


def product_seconds(library):
    rows, other, out = ((ctypes.c_float * size)() for size in (ROWS * DEPTH, ROWS * DEPTH, ROWS * ROWS))
    row_major, plain, transposed, one, zero = 101, 111, 112, ctypes.c_float(1), ctypes.c_float(0)
    times = []
    while sum(times) < SECONDS:
        started = time.perf_counter()
        library.cblas_sgemm(row_major, plain, transposed, ROWS, ROWS, DEPTH, one, rows, DEPTH, other, DEPTH, zero, out, ROWS)
        times.append(time.perf_counter() - started)
    return min(times)


def timed(command, kernel, threads):
    """The seconds that the command prints with these kernels, or None."""
    env = process.environment(threads, {VARIABLE: kernel} if kernel else {})
    try:
        return float(subprocess.run(command, env=env, cwd=HERE, capture_output=True, timeout=60, check=True).stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def fastest(package, threads=1, flags=None, command=None):
    """The environment in which the package's OpenBLAS is fastest; empty where it chooses best by itself, or has none."""
    flags = machine.flags() if flags is None else flags
    command = command or [sys.executable, "-m", "compare.blas", package]
    times = {kernel: timed(command, kernel, threads) for kernel in kernels(flags)}
    best = min((kernel for kernel in times if times[kernel] is not None), key=times.get, default=None)
    return {VARIABLE: best} if best else {}


if __name__ == "__main__":
    importlib.import_module(sys.argv[1])
    print(product_seconds(loaded(sys.argv[1])))
