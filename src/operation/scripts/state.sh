# $1: the data folder, $2: the unit, $3: its image. What stands in the way of a new data folder.
parent=$(dirname -- "$1")
[ -d "$parent" ] || { echo "there is no folder \`$parent\`" >&2; exit 66; }
grep -qsF -- "$3" "/etc/systemd/system/$2" || { echo "$2 is not installed, or runs another image than \`$3\`" >&2; exit 67; }
if [ ! -e "$1" ]; then
  for old in "$1".before-import-* "$1".before-upgrade-*; do
    [ ! -e "$old" ] || { echo "\`$1\` is gone, and \`$old\` is there: a change of the two was cut off" >&2; exit 68; }
  done
elif [ "$(stat -c %d -- "$1")" != "$(stat -c %d -- "$parent")" ]; then
  echo "\`$1\` is a disk of its own, so that no other folder can take its place" >&2
  exit 69
fi
printf 'data %s\n' "$([ -e "$1/PG_VERSION" ] && echo yes || echo no)"
printf 'free %s\n' "$(df -Pk -- "$parent" | awk 'NR == 2 { print $4 }')"
