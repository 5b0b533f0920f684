# `note_others UNIT...` writes down the active units that will stop with these, before they do; `start_others` starts what was
# written down and has all that it requires, and does not wait for it. The rest stays written down: what it requires is down on
# purpose, and would start with it. `$base` is homestead's folder, `dependents` the script of that name.
note_others() {
    others=$(for unit; do dependents "$unit"; done | sort -u | while IFS= read -r other; do
        case " $* " in
        *" $other "*) ;;
        *) printf '%s\n' "$other" ;;
        esac
    done)
    [ -z "$others" ] || { printf '%s\n' "$others" >>"$base/others" && sync -- "$base/others"; }
}
start_others() {
    [ -e "$base/others" ] || return 0
    rm -f -- "$base/others.new"
    sort -u -- "$base/others" | while IFS= read -r other; do
        for required in $(systemctl show --property=Requires --value -- "$other"); do
            case $(systemctl show --property=ActiveState --value -- "$required") in
            active | activating | reloading) ;;
            *)
                printf '%s\n' "$other" >>"$base/others.new" || exit 1
                continue 2
                ;;
            esac
        done
        systemctl --no-block --no-ask-password start -- "$other" || :
    done || return 0
    if [ -e "$base/others.new" ]; then mv -f -- "$base/others.new" "$base/others"; else rm -f -- "$base/others"; fi
}
