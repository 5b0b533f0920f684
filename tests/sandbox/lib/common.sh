# Paths, messages and small helpers that every part of the sandbox shares.
# shellcheck shell=bash

# The hosts' services read what we make as users of their own.
umask 022

SANDBOX_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${HOMESTEAD_SANDBOX_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/homestead-sandbox}
mkdir -p "$CACHE"
CACHE=$(cd "$CACHE" && pwd -P)
LOGS=$CACHE/logs
mkdir -p "$LOGS"

# Labels and names say what is ours, so that nothing else is ever removed.
HOST_LABEL=homestead.sandbox.host
CONTAINER_PREFIX=homestead-sandbox-
GUEST_REGISTRY=127.0.0.1:5000

export SANDBOX_DIR CACHE LOGS HOST_LABEL CONTAINER_PREFIX GUEST_REGISTRY

say() {
    printf 'sandbox: %s\n' "$*" >&2
}

fail() {
    printf 'sandbox: error: %s\n' "$*" >&2
    exit 1
}

# Runs a slow command with its output in a log file; shows the log's end when it fails.
quietly() {
    local log=$LOGS/$1.log
    shift
    if ! "$@" >"$log" 2>&1 </dev/null; then
        tail -n 40 "$log" >&2
        fail "\`$*\` failed; the whole log is $log"
    fi
}

# A short key for the contents of files and folders; the same text gives the same key on every machine.
key_of() {
    local path
    for path in "$@"; do
        if [ -d "$path" ]; then
            (cd "$path" && find . -type f ! -path './target/*' -print0 | LC_ALL=C sort -z |
                xargs -0 --no-run-if-empty sha256sum)
        elif [ -e "$path" ]; then
            sha256sum <"$path"
        else
            printf '%s\n' "$path"
        fi
    done | sha256sum | cut -c 1-12
}

# Waits until a command succeeds; the wait is bounded and looks often, because most waits here are short.
wait_for() {
    local seconds=$1 what=$2 deadline
    shift 2
    deadline=$(($(date +%s) + seconds))
    until "$@" >/dev/null 2>&1; do
        if [ "$(date +%s)" -ge "$deadline" ]; then
            say "waited ${seconds} s in vain for $what"
            return 1
        fi
        sleep 0.1
    done
}
