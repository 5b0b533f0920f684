# Says who holds the lock: the note that lies there, in one line, then the processes, one a line.
printf 'note %s\n' "$(cat -- "$base/lock.json" 2>/dev/null | tr -d '\n')"
for process in $(holders); do
    printf 'process %s %s\n' "$process" "$(cat "/proc/$process/comm" 2>/dev/null)"
done
echo end
