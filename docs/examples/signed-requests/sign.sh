#!/bin/bash
# The Authorization header of a signed request, with bash and openssl.
#   TUILA_CLIENT=… TUILA_SECRET=… ./sign.sh METHOD TARGET [TIMESTAMP NONCE] < BODY
set -eu -o pipefail
export LC_ALL=C

canonical() { # decode percent escapes, encode everything but A-Z a-z 0-9 - . _ ~
  local text=$1 out='' hex char
  while [ -n "$text" ]; do
    case $text in
      %[0-9A-Fa-f][0-9A-Fa-f]*) hex=${text:1:2}; text=${text:3} ;;
      *) printf -v hex '%02x' "'${text:0:1}"; text=${text:1} ;;
    esac
    printf -v char '%b' "\\x$hex"
    case $char in
      [A-Za-z0-9._~-]) out+=$char ;;
      *) out+=%${hex^^} ;;
    esac
  done
  printf '%s' "$out"
}

canonical_path() { # every segment by itself; the slashes stay
  local rest=$1 out=''
  while [[ $rest == */* ]]; do out+=$(canonical "${rest%%/*}")/; rest=${rest#*/}; done
  out+=$(canonical "$rest")
  printf '%s' "${out:-/}"
}

canonical_query() { # sorted by name, then by value; a plus is a space
  local rest=$1'&' part name value
  while [ -n "$rest" ]; do
    part=${rest%%&*}; rest=${rest#*&}
    [ -n "$part" ] || continue
    name=${part%%=*}; value=''
    [[ $part != *=* ]] || value=${part#*=}
    printf '%s=%s\n' "$(canonical "${name//+/%20}")" "$(canonical "${value//+/%20}")"
  done | sort -t= -k1,1 -k2,2 | paste -sd '&' -
}

METHOD=$1 TARGET=$2 TIMESTAMP=${3:-$(date +%s)} NONCE=${4:-$(openssl rand -hex 16)}
QUERY=''
[[ $TARGET != *\?* ]] || QUERY=${TARGET#*\?}
DIGEST=$(openssl dgst -sha256 -r | cut -d' ' -f1) # of the body, from standard input
KEY=$(printf 'tuila.signing-key.v1' | openssl dgst -sha256 -hmac "$TUILA_SECRET" -r | cut -d' ' -f1)
SIGNATURE=$(printf '%s\n%s\n%s\n%s\n%s\n%s' "$METHOD" "$(canonical_path "${TARGET%%\?*}")" "$(canonical_query "$QUERY")" \
  "$TIMESTAMP" "$NONCE" "$DIGEST" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$KEY" -r | cut -d' ' -f1)
echo "Tuila-HMAC-SHA256 client=$TUILA_CLIENT, timestamp=$TIMESTAMP, nonce=$NONCE, signature=$SIGNATURE"
