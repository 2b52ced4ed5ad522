#!/usr/bin/env python3
"""Checks who includes whom, and where vector code stands.

    tools/check_floors.py [FOLDER]      default: include/lutra beside this script

A header may include lower floors and its own folder, nothing else. Code for one instruction set (intrinsics, its macros, xsimd and
vectors of it) stands in kernels/, simd/ and encodings/*/kernel*.hpp: all else is plain C++ that calls it by a tag.

Prints file:line and the rule for each wrong line; the exit status is 1 if there is one.
"""
import re
import sys
from pathlib import Path

FLOORS = {
    "core": 0,
    "io": 1, "simd": 1,
    "kernels": 2,
    "cluster": 3, "transform": 3,
    "encodings": 4,
    "coarse": 5,
    "ivf": 6, "refine": 6,
    "factory": 7,
    "embedding": 8, "tune": 8,
    "lutra.hpp": 9,   # the umbrella: everything but the opt-in folder
    "parallel": 10,   # opt-in: nobody includes it
}  # fmt: skip
INCLUDE = re.compile(r'\s*#\s*include\s*(?:<lutra/([^>]+)>|"([^"]+)")')

KERNELS = re.compile(r"(kernels|simd)/|encodings/[^/]+/kernel[^/]*$")
VECTOR_CODE = [
    (re.compile(r"\bxsimd\b|\bsimd::(Floats|Mask)\b"), "xsimd"),
    (re.compile(r"\b\w*intrin\.h\b|\barm_\w+\.h\b|\b__m(64|128|256|512)|\b_mm\d*_\w+|\b(float|u?int)\d+x\d+_t\b"), "intrinsics"),
    (re.compile(r"\b__(AVX|SSE|SSSE|FMA|ARM_|aarch64)\w*|\bLUTRA_HAS_LOOKUP16\b"), "an instruction set's macro"),
    (re.compile(r"\b(asm|__asm__)\b|\b__builtin_(ia32|neon|prefetch)\w*"), "assembler or a compiler's builtin"),
]  # fmt: skip
ELSEWHERE = {
    "core/config.hpp": "an instruction set's macro",  # LUTRA_ABI_TAG is named after them
    "core/prefetch.hpp": "assembler or a compiler's builtin",  # the one place that prefetches; core's own pools do so, too
}  # fmt: skip


def wrong_include(header: Path, line: str) -> str | None:
    """Why this include must not stand in this header, or None. Paths count from the folder lutra."""
    match = INCLUDE.match(line)
    if not match:
        return None
    if match[2]:
        return f'"{match[2]}": write <lutra/...>, never quotes'
    target = Path(match[1])
    own, other = FLOORS[header.parts[0]], FLOORS.get(target.parts[0])
    if other is None:
        return f"{target}: its folder has no floor"
    if other < own or target.parent in header.parents and target.parts[0] == header.parts[0]:
        return None
    return f"{target}: {header.parts[0]} is on floor {own} and may include lower floors or its own folder, not floor {other}"


def wrong_code(header: Path, line: str) -> str | None:
    """Why this line must not stand in this header, or None."""
    if KERNELS.match(header.as_posix()):
        return None
    for pattern, what in VECTOR_CODE:
        match = pattern.search(line.split("//")[0])
        if match and ELSEWHERE.get(header.as_posix()) != what:
            return f"{match[0]}: {what}; accepted: only in kernels/, simd/ and encodings/*/kernel*.hpp"
    return None


def main(root: Path) -> int:
    wrong = []
    for path in sorted(root.rglob("*.hpp")):
        header = path.relative_to(root)
        if header.parts[0] not in FLOORS:
            wrong.append(f"{path}:1: {header.parts[0]} has no floor; give it one in tools/check_floors.py")
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if why := wrong_include(header, line) or wrong_code(header, line):
                wrong.append(f"{path}:{number}: {why}")
    print(*wrong, f"{len(wrong)} wrong lines", sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "include" / "lutra"))
