# Says when the last run ended, which one did not, how long the machine is up, and which containers there are. $1: the
# generation. A line each: `uptime SECONDS`, `now SECONDS`, `ended SECONDS`, `unfinished JSON`, `run ID RESULT COMMAND` of the
# last ones, `container NAME`.
base=/var/lib/homestead
read -r uptime rest </proc/uptime
printf 'uptime %s\nnow %s\n' "${uptime%%.*}" "$(date +%s)"
for path in "$base/generations/$1/manifest.json" "$base/manifest.json"; do
    [ -f "$path" ] || continue
    printf 'ended %s\n' "$(stat -c %Y -- "$path")"
    break
done
printf 'unfinished %s\n' "$(unfinished)"
# shellcheck disable=SC2012
ls -t -- "$base/journal" 2>/dev/null | head -n 10 | while IFS= read -r journal; do
    printf 'run %s %s %s\n' "${journal%.jsonl}" \
        "$(tail -n 1 -- "$base/journal/$journal" | sed -n 's/.*"result":"\([a-z-]*\)".*/\1/p')" \
        "$(sed -n '1s/.*"command":"\([^"\\]*\).*/\1/p' "$base/journal/$journal")"
done
! command -v docker >/dev/null || docker container ls --all --format 'container {{.Names}}' 2>/dev/null
echo end
