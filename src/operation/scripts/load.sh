# $1: the dump, $2: the container, $3: the superuser, $4: its database. Both exist in a new cluster already, so
# the statements that would make them are left out; rows of tables are never looked at.
export SUPERUSER="$3" DATABASE="$4"
decompress "$1" | awk '
  BEGIN {
    user = ENVIRON["SUPERUSER"]; quoted = "\"" user "\""
    base = ENVIRON["DATABASE"]; quotedbase = "\"" base "\""
    next_word = 67108864
  }
  { bytes += length($0) + 1 }
  bytes > next_word { print int(bytes / 1048576) > "/dev/stderr"; next_word += 67108864 }
  copying { if ($0 == "\\.") copying = 0; print; next }
  /^COPY .* FROM stdin;$/ { copying = 1 }
  $1 " " $2 == "CREATE ROLE" && ($3 == user ";" || $3 == quoted ";") { next }
  $1 " " $2 " " $4 == "ALTER ROLE WITH" && ($3 == user || $3 == quoted) { next }
  $1 " " $2 " " $4 == "CREATE DATABASE WITH" && ($3 == base || $3 == quotedbase) { next }
  { print }
' | docker exec -i "$2" sh -c '
  export PGPASSWORD="$POSTGRES_PASSWORD"
  exec psql --no-psqlrc --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 --set=VERBOSITY=terse \
    --host=/run/postgresql --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" --output=/dev/null
'
