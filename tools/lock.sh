#!/bin/sh
# Pin all dependencies with hashes for every platform; no index address goes into the files.
# requirements.lock: everything, for development and CI. requirements-runtime.lock: the same versions for the container: the service with PostgreSQL and tracing.
# requirements-assurance.lock: what `make fuzz` adds, with the same versions of all else.
set -eu
cd "$(dirname "$0")/.."
uv=$(command -v uv || echo .venv/bin/uv)
"$uv" --version >/dev/null 2>&1 || {
    echo "no uv found; install it into the environment: .venv/bin/python -m pip install uv" >&2
    exit 1
}
pin() {
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
        --custom-compile-command "make lock" "$@"
}
pin --extra dev --extra postgresql --extra tracing pyproject.toml -o requirements.lock
pin --constraint requirements.lock --no-annotate --extra postgresql --extra tracing pyproject.toml -o requirements-runtime.lock
pin --constraint requirements.lock --no-annotate --extra assurance pyproject.toml -o requirements-assurance.lock
