base=/var/lib/homestead
# Who holds the lock: a process id a line. Who only waits for it has the file open too; the kernel says of each open
# file which locks were taken through it.
holders() {
    for fd in /proc/[0-9]*/fd/*; do
        [ "$fd" -ef "$base/lock" ] || continue
        process=${fd#/proc/} process=${process%%/*}
        while read -r word rest; do
            case $word$rest in lock:*FLOCK*) echo "$process" && break ;; esac
        done 2>/dev/null <"/proc/$process/fdinfo/${fd##*/}"
    done
}
