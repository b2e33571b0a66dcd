# LibTorch by TROUPE_TORCH -> the target `troupe_libtorch`, TROUPE_HAVE_TORCH.
#   debian  the release's libtorch-dev
#   pip     the wheel that `TROUPE_TORCH=pip ./dev setup` put into the cache
#   off     none: everything but the LibTorch backends
#   PATH    a LibTorch folder: the one that holds share/cmake/Torch
set(TROUPE_HAVE_TORCH OFF)
if(TROUPE_TORCH STREQUAL "off")
  return()
endif()

set(torch_paths "")
if(TROUPE_TORCH STREQUAL "pip")
  file(GLOB torch_paths
    "${TROUPE_CACHE}/deps/torch-pip/lib/python*/site-packages/torch")
  if(NOT torch_paths)
    message(FATAL_ERROR "no wheel in ${TROUPE_CACHE}/deps/torch-pip: "
      "run TROUPE_TORCH=pip ./dev setup")
  endif()
elseif(NOT TROUPE_TORCH STREQUAL "debian")
  set(torch_paths "${TROUPE_TORCH}")
endif()
# A LibTorch folder is linked as what it is: three libraries and two include
# folders. Its own CMake package would take the system's libtorch.so where there
# is one. Support for CUDA comes in through libtorch.so, which is why the linker
# must keep that.
if(torch_paths)
  set(TROUPE_TORCH_FOLDER "${torch_paths}")
  file(STRINGS "${TROUPE_TORCH_FOLDER}/share/cmake/Torch/TorchConfig.cmake"
    torch_old_abi REGEX "_GLIBCXX_USE_CXX11_ABI=0")
  if(torch_old_abi)
    message(FATAL_ERROR "the LibTorch in ${TROUPE_TORCH_FOLDER} is built for "
      "the old ABI of libstdc++; take a build with _GLIBCXX_USE_CXX11_ABI=1 "
      "(wheels have it since 2.7)")
  endif()
  add_library(troupe_libtorch INTERFACE)
  target_include_directories(troupe_libtorch SYSTEM INTERFACE
    "${TROUPE_TORCH_FOLDER}/include"
    "${TROUPE_TORCH_FOLDER}/include/torch/csrc/api/include")
  target_link_libraries(troupe_libtorch INTERFACE
    "-Wl,--push-state,--no-as-needed"
    "${TROUPE_TORCH_FOLDER}/lib/libtorch.so"
    "-Wl,--pop-state"
    "${TROUPE_TORCH_FOLDER}/lib/libtorch_cpu.so"
    "${TROUPE_TORCH_FOLDER}/lib/libc10.so")
  set(TROUPE_HAVE_TORCH ON)
  return()
endif()

# RocksDB's package has found gflags under its namespaced name; Debian's LibTorch
# then takes the plain one for given.
if(TARGET gflags::gflags_shared AND NOT TARGET gflags)
  add_library(gflags INTERFACE IMPORTED GLOBAL)
  target_link_libraries(gflags INTERFACE gflags::gflags_shared)
endif()
find_package(Torch REQUIRED CONFIG)
add_library(troupe_libtorch INTERFACE)
target_include_directories(troupe_libtorch SYSTEM INTERFACE
  ${TORCH_INCLUDE_DIRS})
target_link_libraries(troupe_libtorch INTERFACE ${TORCH_LIBRARIES})
set(TROUPE_HAVE_TORCH ON)
