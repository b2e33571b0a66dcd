# The user's cache: dependencies that `./dev setup` made, and compiled objects
# shared by all checkouts. The same rule as `cache_folder` in ./dev.
if(DEFINED ENV{TROUPE_CACHE})
  set(TROUPE_CACHE "$ENV{TROUPE_CACHE}")
elseif(DEFINED ENV{XDG_CACHE_HOME})
  set(TROUPE_CACHE "$ENV{XDG_CACHE_HOME}/troupe")
else()
  set(TROUPE_CACHE "$ENV{HOME}/.cache/troupe")
endif()

# ccache, keyed by paths relative to the checkout, so that a second worktree or
# clone finds the objects of the first.
find_program(TROUPE_CCACHE ccache)
if(TROUPE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    env
    "CCACHE_DIR=${TROUPE_CACHE}/ccache"
    "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}"
    CCACHE_NOHASHDIR=1
    CCACHE_MAXSIZE=5G
    "${TROUPE_CCACHE}")
endif()
