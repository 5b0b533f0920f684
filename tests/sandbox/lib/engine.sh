# The outer Docker engine: installs it and starts it where nothing else does.
# shellcheck shell=bash

# Commands that the sandbox needs, each with the Debian package that brings it.
REQUIRED_COMMANDS="dockerd:docker.io docker:docker.io mmdebstrap:mmdebstrap iptables:iptables
    openssl:openssl ssh-keygen:openssh-client ssh:openssh-client /usr/sbin/sshd:openssh-server flock:util-linux curl:curl
    python3:python3 pip3:python3-pip gcc:gcc"

install_packages() {
    local pair missing=()
    for pair in $REQUIRED_COMMANDS; do
        command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
    done
    [ "${#missing[@]}" -gt 0 ] || return 0
    say "installing ${missing[*]}"
    # Nothing of it starts by itself: the tests run an sshd of their own.
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    quietly apt-update apt-get update
    quietly apt-install apt-get install --yes --no-install-recommends "${missing[@]}"
}

# The browser for the daemon's pages. Where it cannot be installed, their test says that it is skipped.
install_browser() {
    if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then return 0; fi
    say "installing chromium chromium-driver"
    DEBIAN_FRONTEND=noninteractive
    export DEBIAN_FRONTEND
    { apt-get update && apt-get install --yes --no-install-recommends chromium chromium-driver; } \
        >"$LOGS/apt-browser.log" 2>&1 </dev/null || say "there is no browser; $LOGS/apt-browser.log says why"
}

engine_answers() {
    timeout 5 docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

# Whether the process of a pid file is a living program of that name: not a zombie, and no other program
# that got the same pid. (A search by name would find the hosts' own Docker.)
lives() {
    local pid
    pid=$(cat "$1" 2>/dev/null) && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$2" ] &&
        [ -n "$(tr -d '\0' 2>/dev/null <"/proc/$pid/cmdline")" ]
}

start_engine() {
    local containerd=/var/run/docker/containerd/containerd.pid
    if engine_answers; then return 0; fi
    # Another program may have started it just now: a running dockerd gets its time.
    if lives /var/run/docker.pid dockerd; then
        say "a dockerd runs but does not answer yet; waiting for it"
        wait_for 60 "the running dockerd" engine_answers && return 0
        fail "a dockerd runs but does not answer; look at $LOGS/dockerd.log or end it"
    fi
    # What a killed dockerd left behind keeps a new one from starting.
    rm -f /var/run/docker.sock /var/run/docker.pid
    lives "$containerd" containerd || rm -f "$containerd"
    say "starting dockerd; its log is $LOGS/dockerd.log"
    # A session of its own and no inherited descriptors: it outlives us and does not hold our lock.
    setsid nohup dockerd >>"$LOGS/dockerd.log" 2>&1 </dev/null 9>&- &
    wait_for 60 "dockerd" engine_answers || {
        tail -n 20 "$LOGS/dockerd.log" >&2
        fail "dockerd did not start"
    }
}

image_exists() {
    docker image inspect "$1" >/dev/null 2>&1
}
