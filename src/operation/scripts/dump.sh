# Writes a compressed dump of all databases and roles of the container $1; its status is that of pg_dumpall.
dump() {
  exec 4>&1
  status=$({
    {
      docker exec "$1" sh -c '
        export PGPASSWORD="$POSTGRES_PASSWORD"
        exec pg_dumpall --no-password --host="${PGHOST:-/run/postgresql}" --username="$POSTGRES_USER" --database="$POSTGRES_DB"
      ' 3>&- 4>&-
      echo $? >&3
    } | gzip -c >&4
  } 3>&1)
  exec 4>&-
  [ "$status" = 0 ]
}
