# A second Postgres on a new data folder, without a network. $1: the data folder that will be replaced, $2: the
# new one, $3: the container, $4: the image, $5: the environment, $6: where the image expects the data.
set -eu
docker rm --force --volumes -- "$3" >/dev/null 2>&1 || true
rm -rf -- "$2"
mkdir -m 0700 -- "$2"
owner=$1
[ -e "$1" ] || owner=$(dirname -- "$1")
chown --reference="$owner" -- "$2"
docker run --detach --name "$3" --network=none --user="$(stat -c %u:%g -- "$2")" --cap-drop=ALL --read-only \
  --shm-size=256m --env-file="$5" \
  --mount="type=bind,src=$2,dst=$6" --mount=type=bind,src=/etc/passwd,dst=/etc/passwd,ro \
  --tmpfs=/tmp:rw,noexec,nosuid,size=128m --tmpfs=/run/postgresql:rw,noexec,nosuid,size=16m \
  "$4" postgres -c unix_socket_directories=/run/postgresql -c listen_addresses=127.0.0.1 >/dev/null
# The server of the first start listens on its socket only; the one that stays, on TCP too.
tries=0
until docker exec "$3" pg_isready --quiet --host=127.0.0.1 2>/dev/null; do
  tries=$((tries + 1))
  if [ "$tries" -gt 240 ] || [ "$(docker inspect --format '{{.State.Running}}' "$3")" != true ]; then
    docker logs --tail 5 "$3" >&2
    exit 1
  fi
  sleep 0.5
done
