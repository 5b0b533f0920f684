#!/bin/sh
set -e
case ${1:-} in
    -*) set -- exim4 "$@" ;;
esac
exec "$@"
