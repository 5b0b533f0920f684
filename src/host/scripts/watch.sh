# Waits until services answer, all at the same time. $1: the run's id, or nothing; then for each service: its unit, its
# container, `http`, `tcp` or `running`, the port in the container, the path, for how many seconds it is waited for, and
# how long it must run. A line for each as soon as it is known, its parts ended by tabs: `healthy` and the unit; `ended`,
# the unit and how; or `missing`, the unit and what is missing still. The status is 0 where all are healthy, and 69 where
# this host has no program that could ask.
set -u
base=/var/lib/homestead
run=$1
shift
# sh has no sockets.
command -v bash >/dev/null 2>&1 || exit 69

# Between two looks, in seconds; the container and the unit are looked at once in $every.
pause=0.05
every=16

# shellcheck disable=SC2016
container='{{.State.Running}}|{{.State.Status}}, exit status {{.State.ExitCode}}{{if .State.OOMKilled}}, out of memory{{end}}|{{.State.StartedAt}}|{{if .State.Health}}{{.State.Health.Status}}{{end}}|{{range .NetworkSettings.Networks}}{{if .IPAddress}}{{.IPAddress}} {{end}}{{end}}'

# What is missing of an answer; nothing of a good one. $1: http or tcp, $2: the address, $3: the port, $4: the path.
# shellcheck disable=SC2016
ask='
{ exec 3<>"/dev/tcp/$2/$3"; } 2>/dev/null || { echo "port $3 takes no connection"; exit 0; }
[ "$1" = http ] || exit 0
case $2 in *:*) host="[$2]:$3" ;; *) host=$2:$3 ;; esac
printf "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" "$4" "$host" >&3 2>/dev/null
IFS=" " read -r protocol status rest <&3 2>/dev/null
case $protocol$status in
HTTP/1.[01][123][0-9][0-9]*) ;;
HTTP/*) echo "\`GET $4\` on port $3 gives status ${status%%[!0-9]*}" ;;
*) echo "\`GET $4\` on port $3 gets no answer" ;;
esac'

watch() {
    unit=$1 name=$2 kind=$3 port=$4 path=$5 limit=$6 stay=$7
    end=$(($(date +%s) + limit))
    look=0 ends=0 started='' since=0 address=''
    while :; do
        if [ "$kind" = running ] || [ -z "$address" ] || [ $((look % every)) -eq 0 ]; then
            state=$(docker inspect --type container --format "$container" "$name" 2>/dev/null)
            runs=${state%%|*} state=${state#*|}
            status=${state%%|*} state=${state#*|}
            start=${state%%|*} state=${state#*|}
            health=${state%%|*} address=${state#*|}
            address=${address%% *}
            case $runs in
            true) missing='' address=${address:-127.0.0.1} ;;
            false) missing="it is $status" address='' started='' ;;
            *) missing='there is no such container' address='' started='' ;;
            esac
        fi
        if [ -n "$missing" ] && [ -z "$address" ]; then
            :
        elif [ "$kind" = running ]; then
            now=$(date +%s)
            [ "$start" = "$started" ] || { started=$start since=$now; }
            case $health in
            unhealthy) missing='its own health check fails' ;;
            starting) missing='its own health check has no answer yet' ;;
            healthy) missing='' ;;
            *) if [ $((now - since)) -ge "$stay" ]; then missing=''; else missing="it runs for $((now - since)) s only"; fi ;;
            esac
        else
            missing=$(timeout 10 bash -c "$ask" bash "$kind" "$address" "$port" "$path")
            [ "$?" -ne 124 ] || missing="port $port gives no answer in 10 s"
        fi
        if [ -z "$missing" ]; then
            printf 'healthy\t%s\n' "$unit"
            return 0
        fi
        look=$((look + 1))
        if [ $((look % every)) -eq 0 ]; then
            # Nobody waits for it any more.
            [ -z "$run" ] || grep -q "\"run\":\"$run\"" "$base/lock.json" 2>/dev/null || return 1
            # A container that ended need not be waited for. Seen twice, so that a restart in between is not taken for an end.
            shown=$(systemctl show --property=ActiveState --property=SubState --property=Result -- "$unit")
            case $shown in
            *ActiveState=failed* | *SubState=auto-restart*) ends=$((ends + 1)) ;;
            *) ends=0 ;;
            esac
            if [ "$ends" -eq 2 ]; then
                printf 'ended\t%s\t%s\n' "$unit" "$(printf '%s\n' "$shown" | sed -n 's/^Result=//p')"
                return 1
            fi
        fi
        if [ "$(date +%s)" -ge "$end" ]; then
            printf 'missing\t%s\t%s\n' "$unit" "$missing"
            return 1
        fi
        sleep "$pause"
    done
}

watched=
while [ "$#" -ge 7 ]; do
    watch "$1" "$2" "$3" "$4" "$5" "$6" "$7" </dev/null &
    watched="$watched $!"
    shift 7
done
status=0
for process in $watched; do wait "$process" || status=1; done
exit "$status"
