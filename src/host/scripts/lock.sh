# $1: seconds to wait, $2: the run's id. stdin: one line of JSON about who asks; then lines for the run's journal.
# The lock is held until stdin is closed. The line `stop` closes the gates of the run's chains (`chain.sh`).
# After the line `input NUMBER NAME` come so many bytes for the file NAME: the input of a script (`input.sh`).
set -u
base=/var/lib/homestead
umask 077
mkdir -p -- "$base" && chmod 700 -- "$base" || exit 1
exec 9>"$base/lock" || exit 1
IFS= read -r holder || exit 1
if ! flock --wait "$1" 9; then
    cat -- "$base/lock.json" >&2 2>/dev/null
    exit 75
fi
# What a run that is gone has asked for may be at work still, or wait for the rest of its input for hours.
if ! flock --wait 20 "$base" true; then
    for fd in /proc/[0-9]*/fd/8; do
        [ ! "$fd" -ef "$base" ] || { fd=${fd#/proc/} && kill -- "${fd%%/*}"; }
    done
    flock --wait 10 "$base" true || exit 75
fi
rm -rf -- "$base/stop" "$base/input"
mkdir -- "$base/input" 2>/dev/null
printf '%s\n' "$holder" >"$base/lock.json.new" && mv -f -- "$base/lock.json.new" "$base/lock.json" || {
    rm -f -- "$base/lock.json.new"
    exit 1
}
echo "locked $(unfinished 9>&-)"
journal=$base/journal/$2.jsonl
begin() {
    mkdir -p -- "$base/journal" || return 1
    # With the new one, 20.
    # shellcheck disable=SC2012
    ls -t -- "$base/journal" | tail -n +20 | while IFS= read -r old; do rm -f -- "$base/journal/$old"; done
    : >"$journal"
}
# A connection that broke without a word would hold the lock for hours. So whoever holds it sends an empty line every
# ten seconds; after a minute without any line this ends.
holds() {
    for fd in /proc/"$$"/fd/*; do [ ! "$fd" -ef "$base/lock" ] || return 0; done
    return 1
}
(
    quiet=0 last=
    while sleep 5 && holds; do
        now=$(stat -c %Y -- "$base/lock.json" 2>/dev/null)
        if [ "$now" = "$last" ]; then quiet=$((quiet + 1)); else quiet=0 last=$now; fi
        [ "$quiet" -lt 12 ] || { kill -- "$$" && exit; }
    done
) 9>&- </dev/null >/dev/null 2>&1 &
watch=$!
# Ends when the connection does. Without room on the disk the journal has gaps, and the lock is held all the same.
while IFS= read -r line; do
    touch -c -- "$base/lock.json"
    [ -n "$line" ] || continue
    case $line in
    stop) : >"$base/stop" && continue ;;
    'input '*)
        length=${line#input }
        file=$base/input/${length#* }
        # Whatever becomes of the file, its bytes are no lines.
        head -c "${length%% *}" | {
            { cat >"$file.new" && mv -f -- "$file.new" "$file"; } || { rm -f -- "$file.new" && : >"$file.failed"; }
            cat >/dev/null
        }
        continue
        ;;
    esac
    { [ -f "$journal" ] || begin; } && printf '%s\n' "$line" >>"$journal" && sync -- "$journal"
done 9>&- 2>/dev/null
rm -f -- "$base/lock.json"
rm -rf -- "$base/stop" "$base/input"
kill -- "$watch" 2>/dev/null
exit 0
