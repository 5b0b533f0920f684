# Keeps what a move of accounts will change, and starts the guard that puts it back when the run is lost.
# The folder holds `undo.sh`, `units`, `container` and `paths` already.
set -eu
base=/var/lib/homestead
window=$base/migration-window
umask 077
read -r units <"$window/units"
rm -rf -- "$window/old"
mkdir -- "$window/old"
while IFS= read -r path; do
    if [ -f "$path" ]; then
        mkdir -p -- "$window/old${path%/*}"
        cp -a -- "$path" "$window/old$path"
    fi
done <"$window/paths"
running=
for unit in $units; do
    if systemctl --quiet is-active "$unit"; then running="$running $unit"; fi
done
printf '%s\n' "${running# }" >"$window/running"
sync
: >"$window/open"
systemctl daemon-reload
systemctl --quiet enable homestead-migration-guard.service
# Before anything changes.
sync
systemctl --no-block restart homestead-migration-guard.service
