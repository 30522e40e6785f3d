#!/bin/sh
# Every check that needs no running service. All of them run, then the first failure decides the exit code.
set -u
cd "$(dirname "$0")/.."
bin=${BIN:-.venv/bin}
. tools/check_step.sh

check "style (ruff check)" "$bin/ruff" check .
check "layout (ruff format)" "$bin/ruff" format --check .
check "types (mypy --strict)" "$bin/mypy"
check "import contracts" "$bin/lint-imports"
check "FHIR imports are R4B" "$bin/python" tools/lint_fhir_import.py
check "rules/ is pure" "$bin/python" tools/lint_rules_purity.py
check "licences (tools/licences.toml)" "$bin/python" -m tools.licences
check "version and changelog agree" "$bin/python" tools/check_version.py
check "rules (nmcds rules lint)" "$bin/nmcds" rules lint
check "shipped codes (nmcds codes verify)" "$bin/nmcds" codes verify
check "meaning changes with a version (nmcds rules lock)" "$bin/nmcds" rules lock --check
check "reference pages are fresh" "$bin/python" -m tools.docs --check
exit "$status"
