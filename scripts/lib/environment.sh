# shellcheck shell=bash disable=SC2154  # root and venv: common.sh
# Finds or gets Python 3.14 and uv, and keeps .venv as the requirement files say.
# Source after common.sh; the one call for others is ensure_environment.

uv_version=0.13.9
python_folder=$root/.python
tools=$root/.cache/tools

# ensure_environment test|demo: make .venv hold what SET needs.
ensure_environment() {
    local set=$1 wanted
    wanted=$(fingerprint)
    is_ready "$set" "$wanted" && return
    mkdir -p "$root/.cache"
    # Two scripts may start at once: the second waits and finds the work done.
    (
        if command -v flock >/dev/null && ! flock --nonblock 9; then
            say "Waiting for another script that sets up .venv ..."
            flock 9
        fi
        is_ready "$set" "$wanted" || build_environment "$set" "$wanted"
    ) 9>"$root/.cache/setup.lock"
}

# What .venv depends on: the pinned packages, and this folder (a virtual
# environment does not survive being moved).
fingerprint() {
    cat "$root"/requirements_test.txt "$root"/requirements_demo.txt \
        "$root"/constraints.txt - <<<"$root" | cksum
}

is_ready() {
    local stamp=$venv/.ready-$1
    [[ -f $stamp && $(<"$stamp") == "$2" ]] && is_suitable "$venv/bin/python"
}

# Home Assistant 2026.10 needs Python 3.14.2; some builds lack these modules.
is_suitable() {
    "$1" -c 'import sys, ssl, sqlite3, ctypes
sys.exit(not (3, 14, 2) <= sys.version_info < (3, 15))' 2>/dev/null
}

build_environment() {
    local set=$1 wanted=$2 uv python
    uv=$(find_uv)
    if ! is_suitable "$venv/bin/python"; then
        python=$(find_python "$uv")
        say "Making the virtual environment .venv with $python ..."
        rm -rf "$venv"
        "$uv" venv --quiet --no-project --python "$python" "$venv"
    fi
    rm -f "$venv"/.ready-*
    install_packages "$uv" "$set"
    echo "$wanted" >"$venv/.ready-test"
    [[ $set == test ]] || echo "$wanted" >"$venv/.ready-$set"
}

install_packages() {
    local uv=$1 set=$2 log=$root/.cache/install.log
    local install=("$uv" pip install --quiet --python "$venv/bin/python"
        --requirement "$root/requirements_$set.txt"
        --constraint "$root/constraints.txt")
    say "Installing the packages of requirements_$set.txt ..."
    "${install[@]}" 2>"$log" && return
    # Packages without a wheel for Python 3.14 are built from their source.
    if ! has_compiler && is_apt_root; then
        say "Some packages are built from source, which needs a C++ compiler."
        apt_install g++ && "${install[@]}" 2>"$log" && return
    fi
    cat "$log" >&2
    has_compiler || fail "install a C++ compiler (Debian: apt install g++;" \
        "macOS: xcode-select --install), then run this again."
    fail "the packages could not be installed. See above; if a package registry" \
        "could not be reached, check the network and run this again."
}

has_compiler() {
    command -v g++ >/dev/null || command -v clang++ >/dev/null
}

# Print the path of uv: the one on the PATH, else one of the project's own.
find_uv() {
    local uv
    for uv in "$(command -v uv || true)" "$tools/bin/uv"; do
        if [[ -n $uv ]] && "$uv" --version >/dev/null 2>&1; then
            echo "$uv"
            return
        fi
    done
    say "Getting uv $uv_version from PyPI ..."
    if ! install_uv; then
        if is_apt_root; then
            apt_install python3-venv || true
            install_uv || true
        fi
    fi
    "$uv" --version >/dev/null 2>&1 || fail "uv could not be installed. Install it" \
        "(Debian: apt install python3-venv, then run this again; elsewhere see" \
        "https://docs.astral.sh/uv/) so that 'uv --version' works."
    echo "$uv"
}

# Install uv below the project. A bare Debian has a Python whose venv module
# cannot install pip, or one without pip; either way of the two is enough.
install_uv() {
    local quiet=(--quiet --quiet --disable-pip-version-check)
    rm -rf "$tools"
    if python3 -m venv "$tools" >/dev/null 2>&1; then
        "$tools/bin/python" -m pip install "${quiet[@]}" "uv==$uv_version" >&2
    elif python3 -m pip --version >/dev/null 2>&1; then
        rm -rf "$tools"
        python3 -m pip install "${quiet[@]}" --target "$tools" "uv==$uv_version" >&2
    else
        return 1
    fi
}

# Print the path of a Python 3.14: on the PATH, one that an earlier run got, one
# that uv downloads, or Debian's own package.
find_python() {
    local uv=$1 python
    for python in "$(command -v python3.14 || true)" \
        "$python_folder"/usr/bin/python3.14 "$python_folder"/uv/*/bin/python3.14; do
        if [[ -n $python ]] && is_suitable "$python"; then
            echo "$python"
            return
        fi
    done
    say "Getting Python 3.14 (uv's build) ..."
    if python=$(download_python "$uv") && is_suitable "$python"; then
        echo "$python"
        return
    fi
    say "uv could not download one. Getting Python 3.14 (Debian's own package) ..."
    if python=$("$root/scripts/python.sh" "$uv" "$python_folder") && is_suitable "$python"; then
        echo "$python"
        return
    fi
    fail "no Python 3.14.2 or later. Install one so that python3.14 is on the PATH" \
        "(with the modules ssl, sqlite3 and ctypes), then run this again."
}

# Without a way to the download site this fails within seconds, and quietly: it
# is one of several ways.
download_python() {
    export UV_PYTHON_INSTALL_DIR=$python_folder/uv UV_PYTHON_INSTALL_BIN=0
    UV_HTTP_RETRIES=0 "$1" python install --quiet 3.14 >/dev/null 2>&1 || return 1
    "$1" python find --managed-python --no-project 3.14 2>/dev/null
}
