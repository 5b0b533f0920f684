# Ends the window of a move of accounts. $1: `commit` when what was changed is to stay, with the path of Traefik's dynamic
# configuration as $2 where the door is to open.
set -u
base=/var/lib/homestead
window=$base/migration-window
trap '' HUP INT TERM PIPE
umask 077
if [ "$1" = commit ]; then
    # The host put everything back already.
    [ -e "$window/open" ] || exit 3
    if [ -n "${2-}" ]; then
        cp -a -- "$2" "$2.homestead-open" && cat -- "$window/door" >"$2.homestead-open" && mv -f -- "$2.homestead-open" "$2" || exit 1
    fi
    mv -f -- "$window/migration.json" "$base/migration.json" || exit 1
    sync
    # From here on a power cut puts nothing back.
    rm -f -- "$window/open" || exit 1
    sync
fi
systemctl --quiet disable homestead-migration-guard.service 2>/dev/null
# It waits for the lock that the run holds. Where that is lost it waits for this, and ends by itself.
systemctl --no-block stop homestead-migration-guard.service 2>/dev/null
rm -rf -- "$window" /etc/systemd/system/homestead-migration-guard.service
systemctl daemon-reload
exit 0
