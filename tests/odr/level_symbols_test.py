#!/usr/bin/env python3
"""What the objects of the levels show to the linker: their entries, and no function of std.  SPDX-License-Identifier: MIT

    level_symbols_test.py NM FOLDER LIBRARY    FOLDER has x86-64.o and so on; LIBRARY is shared, and made of them
"""
import re
import subprocess
import sys
from pathlib import Path

nm, folder, library = sys.argv[1:]


def symbols(*command):
    lines = subprocess.run([nm, *command], capture_output=True, text=True, check=True).stdout.splitlines()
    return [tuple(line.split()[-2:]) for line in lines]


levels = sorted(Path(folder).glob("*.o"))
if not levels:
    sys.exit(f"no objects in {folder}")
header = (Path(__file__).resolve().parents[2] / "include/lutra.h").read_text()
functions = set(re.findall(r"LUTRA_API .*?\b(lutra_\w+)\(", header))

for level in levels:
    name = re.sub(r"\W", "_", level.stem)
    want = {f"{function}_{name}" for function in functions}
    want |= {f"lutra_lutra_dispatch_{what}" for what in [f"needs_{name}", f"init_{name}_begin", f"init_{name}_end"]}
    shown = {symbol for kind, symbol in symbols("--defined-only", str(level)) if kind.isupper() or kind in "uvw?"}  # ?: in a section without bytes
    if shown != want:
        sys.exit(f"{level}: shows {sorted(shown - want)[:10]} too many, lacks {sorted(want - shown)}")
    hidden = sum(symbol.startswith("_ZSt") or symbol.startswith("_ZNSt") for _, symbol in symbols("--defined-only", str(level)))
    print(f"{level.name}: shows {len(shown)} symbols; {hidden} functions of std are its own")

exported = {re.sub(r"@.*", "", symbol) for kind, symbol in symbols("-D", "--defined-only", library) if kind in "TtWVu"}
if exported != functions:
    sys.exit(f"{library}: exports {sorted(exported ^ functions)} more or less than lutra.h has")
print(f"{Path(library).name}: exports the {len(exported)} functions of lutra.h")
