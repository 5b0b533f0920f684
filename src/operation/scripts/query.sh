# $1: the container, $2: a database, or nothing for the superuser's own. The statements come on stdin.
exec docker exec -i "$1" sh -c '
  export PGPASSWORD="$POSTGRES_PASSWORD"
  exec psql --no-psqlrc --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 --set=VERBOSITY=terse \
    --host="${PGHOST:-/run/postgresql}" --username="$POSTGRES_USER" --dbname="${1:-$POSTGRES_DB}"
' sh "$2"
