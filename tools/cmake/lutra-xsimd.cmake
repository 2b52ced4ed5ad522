# lutra::xsimd: the headers of the package xsimd, found before. Its own target is not used as it is: in some distributions
# (Debian 12) it also asks for the library xtl, which lutra does not need and which is not installed with it.
if(NOT TARGET lutra::xsimd)
  get_target_property(lutra_xsimd_dirs xsimd INTERFACE_INCLUDE_DIRECTORIES)
  add_library(lutra::xsimd INTERFACE IMPORTED GLOBAL)
  set_target_properties(lutra::xsimd PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${lutra_xsimd_dirs}")
endif()
