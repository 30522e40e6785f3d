#!/bin/sh
# Make the virtual environment in .venv from requirements.lock. `make` calls this; run it by hand with: sh tools/setup.sh
# Needs Python 3.11 or 3.12 with its headers and the venv module, and a C compiler (durable_rules is built from source).
set -eu
cd "$(dirname "$0")/.."
place=$(pwd -P) # as make spells it, also when the folder is reached through a link
venv=.venv

fail() {
    printf '\nset-up stopped: %s\n' "$1" >&2
    printf 'what to do:     %s\n\n' "$2" >&2
    exit 1
}

is_supported() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' >/dev/null 2>&1
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        is_supported "$PYTHON" || fail "PYTHON=$PYTHON is not Python 3.11 or 3.12 ($("$PYTHON" --version 2>&1 || true))" \
            "name one that is: make PYTHON=/path/to/python3.12"
        return
    fi
    for PYTHON in python3 python3.12 python3.11 python; do
        if is_supported "$PYTHON"; then return; fi
    done
    if found=$(python3 --version 2>&1); then
        fail "found $found, expected Python 3.11 or 3.12 (durable_rules does not import on 3.13 and newer)" \
            "install python3.12 or python3.11 beside it, then: make PYTHON=/path/to/python3.12"
    fi
    fail "no Python found on the PATH" "install Python 3.12 (Debian, Ubuntu: apt-get install python3 python3-venv python3-dev)"
}

check_parts() {
    "$PYTHON" -c 'import venv, ensurepip' >/dev/null 2>&1 ||
        fail "$PYTHON has no venv module (or no ensurepip)" "Debian, Ubuntu: apt-get install python3-venv"
    "$PYTHON" -c 'import pathlib, sys, sysconfig; sys.exit(not pathlib.Path(sysconfig.get_path("include"), "Python.h").is_file())' ||
        fail "$PYTHON has no C header Python.h" "Debian, Ubuntu: apt-get install python3-dev; Fedora: dnf install python3-devel"
    compiler=$("$PYTHON" -c 'import os, sysconfig; print((os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0])')
    command -v "$compiler" >/dev/null 2>&1 ||
        fail "no C compiler: $compiler is not on the PATH (durable_rules is built from source)" \
            "Debian, Ubuntu: apt-get install gcc libc6-dev; or name another one: make CC=clang"
}

install() {
    pip="$venv/bin/python -m pip --disable-pip-version-check --no-input"
    # The build tool comes first and from the lock too, so that nothing unpinned takes part in building durable_rules.
    sed -n '/^setuptools==/,/^[^ ]/{/^setuptools==/p;/^ /p;}' requirements.lock >"$venv/build-requirements.txt"
    $pip install --quiet --require-hashes -r "$venv/build-requirements.txt" ||
        fail "the build tool could not be installed" "look at pip's message above; is a package index reachable?"
    $pip install --quiet --require-hashes --no-deps --no-build-isolation -r requirements.lock ||
        fail "the packages of requirements.lock could not be installed" "look at pip's message above; is a package index reachable?"
    $pip install --quiet --no-deps --no-build-isolation -e . ||
        fail "the project itself could not be installed" "look at pip's message above"
}

find_python
check_parts
echo "setting up $venv with $("$PYTHON" --version) (a minute or two, once)"
# An environment of another Python, or one that was moved here from elsewhere, is made anew.
if ! { [ "$(cat "$venv/.place" 2>/dev/null)" = "$place" ] && is_supported "$venv/bin/python"; }; then
    rm -rf "$venv"
    "$PYTHON" -m venv "$venv" || fail "$PYTHON could not make a virtual environment" "Debian, Ubuntu: apt-get install python3-venv"
fi
printf '%s\n' "$place" >"$venv/.place"
install
touch "$venv/.ready"
