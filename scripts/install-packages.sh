#!/bin/sh
# Installs the Debian packages of the given list that are missing. Nothing missing: says nothing, needs no
# root and no network.
set -eu

list=$1
missing=""
for package in $(sed 's/#.*//' "$list"); do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=""
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "missing packages:$missing; run as root: apt-get install$missing" >&2; exit 1; }
  as_root=sudo
fi
echo "installing:$missing"
$as_root apt-get update -qq
# No package's service is wanted here: that of prometheus, which is there for promtool, would take port 9090, the admin
# port's. policy-rc.d is how Debian is told; one that the machine has already stays as it is.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  trap '$as_root rm -f $policy' EXIT
  printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
  $as_root chmod 0755 $policy
fi
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
case "$missing " in
  *" prometheus "*) ! command -v systemctl >/dev/null || $as_root systemctl disable --quiet prometheus || true ;;
esac
