# lutra::compiled: lutra::lutra with the factory, the reading of files and k-means compiled once, in a static library, instead of in every unit
# that includes them. It is built with the flags of the project that links it, and not at all if none of its programs does.
if(NOT TARGET lutra::compiled)
  add_library(lutra_compiled STATIC EXCLUDE_FROM_ALL ${CMAKE_CURRENT_LIST_DIR}/lutra-compiled.cpp)
  add_library(lutra::compiled ALIAS lutra_compiled)
  target_link_libraries(lutra_compiled PUBLIC lutra::lutra)
  target_compile_definitions(lutra_compiled PRIVATE LUTRA_INLINE= INTERFACE LUTRA_COMPILED)
endif()
