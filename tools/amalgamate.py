#!/usr/bin/env python3
"""Writes the whole library as one file: include/lutra/lutra.hpp with every <lutra/...> put in its place.

    tools/amalgamate.py [OUTPUT]        default: build/single_include/lutra.hpp

Other includes (std, xsimd) stay where they are. The output is made, tested and released, never committed or edited.
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
OWN = re.compile(r"\s*#\s*include\s*<(lutra/[^>]+)>")
COMPILED = re.compile(r"#if !defined\(LUTRA_COMPILED\)\n(.*?)#endif\n", re.DOTALL)  # always so in one file
OPENS, CLOSES = re.compile(r"\s*#\s*if"), re.compile(r"\s*#\s*endif")


def expand(header: str, seen: set[str], depth: int) -> list[str]:
    """The lines of a header. `depth` counts the #if around it: what stands under one is guarded, but not known as seen."""
    if header in seen:
        return []
    if depth == 0:
        seen.add(header)
    guard = "LUTRA_SINGLE_" + re.sub(r"\W", "_", header)
    lines = [f"#ifndef {guard}", f"#define {guard}"]
    text = COMPILED.sub(r"\1", (ROOT / "include" / header).read_text())
    for line in text.splitlines():
        depth += bool(OPENS.match(line)) - bool(CLOSES.match(line))
        if own := OWN.match(line):
            lines += expand(own[1], seen, depth)
        elif line.strip() != "#pragma once":
            lines.append(line)
    return [*lines, f"#endif  // {header}"]


def main(output: Path) -> None:
    lines = ["// lutra in one file; made by tools/amalgamate.py, do not edit.", "#pragma once"]
    text = "\n".join(lines + expand("lutra/lutra.hpp", set(), 0)) + "\n"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text)
    print(f"{output}: {text.count(chr(10))} lines")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "single_include" / "lutra.hpp")
