# Language, warnings, sanitizers and linker: one interface target that every
# target of the project links.
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)

add_library(troupe_flags INTERFACE)
target_compile_features(troupe_flags INTERFACE cxx_std_20)
target_include_directories(troupe_flags INTERFACE "${PROJECT_SOURCE_DIR}")
target_compile_definitions(troupe_flags INTERFACE
  $<$<BOOL:${TROUPE_TEST_HOOKS}>:TROUPE_TEST_HOOKS=1>)
target_compile_options(troupe_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
  -Wold-style-cast -Wcast-qual -Wformat=2 -Wextra-semi
  # Designated initialisers leave out what has a default.
  -Wno-missing-field-initializers
  $<$<BOOL:${TROUPE_WARNINGS_AS_ERRORS}>:-Werror>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC's flow analysis reports inlined library code (variant, string).
  target_compile_options(troupe_flags INTERFACE
    -Wno-maybe-uninitialized -Wno-restrict -Wno-array-bounds
    -Wno-stringop-overflow -Wno-free-nonheap-object -Wno-dangling-pointer
    # Asio frees coroutine frames with its own operator.
    -Wno-mismatched-new-delete)
endif()
set_property(TARGET troupe_flags PROPERTY INTERFACE_POSITION_INDEPENDENT_CODE
  ON)
set(CMAKE_CXX_EXTENSIONS OFF)

if(TROUPE_SANITIZE)
  target_compile_options(troupe_flags INTERFACE
    -fsanitize=${TROUPE_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(troupe_flags INTERFACE -fsanitize=${TROUPE_SANITIZE})
  if(TROUPE_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Asio has fences, which TSan does not see; what it orders by them alone
    # would be reported when it runs.
    target_compile_options(troupe_flags INTERFACE -Wno-tsan)
  endif()
endif()

find_program(TROUPE_MOLD mold)
if(TROUPE_MOLD)
  target_link_options(troupe_flags INTERFACE -fuse-ld=mold)
endif()
