# Shared by the scripts in this folder: where things are, how to talk. Sourced, never run.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tools="$root/.tools"
# shellcheck disable=SC2034 # used by those who source this
tools_python="$tools/venv/bin/python"

# Talk goes to stderr; stdout is for what a caller may want to read.
say() { printf '%s\n' "$*" >&2; }

fail() {
    local code=$1
    shift
    say "error: $1"
    [ $# -lt 2 ] || say "hint: $2"
    exit "$code"
}

# The comment at the top of the calling script is its help.
show_help() { sed -n '2,/^[^#]/{/^#/!d;s/^# \{0,1\}//;p}' "$0"; }

# Runs a command without its output; shows all of it when the command fails.
quietly() {
    local log status=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 || status=$?
    if [ "$status" -ne 0 ]; then
        cat "$log" >&2
        say "error: exit code $status from: $*"
    fi
    rm -f "$log"
    return "$status"
}
