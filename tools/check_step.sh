# Sourced: check TITLE COMMAND... runs a check, prints its output when it fails, and remembers that in `status`.
# shellcheck shell=sh
status=0

check() {
    title=$1
    shift
    if output=$("$@" 2>&1); then
        printf 'ok    %s\n' "$title"
    else
        printf 'FAIL  %s\n%s\n' "$title" "$output"
        status=1
    fi
}
