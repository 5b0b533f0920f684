# Runs scripts one after the other, until one fails. $1: the run's id, or nothing where they need
# neither its lock nor its journal, $2: the line that its journal ends with so far;
# then for each script: a line for the journal, how it goes on (`held`: not before the lock is seen to be held; `gate`: and nobody
# asked to stop; `optional`: after it in any case), how many bytes of stdin are its input, the script, how many
# arguments it has, and these. Each but the numbers may be empty.
# stdout: for each script its place, counted from 0, what it writes, and its status, each ended by a NUL; in the place of a
# place `stopped` or `lost` where a gate was closed.
set -u
base=/var/lib/homestead
run=$1 last=$2
shift 2
journal=$base/journal/$run.jsonl
# The lock of the next run waits for all of it. Its scripts need not lock the same.
if [ -n "$run" ]; then
    exec 8<"$base" || exit 1
    flock --wait 60 8 || exit 1
    export HOMESTEAD_CHAIN=yes
fi

# What went over the channel of the lock may still be on its way to the disk.
tries=0
until [ -z "$last" ] || [ "$tries" -ge 150 ] || [ "$(tail -n 1 -- "$journal" 2>/dev/null)" = "$last" ]; do
    tries=$((tries + 1))
    sleep 0.02
done

# The note of who holds the lock goes with it, or names another run.
held() {
    case $(cat -- "$base/lock.json" 2>/dev/null) in
    *"\"run\":\"$run\""*) ! flock --nonblock "$base/lock" true ;;
    *) return 1 ;;
    esac
}

place=0
while [ "$#" -gt 0 ]; do
    line=$1 kind=$2 length=$3 script=$4 count=$5
    shift 5
    case $kind in
    gate)
        [ ! -e "$base/stop" ] || { printf 'stopped\0' && exit 0; }
        held || { printf 'lost\0' && exit 0; }
        ;;
    held) held || { printf 'lost\0' && exit 0; } ;;
    esac
    # Nobody listens any more: nobody would go on either.
    printf '%s\0' "$place" || exit 1
    # Without room on the disk, the journal has gaps.
    [ -z "$line" ] || { printf '%s\n' "$line" >>"$journal" && sync -- "$journal"; } 2>/dev/null
    words=
    word=1
    while [ "$word" -le "$count" ]; do
        words="$words \"\${$word}\""
        word=$((word + 1))
    done
    status=0
    if [ -z "$script" ]; then
        :
    elif [ "$length" -eq 0 ]; then
        eval "sh -c \"\$script\" sh $words" </dev/null || status=$?
    else
        # What a script leaves of its input is not the next one's.
        head -c "$length" | {
            eval "sh -c \"\$script\" sh $words" || status=$?
            cat >/dev/null
            exit "$status"
        } || status=$?
    fi
    shift "$count"
    printf '\0%s\0' "$status" || exit 1
    [ "$status" -eq 0 ] || [ "$kind" = optional ] || exit 0
    place=$((place + 1))
done
