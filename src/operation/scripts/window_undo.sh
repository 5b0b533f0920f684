# Puts back what an unfinished move of accounts changed, and starts what ran before it. Waits for the host's lock, which
# the run holds as long as it lives; `$1` is `held` where the caller has it.
set -u
base=/var/lib/homestead
window=$base/migration-window
umask 077
# `note_others` and `start_others`.
. "$window/others.sh" || exit 1
if [ "${1-}" != held ]; then
    exec 9>"$base/lock" || exit 1
    flock 9 || exit 1
    # From here on the lost run's scripts do not begin any more, and neither do others.
    trap '' HUP INT TERM PIPE
    printf '{"who":"this host","run":"migration-guard","command":"putting back an unfinished migration","since":"%s"}\n' \
        "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$base/lock.json"
    # What it sent last may be at work still, or wait for the rest of its input for hours.
    if ! flock --wait 20 "$base" true; then
        for fd in /proc/[0-9]*/fd/8; do
            [ ! "$fd" -ef "$base" ] || { fd=${fd#/proc/} && kill -- "${fd%%/*}"; }
        done
        flock "$base" true
    fi
fi
# Nobody else may come to take it away.
leave() {
    [ "${1-}" != held ] || exit 0
    systemctl --quiet disable homestead-migration-guard.service 2>/dev/null
    rm -rf -- "$window" /etc/systemd/system/homestead-migration-guard.service
    systemctl daemon-reload
    rm -f -- "$base/lock.json"
    exit 0
}
[ -e "$window/open" ] || leave "$@"
# Without what was kept, a file that is not there would look like one that was not there before.
if ! [ -d "$window/old" ] || ! [ -f "$window/paths" ]; then
    echo "what $window kept of the time before the move is gone; look at the units and remove the folder" >&2
    [ "${1-}" = held ] || rm -f -- "$base/lock.json"
    exit 1
fi
# From here on to the end.
trap '' HUP INT TERM PIPE
read -r units <"$window/units"
read -r running <"$window/running"
read -r container <"$window/container"
status=0
[ -z "$container" ] || docker rm --force --volumes "$container" >/dev/null 2>&1
# Nothing of the lost run may go on.
# shellcheck disable=SC2086
note_others $units
# shellcheck disable=SC2086
systemctl --no-ask-password stop $units 2>/dev/null
# Where it can, without more room than there is.
put_back() {
    rm -f -- "$2.homestead-undo"
    { ln -- "$1" "$2.homestead-undo" 2>/dev/null || cp -a -- "$1" "$2.homestead-undo"; } && mv -f -- "$2.homestead-undo" "$2"
}
while IFS= read -r path; do
    if [ "$window/old$path" -ef "$path" ]; then
        :
    elif [ -e "$window/old$path" ]; then
        put_back "$window/old$path" "$path" || status=1
    else
        rm -f -- "$path"
    fi
done <"$window/paths"
systemctl daemon-reload || status=1
# shellcheck disable=SC2086
systemctl reset-failed $units 2>/dev/null
# One that does not start says so itself: it is no reason to do all this again, which would not help it.
# shellcheck disable=SC2086
[ -z "$running" ] || systemctl --no-ask-password start $running
start_others
# What could not be put back is tried again at the next boot, and by the next run.
[ "$status" -ne 0 ] || { sync && rm -f -- "$window/open"; }
[ "$status" -ne 0 ] || leave "$@"
[ "${1-}" = held ] || rm -f -- "$base/lock.json"
exit "$status"
