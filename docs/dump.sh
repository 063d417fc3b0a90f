#!/bin/sh
# From a running relay to a query, with curl and psql. A test runs this file as it stands.
#
# The relay was started with a target, and showed the operator's token at its first start:
#   relay --dump-target class="$DATABASE_URL"
# Then:
#   RELAY=http://localhost:18000 TOKEN=… DATABASE_URL=postgresql://… sh docs/dump.sh
set -eu
: "${RELAY:=http://localhost:18000}" "${TOKEN:?the operator token}" "${DATABASE_URL:?the database}"
api="$RELAY/api/v1"

echo "== start the dump"
curl --fail-with-body --silent --show-error --request POST \
    --header "Authorization: Bearer $TOKEN" "$api/dumps/class"
echo

echo "== wait until it follows"
until curl --fail --silent "$api/dumps/class" | grep --quiet '"state":"following"'; do sleep 1; done
curl --fail --silent "$api/dumps/class"
echo

echo "== ask"
schema=$(psql "$DATABASE_URL" --no-psqlrc --tuples-only --no-align --command \
    "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'tabchain%' ORDER BY nspname LIMIT 1")
psql "$DATABASE_URL" --no-psqlrc --set=ON_ERROR_STOP=1 <<SQL
SET search_path TO $schema;
SELECT * FROM chain_status;
SELECT height, "timestamp", transaction_count FROM blocks ORDER BY height DESC LIMIT 5;
SELECT key, height, sender, value, outcome FROM key_history ORDER BY height, position LIMIT 5;
SELECT * FROM blocks_per_hour;
SQL

echo "== stop the dump"
curl --fail-with-body --silent --show-error --request DELETE \
    --header "Authorization: Bearer $TOKEN" "$api/dumps/class"
curl --fail --silent "$api/dumps/class" | grep '"state":"off"'
