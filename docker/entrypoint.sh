#!/bin/sh
# What a container of the image runs. The first word is a command of `tonglu`; the node's directory is put in for it.
#
#   serve [--only …]      makes the node at the first start (TONGLU_REGION, TONGLU_NAME, TONGLU_BASE_URL), then serves it
#   any other command     runs on the same node, for example: peer invite · doctor · officer list
#
# The first officer's one-time password is written to first-officer.txt in the node's directory, never to the log.
set -eu

directory="${NODE_DIRECTORY:-/data}"
node="$directory/node"
umask 077

case "${1:-serve}" in
    serve)
        [ $# -eq 0 ] || shift
        if [ ! -f "$node/tonglu.toml" ]; then
            for variable in TONGLU_REGION TONGLU_NAME TONGLU_BASE_URL; do
                eval "value=\${$variable:-}"
                if [ -z "$value" ]; then
                    echo "$variable is not set: a new node needs its region, name and base URL" >&2
                    exit 1
                fi
            done
            tonglu init "$node" --region "$TONGLU_REGION" --name "$TONGLU_NAME" --base-url "$TONGLU_BASE_URL" \
                >"$directory/first-officer.txt"
            echo "a new node; the first officer's password is in $directory/first-officer.txt (read it, then delete it)"
        fi
        exec tonglu serve "$node" "$@"
        ;;
    tick | doctor)
        command="$1"
        shift
        exec tonglu "$command" "$node" "$@"
        ;;
    backup)
        shift
        exec tonglu backup "$node" "$@"
        ;;
    restore)
        exec tonglu restore "$2" "$node"
        ;;
    officer | peer | agreement | receipts | keys | log | privacy)
        group="$1"
        command="${2:?which command of $1?}"
        shift 2
        exec tonglu "$group" "$command" "$node" "$@"
        ;;
    *)
        exec tonglu "$@"
        ;;
esac
