# What a run needs to know of a host, in one exec: this, then what facts.sh, observe.sh and fetch.sh say.
# $1: the run that must hold the lock, or nothing; $2: how many seconds that may take.
# stdin, a line each: `s`PATH whose free space is wanted; `o`PATH or `o*`PATTERN to look at; `u`UNIT; `f`PATH to read;
# `w`SHA256, two spaces, PATH to read where its content is another.
set -u
run=$1
input=$(cat)
lines() { printf '%s\n' "$input" | sed -n "s/^$1//p"; }
# The files whose content is not the wanted one, when observe.sh has set `sums`.
changed() {
    # shellcheck disable=SC2154
    { lines w && echo && printf '%s\n' "$sums"; } | awk '
        !seen && $0 == "" { seen = 1; next }
        !seen { wanted[substr($0, 67)] = $0; next }
        { path = substr($0, 67); if (path in wanted && wanted[path] != $0) print path }'
}
ours() {
    holder=
    IFS= read -r holder <"$1" || :
    case $holder in *"\"run\":\"$2\""*) return 0 ;; *) return 1 ;; esac
}
# Another script of the same connection takes the lock: no file and no unit is looked at before that. $1: how many seconds that
# may take.
await_lock() {
    [ -n "$run" ] || return 0
    tries=$(($1 * 100))
    until ours /var/lib/homestead/lock.json "$run" 2>/dev/null; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || exit 75
        sleep 0.01
    done
}
