# The library of lutra.h, for C and what calls C; not built unless something links it.
#   lutra::c          static, compiled with the project's flags
#   lutra::dispatch   static, compiled once for each level of the instruction set, picked at start (lutra-dispatch.cmake)
#   lutra::c_shared   the same levels in a shared library, which shows the functions of lutra.h and nothing else
# Where levels are not possible the last two are compiled with the project's flags, too.
set(lutra_c_functions
    lutra_version lutra_isa lutra_last_error lutra_create lutra_load lutra_save lutra_free lutra_dim lutra_ntotal lutra_nlist
    lutra_is_trained lutra_metric lutra_describe lutra_train lutra_add lutra_set lutra_search lutra_range_search lutra_hits_of lutra_hits_free
    lutra_remove lutra_reconstruct lutra_make_direct_map)

# lutra_c_properties(target): what those who link it see.
function(lutra_c_properties target)
  target_include_directories(${target} INTERFACE $<TARGET_PROPERTY:lutra::lutra,INTERFACE_INCLUDE_DIRECTORIES>)
  set_target_properties(${target} PROPERTIES OUTPUT_NAME ${ARGN} LINKER_LANGUAGE CXX)
endfunction()

if(NOT TARGET lutra::c)
  set(lutra_c_source ${CMAKE_CURRENT_LIST_DIR}/lutra-c.cpp)
  add_library(lutra_c STATIC EXCLUDE_FROM_ALL ${lutra_c_source} $<TARGET_OBJECTS:lutra_compiled>)
  add_library(lutra::c ALIAS lutra_c)
  target_link_libraries(lutra_c PRIVATE lutra::lutra)
  target_compile_definitions(lutra_c PRIVATE LUTRA_COMPILED)
  lutra_c_properties(lutra_c lutra_c)

  add_library(lutra_dispatch STATIC EXCLUDE_FROM_ALL)
  add_library(lutra::dispatch ALIAS lutra_dispatch)
  lutra_dispatch(lutra_dispatch ENTRIES ${lutra_c_functions} SOURCES ${lutra_c_source})
  lutra_c_properties(lutra_dispatch lutra)

  if(LUTRA_CAN_DISPATCH)
    get_target_property(lutra_c_objects lutra_dispatch SOURCES)
    add_library(lutra_c_shared SHARED EXCLUDE_FROM_ALL ${lutra_c_objects})
    add_dependencies(lutra_c_shared lutra_dispatch)  # whose objects these are
  else()
    add_library(lutra_c_shared SHARED EXCLUDE_FROM_ALL ${lutra_c_source} ${CMAKE_CURRENT_LIST_DIR}/lutra-compiled.cpp)
    target_link_libraries(lutra_c_shared PRIVATE lutra::lutra)
    target_compile_definitions(lutra_c_shared PRIVATE LUTRA_INLINE=)
    set_target_properties(lutra_c_shared PROPERTIES CXX_VISIBILITY_PRESET hidden)
  endif()
  add_library(lutra::c_shared ALIAS lutra_c_shared)
  lutra_c_properties(lutra_c_shared lutra)
  # Before 1.0 a minor version may break, so it is part of the soname, and of the version each symbol has.
  set_target_properties(lutra_c_shared PROPERTIES VERSION ${lutra_VERSION} SOVERSION ${lutra_VERSION_MAJOR}.${lutra_VERSION_MINOR})
  if(CMAKE_SYSTEM_NAME STREQUAL Linux)
    list(JOIN lutra_c_functions "; " lutra_c_symbols)
    file(CONFIGURE OUTPUT lutra-c.map CONTENT "LUTRA_${lutra_VERSION_MAJOR}.${lutra_VERSION_MINOR} { global: ${lutra_c_symbols}; local: *; };\n")
    target_link_options(lutra_c_shared PRIVATE -Wl,--version-script=${CMAKE_CURRENT_BINARY_DIR}/lutra-c.map -Wl,--no-undefined)
  endif()
endif()
