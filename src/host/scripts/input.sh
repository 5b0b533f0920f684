# What stands before a script whose input went ahead over the lock's channel. $1: the file that it comes in, see `lock.sh`.
homestead_input=$1
shift
homestead_tries=0
until [ -e "$homestead_input" ]; do
    if [ -e "$homestead_input.failed" ] || [ "$homestead_tries" -ge 1500 ]; then
        echo 'the input of a script cannot be kept: No space left on device' >&2
        exit 1
    fi
    homestead_tries=$((homestead_tries + 1))
    sleep 0.02
done
exec <"$homestead_input"
rm -f -- "$homestead_input"
