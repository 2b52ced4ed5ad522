#!/usr/bin/env python3
"""Runs README's blocks as a reader pastes them, in a folder like a fresh clone after tools/quickstart.

    tests/readme/readme_test.py PATH/TO/lutra CXX_COMPILER

sh: all in one shell, one after the other, so that a folder entered or a variable set stays. cmake: a project that is configured
beside main.cpp, the block cpp, which the test readme_program compiles. Blocks without a language are output; where one stands
directly under a block sh, that prints the same but for times. A comment in front, "not run by tests/readme: REASON", excuses one.
SPDX-License-Identifier: MIT
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
STEADY = {"nprobe", "k_factor", "recall@1", "recall@10"}
BLOCK = re.compile(r"(<!-- not run by tests/readme: [^\n]+ -->\n)?^ *```(\w*)\n(.*?)^ *```$", re.M | re.S)
TEXT = (ROOT / "README.md").read_text()


def line_of(match):
    return TEXT.count("\n", 0, match.start(2)) + 1


def blocks():
    """(language, text, line) of each block that is to be run."""
    for match in BLOCK.finditer(TEXT):
        if not match[1]:
            yield match[2], match[3], line_of(match)


def outputs():
    """(line of a block sh, text of the output directly under it)."""
    matches = list(BLOCK.finditer(TEXT))
    for run, output in zip(matches, matches[1:]):
        if (run[1], run[2], output[2]) == (None, "sh", "") and not TEXT[run.end() : output.start()].strip():
            yield line_of(run), output[3]


def facts(text):
    """What any machine prints: lines without their times and rates, and of tables the settings and recalls. (name, number) each."""
    columns = []
    for line in text.splitlines():
        cells = re.split(" {2,}", line.strip())
        if cells[0] == "nprobe":
            columns = cells
        elif columns and len(cells) == len(columns):
            if "recall@10" in columns:  # else of autotune, whose settings depend on what it measured
                yield from ((name, float(cell)) for name, cell in zip(columns, cells) if name in STEADY)
        elif not line.startswith(("advice ", "chosen ")):
            yield re.sub(r"\b[\d.,]+[kM]? (s|us|rows/s|queries/s)\b", "TIME", line), 0


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
        script = "".join(f"where='README.md, line {line}'\necho '@ {line}'\n{text}" for text, line in of("sh"))
        told = "set -eE\ntrap 'echo \"$where: $BASH_COMMAND\" >&2' ERR\n" + script
        done = subprocess.run(["bash", "-c", told], cwd=self.clone, capture_output=True, text=True, timeout=600)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        left = [p.name for p in self.clone.iterdir() if not p.is_symlink()]
        self.assertEqual(left, ["build"])  # nothing in the clone itself
        printed = re.split(r"(?m)^@ (\d+)\n", done.stdout)
        printed = dict(zip(map(int, printed[1::2]), printed[2::2]))
        self.assertGreater(len(list(outputs())), 8)
        for line, shown in outputs():
            with self.subTest(line=line):
                self.compare(facts(shown.replace("/home/me/lutra", str(self.clone))), facts(printed[line]))

    def compare(self, shown, printed):
        shown, printed = list(shown), list(printed)
        self.assertEqual([name for name, _ in shown], [name for name, _ in printed])
        for (name, want), (_, found) in zip(shown, printed):
            self.assertAlmostEqual(want, found, delta=0.02, msg=name)  # ties and roundings: three queries of 140

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
