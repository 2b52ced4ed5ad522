#!/usr/bin/env python3
"""What a user meets who configures lutra, or a project with it, for the first time.  SPDX-License-Identifier: MIT

The environment names CMAKE, CXX with its FLAGS, and INSTALLED, a prefix with lutra in it.
"""
import json
import os
import re
import shutil
import subprocess
import tempfile
import textwrap
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
LUTRA = HERE.parent.parent
CMAKE, CXX, FLAGS, INSTALLED = (os.environ[name] for name in ["CMAKE", "CXX", "FLAGS", "INSTALLED"])
ADDED, FOUND = f"-DLUTRA_SOURCE={LUTRA}", f"-DCMAKE_PREFIX_PATH={INSTALLED}"
NO_BUILD_TYPE = "lutra: there is no CMAKE_BUILD_TYPE"
NO_XSIMD = "-DCMAKE_DISABLE_FIND_PACKAGE_xsimd=ON"


def without(*packages):
    return [f"-DCMAKE_DISABLE_FIND_PACKAGE_{name}=ON" for name in packages]


class ConfigureTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.build = Path(folder.name)

    def configure(self, source, *args, code=0):
        """What CMake says, in one line, as it breaks its lines where it likes."""
        command = [CMAKE, "-S", source, "-B", self.build, "-G", "Ninja", f"-DCMAKE_CXX_COMPILER={CXX}", *args]
        environment = {name: value for name, value in os.environ.items() if name != "CXXFLAGS"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
        self.assertEqual(done.returncode != 0, code != 0, done.stdout + done.stderr)
        return " ".join((done.stdout + done.stderr).split())

    def write(self, path, text):
        path = self.build / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))

    def in_project(self, path):
        """The option by which the project includes this file first."""
        return f"-DCMAKE_PROJECT_consumer_INCLUDE={self.build / path}"

    def cached(self, name):
        lines = (self.build / "CMakeCache.txt").read_text().splitlines()
        return next(line.split("=", 1)[1] for line in lines if line.startswith(f"{name}:"))

    def pkg_config(self, *args):
        paths = {**os.environ, "PKG_CONFIG_PATH": f"{INSTALLED}/share/pkgconfig:{os.environ.get('PKG_CONFIG_PATH', '')}"}
        return subprocess.run(["pkg-config", *args, "lutra"], check=True, env=paths, capture_output=True, text=True).stdout

    def test_a_users_project_without_a_build_type_is_warned(self):
        for how in [ADDED, FOUND]:
            shutil.rmtree(self.build)
            self.assertIn(NO_BUILD_TYPE, self.configure(HERE, how))
            self.assertNotIn(NO_BUILD_TYPE, self.configure(HERE, how, "-DCMAKE_BUILD_TYPE=Release"))
            self.assertNotIn(NO_BUILD_TYPE, self.configure(HERE, how, "-DCMAKE_BUILD_TYPE=", "-DCMAKE_CXX_FLAGS=-Wall -O2"))
            for options in ["-O3", "-Wall;$<$<COMPILE_LANGUAGE:CXX>:-O2>"]:
                self.write("options.cmake", f'add_compile_options("{options}")')
                self.assertNotIn(NO_BUILD_TYPE, self.configure(HERE, how, "-DCMAKE_CXX_FLAGS=", self.in_project("options.cmake")))

    def test_without_xsimd_is_said_what_to_install_or_to_choose(self):
        for how in [ADDED, FOUND]:
            shutil.rmtree(self.build)
            says = self.configure(HERE, how, NO_XSIMD, code=1)
            self.assertIn("libxsimd-dev", says)
            self.assertIn("-DLUTRA_SCALAR_ONLY=ON", says)
        shutil.rmtree(self.build)
        self.configure(HERE, ADDED, NO_XSIMD, "-DLUTRA_SCALAR_ONLY=ON")

    def test_a_version_of_xsimd_that_is_too_old_is_named_and_any_later_one_will_do(self):
        found = self.build / "xsimd" / "share" / "cmake" / "xsimd"
        self.write(found / "xsimdConfig.cmake", """
            add_library(xsimd INTERFACE IMPORTED)
            set_target_properties(xsimd PROPERTIES INTERFACE_INCLUDE_DIRECTORIES /usr)
            """)
        for version, code in [("7.6.0", 1), ("8.1.0", 0), ("13.0.0", 0)]:  # as xsimd has it: no other major version is compatible
            self.write(found / "xsimdConfigVersion.cmake", f"""
                set(PACKAGE_VERSION {version})
                string(REGEX MATCH "^[0-9]+" major {version})
                if("${{PACKAGE_FIND_VERSION_MAJOR}}" STREQUAL major)
                  set(PACKAGE_VERSION_COMPATIBLE TRUE)
                endif()
                """)
            for how in [ADDED, FOUND]:
                (self.build / "CMakeCache.txt").unlink(missing_ok=True)
                says = self.configure(HERE, how, f"-Dxsimd_DIR={found}", code=code)
                self.assertEqual(f"lutra needs xsimd 8.1 or later; {found} has {version}: install it" in says, code == 1, says)

    def test_a_project_in_c_alone_is_told_that_it_needs_cxx(self):
        self.write("CMakeLists.txt", """
            cmake_minimum_required(VERSION 3.21)
            project(app LANGUAGES C)
            find_package(lutra REQUIRED)
            """)
        self.assertIn("LANGUAGES C CXX", self.configure(self.build, FOUND, code=1))

    def test_makefiles_know_what_a_dispatched_program_is_made_of(self):
        self.write("CMakeLists.txt", """
            cmake_minimum_required(VERSION 3.21)
            project(app LANGUAGES CXX)
            find_package(lutra REQUIRED)
            add_executable(app)
            lutra_dispatch(app ENTRIES main SOURCES main.cpp LEVELS x86-64)
            file(WRITE ${CMAKE_BINARY_DIR}/can "${LUTRA_CAN_DISPATCH}")
            """)
        self.write("main.cpp", "int main() {}")
        self.configure(self.build, FOUND, "-DCMAKE_BUILD_TYPE=Release", "-G", "Unix Makefiles")
        if (self.build / "can").read_text() == "ON":
            for part in ["app_x86-64", "lutra_compiled_x86-64"]:
                self.assertIn(f"CMakeFiles/app.dir/all: CMakeFiles/{part}.dir/all", (self.build / "CMakeFiles/Makefile2").read_text())

    def test_headers_may_be_installed_elsewhere(self):
        prefix = self.build / "prefix"
        nothing = [f"-DLUTRA_BUILD_{what}=OFF" for what in ["TESTS", "BENCH", "EXAMPLES", "TOOLS"]]
        self.configure(LUTRA, "-DCMAKE_INSTALL_INCLUDEDIR=inc", *nothing)
        install = [CMAKE, "--install", self.build, "--component", "headers", "--prefix", prefix]
        subprocess.run(install, check=True, capture_output=True)
        self.assertTrue((prefix / "inc/lutra/lutra.hpp").exists())
        (self.build / "CMakeCache.txt").unlink()
        self.configure(HERE, f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_BUILD_TYPE=Release")
        self.assertIn(f"{prefix}/inc", (self.build / "build.ninja").read_text())

    def test_what_is_left_out_is_left_out_of_every_users_build(self):
        prefix, switches = self.build / "prefix", ["LUTRA_NO_BYTES", "LUTRA_NO_FILES", "LUTRA_NO_MESSAGES"]
        self.configure(LUTRA, *[f"-D{switch}=ON" for switch in switches])
        self.assertEqual([self.cached(f"LUTRA_BUILD_{what}") for what in ["TESTS", "TOOLS"]], ["OFF", "OFF"])  # they need files
        install = [CMAKE, "--install", self.build, "--component", "headers", "--prefix", prefix]
        subprocess.run(install, check=True, capture_output=True)
        pc = (prefix / "share/pkgconfig/lutra.pc").read_text()
        (self.build / "CMakeCache.txt").unlink()
        self.configure(HERE, f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_BUILD_TYPE=Release")
        rules = (self.build / "build.ninja").read_text()
        for switch in switches:
            self.assertIn(f"-D{switch}", pc)
            self.assertIn(f"-D{switch}", rules)

    def test_a_command_that_does_not_run_here_has_no_pages_and_is_no_error(self):
        pages = self.build / "pages"
        all_of_them = ["_lutra", "lutra", "lutra.1", "lutra.fish"]
        for program, left in [("true", all_of_them), ("false", []), ("/none", [])]:
            script = [f"-DLUTRA={program}", f"-DPAGES={pages}", "-P", LUTRA / "tools/cmake/lutra-pages.cmake"]
            subprocess.run([CMAKE, *script], check=True, capture_output=True)
            self.assertEqual(sorted(path.name for path in pages.glob("*")), left)

    def test_our_own_project_is_optimised_by_default(self):
        self.assertIn("no build type was given: Release", self.configure(LUTRA, *without("doctest", "benchmark", "CLI11")))

    def test_a_preset_leaves_out_what_packages_are_missing_for(self):
        says = self.configure(LUTRA, "--preset", "native", *without("doctest", "benchmark", "CLI11", "fmt"))
        self.assertIn("lutra: no tests, as there is no doctest-dev", says)
        self.assertIn("lutra: no benchmarks, as there is no libbenchmark-dev", says)
        self.assertIn("lutra: no command, as there is no libcli11-dev libfmt-dev", says)

    def test_a_preset_has_tests_also_where_there_were_none(self):
        self.configure(LUTRA, "--preset", "native", "-DLUTRA_BUILD_TESTS=OFF", "-DLUTRA_BUILD_TOOLS=OFF")
        self.configure(LUTRA, "--preset", "native")
        self.assertEqual([self.cached("LUTRA_BUILD_TESTS"), self.cached("LUTRA_BUILD_TOOLS")], ["ON", "ON"])

    @unittest.skipUnless(shutil.which("pkg-config"), "no pkg-config")
    def test_pkg_config_has_the_flags(self):
        compiler = [CXX, *FLAGS.split(), "-std=c++20", HERE / "main.cpp", *self.pkg_config("--cflags").split()]
        subprocess.run([*compiler, "-o", self.build / "consumer"], check=True)
        subprocess.run([self.build / "consumer"], check=True)

    def test_the_vcpkg_port_is_found(self):
        for features, defines in [("simd", []), ("", ["LUTRA_SCALAR_ONLY"])]:
            packages = self.build / f"packages-{features}"
            options = [f"-DPACKAGES={packages}", f"-DFEATURES={features}", f"-DCXX={CXX}"]
            script = [*options, "-P", HERE.parent / "packaging/vcpkg_port.cmake"]
            subprocess.run([CMAKE, *script], check=True, capture_output=True, timeout=300)
            self.assertTrue((packages / "share/lutra/copyright").exists())
            self.configure(HERE, f"-DCMAKE_PREFIX_PATH={packages}", "-DCMAKE_BUILD_TYPE=Release", "-Ulutra_DIR")
            rules = (self.build / "build.ninja").read_text()
            self.assertIn(f"{packages}/include", rules)
            self.assertEqual([name for name in ["LUTRA_SCALAR_ONLY"] if f"-D{name}" in rules], defines)

    def test_packages_have_the_version_of_the_headers(self):
        config = (LUTRA / "include/lutra/core/config.hpp").read_text()
        version = ".".join(re.findall(r"#define LUTRA_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", config))
        self.assertEqual(json.loads((LUTRA / "tools/packaging/vcpkg/lutra/vcpkg.json").read_text())["version"], version)
        self.assertIn(f"\nversion: {version}\n", (LUTRA / "CITATION.cff").read_text())
        if shutil.which("pkg-config"):
            self.assertEqual(self.pkg_config("--modversion").strip(), version)

    def test_the_licence_is_installed(self):
        self.assertEqual((Path(INSTALLED) / "share/doc/lutra/LICENSE").read_text(), (LUTRA / "LICENSE").read_text())


if __name__ == "__main__":
    unittest.main()
