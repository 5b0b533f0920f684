# $1: ports, with spaces between them. Then paths; `docker` stands for the folder of Docker's images. Lines with tabs
# come out: `taken PORT CONTAINER PROGRAM` for ports that somebody listens on, as far as that can be told, and
# `space PATH MOUNT FREE-KIB FREE-INODES` with `-` where a file system has no fixed number of inodes.
set -u
is_taken() {
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
        awk -v "port=$(printf '%04X' "$1")" '$4 == "0A" { sub(/.*:/, "", $2); if ($2 == port) found = 1 } END { exit !found }'
}
for port in $1; do
    tries=0
    while is_taken "$port"; do
        container=$(docker ps --filter "publish=$port" --format '{{.Names}}' 2>/dev/null | head -n 1)
        program=$(ss -ltnpH "sport = :$port" 2>/dev/null | sed -n 's/.*users:(("\([^"]*\)",pid=\([0-9]*\).*/\1 (process \2)/p' | head -n 1)
        # While a container starts or stops, Docker does not name it.
        case $container$program in
        docker-proxy*)
            if [ "$tries" -lt 50 ]; then
                tries=$((tries + 1))
                sleep 0.2
                continue
            fi
            ;;
        esac
        printf 'taken\t%s\t%s\t%s\n' "$port" "$container" "$program"
        break
    done
done
shift
for path; do
    found=$path
    [ "$path" != docker ] || found=$(docker info --format '{{.DockerRootDir}}' 2>/dev/null)
    [ -n "$found" ] || found=/var/lib/docker
    while [ ! -e "$found" ] && [ -n "$found" ]; do found=${found%/*}; done
    found=${found:-/}
    # A FUSE or network file system may say nothing.
    numbers=$(stat -f -c '%a %S %d %c' -- "$found" 2>/dev/null) || continue
    # shellcheck disable=SC2086
    set -- $numbers "$@"
    inodes=$3
    [ "$4" != 0 ] || inodes=-
    printf 'space\t%s\t%s\t%s\t%s\n' "$path" "$(stat -c %m -- "$found")" "$(($1 * ($2 / 512) / 2))" "$inodes"
    shift 4
done
