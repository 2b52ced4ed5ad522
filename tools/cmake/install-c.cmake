# `cmake --install` with -DLUTRA_BUILD_C=ON: the library of lutra.h, shared (component "c"), and what links it ("c_dev").
set_target_properties(lutra_c_shared lutra_dispatch PROPERTIES EXCLUDE_FROM_ALL OFF)
install(TARGETS lutra_c_shared lutra_dispatch
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT c NAMELINK_COMPONENT c_dev
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT c_dev)

# Like lutra.pc it finds what it names from where it lies.
file(RELATIVE_PATH prefix_from_pc ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" prefix_from_pc ${prefix_from_pc})
cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_LIBDIR BASE_DIRECTORY "\${prefix}" OUTPUT_VARIABLE libdir)
configure_file(tools/cmake/lutra-c.pc.in lutra-c.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/lutra-c.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT c_dev)
