# cmake -DLUTRA=PROGRAM -DPAGES=FOLDER -P lutra-pages.cmake: writes the manual page and the completion of shells, which the command
# prints. Where it does not run here, built for another machine, there are no pages, and that is no error.
file(REMOVE_RECURSE ${PAGES})
file(MAKE_DIRECTORY ${PAGES})
foreach(page "lutra.1=man" "lutra=completion;bash" "_lutra=completion;zsh" "lutra.fish=completion;fish")
  string(REGEX MATCH "^(.*)=(.*)$" page "${page}")
  execute_process(COMMAND ${LUTRA} ${CMAKE_MATCH_2} OUTPUT_FILE ${PAGES}/${CMAKE_MATCH_1} RESULT_VARIABLE failed ERROR_QUIET)
  if(failed)
    file(REMOVE_RECURSE ${PAGES})
    message(STATUS "lutra: no manual page and no completion, as the command does not run here: ${failed}")
    break()
  endif()
endforeach()
