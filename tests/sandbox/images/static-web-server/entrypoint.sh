#!/bin/sh
set -e
case ${1:-} in
    -*) set -- static-web-server "$@" ;;
esac
exec "$@"
