# Says so when a user's project would compile lutra without optimisation, which makes it some 50 times slower: CMake's default.
get_property(lutra_multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
get_property(lutra_options DIRECTORY PROPERTY COMPILE_OPTIONS)  # of add_compile_options(), which may hold $<...:-O2>
if(NOT lutra_multi_config AND NOT CMAKE_BUILD_TYPE AND NOT "${CMAKE_CXX_FLAGS};${lutra_options}" MATCHES "(^|[ ;:])[-/]O")
  message(WARNING "lutra: there is no CMAKE_BUILD_TYPE, so all is compiled without optimisation, and searches are some 50 times "
                  "slower. Configure with -DCMAKE_BUILD_TYPE=Release, or set it before lutra is found or added")
endif()
