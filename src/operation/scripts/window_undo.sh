# Puts back what an unfinished move of accounts changed, and starts what ran before it. Waits for the host's lock, which
# the run holds as long as it lives; `$1` is `held` where the caller has it.
set -u
base=/var/lib/homestead
window=$base/migration-window
umask 077
if [ "${1-}" != held ]; then
    exec 9>"$base/lock" || exit 1
    flock 9 || exit 1
    # What the lost run sent last may be at work still.
    flock --wait 20 "$base" true
fi
[ -e "$window/open" ] || exit 0
# From here on to the end.
trap '' HUP INT TERM PIPE
if [ "${1-}" != held ]; then
    printf '{"who":"this host","run":"migration-guard","command":"putting back an unfinished migration","since":"%s"}\n' \
        "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$base/lock.json"
fi
read -r units <"$window/units"
read -r running <"$window/running"
read -r container <"$window/container"
status=0
[ -z "$container" ] || docker rm --force --volumes "$container" >/dev/null 2>&1
# Nothing of the lost run may go on.
# shellcheck disable=SC2086
systemctl --no-ask-password stop $units 2>/dev/null
while IFS= read -r path; do
    if [ -e "$window/old$path" ]; then
        cp -a -- "$window/old$path" "$path.homestead-undo" && mv -f -- "$path.homestead-undo" "$path" || status=1
    else
        rm -f -- "$path"
    fi
done <"$window/paths"
systemctl daemon-reload || status=1
# shellcheck disable=SC2086
systemctl reset-failed $units 2>/dev/null
# shellcheck disable=SC2086
[ -z "$running" ] || systemctl --no-ask-password start $running || status=1
# What could not be put back is tried again at the next boot, and by the next run.
[ "$status" -ne 0 ] || rm -f -- "$window/open"
[ "${1-}" != held ] || exit "$status"
rm -f -- "$base/lock.json"
if [ "$status" -eq 0 ]; then
    # Nobody else may come to take it away.
    systemctl --quiet disable homestead-migration-guard.service 2>/dev/null
    rm -rf -- "$window" /etc/systemd/system/homestead-migration-guard.service
    systemctl daemon-reload
fi
exit "$status"
