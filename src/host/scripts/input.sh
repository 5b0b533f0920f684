# What stands before a script whose input went ahead over the lock's channel. $1: the file that it comes in, see `lock.sh`.
# The status is 76 where the lock is gone, and with it the input.
homestead_input=$1
shift
homestead_tries=0
until [ -e "$homestead_input" ]; do
    if [ -e "$homestead_input.failed" ]; then
        echo 'the input of a script cannot be kept: No space left on device' >&2
        exit 1
    fi
    homestead_tries=$((homestead_tries + 1))
    if [ "$((homestead_tries % 25))" -eq 0 ] && flock --nonblock "${homestead_input%/input/*}/lock" true; then
        exit 76
    fi
    if [ "$homestead_tries" -ge 1500 ]; then
        echo 'the input of a script did not come within 30 seconds' >&2
        exit 1
    fi
    sleep 0.02
done
exec <"$homestead_input"
rm -f -- "$homestead_input"
