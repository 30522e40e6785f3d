#!/bin/sh
# Pin all dependencies, extras included, with hashes for every platform; no index address goes into the file.
set -eu
cd "$(dirname "$0")/.."
uv=$(command -v uv || echo .venv/bin/uv)
"$uv" --version >/dev/null 2>&1 || {
    echo "no uv found; install it into the environment: .venv/bin/python -m pip install uv" >&2
    exit 1
}
"$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --all-extras --no-emit-index-url --no-emit-find-links \
    --custom-compile-command "make lock" "$@" pyproject.toml -o requirements.lock
