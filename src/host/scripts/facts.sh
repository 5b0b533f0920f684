# Arguments: paths whose free space is wanted. Names and values come out, each ended by a NUL. `run`, where it is set, is a run
# that has the lock or is about to: there is no other then that could have stopped half-way.
set -u
say() { printf '%s\0%s\0' "$1" "$2"; }
brief() { if command -v timeout >/dev/null 2>&1; then timeout 10 "$@"; else "$@"; fi; }
# A small file. Each program that is started costs a millisecond or more; this starts none.
slurp() {
    text=
    [ -r "$1" ] || return 1
    while IFS= read -r line || [ -n "$line" ]; do
        text="$text$line
"
    done <"$1"
}

# No here-documents: older shells keep them in files, which a full disk has no room for.
names() {
    say system "${1-}"
    say nodename "${2-}"
    say kernel "${3-}"
    say architecture "${4-}"
}
clock() {
    say time "${1-}"
    say timezone "${2-}"
}

# Docker takes longer to say its version than all the rest takes: it is asked meanwhile.
brief docker version --format '{{.Server.Version}}' 2>/dev/null | {
    slurp /etc/os-release || slurp /usr/lib/os-release
    say os_release "$text"
    slurp /etc/debian_version
    say debian_version "$text"
    # shellcheck disable=SC2046
    names $(uname -snrm)
    say fqdn "$(brief hostname -f 2>/dev/null || uname -n)"
    say user_id "$(id -un)"
    say hardware "$(grep -hE '^(MemTotal|processor|physical id|siblings|cpu cores)[[:space:]]*:' /proc/meminfo /proc/cpuinfo 2>/dev/null)"
    slurp /proc/1/comm
    say first_process "$text"
    systemd=
    [ ! -d /run/systemd/system ] || systemd=$(systemctl --version 2>/dev/null)
    say systemd "${systemd%%
*}"
    say passwd "$(getent passwd 2>/dev/null)"
    say group "$(getent group 2>/dev/null)"
    say login_defs "$(grep -E '^[[:space:]]*SYS_(UID|GID)_(MIN|MAX)[[:space:]]' /etc/login.defs 2>/dev/null)"
    # Without IPv6, two of these are not there, and some awks end then.
    say listening "$(awk '($4 == "0A" && FILENAME ~ /tcp/) || ($4 == "07" && FILENAME ~ /udp/) { print substr(FILENAME, 11, 3), $2 }' \
        /proc/net/tcp /proc/net/udp /proc/net/tcp6 /proc/net/udp6 2>/dev/null)"
    # shellcheck disable=SC2046
    clock $(date '+%s %z')
    for tool in docker openssl tar flock sha256sum xargs stat sync apt-get dnf5 dnf yum pacman zypper apk; do
        if command -v "$tool" >/dev/null 2>&1; then say "tool $tool" yes; else say "tool $tool" no; fi
    done
    for path; do
        found=$path
        while [ ! -e "$found" ] && [ "$found" != / ] && [ -n "$found" ]; do found=${found%/*}; done
        # Not df, which looks at every mount first, of which each container has some. %a: free blocks, %S: of so many bytes.
        free=$(stat -f -c '%a %S' -- "${found:-/}" 2>/dev/null)
        say "free $path" "${free:+$((${free% *} / 1024 * ${free#* } + ${free% *} % 1024 * ${free#* } / 1024))}"
    done
    # A run that is going on has not stopped. Looking at the lock must not take it, even for a moment.
    if [ -z "${run:-}" ]; then
        inode=$(stat -c %i /var/lib/homestead/lock 2>/dev/null)
        if [ -z "$inode" ] || ! grep -q "FLOCK .*:$inode " /proc/locks 2>/dev/null; then say unfinished "$(unfinished)"; fi
    fi
    say docker_version "$(cat)"
    say end ''
}
