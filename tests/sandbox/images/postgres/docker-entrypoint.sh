#!/bin/bash
# First start: make the cluster and the database with a server that listens on its socket only.
# Then, and at every later start: become the server. Other commands run as they are.
set -euo pipefail

# NAME from the environment, or from the file that NAME_FILE names.
setting() {
    local file=${1}_FILE
    if [ -n "${!file:-}" ]; then cat "${!file}"; else printf '%s' "${!1:-$2}"; fi
}

if [ "${1:-}" != "" ] && [ "${1:0:1}" = - ]; then set -- postgres "$@"; fi
if [ "${1:-postgres}" != postgres ]; then exec "$@"; fi
case " $* " in *" --help "* | *" --version "* | *" -C "*) exec "$@" ;; esac

mkdir -p "$PGDATA"
if [ "$(id -u)" = 0 ]; then
    chown -R postgres "$PGDATA"
    chown postgres /var/run/postgresql
    exec setpriv --reuid postgres --regid postgres --clear-groups "$0" "$@"
fi
chmod 00700 "$PGDATA" 2>/dev/null || true

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    user=$(setting POSTGRES_USER postgres)
    password=$(setting POSTGRES_PASSWORD '')
    database=$(setting POSTGRES_DB "$user")
    method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
    if [ -z "$password" ] && [ "$method" != trust ]; then
        echo 'error: the database is not initialised and POSTGRES_PASSWORD is not set' >&2
        exit 1
    fi
    initdb_args=()
    if [ -n "${POSTGRES_INITDB_ARGS:-}" ]; then eval "initdb_args=($POSTGRES_INITDB_ARGS)"; fi
    initdb --username="$user" --pwfile=<(printf '%s\n' "${password:-unused}") "${initdb_args[@]}" -D "$PGDATA"
    printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"

    pg_ctl -D "$PGDATA" -o "$(printf '%q ' "${@:2}") -c listen_addresses= -p 5432" -w start
    if [ "$database" != postgres ]; then
        printf 'CREATE DATABASE :"database";\n' |
            psql -v ON_ERROR_STOP=1 --no-psqlrc -U "$user" -d postgres -v "database=$database"
    fi
    for script in /docker-entrypoint-initdb.d/*; do
        case $script in
            *.sh) bash "$script" ;;
            *.sql) psql -v ON_ERROR_STOP=1 --no-psqlrc -U "$user" -d "$database" -f "$script" ;;
        esac
    done
    pg_ctl -D "$PGDATA" -m fast -w stop
    echo 'PostgreSQL init process complete; ready for start up.'
fi
unset POSTGRES_PASSWORD
exec "$@"
