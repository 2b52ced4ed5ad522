#!/usr/bin/env python3
"""Checks who includes whom, and where vector code stands.

    tools/check_floors.py [FOLDER]      default: include/lutra beside this script

A header may include lower floors and its own folder, nothing else. Code for one instruction set (intrinsics, its macros, xsimd and
vectors of it) stands in kernels/, simd/ and encodings/*/kernel*.hpp: all else is plain C++ that calls it by a tag. No header uses a
name that the libc++ of Debian 12's emscripten lacks. Every file but *.md counts as a header; comments are no code.

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
    "search.hpp": 7,  # the parts of programs that only search
    "lutra.hpp": 9,   # the umbrella: everything but the opt-in folder
    "parallel": 10,   # opt-in: nobody includes it
}  # fmt: skip
INCLUDE = re.compile(r"\s*#\s*(?:include|include_next|import)\b\s*(.*?)\s*$")
COMMENT_OR_STRING = re.compile(r"""//[^\n]*|/\*.*?(?:\*/|\Z)|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])'""", re.DOTALL)

KERNELS = re.compile(r"(kernels|simd)/|encodings/[^/]+/kernel[^/]*$")
VECTOR_CODE = [
    (re.compile(r"\bxsimd\b|\bsimd::(Floats|Mask)\b|<simd>|\bexperimental/simd\b|\b(std|experimental|stdx)::"
                r"(parallelism_v2::)?\w*simd"), "a library of vectors"),
    (re.compile(r"\b\w*intrin\.h\b|\barm_\w+\.h\b|\b__m(64|128|256|512|mask)|\b_mm\d*_\w+|\b(float|poly|u?int)\d+x\d+(x\d)?_t\b|"
                r"\bv[a-z]\w*_[sufp](8|16|32|64)\b|\bsv[a-z]\w*_([sufb]\d+|[xzm])\b|\bsv(bool|float\d+|u?int\d+)_t\b|"
                r"\b_[a-z]\w*_u(8|16|32|64)\b|\b_\w+_mask(8|16|32|64)\b|\b_(cvt(sh|ss)_\w+|popcnt(32|64))\b"), "intrinsics"),
    (re.compile(r"\b__(AVX|SSE|SSSE|MMX|FMA|BMI|F16C|LZCNT|POPCNT|XOP|AES|VAES|GFNI|PCLMUL|VPCLMUL|SHA|AMX|ABM|ARM_|aarch64|x86_64|"
                r"amd64|i386)\w*|\b_M_(X64|AMD64|IX86|ARM)\w*|\bLUTRA_HAS_LOOKUP16\b"), "an instruction set's macro"),
    (re.compile(r"\b(asm|__asm|__asm__)\b|\b__builtin_(ia32|neon|aarch64|arm|prefetch|shuffle|convertvector|reduce|elementwise)"
                r"\w*"), "assembler or a compiler's builtin"),
    (re.compile(r"\b(__)?(ext_)?vector_(size|type)(__)?\b|\b_*target(_clones|_version)?_*\s*\(\s*\"|"
                r"(#\s*pragma|_Pragma\s*\(\s*\"|__pragma\s*\()\s*(omp\b|(GCC|clang)\s+(target|attribute|ivdep|loop)\b)"),
     "an attribute or a pragma for vectors"),
]  # fmt: skip
ELSEWHERE = {
    # LUTRA_ABI_TAG is named after instruction sets; LUTRA_SCALAR_ONLY asks which xsimd has
    "core/config.hpp": ["an instruction set's macro", "a library of vectors"],
    "core/prefetch.hpp": ["assembler or a compiler's builtin"],  # the one place that prefetches; core's own pools do so, too
}  # fmt: skip
TOO_NEW = re.compile(r"\bstd::(ranges|views|bit_cast|make_unique_for_overwrite)\b")


def without_comments(text: str) -> str:
    """The text with as many lines, in which a comment is a blank."""

    def blank(match: re.Match) -> str:
        return " " + "\n" * match[0].count("\n") if match[0].startswith("/") else match[0]

    return COMMENT_OR_STRING.sub(blank, text)


def wrong_include(header: Path, line: str) -> str | None:
    """Why this include must not stand in this header, or None. Paths count from the folder lutra."""
    match = INCLUDE.match(line)
    if not match:
        return None
    if not (match[1].startswith("<") and match[1].endswith(">")):
        return f"{match[1]}: write <lutra/...>, neither quotes nor a macro"
    name = match[1][1:-1].strip()
    folder, *rest = name.split("/")
    if {".", "..", "lutra"} & set(rest) or folder in (".", ".."):
        return f"{name}: write <lutra/...>, no way around it"
    if folder != "lutra":
        return None
    target = Path(*rest)
    own, other = FLOORS[header.parts[0]], FLOORS.get(target.parts[0])
    if other is None:
        return f"{target}: its folder has no floor"
    if other < own or target.parent in header.parents and target.parts[0] == header.parts[0]:
        return None
    return f"{target}: {header.parts[0]} is on floor {own} and may include lower floors or its own folder, not floor {other}"


def wrong_code(header: Path, line: str) -> str | None:
    """Why this line must not stand in this header, or None."""
    if match := TOO_NEW.search(line):
        return f"{match[0]}: older standard libraries lack it; accepted: <algorithm> with iterators, bit_cast of core/bit_cast.hpp"
    if KERNELS.match(header.as_posix()):
        return None
    for pattern, what in VECTOR_CODE:
        match = pattern.search(line)
        if match and what not in ELSEWHERE.get(header.as_posix(), []):
            return f"{match[0]}: {what}; accepted: only in kernels/, simd/ and encodings/*/kernel*.hpp"
    return None


def main(root: Path) -> int:
    wrong = []
    for path in sorted(p for p in root.rglob("*") if p.is_file() and p.suffix != ".md"):
        header = path.relative_to(root)
        if header.parts[0] not in FLOORS:
            wrong.append(f"{path}:1: {header.parts[0]} has no floor; give it one in tools/check_floors.py")
            continue
        for number, line in enumerate(without_comments(path.read_text(errors="replace")).split("\n"), 1):
            if why := wrong_include(header, line) or wrong_code(header, line):
                wrong.append(f"{path}:{number}: {why}")
    print(*wrong, f"{len(wrong)} wrong lines", sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "include" / "lutra"))
