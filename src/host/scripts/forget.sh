# stdin: the content of manifest.json; none where there was none. What could be undone is, or is not to be. What stopped
# with the run's units starts again (`others.sh`).
set -eu
base=/var/lib/homestead
umask 077
# The lock of the next run waits for this, as for a push.
[ -n "${HOMESTEAD_CHAIN:-}" ] || { exec 8<"$base" && flock --wait 60 8; }
trap 'rm -f -- "$base/manifest.json.new"' EXIT
cat >"$base/manifest.json.new"
if [ -s "$base/manifest.json.new" ]; then
    sync -- "$base/manifest.json.new"
    mv -f -- "$base/manifest.json.new" "$base/manifest.json"
fi
rm -f -- "$base/undo.json" "$base/undo.sql"
sync -- "$base"
start_others || :
