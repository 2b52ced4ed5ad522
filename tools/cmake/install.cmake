# `cmake --install`: the headers, the licence, and what find_package(lutra) and pkg-config read. The component "headers" is this and no
# program.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_DATADIR}/cmake/lutra)
configure_file(tools/cmake/lutra-config.cmake.in lutra-config.cmake @ONLY)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/lutra-config-version.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)

install(TARGETS lutra EXPORT lutra)
install(EXPORT lutra FILE lutra-targets.cmake NAMESPACE lutra:: DESTINATION ${package_dir} COMPONENT headers)
install(FILES ${PROJECT_BINARY_DIR}/lutra-config.cmake ${PROJECT_BINARY_DIR}/lutra-config-version.cmake tools/cmake/lutra-xsimd.cmake
              tools/cmake/lutra-build-type.cmake tools/cmake/lutra-compiled.cmake tools/cmake/lutra-compiled.cpp
              tools/cmake/lutra-dispatch.cmake tools/cmake/lutra-dispatch.cpp.in tools/cmake/lutra-needs.cpp tools/cmake/lutra-c.cmake
              tools/cmake/lutra-c.cpp
        DESTINATION ${package_dir} COMPONENT headers)
install(FILES include/lutra.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT headers)
install(DIRECTORY include/lutra DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT headers FILES_MATCHING PATTERN "*.hpp")
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT headers)

# lutra.pc finds the headers from where it lies, so that what is installed can be moved.
set(pc_dir ${CMAKE_INSTALL_DATADIR}/pkgconfig)
file(RELATIVE_PATH prefix_from_pc ${CMAKE_INSTALL_FULL_DATADIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" prefix_from_pc ${prefix_from_pc})
cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_INCLUDEDIR BASE_DIRECTORY "\${prefix}" OUTPUT_VARIABLE includedir)
set(definitions "")
set(requires "xsimd >= 8.1")
if(LUTRA_SCALAR_ONLY)
  set(requires "")
  string(APPEND definitions " -DLUTRA_SCALAR_ONLY")
endif()
foreach(switch LUTRA_NO_BYTES LUTRA_NO_FILES LUTRA_NO_MESSAGES)
  if(${switch})
    string(APPEND definitions " -D${switch}")
  endif()
endforeach()
configure_file(tools/cmake/lutra.pc.in lutra.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/lutra.pc DESTINATION ${pc_dir} COMPONENT headers)
