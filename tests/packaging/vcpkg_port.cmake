# Runs the port as vcpkg would, with stand-ins for vcpkg's functions that do what matters here: cmake -DPACKAGES=folder -DFEATURES=simd
# -DCXX=compiler -P vcpkg_port.cmake. SPDX-License-Identifier: MIT
cmake_minimum_required(VERSION 3.21)
set(PORT lutra)
set(CURRENT_PACKAGES_DIR ${PACKAGES})

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
endfunction()

function(vcpkg_check_features)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" OUT_FEATURE_OPTIONS INVERTED_FEATURES)
  list(GET arg_INVERTED_FEATURES 0 feature)
  list(GET arg_INVERTED_FEATURES 1 option)
  set(value ON)
  if(feature IN_LIST FEATURES)
    set(value OFF)
  endif()
  set(${arg_OUT_FEATURE_OPTIONS} -D${option}=${value} PARENT_SCOPE)
endfunction()

function(vcpkg_cmake_configure)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" SOURCE_PATH OPTIONS)
  run(${CMAKE_COMMAND} -S ${arg_SOURCE_PATH} -B ${PACKAGES}.build -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER=${CXX}
      -DCMAKE_INSTALL_PREFIX=${PACKAGES} ${arg_OPTIONS})
endfunction()

function(vcpkg_cmake_install)
  run(${CMAKE_COMMAND} --build ${PACKAGES}.build --target install)
endfunction()

# What find_package() reads moves to share/PORT, one folder up: the targets count the folders to the prefix.
function(vcpkg_cmake_config_fixup)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" CONFIG_PATH "")
  file(RENAME ${PACKAGES}/${arg_CONFIG_PATH} ${PACKAGES}/share/${PORT})
  file(REMOVE ${PACKAGES}/share/cmake)
  set(targets ${PACKAGES}/share/${PORT}/lutra-targets.cmake)
  file(READ ${targets} text)
  string(REPLACE "get_filename_component(_IMPORT_PREFIX \"\${CMAKE_CURRENT_LIST_FILE}\" PATH)\n" "set(_IMPORT_PREFIX \"\${CMAKE_CURRENT_LIST_DIR}\")\n"
                 text "${text}")
  string(REGEX REPLACE "(get_filename_component\\(_IMPORT_PREFIX \"\\\${_IMPORT_PREFIX}\" PATH\\)\n)+" "\\1\\1" text "${text}")
  file(WRITE ${targets} "${text}")
endfunction()

function(vcpkg_fixup_pkgconfig)
  file(STRINGS ${PACKAGES}/share/pkgconfig/lutra.pc prefix REGEX "^prefix=")
  if(NOT prefix)
    message(FATAL_ERROR "lutra.pc has no prefix")
  endif()
endfunction()

function(vcpkg_install_copyright)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "" FILE_LIST)
  file(COPY_FILE ${arg_FILE_LIST} ${PACKAGES}/share/${PORT}/copyright)
endfunction()

include(${CMAKE_CURRENT_LIST_DIR}/../../tools/packaging/vcpkg/lutra/portfile.cmake)
