# $2: the folder, $3: the file. Nothing but a whole dump ever has its name.
set -eu
umask 077
mkdir -p -- "$2"
[ ! -e "$2/$3" ] || { echo "\`$2/$3\` is there already" >&2; exit 73; }
# Who was cut off by a loss of power could not tidy up.
rm -f -- "$2"/.*.homestead-partial
partial=$2/.$3.homestead-partial
trap 'rm -f -- "$partial"' EXIT
trap 'exit 1' HUP INT TERM PIPE
dump "$1" >"$partial"
sync -- "$partial"
gzip -t -- "$partial"
mv -n -- "$partial" "$2/$3"
sync -- "$2"
