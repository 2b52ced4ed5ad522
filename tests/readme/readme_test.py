#!/usr/bin/env python3
"""Runs README's blocks as a reader pastes them, in a folder like a fresh clone after tools/quickstart.  SPDX-License-Identifier: MIT

    tests/readme/readme_test.py PATH/TO/lutra CXX_COMPILER

sh: all in one shell, one after the other, so that a folder entered or a variable set stays. cmake: a project that is configured beside
main.cpp, the block cpp, which the test readme_program compiles. Blocks without a language are output. A comment in front, "not run by
tests/readme: REASON", excuses a block.
"""
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LUTRA, CXX = sys.argv[1:3]
LANGUAGES = {"sh", "cmake", "cpp", ""}


def blocks():
    """(language, text, line) of each block that is to be run."""
    text = (ROOT / "README.md").read_text()
    for match in re.finditer(r"(<!-- not run by tests/readme: [^\n]+ -->\n)?^ *```(\w*)\n(.*?)^ *```$", text, re.M | re.S):
        if not match[1]:
            yield match[2], match[3], text.count("\n", 0, match.start(2)) + 1


def of(language):
    return [(text, line) for found, text, line in blocks() if found == language]


class ReadmeTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.clone = Path(folder.name)
        for path in ROOT.iterdir():
            if path.name not in ["build", ".git"]:
                (self.clone / path.name).symlink_to(path)
        tools = self.clone / "build" / "quickstart" / "tools"
        tools.mkdir(parents=True)
        (tools / "lutra").symlink_to(Path(LUTRA).resolve())

    def test_every_block_has_a_language_that_is_run_or_none(self):
        self.assertEqual({language for language, _, _ in blocks()} - LANGUAGES, set())
        self.assertEqual([line for text, line in of("") if text.lstrip().startswith("$ lutra")], [])  # no prompts to cut off

    def test_commands_run_as_they_are(self):
        self.assertGreater(len(of("sh")), 5)
        script = "".join(f"where='README.md, line {line}'\n{text}" for text, line in of("sh"))
        told = "set -eE\ntrap 'echo \"$where: $BASH_COMMAND\" >&2' ERR\n" + script
        done = subprocess.run(["bash", "-c", told], cwd=self.clone, capture_output=True, text=True, timeout=600)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual([p.name for p in self.clone.iterdir() if not p.is_symlink()], ["build"])  # nothing is left in the clone itself

    def test_the_cmake_block_is_a_project(self):
        (text, line), = of("cmake")
        (program, _), = of("cpp")
        app = self.clone / "build" / "app"
        app.mkdir()
        (app / "CMakeLists.txt").write_text(text)
        (app / "main.cpp").write_text(program)
        (app / "lutra").symlink_to(ROOT)
        command = ["cmake", "-S", app, "-B", app / "build", f"-DCMAKE_CXX_COMPILER={CXX}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, f"README.md, line {line}\n{done.stderr}")
        self.assertEqual(done.stderr, "")  # no warning


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
