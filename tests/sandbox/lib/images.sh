# Builds the images: images/base and images/host, then every service image under images/.
# shellcheck shell=bash

IMAGES=$SANDBOX_DIR/images

# Prints the names of the service images.
service_images() {
    local folder
    for folder in "$IMAGES"/*/; do
        [ ! -e "$folder/reference" ] || basename "$folder"
    done
}

# Prints the local image of a recipe: its key covers all that goes into it.
rootfs_image() { printf 'homestead-sandbox-rootfs:%s' "$(key_of "$IMAGES/base/bootstrap")"; }
base_image() { printf 'homestead-sandbox-base:%s' "$(key_of "$IMAGES/base" "$TLS/ca.pem")"; }
host_image() {
    printf 'homestead-sandbox-host:%s' \
        "$(key_of "$(base_image)" "$IMAGES/host" "$TLS/cert.pem" "$SSH_KEYS/id_ed25519.pub")"
}
python_host_image() { printf 'homestead-sandbox-python-host:%s' "$(key_of "$(host_image)")"; }
service_image() {
    local extra=
    [ "$1" != mas ] || extra=$(mas_source_key)
    [ "$1" != postgres15 ] || extra=$IMAGES/postgres/docker-entrypoint.sh
    printf 'homestead-sandbox-%s:%s' "$1" "$(key_of "$(base_image)" "$IMAGES/$1" "$extra")"
}

# Builds without BuildKit, which Debian's Docker lacks, and on the machine's own network, for apt.
build() {
    local image=$1 context=$2
    shift 2
    quietly "build-${image%%:*}" env DOCKER_BUILDKIT=0 docker build --network host --force-rm \
        --tag "$image" "$@" "$context"
    docker tag "$image" "${image%%:*}:latest"
}

# A scratch folder in the cache, on the same file system, for build contexts.
new_context() {
    mkdir -p "$CACHE/build"
    mktemp -d "$CACHE/build/context.XXXXXX"
}

build_base() {
    local rootfs tar context
    if image_exists "$(base_image)"; then return 0; fi
    rootfs=$(rootfs_image)
    tar=$CACHE/rootfs-${rootfs##*:}.tar
    if [ ! -e "$tar" ]; then
        say "making the Debian root file system (about 25 s)"
        # The recipe reads the mirror from apt's lists, which a new machine does not have.
        quietly apt-update apt-get update
        "$IMAGES/base/bootstrap" >"$tar.partial" 2>"$LOGS/bootstrap.log" </dev/null || {
            tail -n 20 "$LOGS/bootstrap.log" >&2
            fail "mmdebstrap failed"
        }
        mv "$tar.partial" "$tar"
    fi
    image_exists "$rootfs" || docker import "$tar" "$rootfs" >/dev/null
    context=$(new_context)
    cp "$IMAGES/base/Dockerfile" "$TLS/ca.pem" "$context"
    build "$(base_image)" "$context" --build-arg "ROOTFS=$rootfs"
    rm -rf "$context"
}

build_host() {
    local context
    if image_exists "$(host_image)"; then return 0; fi
    say "building the host image (about 40 s)"
    context=$(new_context)
    cp -a "$IMAGES/host/." "$context"
    chmod -R u=rwX,go=rX "$context"
    cp "$SSH_KEYS"/ssh_host_* "$SSH_KEYS/id_ed25519.pub" "$context"
    mkdir "$context/tls"
    cp "$TLS/cert.pem" "$TLS/key.pem" "$TLS/ca.pem" "$context/tls"
    build "$(host_image)" "$context" --build-arg "BASE=$(base_image)"
    rm -rf "$context"
}

# The same host with Python, for tools that need one there.
build_python_host() {
    local context
    if image_exists "$(python_host_image)"; then return 0; fi
    say "building the host image with Python (about 30 s)"
    context=$(new_context)
    printf 'FROM %s\nRUN apt-get update && apt-get install --yes --no-install-recommends python3 python3-apt && apt-get clean\n' \
        "$(host_image)" >"$context/Dockerfile"
    build "$(python_host_image)" "$context"
    rm -rf "$context"
}

build_service() {
    local name=$1 image context
    image=$(service_image "$name")
    if image_exists "$image"; then return 0; fi
    say "building the image of $name"
    context=$(new_context)
    cp -a "$IMAGES/$name/." "$context"
    # Containers read these files as any user, whatever this checkout's umask was.
    chmod -R u=rwX,go=rX "$context"
    # A recipe's fetch script brings programs that are in no Debian package into the context.
    if [ -x "$context/fetch" ]; then
        quietly "fetch-$name" env "CONTEXT=$context" "CACHE=$CACHE" "SANDBOX_DIR=$SANDBOX_DIR" "$context/fetch"
    fi
    build "$image" "$context" --build-arg "BASE=$(base_image)"
    rm -rf "$context"
}

# What the image of MAS is made from: an image that the environment names, or our stand-in's source.
mas_source_key() {
    if [ -d "$SANDBOX_DIR/mas-stand-in" ]; then
        key_of "$SANDBOX_DIR/mas-stand-in"
    else
        printf 'none'
    fi
}

# Tags the real image, given as a `docker save` file or as a local image, under a name of ours.
use_real_mas() {
    local loaded
    if [ -f "$HOMESTEAD_MAS_IMAGE" ]; then
        loaded=$(docker load --input "$HOMESTEAD_MAS_IMAGE" | sed -n 's/^Loaded image\( ID\)\?: //p' | tail -n 1)
        [ -n "$loaded" ] || fail "\`docker load\` found no image in $HOMESTEAD_MAS_IMAGE"
    else
        loaded=$HOMESTEAD_MAS_IMAGE
        image_exists "$loaded" || fail "HOMESTEAD_MAS_IMAGE: neither a file nor a local image: $loaded"
    fi
    docker tag "$loaded" homestead-sandbox-mas-real:current
}

# Prints lines of `local image`, a tab, `repository:tag in the registry`, for all images that exist.
image_list() {
    local name image
    for name in $(service_images); do
        image=$(service_image "$name")
        if [ "$name" = mas ]; then
            if [ -n "${HOMESTEAD_MAS_IMAGE:-}" ]; then
                image=homestead-sandbox-mas-real:current
            elif [ ! -d "$SANDBOX_DIR/mas-stand-in" ]; then
                continue
            fi
        fi
        printf '%s\t%s\n' "$image" "$(cat "$IMAGES/$name/reference")"
    done
}

build_images() {
    local name
    build_base
    build_host
    for name in $(service_images); do
        if [ "$name" = mas ]; then
            if [ -n "${HOMESTEAD_MAS_IMAGE:-}" ]; then
                use_real_mas
                continue
            elif [ ! -d "$SANDBOX_DIR/mas-stand-in" ]; then
                say "tests/sandbox/mas-stand-in does not exist and HOMESTEAD_MAS_IMAGE is not set: no image of MAS"
                continue
            fi
        fi
        build_service "$name"
    done
}

# Keeps the newest few builds of each image: other checkouts may use an older recipe. Images in use stay.
prune_images() {
    local repository image
    for repository in $(docker images --filter 'reference=homestead-sandbox-*' --format '{{.Repository}}' | sort -u); do
        docker images "$repository" --format '{{.Repository}}:{{.Tag}}' | grep -v ':latest$' | tail -n +5 |
            while read -r image; do docker image rm "$image" >/dev/null 2>&1 || true; done
    done
}
