#!/usr/bin/env python3
"""Writes the library as one file: the root header with every <lutra/...> put in its place.

    tools/amalgamate.py               the whole library: build/single_include/lutra.hpp
    tools/amalgamate.py --search      lutra/search.hpp, what a program needs that only searches: build/single_include/lutra_search.hpp

Other includes (std, xsimd) stay where they are. The output is made, tested and released, never committed or edited.
"""
import argparse
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OWN = re.compile(r"\s*#\s*include\s*<(lutra/[^>]+)>")
# Always so in one file, and never so in the one for searching:
COMPILED = re.compile(r"#if !defined\(LUTRA_COMPILED\)\n(.*?)#endif\n", re.DOTALL)
TRAINING = re.compile(r"#if !defined\(LUTRA_SEARCH_ONLY\)\n(.*?)#endif.*?\n", re.DOTALL)
OPENS, TURNS, CLOSES = (re.compile(rf"\s*#\s*{word}") for word in ["if", "el", "endif"])


class Amalgamation:
    def __init__(self, search: bool):
        self.search = search
        self.seen: dict[str, list[tuple]] = {}  # the conditions under which a header stands in the file

    def text(self, header: str) -> str:
        text = COMPILED.sub(r"\1", (ROOT / "include" / header).read_text())
        return TRAINING.sub("" if self.search else r"\1", text)

    def expand(self, header: str, conditions: tuple = ()) -> list[str]:
        """The lines of a header that stands under these #if, outermost first."""
        if any(conditions[:len(known)] == known for known in self.seen.get(header, [])):
            return []
        self.seen.setdefault(header, []).append(conditions)
        guard = "LUTRA_SINGLE_" + re.sub(r"\W", "_", header)
        lines = [f"#ifndef {guard}", f"#define {guard}"]
        for line in self.text(header).splitlines():
            if OPENS.match(line):
                conditions += (line.strip(),)
            elif TURNS.match(line):
                conditions = (*conditions[:-1], conditions[-1] + line.strip())
            elif CLOSES.match(line):
                conditions = conditions[:-1]
            if own := OWN.match(line):
                lines += self.expand(own[1], conditions)
            elif line.strip() != "#pragma once":
                lines.append(line)
        return [*lines, f"#endif  // {header}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--search", action="store_true", help="only what searches: typed load and search, no training, no factory")
    parser.add_argument("output", type=Path, nargs="?", help="where to, in place of build/single_include")
    args = parser.parse_args()
    root, name = ("lutra/search.hpp", "lutra_search.hpp") if args.search else ("lutra/lutra.hpp", "lutra.hpp")
    output = args.output or ROOT / "build" / "single_include" / name
    lines = [f"// {root} in one file; made by tools/amalgamate.py, do not edit.", "#pragma once"]
    text = "\n".join(lines + Amalgamation(args.search).expand(root)) + "\n"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text)
    print(f"{output}: {text.count(chr(10)):,} lines, {len(text) // 1000:,} KB")


if __name__ == "__main__":
    main()
