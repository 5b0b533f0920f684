# Brings the databases into a new version of Postgres, and goes back to the old one if anything fails.
#
# $1: `upgrade`; or `back`, which undoes one that succeeded; or `done`, which forgets how.
# $2: Postgres's unit, $3: further units to stop, $4: the data folder, $5: the container, $6: the new image, $7: the
# environment, $8: where the image expects the data, $9: the superuser, ${10}: its database, ${11}: a word for the name of
# the old folder. stdin: a line of JSON about who asks, for the lock; the new unit and statements for the new server, each a
# line of base64.
# It holds the lock itself and runs to its end even when the connection is lost.
set -u
mode=$1 unit=$2 others=$3 data=$4 container=$5 image=$6 environment=$7 inside=$8 superuser=$9
shift 9
database=$1 old=$data.before-upgrade-$2
base=/var/lib/homestead
memory=$base/upgrade
new=$data.upgrading
packed=$data.upgrading.sql.gz
side=$container-upgrade
file=/etc/systemd/system/$unit
umask 077
trap '' HUP INT TERM PIPE
mkdir -p -- "$base" && chmod 700 -- "$base" || exit 1
exec 9>"$base/lock" || exit 1
IFS= read -r holder || exit 1
if ! flock --nonblock 9; then
  cat -- "$base/lock.json" >&2 2>/dev/null
  exit 75
fi
printf '%s\n' "$holder" >"$base/lock.json.new" && mv -f -- "$base/lock.json.new" "$base/lock.json" || exit 1
IFS= read -r new_unit
IFS= read -r statements

# Nobody may be there to read, and that must not end it.
say() { printf '%s\n' "$1" 2>/dev/null || true; }

ask() {
  docker exec -i "$1" sh -c '
    export PGPASSWORD="$POSTGRES_PASSWORD"
    exec psql --no-psqlrc --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 --set=VERBOSITY=terse \
      --host=/run/postgresql --username="$POSTGRES_USER" --dbname="${1:-$POSTGRES_DB}"
  ' sh "$2"
}

databases() {
  echo 'SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY 1;' | ask "$1" ''
}

# The rows of every table, a line each.
count() {
  databases "$1" >"$memory/databases" || return 1
  while IFS= read -r name; do
    ask "$1" "$name" <<'SQL' || return 1
SELECT format('SELECT %L || count(*) FROM %I.%I', format('%s %s.%s ', current_database(), schemaname, tablename), schemaname, tablename)
  FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY schemaname COLLATE "C", tablename COLLATE "C" \gexec
SQL
  done <"$memory/databases"
}

fill() {
  : >"$memory/running"
  dependents "$unit" $others >"$memory/running" || return 1
  say "stopping $(tr '\n' ' ' <"$memory/running")"
  [ ! -s "$memory/running" ] || systemctl --no-ask-password stop $(cat -- "$memory/running") || return 1
  say 'counting the rows and dumping the databases'
  count "$container" >"$memory/before" || return 1
  dump "$container" >"$packed" && sync -- "$packed" && gzip -t -- "$packed" || return 1
  say "starting $image beside the old server"
  side_server "$data" "$new" "$side" "$image" "$environment" "$inside" || return 1
  say 'loading the databases into the new version'
  load "$packed" "$side" "$superuser" "$database" || return 1
  say 'comparing the rows of every table'
  count "$side" >"$memory/after" || return 1
  if ! cmp -s "$memory/before" "$memory/after"; then
    echo 'these tables have other rows than before:' >&2
    diff "$memory/before" "$memory/after" | sed -n '/^[<>]/p' | head -n 20 >&2
    return 1
  fi
  printf '%s' "$statements" | base64 -d | ask "$side" '' >/dev/null || return 1
  say 'gathering statistics'
  while IFS= read -r name; do
    echo 'ANALYZE;' | ask "$side" "$name" || return 1
  done <"$memory/databases"
  docker stop --time 120 -- "$side" >/dev/null && docker rm --volumes -- "$side" >/dev/null && sync
}

ready() {
  tries=0
  until docker exec "$container" pg_isready --quiet --host=127.0.0.1 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -le 240 ] || { echo "$unit does not come up" >&2; return 1; }
    sleep 0.5
  done
}

change() {
  say 'putting the new data in the place of the old'
  systemctl --no-ask-password stop -- "$unit" || return 1
  cp -p -- "$file" "$memory/unit" || return 1
  mv -T -- "$data" "$old" && mv -T -- "$new" "$data" || return 1
  printf '%s' "$new_unit" | base64 -d >"$file.new" || return 1
  chmod --reference="$memory/unit" -- "$file.new" && chown --reference="$memory/unit" -- "$file.new" || return 1
  mv -f -- "$file.new" "$file" && sync && systemctl daemon-reload || return 1
  say 'starting the services'
  systemctl --no-ask-password start -- "$unit" && ready || return 1
  [ ! -s "$memory/running" ] || systemctl --no-ask-password start $(cat -- "$memory/running")
}

# Everything as it was.
back() {
  docker rm --force --volumes -- "$side" >/dev/null 2>&1
  if [ -e "$memory/unit" ]; then
    systemctl --no-ask-password stop $(cat -- "$memory/running") "$unit" || return 1
    if [ -e "$old" ]; then
      if [ -e "$data" ]; then mv -T -- "$data" "$new" || return 1; fi
      mv -T -- "$old" "$data" || return 1
    fi
    cp -p -- "$memory/unit" "$file.new" && mv -f -- "$file.new" "$file" && sync && systemctl daemon-reload || return 1
    systemctl --no-ask-password start -- "$unit" && ready || return 1
  fi
  [ ! -s "$memory/running" ] || systemctl --no-ask-password start $(cat -- "$memory/running") || return 1
  rm -rf -- "$new" "$packed" "$memory"
}

status=0
case $mode in
  upgrade)
    rm -rf -- "$memory" "$packed" && mkdir -- "$memory" || exit 1
    if fill 2>"$memory/said"; then
      change 2>"$memory/said" || status=71
    else
      status=70
    fi
    if [ "$status" -eq 0 ]; then
      rm -f -- "$packed"
      wc -l <"$memory/after"
      awk '{ rows += $NF } END { print rows + 0 }' "$memory/after"
    else
      grep -v '^[0-9]*$' "$memory/said" | tail -n 12 >&2
      back 2>"$base/upgrade.failed" || { cat -- "$base/upgrade.failed" >&2; status=72; }
      rm -f -- "$base/upgrade.failed"
    fi
    ;;
  back) back || status=72 ;;
  done) rm -rf -- "$memory" ;;
esac
rm -f -- "$base/lock.json"
exit "$status"
