# Every header compiles alone. A header with a source of the same name is
# proven by that source, whose first include it is (tests/tidy checks the
# order); each other header gets a source of its own here.
function(troupe_check_headers)
  set(sources "")
  foreach(folder IN LISTS ARGN)
    file(GLOB_RECURSE headers CONFIGURE_DEPENDS
      RELATIVE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/${folder}/*.hpp")
    foreach(header IN LISTS headers)
      string(REGEX REPLACE "[.]hpp$" ".cpp" source "${header}")
      if(header MATCHES "/fixtures/" OR EXISTS "${PROJECT_SOURCE_DIR}/${source}")
        continue()
      endif()
      set(check "${CMAKE_BINARY_DIR}/headers/${source}")
      file(CONFIGURE OUTPUT "${check}" CONTENT "#include \"${header}\"\n")
      list(APPEND sources "${check}")
    endforeach()
  endforeach()
  if(NOT sources)
    return()
  endif()
  # Not in `all`: ./dev test builds it.
  add_library(troupe_headers OBJECT EXCLUDE_FROM_ALL ${sources})
  target_compile_options(troupe_headers PRIVATE -O0 -g0)
  target_link_libraries(troupe_headers PRIVATE troupe_test_support)
endfunction()
