# Third-party libraries, all as imported (system) targets.

# A pinned line of dependencies.txt -> <out>: its folder in the cache.
function(troupe_pinned_folder name folder_name out)
  file(STRINGS "${PROJECT_SOURCE_DIR}/cmake/dependencies.txt" lines
    REGEX "^[a-z]+ ${name} ")
  string(REPLACE " " ";" fields "${lines}")
  list(GET fields 2 version)
  string(REGEX REPLACE "-.*" "" version "${version}")
  list(GET fields 3 sha256)
  string(SUBSTRING "${sha256}" 0 8 prefix)
  set(${out} "${TROUPE_CACHE}/deps/${folder_name}-${version}-${prefix}"
    PARENT_SCOPE)
endfunction()

set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
  cmake/dependencies.txt)

find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)

# CAF: the thread sanitizer needs a CAF that is built with it too.
troupe_pinned_folder(actor-framework caf TROUPE_CAF)
if(TROUPE_SANITIZE STREQUAL "thread")
  string(APPEND TROUPE_CAF "-tsan")
endif()
find_package(CAF 0.18.7 REQUIRED COMPONENTS core io openssl
  PATHS "${TROUPE_CAF}")

find_package(Boost 1.83 REQUIRED CONFIG COMPONENTS headers json url)
find_package(Catch2 3 REQUIRED)
find_package(RocksDB REQUIRED CONFIG)
find_package(yaml-cpp REQUIRED CONFIG)
find_package(CLI11 REQUIRED CONFIG)
find_package(spdlog REQUIRED CONFIG)
find_package(prometheus-cpp REQUIRED CONFIG)

troupe_pinned_folder(libmsgpack-cxx-dev msgpack TROUPE_MSGPACK)
if(NOT EXISTS "${TROUPE_MSGPACK}/include/msgpack.hpp")
  message(FATAL_ERROR "msgpack is not in ${TROUPE_MSGPACK}: run ./dev setup")
endif()
add_library(troupe_msgpack INTERFACE)
target_include_directories(troupe_msgpack SYSTEM INTERFACE
  "${TROUPE_MSGPACK}/include")
target_compile_definitions(troupe_msgpack INTERFACE MSGPACK_NO_BOOST)

find_path(TROUPE_PCRE2_INCLUDE pcre2.h REQUIRED)
find_library(TROUPE_PCRE2 pcre2-8 REQUIRED)
add_library(troupe_pcre2 INTERFACE)
target_include_directories(troupe_pcre2 SYSTEM INTERFACE
  "${TROUPE_PCRE2_INCLUDE}")
target_link_libraries(troupe_pcre2 INTERFACE "${TROUPE_PCRE2}")

# Asio and Beast are compiled once, not in every source that includes them.
add_library(troupe_asio STATIC "${PROJECT_SOURCE_DIR}/cmake/asio.cpp")
target_compile_features(troupe_asio PUBLIC cxx_std_20)
target_compile_definitions(troupe_asio PUBLIC
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION
  BOOST_ASIO_NO_DEPRECATED)
target_link_libraries(troupe_asio
  PUBLIC Boost::headers OpenSSL::SSL Threads::Threads)
if(TROUPE_SANITIZE)
  target_compile_options(troupe_asio PRIVATE -fsanitize=${TROUPE_SANITIZE})
endif()

include(cmake/torch.cmake)
