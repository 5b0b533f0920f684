# The same arguments as for the swap, and $5: whether the unit ran before.
set -eu
systemctl --no-ask-password stop -- "$1"
if [ -e "$4" ]; then
  [ ! -e "$2" ] || mv -T -- "$2" "$3"
  mv -T -- "$4" "$2"
fi
sync
[ "$5" != yes ] || systemctl --no-ask-password start -- "$1"
rm -rf -- "$3"
