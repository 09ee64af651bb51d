#!/usr/bin/env bash
# Certificates and tokens for a suite of one's own: a CA, a certificate for each server, a token for each role.
#
#   scripts/make-identity.sh FOLDER [NAMESPACE]     [recsae]
#
# FOLDER/ca.crt, ca.key                      the CA; keep the key away from the servers
# FOLDER/<server>/tls.crt, tls.key, ca.crt   for recsae-<server>, in NAMESPACE or on this machine; trainer and explainers
#                                            carry the role they call with (URI recsae:role/<role>). A year.
# FOLDER/tokens                              for --tokens: NAME ROLE SHA256, a line each
# FOLDER/token.<role>                        the token itself, for --token-file
#
# What is there stays: remove a server's folder or a token, and run it again, to have a new one. Where tokens are removed,
# remove the line of their role in FOLDER/tokens, too: that is what revokes them.
set -euo pipefail
if (( $# < 1 )); then
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2
  exit 2
fi
folder=$1 space=${2:-recsae}
umask 077
mkdir --parents "$folder"
cd "$folder"

key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null; }

if [[ ! -e ca.crt ]]; then
  key ca.key
  openssl req -x509 -new -key ca.key -days 3650 -subj /CN=recsae -out ca.crt \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
fi

certificate() {
  local server=$1 role=${2:-} name=recsae-$1 names
  [[ ! -e $server/tls.crt ]] || return 0
  mkdir --parents "$server"
  key "$server/tls.key"
  names=DNS:$name,DNS:$name.$space.svc,DNS:$name.$space.svc.cluster.local,DNS:localhost,IP:127.0.0.1
  [[ -z $role ]] || names+=,URI:recsae:role/$role
  openssl req -new -key "$server/tls.key" -subj "/CN=$name" -out "$server/request"
  openssl x509 -req -in "$server/request" -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 -out "$server/tls.crt" \
    -extfile <(printf 'subjectAltName=%s\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n' "$names") 2>/dev/null
  rm "$server/request"
  cp ca.crt "$server/ca.crt"
}
certificate probe
certificate trainer writer
certificate concept-store
certificate explainer reader
certificate explainer-jobs writer
certificate standalone

touch tokens
for role in reader writer admin; do
  if [[ ! -e token.$role ]]; then
    openssl rand -hex 32 | tr --delete '\n' >"token.$role"
    printf '%s %s %s\n' "$role" "$role" "$(sha256sum <"token.$role" | cut --delimiter=' ' --fields=1)" >>tokens
  fi
done
