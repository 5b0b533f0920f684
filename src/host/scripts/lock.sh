# $1: seconds to wait. stdin: one line of JSON about who asks; then open as long as the lock is held.
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
printf '%s\n' "$holder" >"$base/lock.json.new" && mv -f -- "$base/lock.json.new" "$base/lock.json" || exit 1
echo locked
# Ends when the connection does. `cat` holds the lock with this shell.
cat >/dev/null
rm -f -- "$base/lock.json"
