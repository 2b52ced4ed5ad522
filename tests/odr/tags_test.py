#!/usr/bin/env python3
"""The ABI tag of each set of flags that changes inline functions, as the preprocessor gives it.  SPDX-License-Identifier: MIT

    tags_test.py COMPILER INCLUDE_FOLDER
"""
import re
import subprocess
import sys

X86 = ["-march=x86-64 " + flags for flags in [
    "", "-msse3", "-mssse3", "-msse4.1", "-msse4.2", "-mbmi", "-mbmi2", "-mavx", "-mavx -mfma", "-mavx2", "-mavx2 -mfma",
    "-mavx2 -mfma -mbmi2", "-mavx2 -mfma -ffast-math", "-ffast-math", "-ffinite-math-only", "-DLUTRA_SCALAR_ONLY",
    "-DLUTRA_SCALAR_ONLY -mavx2 -mfma", "-DLUTRA_SCALAR_ONLY -mavx512bw", "-DLUTRA_NO_BYTES", "-DNDEBUG",
    "-fno-exceptions", "-mavx512f", "-mavx512bw", "-mavx512bw -mavx512vnni", "-mavx512bw -mavx512vbmi -mavx512vnni",
]]  # fmt: skip
# What other compilers define: of them the tag asks for nothing else.
OTHERS = ["-march=x86-64 " + macros for macros in [
    "-D__ARM_NEON", "-D__VSX__", "-D__wasm_simd128__", "-D__aarch64__", "-D__aarch64__ -D__ARM_FEATURE_DOTPROD",
    "-D__aarch64__ -D__ARM_FEATURE_SVE -D__ARM_FEATURE_SVE_BITS=0", "-D__aarch64__ -D__ARM_FEATURE_SVE -D__ARM_FEATURE_SVE_BITS=256",
]]  # fmt: skip


def tag(compiler, include, flags):
    text = "#include <lutra/core/config.hpp>\ntag is LUTRA_ABI_TAG;\n"
    command = [compiler, "-std=c++20", "-E", "-P", f"-I{include}", *flags.split(), "-x", "c++", "-"]
    out = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    return re.search(r"tag is (\w+);", out)[1]


def main():
    seen = {}
    for flags in X86 + OTHERS:
        name = tag(*sys.argv[1:3], flags)
        print(f"{name:32} {flags}")
        if name in seen:
            sys.exit(f'"{flags}" shares the tag of "{seen[name]}"')
        seen[name] = flags


main()
