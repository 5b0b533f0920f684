# Disposable hosts: start, exec, stop, list.
# shellcheck shell=bash

HOSTS=$CACHE/hosts

check_name() {
    [[ ${1:-} =~ ^[a-z0-9][a-z0-9-]{0,62}$ ]] ||
        fail "a host's name is made of a-z, 0-9 and -, at most 63 characters; got \`${1:-}\`"
}

container_of() { printf '%s%s' "$CONTAINER_PREFIX" "$1"; }

host_exists() { docker container inspect "$(container_of "$1")" >/dev/null 2>&1; }

# Prints the port on 127.0.0.1 that leads to a guest's port.
published_port() {
    docker container inspect --format \
        "{{(index (index .NetworkSettings.Ports \"$2/tcp\") 0).HostPort}}" "$(container_of "$1")"
}

describe_host() {
    local name=$1
    printf '{"name":"%s","ssh_port":%s,"http_port":%s,"https_port":%s,"federation_port":%s,' "$name" \
        "$(published_port "$name" 22)" "$(published_port "$name" 80)" \
        "$(published_port "$name" 443)" "$(published_port "$name" 8448)"
    printf '"ssh_key":"%s","known_hosts":"%s","user":"root","registry":"%s","ca_cert":"%s","container":"%s"}' \
        "$SSH_KEYS/id_ed25519" "$HOSTS/$name/known_hosts" "$GUEST_REGISTRY" "$TLS/ca.pem" "$(container_of "$name")"
}

ssh_answers() {
    ssh -F none -i "$SSH_KEYS/id_ed25519" -p "$2" -o "UserKnownHostsFile=$HOSTS/$1/known_hosts" \
        -o StrictHostKeyChecking=yes -o BatchMode=yes -o ConnectTimeout=2 -o IdentitiesOnly=yes \
        root@127.0.0.1 true
}

# One exec that polls inside the host: it is cheaper than an exec a look.
wait_inside() {
    docker exec "$(container_of "$1")" sh -c '
        look() {
            docker version && curl --silent --fail http://127.0.0.1:5000/v2/_catalog && test -S /run/dbus/system_bus_socket
        }
        tries=0
        until look >/dev/null 2>&1; do
            tries=$((tries + 1))
            [ "$tries" -lt 400 ] || { systemctl --failed --no-pager; journalctl --no-pager -n 15 | cut -c 1-300; exit 1; }
            sleep 0.1
        done
        state=$(timeout 40 systemctl is-system-running --wait)
        [ "$state" = running ] || { echo "systemd is $state"; systemctl --failed --no-pager; exit 1; }
    ' >&2
}

write_known_hosts() {
    local type
    for type in ed25519 ecdsa rsa; do
        printf '[127.0.0.1]:%s %s\n' "$2" "$(cut -d ' ' -f 1,2 "$SSH_KEYS/ssh_host_${type}_key.pub")"
    done >"$1/known_hosts"
}

start_host() {
    local name publish=() registry image
    image=$(host_image)
    check_name "${1:-}"
    name=$1
    shift
    while [ "$#" -gt 0 ]; do
        case $1 in
            --publish)
                [[ ${2:-} =~ ^[0-9]+:[0-9]+(/udp|/tcp)?$ ]] || fail "--publish wants HOSTPORT:GUESTPORT"
                publish+=(--publish "127.0.0.1:$2")
                shift 2
                ;;
            --python)
                build_python_host
                image=$(python_host_image)
                shift
                ;;
            *) fail "\`start\` does not know \`$1\`" ;;
        esac
    done
    registry=$(registry_folder) || fail "the images are missing: run \`sandbox prepare\`"
    if ! image_exists "$(host_image)" || [ ! -e "$registry/complete" ]; then
        fail "the images are missing or old: run \`sandbox prepare\`"
    fi
    if host_exists "$name"; then fail "host \`$name\` exists: \`sandbox stop $name\` removes it"; fi

    # A host that does not come up on a loaded machine gets one more chance; what it said stays on stderr.
    if ! boot_host "$name" "$image" "$registry" "${publish[@]}"; then
        say "host \`$name\` did not come up; trying once more"
        boot_host "$name" "$image" "$registry" "${publish[@]}" || fail "host \`$name\` did not come up"
    fi
    describe_host "$name"
    printf '\n'
}

# boot_host NAME IMAGE REGISTRY [PUBLISH...]: runs the container and waits until it is a host; else nothing of it stays.
boot_host() {
    local name=$1 image=$2 registry=$3 container folder port
    shift 3
    container=$(container_of "$name")
    folder=$HOSTS/$name
    rm -rf "$folder"
    mkdir -p "$folder"
    # Not --privileged: it fails on machines without CAP_SYS_RESOURCE. The names are the tests' server.
    docker run --detach --name "$container" --hostname "$name" --label "$HOST_LABEL=$name" \
        --cap-add ALL --cap-drop SYS_RESOURCE \
        --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
        --cgroupns host --volume /sys/fs/cgroup:/sys/fs/cgroup:rw \
        --sysctl net.ipv6.conf.all.disable_ipv6=0 \
        --tmpfs /run:rw,exec,mode=755 --tmpfs /run/lock --tmpfs /tmp:rw,exec,mode=1777 \
        --volume "$registry:/var/lib/docker-registry:ro" \
        --add-host example.com:127.0.0.1 --add-host matrix.example.com:127.0.0.1 \
        --add-host element.example.com:127.0.0.1 \
        --publish 127.0.0.1::22 --publish 127.0.0.1::80 --publish 127.0.0.1::443 --publish 127.0.0.1::8448 \
        "$@" "$image" >/dev/null || {
        stop_host "$name"
        return 1
    }
    port=$(published_port "$name" 22)
    write_known_hosts "$folder" "$port"
    if ! wait_inside "$name" || ! wait_for 20 "sshd of $name" ssh_answers "$name" "$port"; then
        stop_host "$name"
        return 1
    fi
}

# Every process dies at once, and the host boots: what was on its disk is there, /run and /tmp are empty.
# It is done when sshd answers; services may still be starting.
reset_host() {
    local name=${1:-} container port
    check_name "$name"
    host_exists "$name" || fail "there is no host \`$name\`"
    container=$(container_of "$name")
    docker kill "$container" >/dev/null
    docker start "$container" >/dev/null
    port=$(published_port "$name" 22)
    write_known_hosts "$HOSTS/$name" "$port"
    wait_for 30 "sshd of $name" ssh_answers "$name" "$port" || fail "host \`$name\` did not come back"
    describe_host "$name"
    printf '\n'
}

exec_in_host() {
    local name=${1:-} flags=(--interactive)
    check_name "$name"
    shift
    [ "${1:-}" != -- ] || shift
    [ "$#" -gt 0 ] || fail "exec wants a command: sandbox exec NAME -- COMMAND..."
    if [ -t 0 ] && [ -t 1 ]; then flags+=(--tty); fi
    exec docker exec "${flags[@]}" "$(container_of "$name")" "$@"
}

# Docker fails to remove a container whose mounts are still busy: that passes.
stop_host() {
    local container problem tries=0
    check_name "${1:-}"
    container=$(container_of "$1")
    until problem=$(docker rm --force --volumes "$container" 2>&1) || [[ $problem == *"No such container"* ]]; do
        tries=$((tries + 1))
        [ "$tries" -lt 20 ] || fail "host \`$1\` cannot be removed: $problem"
        sleep 0.5
    done
    rm -rf "${HOSTS:?}/$1"
}

host_names() {
    docker ps --all --filter "label=$HOST_LABEL" --format "{{.Label \"$HOST_LABEL\"}}"
}

stop_all_hosts() {
    local name
    for name in $(host_names); do
        stop_host "$name" &
    done
    wait
}

list_hosts() {
    local name separator=
    printf '['
    for name in $(docker ps --filter "label=$HOST_LABEL" --format "{{.Label \"$HOST_LABEL\"}}"); do
        printf '%s' "$separator"
        describe_host "$name"
        separator=,
    done
    printf ']\n'
}
