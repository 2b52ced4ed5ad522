"""setup.py: what bench/compare/run does first: installs what the suites asked for run, and nothing else; then main.py takes over.
Standard library alone. Main path: main() -> install() for each system, build_lutra(), then main.py in the runner's environment."""

import os
import subprocess
import sys

from compare import options as command_line

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, "..", ".."))
BUILD = os.path.join(ROOT, "build", "compare")
PACKAGES = ("python3-venv",)
FOR_SOURCES = ("g++", "python3-dev")  # hnswlib is compiled here
FOR_LUTRA = ("g++", "cmake", "ninja-build", "libxsimd-dev", "libcli11-dev", "nlohmann-json3-dev")


def say(text):
    print("==", text, file=sys.stderr, flush=True)


def python_of(name):
    return os.path.join(BUILD, "venvs", name, "bin", "python")


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return None


def install(name):
    """An environment of its own, as packages of different systems share names. One that does not install stops no other."""
    wanted, folder = os.path.join(HERE, "requirements", name + ".txt"), os.path.dirname(os.path.dirname(python_of(name)))
    mark = os.path.join(folder, "installed.txt")
    if read(mark) == read(wanted):
        return True
    say("installing %s (log: build/compare/pip-%s.log)" % (", ".join(read(wanted).split()), name))
    with open(os.path.join(BUILD, "pip-%s.log" % name), "w") as log:
        for command in ([sys.executable, "-m", "venv", "--clear", folder],
                        [python_of(name), "-m", "pip", "install", "--disable-pip-version-check", "-r", wanted]):
            if subprocess.run(command, stdout=log, stderr=log).returncode:
                say("%s does not install here: its rows will say so" % name)
                return False
    with open(mark, "w") as file:
        file.write(read(wanted))
    return True


def build_lutra():
    native, program = os.path.join(BUILD, "native"), "bench_index_points"
    parts = ["-DLUTRA_BUILD_%s=OFF" % part for part in ("TESTS", "EXAMPLES", "TOOLS")]
    log = os.path.join(BUILD, "lutra.log")
    with open(log, "w") as file:
        for command in (["cmake", "--preset", "native", "-B", native] + parts, ["cmake", "--build", native, "--target", program]):
            if subprocess.run(command, cwd=ROOT, stdout=file, stderr=file).returncode:
                say("lutra does not build: its rows will say so; the output is in %s" % log)
                built = os.path.join(native, "bench", program)
                os.path.exists(built) and os.remove(built)  # an older one must not stand in
                return


def packages(names):
    """Debian's, that the python3 which runs and the compilers need."""
    wanted = PACKAGES + FOR_SOURCES * ("hnswlib" in names) + FOR_LUTRA * ("lutra" in names)
    return list(dict.fromkeys(wanted))


def main(arguments):
    options = command_line.parse(arguments)
    if options.list:
        print(command_line.listing())
        return 0
    names = command_line.needed(options)
    os.makedirs(BUILD, exist_ok=True)
    subprocess.run([os.path.join(ROOT, "tools", "install-packages")] + packages(names), check=True)
    if not install("runner"):
        return 1
    for name in names:
        build_lutra() if name == "lutra" else install(name)
    os.execv(python_of("runner"), [python_of("runner"), "-m", "compare.main"] + arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
