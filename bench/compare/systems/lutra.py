"""lutra: bench_index_points, which speaks the protocol itself."""

import os

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
PROGRAM = os.environ.get("LUTRA_POINTS", os.path.join(ROOT, "build", "compare", "native", "bench", "bench_index_points"))

if __name__ == "__main__":
    os.execv(PROGRAM, [PROGRAM, "--serve"])
