#!/bin/sh
set -e
case ${1:-} in
    -*) set -- haproxy -W -db "$@" ;;
esac
exec "$@"
