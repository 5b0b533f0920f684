# $paths: one a line. A tar stream of those that are files comes back.
# shellcheck disable=SC2016,SC2154
set -u
[ -n "$paths" ] || exit 0
printf '%s\n' "$paths" | tr '\n' '\0' |
    xargs -0 -r sh -c 'for path; do if [ -f "$path" ]; then printf "%s\0" "$path"; fi; done' sh |
    tar --create --blocking-factor=1 --file=- --dereference --no-recursion --absolute-names --null --files-from=-
status=$?
# 1 says that a file changed while it was read, as logs do.
[ "$status" -le 1 ]
