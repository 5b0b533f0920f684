# `note_others UNIT...` writes down the active units that will stop with these, before they do; `start_others` starts
# what was written down, and does not wait for it. `$base` is homestead's folder, `dependents` the script of that name.
note_others() {
    for unit; do dependents "$unit"; done | sort -u | while IFS= read -r other; do
        case " $* " in
        *" $other "*) ;;
        *) printf '%s\n' "$other" ;;
        esac
    done >>"$base/others" && sync -- "$base/others"
}
start_others() {
    [ -e "$base/others" ] || return 0
    sort -u -- "$base/others" | xargs -r systemctl --no-block --no-ask-password start --
    rm -f -- "$base/others"
}
