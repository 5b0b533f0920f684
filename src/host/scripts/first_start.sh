# $1: Postgres's data folder, $2: its unit, $3: its container. Where the note of a first start is left, that was cut off before
# anybody had used the server: unless it answers by now, what it left is put aside, and the unit starts anew. Says what it did.
#
# The image makes the cluster, and then the database, and takes a folder in which there is the beginning of one for a
# whole one ever after.
set -u
base=/var/lib/homestead
umask 077
[ "$(cat -- "$base/first-start" 2>/dev/null)" = "$1" ] || exit 0
active=$(systemctl show --property=ActiveState --value -- "$2")
answers() {
    docker exec "$3" sh -c 'PGPASSWORD="$POSTGRES_PASSWORD" psql --no-psqlrc --tuples-only -c "SELECT 1" -h "${PGHOST:-/run/postgresql}" -U "$POSTGRES_USER" -d "$POSTGRES_DB"'
}
whole=no
if [ -e "$1/PG_VERSION" ] && [ "$active" != inactive ] && [ "$active" != failed ]; then
    # It may be at it still.
    tries=0
    until [ "$tries" -ge 30 ]; do
        if answers "$@" </dev/null >/dev/null 2>&1; then whole=yes && break; fi
        tries=$((tries + 1))
        sleep 1
    done
fi
if [ "$whole" = no ] && [ -e "$1/PG_VERSION" ]; then
    trap '' HUP INT TERM PIPE
    aside=$1.cut-off-$(date -u +%Y%m%d%H%M%S)
    systemctl --no-ask-password stop -- "$2" || exit 1
    mv -- "$1" "$aside" || exit 1
    mkdir -- "$1" && chown --reference="$aside" -- "$1" && chmod --reference="$aside" -- "$1" && sync -- "$1" || exit 1
    if [ "$active" != inactive ] && [ "$active" != failed ]; then systemctl --no-ask-password start -- "$2" || exit 1; fi
    printf '%s\n' "$aside"
    # The note stays until somebody was answered.
    exit 0
fi
[ "$whole" = no ] || rm -f -- "$base/first-start"
exit 0
