# lutra::xsimd: the headers of the package xsimd. Its own target is not used as it is: in some distributions (Debian 12) it also
# asks for the library xtl, which lutra does not need and which is not installed with it.
# lutra_no_xsimd says what is wrong where there is none that will do; else it is empty.
set(lutra_no_xsimd "")
if(NOT TARGET lutra::xsimd)
  find_package(xsimd QUIET)  # any: of a version that is asked for, xsimd's own file accepts the same major number only
  if(NOT xsimd_FOUND)
    set(lutra_no_xsimd "lutra needs xsimd 8.1 or later, which was not found")
  elseif(xsimd_VERSION AND xsimd_VERSION VERSION_LESS 8.1)
    set(lutra_no_xsimd "lutra needs xsimd 8.1 or later; ${xsimd_DIR} has ${xsimd_VERSION}")
  else()
    get_target_property(lutra_xsimd_dirs xsimd INTERFACE_INCLUDE_DIRECTORIES)
    add_library(lutra::xsimd INTERFACE IMPORTED GLOBAL)
    set_target_properties(lutra::xsimd PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${lutra_xsimd_dirs}")
  endif()
endif()
