# $1: the unit, $2: the data folder, $3: the new one, $4: the name under which the old one stays.
set -eu
systemctl --no-ask-password stop -- "$1"
sync
if [ -e "$2" ]; then
  mv -T -- "$2" "$4"
else
  # Whatever happens next, there is something to go back to.
  mkdir -m 0700 -- "$4"
  chown --reference="$3" -- "$4"
fi
mv -T -- "$3" "$2"
sync
systemctl --no-ask-password start -- "$1"
