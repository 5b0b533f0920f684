# Made once a cache: the SSH key pair of the tests, the hosts' SSH keys, the test CA and its certificate.
# shellcheck shell=bash

SSH_KEYS=$CACHE/ssh
TLS=$CACHE/tls
TLS_NAMES='DNS:example.com,DNS:*.example.com,DNS:matrix.example.com,DNS:localhost,IP:127.0.0.1'

make_ssh_keys() {
    local type
    [ ! -e "$SSH_KEYS/complete" ] || return 0
    say "making SSH keys"
    rm -rf "$SSH_KEYS"
    mkdir -p "$SSH_KEYS"
    chmod 0700 "$SSH_KEYS"
    ssh-keygen -q -t ed25519 -N '' -C homestead-sandbox -f "$SSH_KEYS/id_ed25519"
    for type in ed25519 ecdsa rsa; do
        ssh-keygen -q -t "$type" -N '' -C "homestead-sandbox-$type" -f "$SSH_KEYS/ssh_host_${type}_key"
    done
    touch "$SSH_KEYS/complete"
}

make_certificates() {
    # A certificate near its end is made anew, with all that holds it: its folder is part of the images' keys.
    if [ -e "$TLS/complete" ] &&
        openssl x509 -in "$TLS/cert.pem" -noout -checkend 604800 >/dev/null 2>&1; then return 0; fi
    say "making the test CA and its certificate"
    rm -rf "$TLS"
    mkdir -p "$TLS"
    (
        cd "$TLS"
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -sha256 \
            -subj '/CN=homestead sandbox test CA' -keyout ca-key.pem -out ca.pem \
            -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign,cRLSign'
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 \
            -subj '/CN=example.com' -keyout key.pem -out request.pem
        printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n' \
            "$TLS_NAMES" >extensions
        openssl x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 825 -sha256 \
            -extfile extensions -out cert.pem
        chmod 0600 ca-key.pem
        # Containers read it as any user; it protects nothing but tests.
        chmod 0644 key.pem cert.pem ca.pem
        rm -f request.pem extensions ca.srl
    ) >"$LOGS/certificates.log" 2>&1 || fail "openssl failed; see $LOGS/certificates.log"
    touch "$TLS/complete"
}
