#!/usr/bin/env python3
"""No weak function outside of lutra's tagged namespace has instructions that older processors lack.  SPDX-License-Identifier: MIT

    wide_symbols_test.py NM OBJDUMP OBJECT...    objects of x86-64, compiled for a later processor

The linker takes one body of each function of std that several units hold, the first it meets. If lutra's unit for AVX-512 comes
first, a unit for any machine would run its body of std::sort. So what lutra lets std instantiate has a type of lutra's in its name.

Left are members of std::vector and std::string of standard types and of std::filesystem::path, where the compiler does not inline
them: they are printed. Who links units for different machines in one program makes them local (tools/cmake/lutra-dispatch.cmake).
"""
import re
import subprocess
import sys

# Encoded as VEX or EVEX (all names begin with v, as do verr, verw and vm.., which no compiler emits), BMI, and the like.
LATER = re.compile(r"%[yz]mm|%k[0-7]\b|\tv[a-z]|\t(andn|bextr|bls\w+|bzhi|mulx|pdep|pext|rorx|sarx|shlx|shrx|lzcnt|movbe)\b")
CONTAINERS = re.compile(r"_ZNK?St6vectorI|_ZNK?St7__cxx1112basic_string|_ZStplI|_ZNK?St10filesystem7__cxx114path")
TAGGED = re.compile(r"\d+v0_1_\w+")


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def wide_functions(nm, objdump, path):
    """The weak functions with instructions of later processors: [(name, the first such line)]."""
    symbols = [line.split() for line in run(nm, "--defined-only", path).splitlines()]
    weak = {parts[2] for parts in symbols if len(parts) == 3 and parts[1] in "WVu"}
    wide, name = {}, None
    for line in run(objdump, "-d", "--no-show-raw-insn", "-w", path).splitlines():
        if match := re.match(r"[0-9a-f]+ <(.+)>:$", line):
            name = match[1]
        elif name in weak and name not in wide and LATER.search(line):
            wide[name] = " ".join(line.split()[1:])
    return wide


def main():
    failed = False
    for path in sys.argv[3:]:
        wide = wide_functions(*sys.argv[1:3], path)
        shared = {name: line for name, line in wide.items() if not TAGGED.search(name)}
        containers = [name for name in shared if CONTAINERS.match(name)]
        shared = {name: line for name, line in shared.items() if name not in containers}
        print(f"{path}: {len(wide)} weak functions with later instructions, {len(shared)} of them without lutra's tag, "
              f"and {len(containers)} of containers")
        for name in sorted(containers):
            print(f"    {run('c++filt', name).strip()[:300]}")
        for name, line in sorted(shared.items()):
            print(f"  shared: {run('c++filt', name).strip()[:300]}\n        {line}")
        failed = failed or bool(shared) or not wide  # none at all: the object is not what it should be
    sys.exit(failed)


main()
