"""Conan 2, of the checkout it lies in: conan create lutra/tools/packaging/conan -s compiler.cppstd=20 --build=missing

SPDX-License-Identifier: MIT
"""
import re
from pathlib import Path

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy


class LutraRecipe(ConanFile):
    name = "lutra"
    description = "Approximate nearest-neighbour search in C++20, header only"
    license = "MIT"
    topics = ("nearest-neighbour-search", "vector-search", "product-quantization", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {switch: [True, False] for switch in ["scalar_only", "no_bytes", "no_files", "no_messages"]}
    default_options = {switch: False for switch in options}
    no_copy_source = True

    def set_version(self):
        config = (self.checkout / "include/lutra/core/config.hpp").read_text()
        self.version = ".".join(re.findall(r"#define LUTRA_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", config))

    def _switches(self):
        """The macros of core/config.hpp, by the options."""
        return {f"LUTRA_{name.upper()}": bool(getattr(self.options, name)) for name in type(self).options}

    @property
    def checkout(self):
        return Path(self.recipe_folder).resolve().parents[2]

    def export_sources(self):
        for pattern in ["CMakeLists.txt", "LICENSE", "include/*", "tools/cmake/*"]:
            copy(self, pattern, src=self.checkout, dst=self.export_sources_folder)

    def layout(self):
        cmake_layout(self)

    def requirements(self):
        if not self.options.scalar_only:
            self.requires("xsimd/[>=8.1]", transitive_headers=True)

    def validate(self):
        check_min_cppstd(self, 20)

    def package_id(self):
        self.info.settings.clear()  # headers; the options are in what find_package() and pkg-config read

    def generate(self):
        CMakeDeps(self).generate()
        toolchain = CMakeToolchain(self)
        for macro, on in self._switches().items():
            toolchain.cache_variables[macro] = on
        for part in ["TESTS", "BENCH", "EXAMPLES", "TOOLS"]:
            toolchain.cache_variables[f"LUTRA_BUILD_{part}"] = False
        toolchain.generate()

    def build(self):
        CMake(self).configure()

    def package(self):
        CMake(self).install(component="headers")

    def package_info(self):
        self.cpp_info.bindirs, self.cpp_info.libdirs = [], []
        self.cpp_info.set_property("cmake_find_mode", "none")  # lutra's own files, which have lutra::compiled, too
        self.cpp_info.builddirs = ["share/cmake/lutra"]
        self.cpp_info.set_property("pkg_config_name", "lutra")
        self.cpp_info.defines = [macro for macro, on in self._switches().items() if on]
