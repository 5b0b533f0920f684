# Prints, on one line, the first line and the last step of the newest run that did not come to its end: two
# documents of JSON in a list. A run that touched nothing says nothing about those before it.
unfinished() {
    # shellcheck disable=SC2045
    for journal in $(ls -t -- /var/lib/homestead/journal 2>/dev/null); do
        # A line that was cut off with the machine's power is none.
        lines=$(grep '^{.*}$' -- "/var/lib/homestead/journal/$journal") || continue
        case $(printf '%s\n' "$lines" | tail -n 1) in
        *'"result":"nothing"'*) continue ;;
        *'"result":"committed"'* | *'"result":"rolled-back"'*) return 0 ;;
        esac
        step=$(printf '%s\n' "$lines" | grep '"event":"step"' | tail -n 1)
        printf '[%s%s]\n' "$(printf '%s\n' "$lines" | head -n 1)" "${step:+,$step}"
        return 0
    done
}
