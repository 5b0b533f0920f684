#!/bin/sh
# Writes the server's configuration with the wanted port, then runs the command.
set -e
cat >/etc/nginx/conf.d/default.conf <<CONF
server {
    listen ${ELEMENT_WEB_PORT};
    server_name localhost;
    root /app;
    index index.html;
    location ~ ^/config.*\.json$ { add_header Cache-Control no-cache; }
    location = /version { add_header Cache-Control no-cache; default_type text/plain; }
    location = /index.html { add_header Cache-Control no-cache; }
}
CONF
exec "$@"
