# $1: the length of a list, $2: the new generation's number, $3: how many generations are kept. stdin: the list, then a
# tar stream with manifest.json, generation.json, and base.json, which is the generation before. A line of the list
# is the SHA-256 of an owned file's content, a space, and its path.
#
# Cut off anywhere, it leaves what the next run understands: objects that nobody speaks of, a generation that
# manifest.json does not count yet and that the next run writes anew, or, once manifest.json is in place, an undo.json
# of another generation, which is none. At the end what stopped with the run's units starts again (`others.sh`).
set -eu
base=/var/lib/homestead
list=$(head -c "$1")
number=$2 keep=$3
umask 077
mkdir -p -- "$base/objects" "$base/generations"
chmod 700 -- "$base"
# The lock of the next run waits for this, as for a push.
[ -n "${HOMESTEAD_CHAIN:-}" ] || { exec 8<"$base" && flock --wait 60 8; }
rm -rf -- "$base/commit.new"
mkdir -- "$base/commit.new"
trap 'rm -rf -- "$base/commit.new"' EXIT
tar --extract --file=- --directory="$base/commit.new" --touch --no-same-owner
cd -- "$base/commit.new"

count=0
while IFS=' ' read -r sum path; do
    [ -n "$sum" ] && [ ! -e "$base/objects/$sum" ] || continue
    count=$((count + 1))
    cat -- "$path" >"object.$count" 2>/dev/null || continue
    # What somebody changed by hand is not what this generation holds.
    printf '%s  %s\n' "$sum" "object.$count" | sha256sum --check --status 2>/dev/null || continue
    mv -f -- "object.$count" "object.$sum"
done <<END
$list
END
find . -type f -exec sync -- {} +
for file in object.*; do
    name=${file#object.}
    [ "${#name}" -ne 64 ] || mv -f -- "$file" "$base/objects/$name"
done
sync -- "$base/objects"

# Moves the document $1 to where the generation $2 lies.
generation() {
    rm -rf -- "$base/generations/.new"
    mkdir -- "$base/generations/.new"
    mv -- "$1" "$base/generations/.new/manifest.json"
    sync -- "$base/generations/.new"
    rm -rf -- "$base/generations/$2"
    mv -T -- "$base/generations/.new" "$base/generations/$2"
}
[ -e "$base/generations/$((number - 1))" ] || generation base.json "$((number - 1))"
generation generation.json "$number"
sync -- "$base/generations"
mv -f -- manifest.json "$base/manifest.json"
sync -- "$base"
rm -f -- "$base/undo.json" "$base/undo.sql" "$base/first-start"
start_others || :

ls -- "$base/generations" | sort -n | head -n "-$keep" | while IFS= read -r old; do rm -rf -- "$base/generations/$old"; done
# Nobody names the rest any more.
cat -- "$base"/generations/*/manifest.json | grep -o '"sha256": *"[0-9a-f]*"' | sed 's/.*"\(.*\)"/\1/' | sort -u >kept
ls -- "$base/objects" | sort >there
comm -13 kept there | while IFS= read -r object; do rm -f -- "$base/objects/$object"; done
