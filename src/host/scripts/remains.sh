# stdin: what to look at, one a line: `folder PATH`, `network NAME`, `data PATH`, `size PATH`. What is not there is left
# out of what comes back.
set -u
while read -r what name; do
    case $what in
    folder)
        { [ -d "$name" ] && [ ! -L "$name" ]; } || continue
        printf 'folder\0%s\0' "$name"
        for path in "$name"/* "$name"/.[!.]* "$name"/..?*; do
            # A socket goes with the program that made it, and with it its lock file.
            { [ -S "$path" ] || [ -S "${path%.lock}" ]; } && continue
            { [ ! -e "$path" ] && [ ! -L "$path" ]; } || printf '%s\0' "${path##*/}"
        done
        printf '\0'
        ;;
    network)
        docker network inspect -- "$name" >/dev/null 2>&1 || continue
        users=$(docker container ls --all --filter "network=$name" --format '{{.Names}}') || exit 1
        printf 'network\0%s\0' "$name"
        [ -z "$users" ] || printf '%s\n' "$users" | tr '\n' '\0'
        printf '\0'
        ;;
    data | size)
        [ -e "$name" ] || continue
        bytes=
        # A file that goes meanwhile is a complaint of du's, and no matter.
        [ "$what" = data ] || bytes=$(du -s -B 1 -- "$name" 2>/dev/null | cut -f 1)
        printf 'data\0%s\0%s\0\0' "$name" "${bytes:--}"
        ;;
    esac
done
printf 'end\0'
