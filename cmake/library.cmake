# troupe_library(<folder> SOURCES … PUBLIC … PRIVATE …): the static library of
# one top-level folder, `troupe_<folder>` with the alias `troupe::<folder>`.
# The links repeat the folder rule of docs/architecture.md.
function(troupe_library folder)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;PUBLIC;PRIVATE")
  set(target troupe_${folder})
  if(arg_SOURCES)
    add_library(${target} STATIC)
    target_sources(${target} PRIVATE ${arg_SOURCES})
    target_link_libraries(${target}
      PUBLIC troupe_flags ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
  else()
    add_library(${target} INTERFACE)
    target_link_libraries(${target} INTERFACE troupe_flags ${arg_PUBLIC})
  endif()
  add_library(troupe::${folder} ALIAS ${target})
endfunction()
