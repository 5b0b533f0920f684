# Five arguments a key: path, temporary path, mode, owner:group, command. The path of each key that was
# made is written out. What is in a key that exists is never touched; its mode and owner are corrected.
set -eu
temporary=
finish() {
    status=$?
    [ -z "$temporary" ] || rm -rf -- "${temporary%/*}"
    exit "$status"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM
while [ $# -gt 0 ]; do
    path=$1 mode=$3 owner=$4 command=$5
    if [ -e "$path" ] || [ -L "$path" ]; then
        if [ -f "$path" ] && [ ! -L "$path" ]; then
            chown -- "$owner" "$path"
            chmod -- "$mode" "$path"
        fi
        shift 5
        continue
    fi
    [ -d "${path%/*}/" ] || { printf 'the directory %s does not exist\n' "${path%/*}" >&2; exit 1; }
    temporary=$2
    rm -rf -- "${temporary%/*}"
    mkdir -m 700 -- "${temporary%/*}"
    shift 5
    (umask 077; sh -c "$command" sh </dev/null >&2) || { printf 'the command for %s failed\n' "$path" >&2; exit 1; }
    [ -s "$temporary" ] || { printf 'the command for %s wrote nothing\n' "$path" >&2; exit 1; }
    chown -- "$owner" "$temporary"
    chmod -- "$mode" "$temporary"
    sync -- "$temporary"
    # A hard link never replaces what somebody else put there meanwhile.
    ln -- "$temporary" "$path"
    sync -- "${path%/*}/"
    rm -rf -- "${temporary%/*}"
    temporary=
    printf '%s\n' "$path"
done
