#!/bin/sh
# Checks a running mksync service over HTTP: sync, bulk-sync, mappings, import,
# bulk-import, and that it refuses what it should. Needs curl and nothing else.
#
#   cp tests/metakocka/.env.sample tests/metakocka/.env   # and fill it in
#   tests/metakocka/check.sh [FILE]                       # default: .env beside this script
#
# The contact is synced and the partner imported for real. Each request and its
# answer are printed, then a line that says whether it is as it should be; the
# exit status is 1 when one was not.
set -u

env_file=${1:-$(dirname "$0")/.env}
if [ -f "$env_file" ]; then
	case $env_file in */*) ;; *) env_file=./$env_file ;; esac
	# shellcheck disable=SC1090
	. "$env_file"
elif [ $# -gt 0 ]; then
	echo "there is no file $env_file" >&2
	exit 2
fi
BASE_URL=${BASE_URL:-http://127.0.0.1:8080}
for name in AUTH_TOKEN CONTACT_ID METAKOCKA_ID; do
	eval "value=\${$name:-}"
	if [ -z "$value" ]; then
		echo "$name is not set: set it in $env_file" >&2
		exit 2
	fi
done
command -v curl >/dev/null || { echo "curl is needed" >&2; exit 2; }

api=$BASE_URL/api/metakocka
unknown=00000000-0000-4000-8000-000000000000
failed=0

# call METHOD PATH [BODY]: sets $status and $body. The token is not an argument,
# which other users of this machine could see.
call() {
	answer=$(printf 'header = "Authorization: Bearer %s"\n' "$token" | curl -sS --config - --max-time 300 \
		-X "$1" -H 'Content-Type: application/json' ${3+--data "$3"} -w '\n%{http_code}' "$api$2") || answer="
000"
	status=$(printf '%s\n' "$answer" | tail -n 1)
	body=$(printf '%s\n' "$answer" | sed '$d')
	printf '\n> %s %s%s\n< %s %s\n' "$1" "$api$2" "${3+ $3}" "$status" "$body"
}

# field NAME: the first text of that name in $body.
field() {
	printf '%s' "$body" | sed -n 's/.*"'"$1"'":"\([^"]*\)".*/\1/p' | head -n 1
}

# check WHAT STATUS [TEXT]...: the last answer had the status and holds the texts.
check() {
	what=$1 want=$2
	shift 2
	problem=
	[ "$status" = "$want" ] || problem="answered $status, not $want"
	for text in "$@"; do
		case $body in *"$text"*) ;; *) problem="${problem:+$problem; }lacks $text" ;; esac
	done
	if [ -z "$problem" ]; then
		echo "ok    $what"
	else
		echo "FAIL  $what: $problem"
		failed=1
	fi
}

token=$AUTH_TOKEN

call POST /contacts/sync "{\"contactId\":\"$CONTACT_ID\"}"
check "sync" 200 '"success":true' '"mappingId":"' '"metakockaId":"'
partner=$(field metakockaId)
mapping=$(field mappingId)

call POST /contacts/bulk-sync "{\"contactIds\":[\"$CONTACT_ID\",\"$unknown\"]}"
check "bulk-sync, with one contact that is not there" 200 '"total":2' '"succeeded":1' '"failed":1' "$CONTACT_ID" "$unknown"

call GET "/contacts/mappings?contactId=$CONTACT_ID"
check "mappings by contact" 200 "\"id\":\"$mapping\"" "\"metakockaId\":\"$partner\"" '"syncStatus":"'
call GET "/contacts/mappings?metakockaId=$partner"
check "mappings by partner" 200 "\"id\":\"$mapping\"" "\"contactId\":\"$CONTACT_ID\""

call POST /contacts/import "{\"metakockaId\":\"$METAKOCKA_ID\"}"
check "import" 200 '"success":true' '"contactId":"' '"mappingId":"'
contact=$(field contactId)
call POST /contacts/import "{\"metakockaId\":\"$METAKOCKA_ID\"}"
check "import again gives the same contact" 200 "\"contactId\":\"$contact\""

call POST /contacts/bulk-import "{\"metakockaIds\":[\"$METAKOCKA_ID\"]}"
check "bulk-import" 200 '"total":1' '"imported":1' '"failed":0'

call GET /partners/unsynced
check "unsynced partners" 200 '"success":true' '"items":['

call GET "/contacts/mappings?contactId=$unknown"
check "mappings of a contact that has none" 404 '"code":"not_found"'
call POST /contacts/sync '{"contactId":"no uuid"}'
check "a request that is malformed" 400 '"code":"malformed"' contactId
token=not-the-token
call GET "/contacts/mappings?contactId=$CONTACT_ID"
check "a wrong token" 401 '"code":"unauthorized"'

exit $failed
