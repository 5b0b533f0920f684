# shellcheck shell=sh disable=SC2154
# What `prepare` and the jobs of trial.sh are written in. `$staging/root` holds what will be other than it is, below the
# paths that it will have.
root=$staging/root
# More than this is no configuration.
most_kib=65536

is_line_of() { grep -Fxqs -e "$1" -- "$2"; }

# A folder of configuration, as it is now; what changes is put over it.
copy() {
    [ -d "$1" ] || return 0
    size=$(timeout 20 du -sk -- "$1" | cut -f1)
    [ "${size:-$((most_kib + 1))}" -le "$most_kib" ] || { echo "$1 holds more than a configuration"; return 1; }
    mkdir -p -- "$root${1%/*}"
    [ -e "$root$1" ] || cp -a -- "$1" "$root$1"
    printf '%s\n' "$1" >>"$staging/copied"
}

# folder MODE OWNER PATH; one that is there and not copied stays where it is.
folder() {
    [ -d "$root$3" ] || [ ! -d "$3" ] || return 0
    mkdir -p -- "$root$3"
    chown -- "$2" "$root$3"
    chmod -- "$1" "$root$3"
}

# file NUMBER MODE OWNER PATH
file() {
    mkdir -p -- "$root${4%/*}"
    mv -f -- "$staging/new/$1" "$root$4"
    chown -- "$3" "$root$4"
    chmod -- "$2" "$root$4"
}

# key MODE OWNER PATH COMMAND; where there is none, a key of its own, which nobody uses: the real one is made later.
key() {
    if [ ! -e "$root$3" ]; then
        [ ! -e "$3" ] || return 0
        mkdir -p -- "$root${3%/*}"
        (umask 077; sh -c "$4" sh </dev/null)
    fi
    chown -- "$2" "$root$3"
    chmod -- "$1" "$root$3"
}

# The place of what will be at a path.
at() {
    if [ -f "$root$1" ] || is_line_of "$1" "$staging/copied"; then
        printf '%s' "$root$1"
    elif [ -e "$1" ] || [ ! -e "$root$1" ]; then
        printf '%s' "$1"
    else
        printf '%s' "$root$1"
    fi
}

# An empty folder in the place of data, as writable as that is.
data() {
    real=$(at "$1")
    [ -d "$real" ] || { printf '%s' "$real"; return; }
    empty=$(mktemp -d "$staging/data.XXXXXX")
    chown --reference="$real" -- "$empty"
    chmod --reference="$real" -- "$empty"
    printf '%s' "$empty"
}

# A network, or Docker's own one where it is not made yet.
network() {
    if docker network inspect -- "$1" >/dev/null 2>&1; then printf '%s' "$1"; else printf bridge; fi
}

# A network that must be there.
joins() {
    docker network inspect -- "$1" >/dev/null 2>&1 || { echo "there is no network $1" >&2; exit 1; }
}

# create OPTIONS IMAGE COMMAND; it never starts.
create() {
    container=$(docker create --label=homestead.check=yes "$@")
    status=$?
    [ -z "$container" ] || docker rm --force --volumes "$container" >/dev/null
    return "$status"
}

# check OPTIONS IMAGE COMMAND
check() {
    timeout --kill-after=5 "$limit" docker run --rm --label=homestead.check=yes --log-driver=none --pull=never \
        --cap-drop=ALL --read-only --security-opt=label=disable "$@"
}

# check_in "NETWORK NETWORK" OPTIONS IMAGE COMMAND; in further networks, as far as they are there.
check_in() {
    further=$1
    shift
    container=$(docker create --label=homestead.check=yes --log-driver=none --pull=never \
        --cap-drop=ALL --read-only --security-opt=label=disable "$@") || return 125
    for name in $further; do
        ! docker network inspect -- "$name" >/dev/null 2>&1 || docker network connect "$name" "$container" || return 125
    done
    timeout --kill-after=5 "$limit" docker start --attach "$container"
    status=$?
    docker rm --force --volumes "$container" >/dev/null
    return "$status"
}
