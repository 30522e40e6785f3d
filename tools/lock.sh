#!/bin/sh
# Pin all dependencies with hashes for every platform; no index address goes into the files.
# requirements.lock: for development and CI. The others pin the same versions. requirements-runtime.lock: for the container, the service with PostgreSQL and
# tracing. requirements-docs.lock, requirements-deploy.lock, requirements-population.lock: what the documentation site, the linters of deploy/ and Spark
# (some 450 MB) need besides, requirements-assurance.lock: what `make fuzz` does, requirements-supply.lock: `make sbom`.
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
pin --constraint requirements.lock --no-annotate --extra population pyproject.toml -o requirements-population.lock
pin --constraint requirements.lock --no-annotate --extra docs pyproject.toml -o requirements-docs.lock
pin --constraint requirements.lock --no-annotate --extra deploy pyproject.toml -o requirements-deploy.lock
pin --constraint requirements.lock --no-annotate --extra assurance pyproject.toml -o requirements-assurance.lock
pin --constraint requirements.lock --no-annotate --extra supply pyproject.toml -o requirements-supply.lock
