# The units that run, or are about to, and stop when $1 stops, and those of the other arguments.
todo=$1
seen=" $1 "
while [ -n "$todo" ]; do
  next=
  for unit in $todo; do
    for other in $(systemctl show --property=RequiredBy --value -- "$unit"); do
      case $seen in
        *" $other "*) ;;
        *) seen="$seen$other " next="$next $other" ;;
      esac
    done
  done
  todo=$next
done
first=$1
shift
for unit in $seen "$@"; do
  [ "$unit" != "$first" ] || continue
  case $(systemctl show --property=ActiveState --value -- "$unit") in
    active | activating | reloading) printf '%s\n' "$unit" ;;
    # It waits for its turn to start, as after a boot; whatever stops its first would take that away.
    inactive) [ "$(systemctl show --property=Job --value -- "$unit")" -gt 0 ] 2>/dev/null && printf '%s\n' "$unit" ;;
  esac
done | sort -u
