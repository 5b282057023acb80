#!/usr/bin/env bash
# Starts the sandbox over a folder of documents and the host with modules.yaml, asks one question and stays
# up for more; Ctrl-C stops all of it. With --once it stops after the first answer.
#   scripts/try.sh [--once] BUILD_DIR DOCS_DIR
# MODHOST_PORT, MODHOST_SANDBOX_PORT and MODHOST_ADMIN_PORT choose the ports (8080, 8096 and 9090); --once looks for
# free ones.
set -euo pipefail

once=""
[ "${1:-}" = "--once" ] && { once=yes; shift; }
build=$1 docs=$2
question=${MODHOST_QUESTION:-"What does the inbox promise when the host is killed?"}
bin=$build/bin

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
free_port() {
  local port
  for _ in $(seq 50); do
    port=$((20000 + RANDOM % 10000))
    listening "$port" || { echo "$port"; return; }
  done
  echo "no free port found" >&2
  return 1
}

if [ -n "$once" ]; then
  port=$(free_port) sandbox_port=$(free_port) admin_port=$(free_port)
else
  port=${MODHOST_PORT:-8080} sandbox_port=${MODHOST_SANDBOX_PORT:-8096} admin_port=${MODHOST_ADMIN_PORT:-9090}
  for wanted in "MODHOST_PORT $port" "MODHOST_SANDBOX_PORT $sandbox_port" "MODHOST_ADMIN_PORT $admin_port"; do
    ! listening "${wanted#* }" || { echo "port ${wanted#* } is in use; free it or set ${wanted% *}" >&2; exit 1; }
  done
fi

state=$(mktemp -d)
# Everything here talks over loopback, whatever proxy the machine has.
export no_proxy="127.0.0.1,localhost${no_proxy:+,$no_proxy}" NO_PROXY="127.0.0.1,localhost${NO_PROXY:+,$NO_PROXY}"
export UNIQUE_ENDPOINT_SECRET=${UNIQUE_ENDPOINT_SECRET:-$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')}
export UNIQUE_API_BASE=http://127.0.0.1:$sandbox_port
export UNIQUE_API_KEY=sandbox-key UNIQUE_APP_ID=sandbox-app
export MODHOST_LOG_FORMAT=${MODHOST_LOG_FORMAT:-text}
export MODHOST_LISTEN=127.0.0.1:$port MODHOST_ADMIN=127.0.0.1:$admin_port
export MODHOST_MODULES_DIR=$PWD/$build/modules MODHOST_STATE_DIR=$state

pids=()
stop() {
  trap - EXIT
  trap '' INT TERM  # an impatient second Ctrl-C must not leave the state folder behind
  # The host first, so that its last calls still find the sandbox.
  for ((i = ${#pids[@]} - 1; i >= 0; i--)); do kill -TERM "${pids[i]}" 2>/dev/null && wait "${pids[i]}" || true; done
  rm -rf "$state"
}
trap 'status=$?; stop; exit $status' EXIT
trap 'stop; exit 0' INT TERM

# Waits until something answers on the port, or the process is gone.
wait_for() {
  until listening "$2"; do
    kill -0 "$1" 2>/dev/null || { echo "$3 did not start; its log:" >&2; cat "$state/$3.log" >&2; exit 1; }
    sleep 0.05
  done
}

"$bin/modhost-sandbox" "$docs" --listen "127.0.0.1:$sandbox_port" --webhook "http://127.0.0.1:$port/webhook" \
  >"$state/sandbox.log" 2>&1 &
pids+=($!)
wait_for "${pids[0]}" "$sandbox_port" sandbox
"$bin/modhost" run -c modules.yaml >"$state/host.log" 2>&1 &
pids+=($!)
wait_for "${pids[1]}" "$port" host

echo "chat page        http://127.0.0.1:$sandbox_port/"
echo "operator's page  http://127.0.0.1:$admin_port/"
echo "webhooks go to   http://127.0.0.1:$port/webhook"
echo
echo "> $question"
"$bin/modhost" ask "$question" --sandbox "http://127.0.0.1:$sandbox_port"
[ -n "$once" ] && exit 0

echo
echo "Open the chat page in a browser, or stay here:"
echo "Ask more:  $bin/modhost ask \"…\" --sandbox http://127.0.0.1:$sandbox_port"
echo "Look:      $bin/modhost status --admin http://127.0.0.1:$admin_port   (also: events list, reload)"
echo "Logs:      $state/host.log  $state/sandbox.log"
echo "Ctrl-C stops everything."
wait -n "${pids[@]}" || true
echo "one of the two has ended; its last words:" >&2
tail -n 3 "$state/host.log" "$state/sandbox.log" >&2
exit 1
