# Tests of what only a compiler can say. Their targets are built by the tests themselves, not by `cmake --build`, so a
# failure is a red test with the compiler's message.
set(include_dir ${PROJECT_SOURCE_DIR}/include)
file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${include_dir} ${include_dir}/lutra/*.hpp)

# lutra_build_test(target): a test that builds it. lutra_run_test(target): a second one that runs it. One at a time: two
# builds must not work in one build tree.
function(lutra_build_test target)
  set_target_properties(${target} PROPERTIES EXCLUDE_FROM_ALL ON)
  add_test(NAME ${target}.build COMMAND ${CMAKE_COMMAND} --build ${CMAKE_BINARY_DIR} --target ${target})
  set_tests_properties(${target}.build PROPERTIES LABELS build FIXTURES_SETUP ${target} RESOURCE_LOCK build_tree)
endfunction()
function(lutra_run_test target)
  lutra_build_test(${target})
  add_test(NAME ${target}.run COMMAND ${target})
  set_tests_properties(${target}.run PROPERTIES LABELS build FIXTURES_REQUIRED ${target})
endfunction()

# Every header compiles alone: one generated source per header, but for those that are the first include of another one, which
# tells the same. Those that may include the factory are compiled as units that link lutra::compiled see them, which get fewer
# headers; index_factory.hpp, save_load.hpp and kmeans.hpp, which ask for that, also as other units do.
set(header_sources)
set(all_includes "")
foreach(header IN LISTS headers)
  file(STRINGS ${include_dir}/${header} include REGEX "^#include" LIMIT_COUNT 1)
  if(include MATCHES "<(lutra/.*)>")
    list(APPEND first_includes ${CMAKE_MATCH_1})
  endif()
endforeach()
foreach(header IN LISTS headers)
  string(REPLACE "/" "." name ${header})
  string(APPEND all_includes "#include <${header}>\n")
  set(as_compiled OFF)
  if(header MATCHES "^lutra/(cluster/|factory/|tune/|embedding/|lutra.hpp)")
    set(as_compiled ON)
    file(CONFIGURE OUTPUT headers/${name}.compiled.cpp CONTENT "#define LUTRA_COMPILED\n#include <${header}>\n")
    list(APPEND header_sources ${CMAKE_CURRENT_BINARY_DIR}/headers/${name}.compiled.cpp)
  endif()
  file(STRINGS ${include_dir}/${header} asks REGEX "^#if.*LUTRA_COMPILED")
  if(asks OR NOT (as_compiled OR header IN_LIST first_includes))
    file(CONFIGURE OUTPUT headers/${name}.cpp CONTENT "#include <${header}>\n")
    list(APPEND header_sources ${CMAKE_CURRENT_BINARY_DIR}/headers/${name}.cpp)
  endif()
endforeach()
file(CONFIGURE OUTPUT headers/all_headers.hpp CONTENT "${all_includes}")
add_library(headers_alone OBJECT ${header_sources})
target_link_libraries(headers_alone PRIVATE lutra::lutra)
target_compile_options(headers_alone PRIVATE -O0 -g0)
lutra_build_test(headers_alone)

# What the contracts ask of a part is all that the library uses of it.
add_library(archetypes OBJECT contracts/archetypes.cpp)
target_link_libraries(archetypes PRIVATE lutra::lutra)
target_compile_definitions(archetypes PRIVATE LUTRA_COMPILED LUTRA_SCALAR_ONLY)  # less to compile
target_compile_options(archetypes PRIVATE -O0 -g0 -fno-exceptions)
lutra_build_test(archetypes)

# An index's own headers are enough for all it does but files.
add_executable(typed odr/typed.cpp)
target_link_libraries(typed PRIVATE lutra::lutra)
target_compile_options(typed PRIVATE -O0 -g0)
lutra_run_test(typed)

# A program whose operator new aborts opens indexes in place and searches them.
add_executable(no_heap no_heap/no_heap.cpp no_heap/aborting_new.cpp)
target_link_libraries(no_heap PRIVATE lutra::lutra)
target_compile_definitions(no_heap PRIVATE LUTRA_SCALAR_ONLY LUTRA_NO_FILES)
target_compile_options(no_heap PRIVATE -O0 -g0 -fno-exceptions -fno-rtti)
lutra_build_test(no_heap)
add_test(NAME no_heap.run COMMAND no_heap ${CMAKE_CURRENT_SOURCE_DIR}/data/golden)
set_tests_properties(no_heap.run PROPERTIES LABELS build FIXTURES_REQUIRED no_heap)

# What may be left out: without files (both kinds of index save to memory), and without messages, where no sentence stays in the program.
# LUTRA_SCALAR_ONLY and LUTRA_NO_BYTES are configurations of tools/test, and all four together a program of bench/size.
foreach(switch no_files no_messages)
  string(TOUPPER LUTRA_${switch} macro)
  add_executable(${switch} switches/main.cpp)
  target_link_libraries(${switch} PRIVATE lutra::lutra)
  target_compile_definitions(${switch} PRIVATE ${macro})
  target_compile_options(${switch} PRIVATE -g0)
  lutra_run_test(${switch})
endforeach()
target_compile_options(no_files PRIVATE -O0)
target_compile_options(no_messages PRIVATE -O1)

# Two translation units with every header link into one program.
add_executable(two_units odr/two_units.cpp odr/other_unit.cpp)
target_link_libraries(two_units PRIVATE lutra::lutra)
target_include_directories(two_units PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/headers)
target_compile_options(two_units PRIVATE -O0 -g0)
lutra_run_test(two_units)
set_tests_properties(two_units.build two_units.run PROPERTIES LABELS "build;run")

# Every header compiles for every instruction set that has code of its own, and two units built for different ones do not
# share their inline functions. Those two include every header, too, so headers_for_isa leaves their instruction sets out.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64" AND CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
  set(isa_baseline -march=x86-64)
  set(isa_ssse3 -march=x86-64 -mssse3)
  set(isa_avx2 -march=x86-64 -mavx2 -mfma)
  set(isa_avx512 -march=x86-64-v4)
  set(isa_avx512bw_vnni -march=x86-64-v4 -mavx512vnni)
  set(isa_avx512vnni -march=x86-64-v4 -mavx512vbmi -mavx512vnni)
  set(isa_amx ${isa_avx512vnni} -mamx-tile -mamx-int8)
  set(isa_no_bytes ${isa_avx2} -DLUTRA_NO_BYTES)
  foreach(isa ssse3 avx512 amx)
    set(source ${CMAKE_CURRENT_BINARY_DIR}/headers/isa_${isa}.cpp)
    file(CONFIGURE OUTPUT ${source} CONTENT "#include \"all_headers.hpp\"\n")
    set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${isa_${isa}}")
    list(APPEND isa_sources ${source})
  endforeach()
  add_library(headers_for_isa OBJECT ${isa_sources})
  target_link_libraries(headers_for_isa PRIVATE lutra::lutra)
  target_compile_options(headers_for_isa PRIVATE -O0 -g0)
  lutra_build_test(headers_for_isa)

  add_executable(two_isas odr/two_isas.cpp odr/avx2_unit.cpp)
  target_link_libraries(two_isas PRIVATE lutra::lutra)
  target_include_directories(two_isas PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/headers)
  set_source_files_properties(odr/two_isas.cpp PROPERTIES COMPILE_OPTIONS "${isa_baseline}")
  set_source_files_properties(odr/avx2_unit.cpp PROPERTIES COMPILE_OPTIONS "${isa_avx2}")
  lutra_run_test(two_isas)

  # A unit for AVX-512 shares no function of std with others that has its instructions. -O1: more are not inlined than at -O2.
  add_library(wide OBJECT odr/wide.cpp)
  target_link_libraries(wide PRIVATE lutra::lutra)
  target_include_directories(wide PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/headers)
  target_compile_options(wide PRIVATE -O1 -g0 -march=x86-64-v4)
  lutra_build_test(wide)
  add_test(NAME wide.symbols COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/odr/wide_symbols_test.py ${CMAKE_NM} ${CMAKE_OBJDUMP}
                                     $<TARGET_OBJECTS:wide>)
  set_tests_properties(wide.symbols PROPERTIES LABELS build FIXTURES_REQUIRED wide)

  # Flags that change inline functions have a tag each.
  add_test(NAME tags COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/odr/tags_test.py ${CMAKE_CXX_COMPILER} ${include_dir})
  set_tests_properties(tags PROPERTIES LABELS build)
endif()

# What is found, in which list a row is and what its code is agree across instruction sets.
if(NOT LUTRA_SCALAR_ONLY)
  set(kernels scalar native)
  if(isa_baseline)
    set(kernels scalar ssse3 avx2 avx512 avx512bw_vnni avx512vnni amx no_bytes)
  endif()
  foreach(isa IN LISTS kernels)
    add_executable(answers_${isa} kernels_agree/answers.cpp)
    target_link_libraries(answers_${isa} PRIVATE lutra::lutra)
    target_compile_options(answers_${isa} PRIVATE -O1 -g0 ${isa_${isa}})
    set_target_properties(answers_${isa} PROPERTIES EXCLUDE_FROM_ALL ON)
    list(APPEND answers answers_${isa})
    list(APPEND answer_files $<TARGET_FILE:answers_${isa}>)
  endforeach()
  target_compile_definitions(answers_scalar PRIVATE LUTRA_SCALAR_ONLY)
  add_custom_target(kernels_agree DEPENDS ${answers})
  lutra_build_test(kernels_agree)
  list(JOIN answer_files "|" answer_files)
  if(TARGET answers_amx)
    set(without_tiles "-DWITHOUT_TILES=$<TARGET_FILE:answers_amx>")
  endif()
  add_test(NAME kernels_agree.run COMMAND ${CMAKE_COMMAND} "-DPROGRAMS=${answer_files}" ${without_tiles} -P
                                          ${CMAKE_CURRENT_SOURCE_DIR}/kernels_agree/compare.cmake)
  set_tests_properties(kernels_agree.run PROPERTIES LABELS build FIXTURES_REQUIRED kernels_agree)
endif()

# The shared library of lutra.h from Python, at each of its levels; and what a level's object shows the linker.
if(LUTRA_QUICK_TEST_BUILD AND LUTRA_CAN_DISPATCH)
  target_compile_options(lutra_c PRIVATE -O1)
  foreach(level IN LISTS LUTRA_DISPATCH_LEVELS)
    target_compile_options(lutra_compiled_${level} PRIVATE -O1)
    target_compile_options(lutra_dispatch_${level} PRIVATE -O1)
  endforeach()
endif()
lutra_build_test(lutra_c_shared)
if(NOT CMAKE_CXX_FLAGS MATCHES "sanitize")
  add_test(NAME c_api COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/c/c_api_test.py $<TARGET_FILE:lutra_c_shared>
                              ${LUTRA_DISPATCH_LEVELS})
  set_tests_properties(c_api PROPERTIES LABELS build FIXTURES_REQUIRED lutra_c_shared)
endif()
if(LUTRA_CAN_DISPATCH)
  add_test(NAME dispatch.symbols COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/odr/level_symbols_test.py ${CMAKE_NM}
                                         ${PROJECT_BINARY_DIR}/lutra_dispatch.dir $<TARGET_FILE:lutra_c_shared>)
  set_tests_properties(dispatch.symbols PROPERTIES LABELS build FIXTURES_REQUIRED lutra_c_shared)

  # A program whose main() there is once a level: constructors run for one of them, and a processor without AVX takes the first.
  # The target's name is not one of C.
  add_executable(all-levels odr/plain_sort.cpp)
  lutra_dispatch(all-levels ENTRIES main SOURCES odr/levels.cpp LEVELS ${LUTRA_DISPATCH_LEVELS})
  lutra_run_test(all-levels)
  add_test(NAME levels.first COMMAND ${CMAKE_COMMAND} -E env LUTRA_LEVEL=x86-64 $<TARGET_FILE:all-levels>)
  set_tests_properties(levels.first PROPERTIES LABELS build FIXTURES_REQUIRED all-levels PASS_REGULAR_EXPRESSION "^sse2 before main..: sorted, caught")
  find_program(LUTRA_QEMU qemu-x86_64)
  if(LUTRA_QEMU)
    add_test(NAME levels.old_cpu COMMAND ${LUTRA_QEMU} -cpu Nehalem $<TARGET_FILE:all-levels>)
    set_tests_properties(levels.old_cpu PROPERTIES LABELS build FIXTURES_REQUIRED all-levels PASS_REGULAR_EXPRESSION
                         "^sse2 before main..: sorted, caught")
  endif()
endif()

include(fuzz/fuzz.cmake)

# Floors: the library keeps them, and the checker sees each kind of wrong line.
set(check_floors ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tools/check_floors.py)
add_test(NAME floors COMMAND ${check_floors} ${include_dir}/lutra)
add_test(NAME floors.refused COMMAND ${check_floors} ${CMAKE_CURRENT_SOURCE_DIR}/floors/lutra)
set_tests_properties(floors floors.refused PROPERTIES LABELS build)
set(refused core/around.hpp:2 core/around.hpp:3 core/around.hpp:4 core/around.hpp:5 core/around.hpp:6 core/around.hpp:7
            core/config.hpp:3 core/high.hpp:2 core/quoted.hpp:2 core/table.inc:2 core/too_new.hpp:2 encodings/a/sideways.hpp:2
            encodings/a/vectors.hpp:2 encodings/a/vectors.hpp:3 encodings/a/vectors.hpp:4 encodings/a/vectors.hpp:6
            encodings/a/vectors.hpp:7 encodings/a/vectors.hpp:8 encodings/a/vectors.hpp:9 encodings/a/vectors.hpp:10
            encodings/a/vectors.hpp:11 encodings/a/vectors.hpp:12 encodings/a/vectors.hpp:13 encodings/a/vectors.hpp:14
            encodings/a/vectors.hpp:15 encodings/a/vectors.hpp:16 encodings/a/vectors.hpp:17 encodings/a/vectors.hpp:18
            encodings/a/vectors.hpp:19 encodings/a/vectors.hpp:20 encodings/a/vectors.hpp:21 encodings/a/vectors.hpp:22
            encodings/a/vectors.hpp:27 unknown/unknown.hpp:1)
list(LENGTH refused n_refused)
list(JOIN refused ": .*" refused)
set_tests_properties(floors.refused PROPERTIES PASS_REGULAR_EXPRESSION "${refused}: .*\n${n_refused} wrong lines")

# The single include, made from the umbrella header, is enough to compile and run a program, and the one for searching answers as the
# library does.
list(TRANSFORM headers PREPEND ${include_dir}/ OUTPUT_VARIABLE header_paths)
# lutra_single_include(target header source option...): a program with the header that tools/amalgamate.py makes with these options.
function(lutra_single_include target header source)
  set(single_include ${CMAKE_BINARY_DIR}/single_include/${header})
  add_custom_command(OUTPUT ${single_include} DEPENDS ${header_paths} ${PROJECT_SOURCE_DIR}/tools/amalgamate.py
                     COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tools/amalgamate.py ${ARGN} ${single_include} VERBATIM)
  add_executable(${target} ${source} ${single_include})
  target_compile_definitions(${target} PRIVATE LUTRA_SINGLE_INCLUDE $<TARGET_PROPERTY:lutra,INTERFACE_COMPILE_DEFINITIONS>)
  target_compile_features(${target} PRIVATE cxx_std_20)
  target_include_directories(${target} PRIVATE ${CMAKE_BINARY_DIR}/single_include)
  target_compile_options(${target} PRIVATE -O0 -g0)
  if(TARGET lutra::xsimd)
    target_link_libraries(${target} PRIVATE lutra::xsimd)
  endif()
endfunction()
lutra_single_include(single_include lutra.hpp consumer/main.cpp)
lutra_run_test(single_include)
lutra_single_include(single_search lutra_search.hpp consumer/search.cpp --search)
add_executable(parts_search consumer/search.cpp)
target_link_libraries(parts_search PRIVATE lutra::lutra)
target_compile_options(parts_search PRIVATE -O0 -g0)
add_dependencies(single_search parts_search)
foreach(program single_search parts_search)
  target_compile_definitions(${program} PRIVATE GOLDEN="${CMAKE_CURRENT_SOURCE_DIR}/data/golden")
endforeach()
set_target_properties(parts_search PROPERTIES EXCLUDE_FROM_ALL ON)
lutra_build_test(single_search)
add_test(NAME single_search.run COMMAND ${CMAKE_COMMAND} "-DPROGRAMS=$<TARGET_FILE:parts_search>|$<TARGET_FILE:single_search>" -P
                                        ${CMAKE_CURRENT_SOURCE_DIR}/kernels_agree/compare.cmake)
set_tests_properties(single_search.run PROPERTIES LABELS build FIXTURES_REQUIRED single_search)

# Programs that search an index in memory are as small as they were.
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  add_test(NAME size COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/bench/size/run)
  set_tests_properties(size PROPERTIES LABELS build COST 30)
endif()

# The example for a microcontroller, where its compiler and emulator are.
if(TARGET lutra_command)
  add_test(NAME mcu COMMAND ${PROJECT_SOURCE_DIR}/examples/mcu/run $<TARGET_FILE:lutra_command> ${CMAKE_CURRENT_BINARY_DIR}/mcu)
  set_tests_properties(mcu PROPERTIES LABELS build SKIP_RETURN_CODE 77)
endif()

# A user's project finds the installed library, or adds this folder.
set(consumer_dir ${CMAKE_CURRENT_BINARY_DIR}/consumer)
add_test(NAME consumer.install
         COMMAND ${CMAKE_COMMAND} --install ${CMAKE_BINARY_DIR} --component headers --prefix ${consumer_dir}/installed)
set_tests_properties(consumer.install PROPERTIES LABELS build FIXTURES_SETUP installed)
# lutra_consumer_test(name option...): configure, build and run the project with these options.
function(lutra_consumer_test name)
  add_test(NAME consumer.${name}
           COMMAND ${CMAKE_CTEST_COMMAND} --build-and-test ${CMAKE_CURRENT_SOURCE_DIR}/consumer ${consumer_dir}/${name}
                   --build-generator ${CMAKE_GENERATOR} --build-options ${ARGN}
                   -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER} -DCMAKE_CXX_FLAGS=${CMAKE_CXX_FLAGS} -DCMAKE_BUILD_TYPE=Debug
                   -DCMAKE_CXX_FLAGS_DEBUG=-O0
                   -DLUTRA_SCALAR_ONLY=${LUTRA_SCALAR_ONLY} -DLUTRA_NO_BYTES=${LUTRA_NO_BYTES} --test-command consumer)
  set_tests_properties(consumer.${name} PROPERTIES LABELS build)
endfunction()
lutra_consumer_test(find_package -DCMAKE_PREFIX_PATH=${consumer_dir}/installed)
lutra_consumer_test(find_package_compiled -DCMAKE_PREFIX_PATH=${consumer_dir}/installed -DLUTRA_TARGET=lutra::compiled)
lutra_consumer_test(add_subdirectory -DLUTRA_SOURCE=${PROJECT_SOURCE_DIR})
set_tests_properties(consumer.find_package consumer.find_package_compiled PROPERTIES FIXTURES_REQUIRED installed)

# What the first minutes with CMake or pkg-config bring: defaults, what is said where a package is missing, presets.
add_test(NAME consumer.configure COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/consumer/configure_test.py)
set_tests_properties(consumer.configure PROPERTIES LABELS build COST 45 FIXTURES_REQUIRED installed ENVIRONMENT
                     "CMAKE=${CMAKE_COMMAND};CXX=${CMAKE_CXX_COMPILER};FLAGS=${CMAKE_CXX_FLAGS};INSTALLED=${consumer_dir}/installed")

# README's blocks: its program compiles and runs, its commands and its project work as pasted.
set(readme ${PROJECT_SOURCE_DIR}/README.md)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${readme})
file(READ ${readme} readme_text)
string(REGEX MATCH "\n```cpp\n([^`]*)\n```" readme_text "${readme_text}")
file(CONFIGURE OUTPUT readme/main.cpp CONTENT "${CMAKE_MATCH_1}\n" @ONLY)
lutra_program(readme_program ${CMAKE_CURRENT_BINARY_DIR}/readme/main.cpp)
lutra_run_test(readme_program)
if(TARGET lutra_command)
  add_test(NAME readme COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/readme/readme_test.py $<TARGET_FILE:lutra_command>
                               ${CMAKE_CXX_COMPILER})
  set_tests_properties(readme PROPERTIES LABELS build COST 30)
endif()
