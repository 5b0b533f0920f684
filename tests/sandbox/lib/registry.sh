# The storage of the hosts' registry: filled once, kept in the cache, mounted read-only into every host.
# shellcheck shell=bash

REGISTRY=$CACHE/registry
# Where the registry's file system driver keeps everything.
STORAGE=docker/registry/v2

# Prints the folder for the images as they are now; its name is a hash of their ids and names.
registry_folder() {
    local image reference id list=
    while IFS=$'\t' read -r image reference; do
        id=$(docker image inspect --format '{{.Id}}' "$image" 2>/dev/null) || return 1
        list+="$reference $id"$'\n'
    done < <(image_list)
    printf '%s/%s' "$REGISTRY" "$(printf '%s' "$list" | sha256sum | cut -c 1-12)"
}

fill_registry() {
    local folder partial container address image reference previous
    folder=$(registry_folder)
    if [ -e "$folder/complete" ]; then
        touch "$folder/complete"
        return 0
    fi
    say "filling the registry"
    partial=$folder.partial
    rm -rf "$partial" "$folder"
    mkdir -p "$partial"
    # Layers that an earlier storage holds need not be compressed again.
    previous=$(find "$REGISTRY" -mindepth 2 -maxdepth 2 -name complete -printf '%T@ %h\n' 2>/dev/null |
        sort -n | tail -n 1 | cut -d ' ' -f 2-)
    # Blobs never change, so they are shared; tags do, so they are copied.
    if [ -n "$previous" ]; then
        mkdir -p "$partial/$STORAGE"
        cp -al "$previous/$STORAGE/blobs" "$partial/$STORAGE/blobs"
        cp -a "$previous/$STORAGE/repositories" "$partial/$STORAGE/repositories"
    fi

    container=$(docker run --detach --rm --publish 127.0.0.1::5000 --volume "$partial:/var/lib/docker-registry" \
        --env REGISTRY_HTTP_ADDR=0.0.0.0:5000 --env 'REGISTRY_STORAGE_MAINTENANCE_READONLY={"enabled": false}' \
        "$(host_image)" docker-registry serve /etc/docker/registry/config.yml)
    # shellcheck disable=SC2064
    trap "docker rm --force --volumes $container >/dev/null 2>&1 || true" EXIT
    address=$(docker port "$container" 5000/tcp | head -n 1)
    wait_for 20 "the registry" curl --silent --fail --noproxy '*' "http://$address/v2/" ||
        fail "the registry did not start: $(docker logs "$container" 2>&1 | tail -n 5)"
    while IFS=$'\t' read -r image reference; do
        docker tag "$image" "$address/$reference"
        quietly "push-$(basename "${reference%%:*}")" docker push "$address/$reference"
        docker image rm --no-prune "$address/$reference" >/dev/null
    done < <(image_list)
    docker rm --force --volumes "$container" >/dev/null
    trap - EXIT
    mv "$partial" "$folder"
    touch "$folder/complete"
}

# Keeps the storages that were used last, and those that a host has mounted.
prune_registry() {
    local used
    used=$(docker ps --all --quiet --filter "label=$HOST_LABEL" |
        xargs --no-run-if-empty docker inspect --format '{{.HostConfig.Binds}}')
    find "$REGISTRY" -mindepth 2 -maxdepth 2 -name complete -printf '%T@ %h\n' 2>/dev/null |
        sort -rn | tail -n +5 | cut -d ' ' -f 2- |
        while read -r folder; do
            case $used in *"$folder:"*) ;; *) rm -rf "${folder:?}" ;; esac
        done
}
