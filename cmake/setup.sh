# `./dev setup`, sourced by ./dev: installs and builds what dependencies.txt
# lists. The system's apt configuration stays as it is: the suites that Troupe
# needs beside the release's own are derived from the machine's own sources, in
# a work folder. Needs from ./dev: $cache, say, fail.

declare -A pinned_version pinned_sha256
packages_wanted=() backports_wanted=()

read_dependencies() {
  local kind name version sha256
  while read -r kind name version sha256; do
    case "$kind" in
      debian) packages_wanted+=("$name") ;;
      torch) [ "$torch" != debian ] || packages_wanted+=("$name") ;;
      torch-pip) [ "$torch" != pip ] || packages_wanted+=("$name") ;;
      backports) backports_wanted+=("$name") ;;
      unpacked | source)
        pinned_version[$name]=$version
        pinned_sha256[$name]=$sha256 ;;
    esac
  done < <(grep -v '^#' cmake/dependencies.txt)
}

# pinned_folder <package> <name>: its place in the cache.
pinned_folder() {
  printf '%s/deps/%s-%s-%s\n' "$cache" "$2" "${pinned_version[$1]%%-*}" \
    "${pinned_sha256[$1]:0:8}"
}

# missing_packages <package…>: those that are not installed, one a line.
missing_packages() {
  local installed package
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" \
    2>/dev/null | sed -n 's/^installed //p' || true)
  for package in "$@"; do
    grep -qxF "$package" <<<"$installed" || printf '%s\n' "$package"
  done
}

is_debian() {
  [ -r /etc/os-release ] && command -v apt-get >/dev/null &&
    (. /etc/os-release && [ "${ID:-}-${VERSION_CODENAME:-}" = debian-bookworm ])
}

other_system() {
  cat >&2 <<EOF
./dev setup knows Debian 12 (bookworm); this is another system.
Troupe needs: g++ 12 or later (or clang 16), CMake 3.25, Ninja, Boost 1.83
  (with JSON and URL), CAF 0.18.7 (core, io, openssl), msgpack for C++, RocksDB,
  yaml-cpp, CLI11, spdlog, prometheus-cpp, PCRE2, OpenSSL, Catch2 3, LibTorch
  (or TROUPE_TORCH=off).
With all of it installed, TROUPE_SETUP=skip ./dev … goes on without this step.
CAF is looked for in $(pinned_folder actor-framework caf)
  and in CMAKE_PREFIX_PATH; msgpack in
  $(pinned_folder libmsgpack-cxx-dev msgpack)/include.
EOF
  exit 1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  else
    command -v sudo >/dev/null || fail "packages are missing; run ./dev setup" \
      "as root once, or install sudo"
    sudo "$@"
  fi
}

# last_step <log>: Ninja's newest line of progress, not the warning below it;
# else the last line.
last_step() {
  tail -n 100 "$1" | awk '/^\[[0-9]/ { step = $0 } { last = $0 }
    END { print step == "" ? last : step }'
}

# logged <step> <command…>: runs it with its output in a log; tells every 20 s
# how far it is; on failure shows the end of the log.
logged() {
  local step=$1 log started=$SECONDS child code=0 told=$SECONDS
  shift
  log="$cache/log/${step// /-}.log"
  say "$step"
  "$@" </dev/null >"$log" 2>&1 &
  child=$!
  trap 'kill "$child" 2>/dev/null; exit 130' INT TERM
  while kill -0 "$child" 2>/dev/null; do
    sleep 0.2
    if [ $((SECONDS - told)) -ge 20 ]; then
      told=$SECONDS
      say "  … $((SECONDS - started)) s: $(last_step "$log" | cut -c1-60)"
    fi
  done
  wait "$child" || code=$?
  trap - INT TERM
  [ "$code" = 0 ] && return
  tail -n 25 "$log" >&2
  fail "$step: failed with status $code; the whole log is $log"
}

# --- apt with sources of its own ---------------------------------------------

apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get \
    -o Dir::Etc::sourcelist=/dev/null \
    -o Dir::Etc::sourceparts="$apt/sources" \
    -o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt/cache" \
    -o APT::Sandbox::User=root -o DPkg::Lock::Timeout=300 "$@"
}

# The release's entries among the machine's sources; with <suite> and <type>,
# the first of them turned to that suite.
sources_of_release() {
  local release=$1 suite=${2:-} type=${3:-} files
  shopt -s nullglob
  files=(/etc/apt/sources.list.d/*.sources)
  shopt -u nullglob
  [ ${#files[@]} = 0 ] || awk -v RS= -v release="$release" -v suite="$suite" \
    -v type="$type" '
    {
      n = split($0, line, "\n"); suites = ""; types = ""; off = 0
      for (i = 1; i <= n; i++) {
        if (line[i] ~ /^Suites:/) suites = substr(line[i], 8) " "
        if (line[i] ~ /^Types:/) types = substr(line[i], 7) " "
        if (tolower(line[i]) ~ /^enabled:[ \t]*no/) off = 1
      }
      if (off || types !~ /(^|[ \t])deb[ \t]/ ||
          suites !~ "[ \t]" release "(-updates|-security)?[ \t]") next
      if (suite != "" && (done || suites !~ "[ \t]" release "[ \t]")) next
      done = 1
      for (i = 1; i <= n; i++) {
        if (line[i] ~ /^#/) continue
        if (suite != "" && line[i] ~ /^Suites:/) line[i] = "Suites: " suite
        if (suite != "" && line[i] ~ /^Types:/) line[i] = "Types: " type
        print line[i]
      }
      print ""
    }' "${files[@]}" >"$apt/sources/${suite:-release}.sources"
  shopt -s nullglob
  files=(/etc/apt/sources.list /etc/apt/sources.list.d/*.list)
  shopt -u nullglob
  # type [options] uri suite components, with the options as one word
  [ ! -e "${files[0]}" ] || sed -E 's/^(deb[^[]*)\[([^]]*)\]/\1[\2]/' \
    "${files[@]}" 2>/dev/null | awk -v release="$release" -v suite="$suite" \
    -v type="$type" '
    $1 == "deb" {
      at = 2
      if ($2 ~ /^\[/) { while ($at !~ /\]$/ && at < NF) at++; at++ }
      if ($(at + 1) !~ "^" release "(-updates|-security)?$") next
      if (suite == "") { print; next }
      if (done || $(at + 1) != release) next
      done = 1; $1 = type; $(at + 1) = suite; print
    }' >"$apt/sources/${suite:-release}.list"
}

prepare_apt() {
  [ -z "${apt:-}" ] || return 0
  local release
  release=$(. /etc/os-release && echo "$VERSION_CODENAME")
  apt="$cache/apt"
  as_root rm -rf "$apt"
  mkdir -p "$apt/sources" "$apt/lists/partial" "$apt/cache/archives/partial"
  sources_of_release "$release"
  sources_of_release "$release" "$release-backports" deb
  sources_of_release "$release" experimental deb-src
  grep -qs "$release-backports" "$apt/sources/"* ||
    fail "no apt source of the suite $release in /etc/apt"
  logged "package lists" apt_get update
}

install_packages() {
  local packages=("$@") release
  release=$(. /etc/os-release && echo "$VERSION_CODENAME")
  prepare_apt
  # All of the suite by name: apt would else take the release's for some.
  packages+=("${backports_wanted[@]/%//$release-backports}")
  # Nothing of the user's is removed for Troupe: a conflict is an error.
  logged "packages (${#packages[@]})" apt_get install -y --no-remove \
    --no-install-recommends "${packages[@]}"
}

# --- into the cache ----------------------------------------------------------

# pinned_file <package> <ending> <apt command…>: the file of that checksum, from
# the cache or downloaded; its path in $file.
pinned_file() {
  local package=$1 ending=$2 found
  file="$cache/downloads/${pinned_sha256[$package]}.$ending"
  shift 2
  [ ! -e "$file" ] || return 0
  prepare_apt
  mkdir -p "$cache/downloads"
  rm -rf "$apt/download" && mkdir -p "$apt/download"
  (cd "$apt/download" && logged "download $package" apt_get "$@")
  found=$(find "$apt/download" -type f -name "*.$ending" | head -n 1)
  [ -n "$found" ] || fail "$package: nothing was downloaded"
  [ "$(sha256sum <"$found" | cut -d' ' -f1)" = "${pinned_sha256[$package]}" ] ||
    fail "$package: the download has another checksum than" \
      "cmake/dependencies.txt says"
  cp "$found" "$file.part" && mv "$file.part" "$file"
}

unpack_msgpack() {
  local package=libmsgpack-cxx-dev folder file
  folder=$(pinned_folder $package msgpack)
  [ ! -e "$folder/include/msgpack.hpp" ] || return 0
  pinned_file $package deb download "$package=${pinned_version[$package]}"
  say "msgpack headers"
  rm -rf "$folder" "$folder.part"
  dpkg-deb -x "$file" "$folder.part"
  mkdir -p "$folder"
  mv "$folder.part/usr/include" "$folder/include"
  rm -rf "$folder.part"
}

# build_caf [tsan]: the thread sanitizer needs a CAF that is built with it. A
# build without the patch of today (docs/adr/0004) is made anew.
build_caf() {
  local package=actor-framework variant=${1:-} folder file work flags
  local patch=cmake/caf-openssl-error-queue.patch patched
  patched=$(sha256sum <"$patch" | cut -d' ' -f1)
  folder=$(pinned_folder $package caf)${variant:+-$variant}
  [ "$(cat "$folder/patched" 2>/dev/null)" != "$patched" ] || return 0
  pinned_file $package tar.gz source --download-only --tar-only \
    "$package=${pinned_version[$package]}"
  work="$cache/work/caf$variant.$$"
  rm -rf "$work" && mkdir -p "$work/source"
  tar -xzf "$file" -C "$work/source" --strip-components=1
  patch -s -d "$work/source" -p1 <"$patch"
  flags="-include cstdint"
  [ "$variant" != tsan ] || flags+=" -fsanitize=thread -g1"
  logged "configure caf $variant" cmake -S "$work/source" -B "$work/build" \
    -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF \
    -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DCMAKE_CXX_FLAGS="$flags" \
    -DCAF_ENABLE_EXAMPLES=OFF -DCAF_ENABLE_TESTING=OFF \
    -DCAF_ENABLE_TOOLS=OFF -DCAF_ENABLE_IO_MODULE=ON \
    -DCAF_ENABLE_OPENSSL_MODULE=ON -DCMAKE_INSTALL_LIBDIR=lib \
    -DCMAKE_INSTALL_PREFIX="$folder.part"
  logged "build caf $variant (minutes)" cmake --build "$work/build"
  rm -rf "$folder.part"
  logged "install caf $variant" cmake --install "$work/build"
  printf '%s\n' "$patched" >"$folder.part/patched"
  rm -rf "$folder"
  mv "$folder.part" "$folder"
  rm -rf "$work"
}

torch_wheel() {
  local folder="$cache/deps/torch-pip"
  [ ! -e "$folder/ready" ] || return 0
  rm -rf "$folder"
  logged "python environment" python3 -m venv "$folder"
  logged "torch wheel (large)" "$folder/bin/pip" install 'torch>=2.7' numpy
  touch "$folder/ready"
}

check_torch_choice() {
  case "$torch" in
    debian | pip | off) ;;
    *) [ -e "$torch/include/torch/csrc/api/include/torch/torch.h" ] ||
      fail "TROUPE_TORCH is '$torch': neither debian, pip, off nor the folder" \
        "of a LibTorch" ;;
  esac
}

# setup [tsan]: everything that is missing; silent when nothing is.
setup() {
  [ "${TROUPE_SETUP:-}" != skip ] || return 0
  check_torch_choice
  read_dependencies
  is_debian || other_system
  mkdir -p "$cache/deps" "$cache/log"
  exec 8>"$cache/setup.lock"
  flock -n 8 || { say "waiting for another ./dev setup" && flock 8; }
  local missing
  mapfile -t missing < <(missing_packages "${packages_wanted[@]}")
  [ ${#missing[@]} = 0 ] &&
    [ -z "$(missing_packages "${backports_wanted[@]}")" ] ||
    install_packages "${missing[@]}"
  unpack_msgpack
  build_caf
  [ "${1:-}" != tsan ] || build_caf tsan
  [ "$torch" != pip ] || torch_wheel
  [ -z "${apt:-}" ] || as_root rm -rf "$apt"
  exec 8>&-
}
