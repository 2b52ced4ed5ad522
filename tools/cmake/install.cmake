# `cmake --install`: the headers and what find_package(lutra) reads. The component "headers" is this and no program.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_DATADIR}/cmake/lutra)
set(dependencies "include(CMakeFindDependencyMacro)\nfind_dependency(xsimd)\ninclude(\"\${CMAKE_CURRENT_LIST_DIR}/lutra-xsimd.cmake\")")
if(LUTRA_SCALAR_ONLY)
  set(dependencies "# scalar only: no dependencies")
endif()
file(WRITE ${PROJECT_BINARY_DIR}/lutra-config.cmake "${dependencies}\ninclude(\"\${CMAKE_CURRENT_LIST_DIR}/lutra-targets.cmake\")
include(\"\${CMAKE_CURRENT_LIST_DIR}/lutra-compiled.cmake\")\n")
write_basic_package_version_file(${PROJECT_BINARY_DIR}/lutra-config-version.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)

install(TARGETS lutra EXPORT lutra)
install(EXPORT lutra FILE lutra-targets.cmake NAMESPACE lutra:: DESTINATION ${package_dir} COMPONENT headers)
install(FILES ${PROJECT_BINARY_DIR}/lutra-config.cmake ${PROJECT_BINARY_DIR}/lutra-config-version.cmake tools/cmake/lutra-xsimd.cmake
              tools/cmake/lutra-compiled.cmake tools/cmake/lutra-compiled.cpp
        DESTINATION ${package_dir} COMPONENT headers)
install(DIRECTORY include/lutra DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT headers FILES_MATCHING PATTERN "*.hpp")
