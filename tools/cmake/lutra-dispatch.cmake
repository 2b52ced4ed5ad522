# lutra_dispatch(target ENTRIES symbol... SOURCES file... [LIBRARIES target...] [LEVELS level...] [UNITY n])
#
# Compiles the sources, and the unit of lutra::compiled, once for each level of the instruction set, links all into `target`, which
# exists, and picks the best level that the processor and its system run when the program starts.
#   ENTRIES     extern "C" functions of the sources, `main` may be one; the only names of them that the rest of the program sees
#   LEVELS      from the list below, the first one for any machine
#   LIBRARIES   what the sources need; lutra::lutra is among it
#   UNITY       that many sources are compiled as one
#
# A level's objects are linked to one (ld -r), in which every symbol but the entries becomes local. So no function of std or lutra that is
# compiled for a wide machine can be taken for that of another unit, whatever the compiler inlines, and constructors, which may
# hold wide instructions too, are moved out of .init_array and run for the level that was picked only. The program's own sources
# stay as they are. Where this is not known to work (another architecture, no GNU ld) the sources are compiled once, as usual.
#
# LUTRA_LEVEL=x86-64-v3 in the environment, the name of a level, takes it if it runs here.
set(LUTRA_DISPATCH_LEVELS x86-64 x86-64-v3 x86-64-v4 avx512vnni CACHE STRING "Levels of the instruction set, the first for any machine")
set(lutra_dispatch_dir ${CMAKE_CURRENT_LIST_DIR} CACHE INTERNAL "")

# lutra_level_flags(level flags): an error if there is no such level.
function(lutra_level_flags level flags)
  # x86-64-v2: SSE4.2, Nehalem; v3: AVX2 and FMA, Haswell, Zen; v4: AVX-512, Skylake-SP
  set(avxvnni -march=x86-64-v3 -mavxvnni)           # Alder Lake
  set(avx512bw_vnni -march=x86-64-v4 -mavx512vnni)  # Cascade Lake
  # Ice Lake, Zen 4; and AMX, for which the library asks and does without.
  set(avx512vnni -march=x86-64-v4 -mavx512vbmi -mavx512vnni -mamx-tile -mamx-int8)
  if(level MATCHES "^x86-64(-v[234])?$")
    set(${level} -march=${level})
  elseif(NOT level MATCHES "^(avxvnni|avx512bw_vnni|avx512vnni)$")
    message(FATAL_ERROR "lutra_dispatch: there is no level \"${level}\"; there are x86-64, x86-64-v2, x86-64-v3, avxvnni, x86-64-v4, "
                        "avx512bw_vnni and avx512vnni")
  endif()
  set(${flags} ${${level}} PARENT_SCOPE)
endfunction()

# Those of GNU: with clang CMake takes those of LLVM, which cannot resolve groups of sections.
find_program(LUTRA_LD NAMES x86_64-linux-gnu-ld.bfd ld.bfd ld)
find_program(LUTRA_OBJCOPY NAMES x86_64-linux-gnu-objcopy objcopy)
mark_as_advanced(LUTRA_LD LUTRA_OBJCOPY)
set(lutra_linker_help "")
if(LUTRA_LD AND LUTRA_OBJCOPY)
  execute_process(COMMAND ${LUTRA_LD} --help OUTPUT_VARIABLE lutra_linker_help ERROR_QUIET)
endif()
set(LUTRA_CAN_DISPATCH OFF CACHE INTERNAL "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64" AND CMAKE_SYSTEM_NAME STREQUAL Linux AND CMAKE_SIZEOF_VOID_P EQUAL 8 AND
   CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang" AND lutra_linker_help MATCHES "force-group-allocation" AND NOT LUTRA_SCALAR_ONLY)
  set(LUTRA_CAN_DISPATCH ON CACHE INTERNAL "")
endif()

# lutra_level_objects(name level source...): an object library for this level.
function(lutra_level_objects name level)
  lutra_level_flags(${level} flags)
  add_library(${name} OBJECT EXCLUDE_FROM_ALL ${ARGN})
  target_link_libraries(${name} PRIVATE lutra::lutra)
  target_compile_options(${name} PRIVATE ${flags} -fno-lto -fno-semantic-interposition
                                         $<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique>)
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
endfunction()

# lutra_one_object(target level): links the objects of this level to one.
function(lutra_one_object target level entries)
  string(MAKE_C_IDENTIFIER ${level} id)
  string(MAKE_C_IDENTIFIER ${target} name)
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${target}.dir/${level}.o)
  set(init lutra_${name}_init_${id})
  file(CONFIGURE OUTPUT ${target}.dir/${level}.ld CONTENT "SECTIONS {
  ${init} 0 : { ${init}_begin = .; KEEP(*(SORT_BY_INIT_PRIORITY(.init_array.*) SORT_BY_INIT_PRIORITY(.ctors.*))) KEEP(*(.init_array .ctors)) ${init}_end = .; }
}\n")
  set(keep --keep-global-symbol=${init}_begin --keep-global-symbol=${init}_end)
  foreach(entry IN LISTS entries)
    list(APPEND keep --redefine-sym ${entry}=${entry}_${id} --keep-global-symbol=${entry}_${id})
  endforeach()
  list(APPEND keep --redefine-sym lutra_needs=lutra_${name}_needs_${id} --keep-global-symbol=lutra_${name}_needs_${id})
  set(objects $<TARGET_OBJECTS:${target}_${level}> $<TARGET_OBJECTS:lutra_compiled_${level}>)
  add_custom_command(OUTPUT ${object} VERBATIM COMMAND_EXPAND_LISTS DEPENDS ${objects}
                     COMMAND ${LUTRA_LD} -r --force-group-allocation -T ${CMAKE_CURRENT_BINARY_DIR}/${target}.dir/${level}.ld -o ${object}.all ${objects}
                     COMMAND ${LUTRA_OBJCOPY} ${keep} ${object}.all ${object})
  set_source_files_properties(${object} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
  target_sources(${target} PRIVATE ${object})
  add_dependencies(${target} ${target}_${level} lutra_compiled_${level})  # of the objects alone make(1) does not know whose they are
endfunction()

function(lutra_dispatch target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "UNITY" "ENTRIES;SOURCES;LIBRARIES;LEVELS")
  if(NOT arg_LEVELS)
    set(arg_LEVELS ${LUTRA_DISPATCH_LEVELS})
  endif()
  if(NOT LUTRA_CAN_DISPATCH)
    target_sources(${target} PRIVATE ${arg_SOURCES})
    target_link_libraries(${target} PRIVATE lutra::compiled ${arg_LIBRARIES})
    return()
  endif()
  set(levels "")
  set(uses "")
  set(declarations "")
  foreach(level IN LISTS arg_LEVELS)
    if(NOT TARGET lutra_compiled_${level})
      lutra_level_objects(lutra_compiled_${level} ${level} ${lutra_dispatch_dir}/lutra-compiled.cpp)
      target_compile_definitions(lutra_compiled_${level} PRIVATE LUTRA_INLINE=)
    endif()
    lutra_level_objects(${target}_${level} ${level} ${arg_SOURCES} ${lutra_dispatch_dir}/lutra-needs.cpp)
    target_link_libraries(${target}_${level} PRIVATE ${arg_LIBRARIES})
    target_compile_definitions(${target}_${level} PRIVATE LUTRA_COMPILED)
    if(arg_UNITY)
      set_target_properties(${target}_${level} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${arg_UNITY})
    endif()
    lutra_one_object(${target} ${level} "${arg_ENTRIES}")
    string(MAKE_C_IDENTIFIER ${level} id)
    string(APPEND levels "    LEVEL(${id}, \"${level}\") \\\n")
    string(APPEND uses "void use_${id}() {\n")
    foreach(entry IN LISTS arg_ENTRIES)
      string(APPEND declarations "extern \"C\" HIDDEN void ${entry}_${id}();\n")
      string(APPEND uses "    lutra_to_${entry} = ${entry}_${id};\n")
    endforeach()
    string(APPEND uses "}\n")
  endforeach()
  list(TRANSFORM arg_ENTRIES REPLACE "(.+)" "    ENTRY(\\1) \\\\\n" OUTPUT_VARIABLE entries)
  list(JOIN entries "" entries)
  string(MAKE_C_IDENTIFIER ${target} name)
  configure_file(${lutra_dispatch_dir}/lutra-dispatch.cpp.in ${target}.dir/dispatch.cpp @ONLY)
  add_library(${target}_dispatch OBJECT EXCLUDE_FROM_ALL ${CMAKE_CURRENT_BINARY_DIR}/${target}.dir/dispatch.cpp)
  target_link_libraries(${target}_dispatch PRIVATE lutra::lutra)
  target_compile_options(${target}_dispatch PRIVATE -march=x86-64 -fno-lto)
  set_target_properties(${target}_dispatch PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_sources(${target} PRIVATE $<TARGET_OBJECTS:${target}_dispatch>)
  target_link_libraries(${target} PRIVATE ${arg_LIBRARIES})
  set_target_properties(${target} PROPERTIES LINKER_LANGUAGE CXX)
endfunction()
