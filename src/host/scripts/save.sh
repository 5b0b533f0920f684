# stdin: a list of $1 bytes, then the content of undo.json. A line of the list is the SHA-256 of a file's content or
# `absent`, a space, and the path. Every content is copied to objects/ before undo.json speaks of it. Where a
# path is not as the list says, it is written to stdout, nothing is kept, and the status is 65. $2: `older` where the passwords
# of before that an earlier run kept still count.
set -eu
base=/var/lib/homestead
list=$(head -c "$1")
umask 077
mkdir -p -- "$base/objects"
chmod 700 -- "$base"
# The lock of the next run waits for this, as for a push.
[ -n "${HOMESTEAD_CHAIN:-}" ] || { exec 8<"$base" && flock --wait 60 8; }
rm -rf -- "$base/objects.new"
mkdir -- "$base/objects.new"
trap 'rm -rf -- "$base/objects.new" "$base/undo.json.new"' EXIT
cd -- "$base/objects.new"

number=0
changed=no
while IFS=' ' read -r sum path; do
    [ -n "$sum" ] || continue
    if [ "$sum" = absent ]; then
        if [ -e "$path" ] || [ -L "$path" ]; then printf '%s\n' "$path"; changed=yes; fi
        continue
    fi
    number=$((number + 1))
    # What is written is what was read, even if the file changes meanwhile.
    if ! { [ ! -L "$path" ] && cat -- "$path" >"$number" && printf '%s  %s\n' "$sum" "$number" | sha256sum --check --status; } 2>/dev/null; then
        # A copy that is no true one for lack of room is the disk's fault, not somebody's change.
        found=$(sha256sum <"$path" 2>/dev/null) || found=
        if [ "${found%% *}" = "$sum" ]; then printf 'No space left on device\n' >&2; exit 1; fi
        printf '%s\n' "$path"
        changed=yes
    fi
    printf '%s\n' "$sum" >"$number.sum"
done <<END
$list
END
[ "$changed" = no ] || exit 65

[ "$number" -eq 0 ] || sync -- [0-9]*
while [ "$number" -gt 0 ]; do
    mv -f -- "$number" "$base/objects/$(cat -- "$number.sum")"
    number=$((number - 1))
done
sync -- "$base/objects"
# A power cut after a commit may have brought them back.
[ "$2" = older ] || rm -f -- "$base/undo.sql"
cat >"$base/undo.json.new"
sync -- "$base/undo.json.new"
mv -f -- "$base/undo.json.new" "$base/undo.json"
sync -- "$base"
