# Runs a container while services are stopped, and starts them again unless it succeeded and they are to stay down.
#
# $1: units to stop, $2: networks to join, $3: the container's name, $4: `keep` to leave the units stopped after
# success, or `held` where the caller has the lock and has stopped what is to stop; then the words of `docker create`.
# stdin: one line of JSON about who asks, for the lock, or the id of the run that has it; after it what to write down as the state of the migration, if anything.
# It holds the lock itself and runs to its end even when the connection is lost. What stopped with the units stays stopped with
# them, until a run commits (`others.sh`).
set -u
units=$1 networks=$2 name=$3 after=$4
shift 4
base=/var/lib/homestead
umask 077
trap '' HUP INT TERM PIPE
mkdir -p -- "$base" && chmod 700 -- "$base" || exit 1
IFS= read -r holder || exit 1
if [ "$after" = held ]; then
    # What puts everything back when that run is lost removes the container, and must not come before it.
    case $(cat -- "$base/lock.json" 2>/dev/null) in
    *"\"run\":\"$holder\""*) ;;
    *) [ -z "$holder" ] || exit 75 ;;
    esac
else
    exec 9>"$base/lock" || exit 1
    if ! flock --nonblock 9; then
        cat -- "$base/lock.json" >&2 2>/dev/null
        exit 75
    fi
    printf '%s\n' "$holder" >"$base/lock.json.new" && mv -f -- "$base/lock.json.new" "$base/lock.json" || exit 1
fi
record=$(cat)
# On a full disk this fails while everything still runs, and not after the accounts have moved.
if [ -n "$record" ]; then
    printf '%s\n' "$record" >"$base/migration.json.new" && sync -- "$base/migration.json.new" || {
        rm -f -- "$base/migration.json.new"
        exit 1
    }
fi
# Of one that was cut off by a loss of power.
rm -rf -- "$base"/said.*
said=$(mktemp -d -- "$base/said.XXXXXX") || exit 1
: >"$said/out"
: >"$said/err"

program() {
    docker rm --force --volumes "$name" >/dev/null 2>&1
    docker create "$@" >/dev/null 2>>"$said/err" || return 125
    for network in $networks; do
        docker network connect "$network" "$name" 2>>"$said/err" || return 125
    done
    # Files, not pipes: nobody may be there to read, and that must not end it.
    docker start --attach "$name" >>"$said/out" 2>>"$said/err" </dev/null &
    child=$!
    tail -q -s 0.2 -n +1 -f --pid="$child" -- "$said/out" &
    tail -q -s 0.2 -n +1 -f --pid="$child" -- "$said/err" >&2 &
    wait "$child"
    status=$?
    wait
    return "$status"
}

running=
for unit in $units; do
    if systemctl --quiet is-active "$unit"; then running="$running $unit"; fi
done
status=0
if [ -n "$running" ]; then
    echo "stopping$running" >&2
    note_others $running && systemctl --no-ask-password stop $running || status=124
fi
if [ "$status" -eq 0 ]; then
    program "$@"
    status=$?
    [ "$status" -ne 125 ] || cat -- "$said/err" >&2
fi
docker rm --force --volumes "$name" >/dev/null 2>&1
if [ -n "$running" ] && { [ "$status" -ne 0 ] || [ "$after" != keep ]; }; then
    echo "starting$running" >&2
    systemctl --no-ask-password start $running || echo "some of$running did not start" >&2
    start_others
fi
if [ "$status" -eq 0 ] && [ -n "$record" ]; then
    mv -f -- "$base/migration.json.new" "$base/migration.json" || exit 1
fi
rm -f -- "$base/migration.json.new"
rm -rf -- "$said"
[ "$after" = held ] || rm -f -- "$base/lock.json"
exit "$status"
