# Waits until the reverse proxy on this host leads public addresses to their services, for $1 seconds. Then for each: the
# unit, its container and its URL. A line for each that it does not lead anywhere then: the unit, the URL and the status, divided by tabs.
set -u
limit=$1
shift
if command -v curl >/dev/null 2>&1; then
    status() {
        curl --silent --insecure --max-time 5 --output /dev/null --write-out '%{http_code}' --connect-to '::127.0.0.1:' -- "$1"
    }
elif command -v openssl >/dev/null 2>&1; then
    status() {
        rest=${1#https://}
        name=${rest%%/*} port=443
        case $name in *:*) port=${name#*:} name=${name%%:*} ;; esac
        printf 'GET /%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "${rest#*/}" "$name" |
            timeout 5 openssl s_client -quiet -connect "127.0.0.1:$port" -servername "$name" 2>/dev/null | head -n 1 | cut -d ' ' -f 2
    }
else
    exit 0
fi

# shellcheck disable=SC2016
health='{{if .State.Health}}{{.State.Health.Status}}{{end}}'

route() {
    end=$(($(date +%s) + limit))
    # Traefik leaves a container out until Docker calls it healthy, and learns late that the one before it went: until then
    # a good answer may be its last one.
    until case $(docker inspect --type container --format "$health" "$2" 2>/dev/null) in '' | healthy) true ;; *) false ;; esac do
        [ "$(date +%s)" -lt "$end" ] && [ -e /var/lib/homestead/lock.json ] || break
        sleep 0.1
    done
    # It hears of that as we do.
    sleep 0.3
    while :; do
        found=$(status "$3")
        # The proxy's own words for an address that nobody serves, or nobody answers at.
        case ${found:-000} in
        000 | 404 | 502 | 503 | 504) ;;
        *) return ;;
        esac
        # Nobody waits for it any more.
        [ -e /var/lib/homestead/lock.json ] || return
        if [ "$(date +%s)" -ge "$end" ]; then
            printf '%s\t%s\t%s\n' "$1" "$3" "${found:-000}"
            return
        fi
        sleep 0.1
    done
}

while [ "$#" -ge 3 ]; do
    route "$1" "$2" "$3" </dev/null &
    shift 3
done
wait
