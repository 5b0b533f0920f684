# Ends who holds the lock. $1: the run that may be ended, $2: its container, if it works in one. Says what it did, a
# line each; the last is `free` or `held`.
remove_note() {
    [ ! -e "$base/lock.json" ] || flock --nonblock "$base/lock" rm -f -- "$base/lock.json"
}
# Until nobody holds it, for so many seconds.
wait_free() {
    tries=$(($1 * 5))
    while [ "$tries" -gt 0 ]; do
        [ -n "$(holders)" ] || return 0
        sleep 0.2
        tries=$((tries - 1))
    done
    return 1
}
# The process that the run's connection stands on: without it, the run at its other end is over too.
session() {
    process=$1
    while [ "${process:-1}" -gt 1 ]; do
        case $(cat "/proc/$process/comm" 2>/dev/null) in
        sshd* | dropbear | homestead) echo "$process" && return ;;
        esac
        process=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$process/status" 2>/dev/null)
    done
}
end() {
    for process in "$@"; do
        printf 'ended %s %s\n' "$process" "$(cat "/proc/$process/comm" 2>/dev/null)"
    done
}

first=$(holders)
if [ -z "$first" ]; then
    [ ! -e "$base/lock.json" ] || echo note
    remove_note
    echo free
    exit 0
fi
case $(cat -- "$base/lock.json" 2>/dev/null) in
*"\"run\":\"$1\""*) ;;
*) [ -z "$1" ] || { echo changed && exit 0; } ;;
esac
if [ -n "$2" ]; then
    # It ends with its container, and starts again what it stopped.
    docker rm --force "$2" >/dev/null 2>&1 && printf 'container %s\n' "$2"
    wait_free 90
fi
sessions=$(for process in $(holders); do session "$process"; done | sort -un)
if [ -n "$sessions" ]; then
    end $sessions
    # Twice: the first asks homestead to stop at the next safe place.
    kill -TERM $sessions 2>/dev/null
    wait_free 15 || { kill -TERM $sessions 2>/dev/null && wait_free 5; }
fi
rest=$(holders)
if [ -n "$rest" ]; then
    end $rest
    kill -KILL $rest 2>/dev/null
    wait_free 5
fi
remove_note
if [ -z "$(holders)" ]; then echo free; else echo held; fi
