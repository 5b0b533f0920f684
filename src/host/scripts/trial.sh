# stdin: a tar stream with `prepare`, `library`, `jobs/N` and `new/N`. $1: seconds that a job has. The name, the exit
# status and the output of each job come out, each ended by a record separator (036).
# What runs sees nothing of this: everything is made in a folder and in containers of its own, which go in the end, also
# when the connection is lost. What an earlier run left over goes first: the caller holds the host's lock.
set -u
base=/var/lib/homestead
staging=$base/staging-check
export staging limit="$1"

sweep() {
    containers=$(docker ps --all --quiet --filter label=homestead.check)
    # shellcheck disable=SC2086
    [ -z "$containers" ] || docker rm --force --volumes $containers >/dev/null 2>&1
    rm -rf -- "$staging"
}

finish() {
    status=$?
    trap - EXIT HUP INT TERM PIPE
    sweep
    exit "$status"
}

umask 077
mkdir -p -- "$base" && chmod 700 -- "$base" || exit 1
sweep
trap finish EXIT
trap 'exit 1' HUP INT TERM PIPE
mkdir -- "$staging" "$staging/root" "$staging/out" || exit 1
tar --extract --file=- --directory="$staging" || exit 1
# A shell of its own: where a shell looks at a status, `-e` counts for nothing.
# shellcheck disable=SC2016
sh -eu -c 'umask 022; . "$staging/library"; . "$staging/prepare"' >&2 || exit 1
# shellcheck disable=SC2016
(cd "$staging/jobs" && printf '%s\n' *) | xargs -P "$(nproc 2>/dev/null || echo 2)" -I{} \
    sh -c '(. "$staging/library"; . "$staging/jobs/$1") >"$staging/out/$1" 2>&1 </dev/null; echo $? >"$staging/out/$1.status"' sh {}
for job in "$staging"/jobs/*; do
    name=${job##*/}
    printf '%s\036%s\036' "$name" "$(cat "$staging/out/$name.status" 2>/dev/null || echo 127)"
    tail -c 8000 -- "$staging/out/$name" | tr -d '\000\036'
    printf '\036'
done
exit 0
