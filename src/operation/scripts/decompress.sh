# Writes a dump as text, whatever it is packed with: its first bytes tell.
decompress() {
  case $(od -An -N5 -tx1 -- "$1" | tr -d ' \n') in
    1f8b*) program=gzip ;;
    425a68*) program=bzip2 ;;
    fd377a585a) program=xz ;;
    28b52ffd*) program=zstd ;;
    5047444d50)
      echo 'it is in the custom format of pg_dump' >&2
      return 65
      ;;
    *)
      cat -- "$1"
      return
      ;;
  esac
  command -v "$program" >/dev/null || { echo "the host has no \`$program\` to unpack it" >&2; return 69; }
  "$program" -dc <"$1"
}
