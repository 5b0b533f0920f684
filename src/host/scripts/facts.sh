# Arguments: paths whose free space is wanted. Names and values come out, each ended by a NUL.
set -u
say() { printf '%s\0%s\0' "$1" "$2"; }
has() { command -v "$1" >/dev/null 2>&1 && echo yes || echo no; }
brief() { if command -v timeout >/dev/null 2>&1; then timeout 10 "$@"; else "$@"; fi; }

say os_release "$(cat /etc/os-release 2>/dev/null || cat /usr/lib/os-release 2>/dev/null)"
say debian_version "$(cat /etc/debian_version 2>/dev/null)"
say architecture "$(uname -m)"
say kernel "$(uname -r)"
say system "$(uname -s)"
say nodename "$(uname -n)"
say fqdn "$(brief hostname -f 2>/dev/null || uname -n)"
say user_id "$(id -un)"
say memory "$(grep MemTotal: /proc/meminfo 2>/dev/null)"
say processors "$(grep -E '^(processor|physical id|siblings|cpu cores)[[:space:]]*:' /proc/cpuinfo 2>/dev/null)"
say first_process "$(cat /proc/1/comm 2>/dev/null)"
if [ -d /run/systemd/system ]; then say systemd "$(systemctl --version 2>/dev/null | head -n 1)"; else say systemd ''; fi
say passwd "$(getent passwd 2>/dev/null | cut -d: -f1,3,4)"
say group "$(getent group 2>/dev/null | cut -d: -f1,3)"
say login_defs "$(grep -E '^[[:space:]]*SYS_(UID|GID)_(MIN|MAX)[[:space:]]' /etc/login.defs 2>/dev/null)"
say listening_tcp "$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '$4 == "0A" { print $2 }')"
say listening_udp "$(cat /proc/net/udp /proc/net/udp6 2>/dev/null | awk '$4 == "07" { print $2 }')"
say time "$(date +%s)"
say timezone "$(date +%z)"
for tool in docker openssl tar flock sha256sum xargs stat sync apt-get dnf5 dnf yum pacman zypper apk; do
    say "tool $tool" "$(has "$tool")"
done
say docker_version "$(brief docker version --format '{{.Server.Version}}' 2>/dev/null)"
for path; do
    found=$path
    while [ ! -e "$found" ] && [ "$found" != / ] && [ -n "$found" ]; do found=${found%/*}; done
    say "free $path" "$(df -P -k -- "${found:-/}" 2>/dev/null | awk 'NR == 2 { print $4 }')"
done
# A run that is going on has not stopped. Looking at the lock must not take it, even for a moment.
inode=$(stat -c %i /var/lib/homestead/lock 2>/dev/null)
if [ -z "$inode" ] || ! grep -q "FLOCK .*:$inode " /proc/locks 2>/dev/null; then say unfinished "$(unfinished)"; fi
say end ''
