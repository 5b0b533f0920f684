# stdin: a manifest of $1 bytes, then a tar stream with N/new/NAME and N/keep/NAME for each folder N.
# Nothing that exists is touched before everything has arrived and is on disk; if a rename fails, those
# before it are undone.
# shellcheck disable=SC2016
set -eu
base=/var/lib/homestead
staging=$base/staging
moving=no
if [ -e /sys/fs/selinux/enforce ]; then context=-Z; else context=; fi

fail() {
    printf '%s\n' "$1" >&2
    exit 1
}

# Staging folders on other file systems are reached through links in the one here.
sweep() {
    for link in "$staging"/*; do
        [ -L "$link" ] || continue
        real=$(readlink -- "$link")
        case $real in
        */.homestead-staging/*)
            rm -rf -- "$real"
            rmdir -- "${real%/*}" 2>/dev/null || :
            ;;
        esac
    done
    rm -rf -- "$staging"
}

# Calls $1 with number and path of each folder that files go to.
each_folder() {
    while IFS= read -r word; do
        [ "$word" = into ] || continue
        IFS= read -r number
        IFS= read -r folder
        "$1" "$number" "$folder" </dev/null
    done <<END
$manifest
END
}

finish() {
    status=$?
    trap - EXIT HUP INT TERM
    set +e
    [ "$moving" = no ] || each_folder undo
    sweep
    exit "$status"
}

stage() {
    [ -d "$2" ] || fail "the directory $2 does not exist"
    device=$(stat -c %d -- "$2")
    if [ "$device" != "$here" ]; then
        mount=$(stat -c %m -- "$2")
        [ "$(stat -c %d -- "$mount")" = "$device" ] || mount=$2
        real=${mount%/}/.homestead-staging/$1
        # A folder that is left over from an interrupted run, or that somebody else put there.
        [ ! -L "${real%/*}" ] || rm -f -- "${real%/*}"
        mkdir -p -- "${real%/*}"
        chown root:root -- "${real%/*}"
        chmod 700 -- "${real%/*}"
        rm -rf -- "$real"
        mkdir -m 700 -- "$real"
        ln -s -- "$real" "$staging/$1"
    else
        mkdir -m 700 -- "$staging/$1"
    fi
    mkdir -- "$staging/$1/new" "$staging/$1/keep" "$staging/$1/old" "$staging/$1/none"
}

remember() {
    find "$staging/$1/new/" -mindepth 1 -maxdepth 1 -exec sh -c '
        old=$1 none=$2 folder=$3
        shift 3
        for file; do
            name=${file##*/}
            if [ -L "$folder/$name" ] || [ -f "$folder/$name" ]; then
                ln -P -- "$folder/$name" "$old/$name" || exit 1
            elif [ -e "$folder/$name" ]; then
                printf "%s is in the way: it is no file\n" "$folder/$name" >&2
                exit 1
            else
                : >"$none/$name" || exit 1
            fi
        done' sh "$staging/$1/old" "$staging/$1/none" "${2%/}" {} +
}

# What is in `new` still was not moved.
undo() {
    find "$staging/$1/old/" "$staging/$1/none/" -mindepth 1 -maxdepth 1 -exec sh -c '
        new=$1 folder=$2
        shift 2
        for file; do
            name=${file##*/}
            [ ! -e "$new/$name" ] || continue
            case $file in
            */old/*) mv -f -t "$folder/" -- "$file" ;;
            *) rm -f -- "$folder/$name" ;;
            esac
        done' sh "$staging/$1/new" "${2%/}" {} +
}

move() {
    # One rename(2) each: staging is on the same file system.
    find "$staging/$1/new/" -mindepth 1 -maxdepth 1 -exec mv -f $context -t "$2" -- {} +
    find "$staging/$1/keep/" -mindepth 1 -maxdepth 1 -exec sh -c '
        folder=$1
        shift
        for file; do
            target=$folder/${file##*/}
            [ -e "$target" ] || [ -L "$target" ] || ln -- "$file" "$target" || exit 1
        done' sh "${2%/}" {} +
    sync -- "$2"
}

manifest=$(head -c "$1")
umask 077
mkdir -p -- "$base"
chmod 700 -- "$base"
# Whoever takes the host's lock waits for this one: a run that is gone may have left a push that still moves files.
[ -n "${HOMESTEAD_CHAIN:-}" ] || { exec 8<"$base" && flock --wait 60 8; } || fail "another push is at work"
sweep
trap finish EXIT
trap 'exit 1' HUP INT TERM
mkdir -- "$staging"
here=$(stat -c %d -- "$staging")

: >"$staging/.owner"
umask 022
while IFS= read -r word; do
    case $word in
    owner)
        IFS= read -r owner
        chown -- "$owner" "$staging/.owner"
        ;;
    directories)
        IFS= read -r mode
        IFS= read -r owner
        IFS= read -r group
        IFS= read -r count
        set --
        while [ "$count" -gt 0 ]; do
            IFS= read -r path
            set -- "$@" "$path"
            count=$((count - 1))
        done
        install -d -m "$mode" -o "$owner" -g "$group" -- "$@"
        ;;
    esac
done <<END
$manifest
END
umask 077

each_folder stage
tar --extract --file=- --directory="$staging" --touch --preserve-permissions --same-owner
rm -f -- "$staging/.owner"
find -L "$staging" -type f -exec sync -- {} +
each_folder remember
moving=yes
each_folder move
moving=no

while IFS= read -r word; do
    [ "$word" = remove ] || continue
    IFS= read -r path
    if [ -d "$path" ] && [ ! -L "$path" ]; then rmdir -- "$path"; else rm -f -- "$path"; fi
done <<END
$manifest
END
