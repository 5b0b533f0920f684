# $1: a dump. Reads all of it and says what is in it. Rows of tables are no statements, whatever they hold.
[ -f "$1" ] || { echo "there is no file \`$1\`" >&2; exit 66; }
# What breaks off may do so within a row, or within a line.
{ decompress "$1" || printf '\n\\.\nX unreadable\n'; } | awk '
  copying { if ($0 == "\\.") copying = 0; else rows[name]++; bytes += length($0) + 1; next }
  { bytes += length($0) + 1 }
  /^COPY .* FROM stdin;$/ { copying = 1; tables[name]++; next }
  /^\\connect / { name = $NF; gsub(/"/, "", name); if (!(name in seen)) { seen[name] = 1; order[++count] = name } next }
  /^-- Dumped from database version / { version = $6 }
  /^-- PostgreSQL database cluster dump$/ { cluster = 1 }
  /^-- PostgreSQL database dump$/ { single = 1 }
  /^-- PostgreSQL database cluster dump complete$/ { complete = 1 }
  /^-- PostgreSQL database dump complete$/ { if (!cluster) complete = 1 }
  /^X unreadable$/ { unreadable = 1 }
  END {
    if (unreadable) exit 74
    print "kind", cluster ? "cluster" : (single ? "database" : "unknown")
    print "complete", complete && !copying ? "yes" : "no"
    print "version", version == "" ? "-" : version
    print "bytes", sprintf("%.0f", bytes)
    for (number = 1; number <= count; number++) {
      name = order[number]
      print "database", name, sprintf("%d", tables[name]), sprintf("%d", rows[name])
    }
  }'
