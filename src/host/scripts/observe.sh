# $list: paths, one a line; a line that begins with `*` is a pattern that stands for the paths it matches.
# Arguments: units. Absent paths are left out of what comes back. Sets `sums`.
# shellcheck disable=SC2016,SC2154
set -u
paths=$(
    printf '%s\n' "$list" | sed '/^\*/d'
    # Without field separators, an expansion splits nothing and still fills in patterns.
    printf '%s\n' "$list" | sed -n 's/^\*//p' | while IFS= read -r pattern; do
        IFS=
        # shellcheck disable=SC2086
        for path in $pattern; do [ ! -e "$path" ] || printf '%s\n' "$path"; done
    done
)
each() { [ -z "$paths" ] || printf '%s\n' "$paths" | tr '\n' '\0'; }
printf 'files\0'
each | QUOTING_STYLE=literal xargs -0 -r stat --printf '%f\0%U\0%u\0%G\0%g\0%s\0%n\0%N\0' --
printf 'sums\0'
sums=$(each | xargs -0 -r sh -c 'for path; do if [ -f "$path" ] && [ ! -L "$path" ]; then printf "%s\0" "$path"; fi; done' sh |
    xargs -0 -r sha256sum -z -- | tr '\0' '\n')
[ -z "$sums" ] || printf '%s\n' "$sums" | tr '\n' '\0'
printf 'units\0'
[ $# -eq 0 ] || systemctl show --no-pager --property=Id,LoadState,ActiveState,SubState,UnitFileState,MainPID,ActiveEnterTimestamp,ActiveEnterTimestampMonotonic,NeedDaemonReload,Result,NRestarts,FragmentPath -- "$@"
printf '\0end\0'
