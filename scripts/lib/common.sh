# shellcheck shell=bash
# What every script shares. Source it first: it moves to the project's folder.
# shellcheck disable=SC2034  # used by the scripts that source this

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
venv=$root/.venv

# Say what is being done. On standard error: standard output is the tool's own.
say() {
    printf '%s\n' "$*" >&2
}

# End with a sentence that says what to do.
fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Whether packages of the system may be installed without asking.
is_apt_root() {
    [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null
}

# Install packages of the system, for which is_apt_root must hold.
apt_install() {
    say "Installing $* with apt-get ..."
    apt-get -qq update >/dev/null || return 1
    DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes \
        --no-install-recommends "$@" >/dev/null
}
