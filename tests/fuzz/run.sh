#!/bin/sh
# run.sh BUILD SECONDS [TARGET …]: runs each fuzz target for so long, from its corpus in the tree and from what
# earlier runs kept in BUILD/fuzz-corpus. Stops at the first finding: its input is in BUILD/fuzz-findings.
set -eu

build=$1
seconds=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$build/fuzz-findings"
[ $# -gt 0 ] || set -- $(cd "$here/corpus" && ls)

for target in "$@"; do
  options="-max_len=4096"
  case $target in
    config) options="-max_len=8192 -dict=$here/yaml.dict" ;;
    event) options="-max_len=4096 -dict=$here/json.dict" ;;
    request_scanner) options="-max_len=4096 -dict=$here/http.dict" ;;
  esac
  mkdir -p "$build/fuzz-corpus/$target"
  log=$build/fuzz-findings/$target.log
  # shellcheck disable=SC2086
  if ! "$build/bin/fuzz_$target" -max_total_time="$seconds" -timeout=30 -rss_limit_mb=1024 $options \
      -print_final_stats=1 -artifact_prefix="$build/fuzz-findings/$target-" \
      "$build/fuzz-corpus/$target" "$here/corpus/$target" >"$log" 2>&1; then
    grep -v '^#[0-9]' "$log" | tail -n 60 >&2
    echo "fuzz $target: a finding; run bin/fuzz_$target on the file named above" >&2
    exit 1
  fi
  echo "fuzz $target: clean, $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs in ${seconds} s"
done
