#!/bin/sh
# Boots a systemd of its own in a scratch copy of this machine, which only this script sees, and lives through the
# package's life under it: under_systemd.py. The copy has its own processes, mounts, network and cgroups; /sys and /proc/sys
# are read-only in it, no unit of the machine starts, and all ends with its process 1. Exit 77: this machine does not allow it.
#   tests/package/under_systemd.sh BUILD_DIR
set -eu

build=$(realpath "$1")
here=$(realpath "$(dirname "$0")")

skip() {
  echo "skipped: $1"
  exit 77
}

if [ -z "${MODHOST_SCRATCH:-}" ]; then
  [ "$(id -u)" -eq 0 ] || skip "to boot a systemd takes root"
  [ -x /lib/systemd/systemd ] || skip "there is no systemd to boot"
  unshare --pid --mount --cgroup --ipc --uts --net --fork true 2>/dev/null || skip "this machine gives no namespaces"
  MODHOST_SCRATCH=1 exec unshare --mount --propagation private "$0" "$build"
fi

scratch=$(mktemp -d)
mount -t tmpfs scratch "$scratch"
trap 'umount -l "$scratch"; rmdir "$scratch"' EXIT
mkdir "$scratch/upper" "$scratch/work" "$scratch/root" "$scratch/cgroups"
export root="$scratch/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$scratch/upper,workdir=$scratch/work" "$root" ||
  skip "no overlay over / can be mounted"
mount -t cgroup2 cgroup2 "$scratch/cgroups" || skip "no cgroup2 can be mounted"
own=$(sed -n s,^0::/,,p /proc/self/cgroup)
cgroup=$(mktemp -d "$scratch/cgroups/$own/modhost-package.XXXXXX") || skip "no cgroup can be made"
trap 'find "$cgroup" -depth -type d -exec rmdir {} +; umount -l "$scratch"; rmdir "$scratch"' EXIT
trap 'kill -KILL $(find "$cgroup" -mindepth 2 -name cgroup.procs -exec cat {} +) || true; wait; exit 1' INT TERM

rm -rf "$root"/etc/systemd/system/*.wants "$root"/usr/lib/systemd/system/*.wants
rm -rf "$root"/usr/lib/systemd/system-generators
rm -f "$root/etc/fstab" "$root/var/lib/man-db/auto-update"  # an index of all manuals takes seconds
mkdir "$root/package"
cp "$here"/installed.py "$here"/under_systemd.py "$here"/../../docs/*.md "$build"/modhost*_*.deb "$root/package/"

# boot NAME SECONDS LINES: until the unit NAME with these LINES in [Service] has ended; its exit code.
boot() {
  printf '%s\n' '[Unit]' Wants=systemd-journald.service After=systemd-journald.service SuccessAction=exit-force \
    FailureAction=exit-force '[Service]' Type=oneshot "$3" >"$root/usr/lib/systemd/system/$1.service"
  setpriv --pdeathsig KILL timeout -s KILL "$2" setpriv --pdeathsig KILL sh -eu -c '
    echo $$ >"$1/cgroup.procs"
    exec unshare --pid --mount --cgroup --ipc --uts --net --fork --kill-child sh -eu "$2/process_1.sh" "$3"
  ' boot "$cgroup" "$here" "$1" &
  wait $!  # so that a signal is heard meanwhile
}

boot probe 60 'ExecStart=/bin/true
ProtectSystem=strict
ProtectProc=invisible
PrivateDevices=yes
PrivateUsers=yes' || skip "no systemd boots here that can confine a service"

status=0
boot life 500 'ExecStart=/usr/bin/python3 /package/under_systemd.py
StandardOutput=file:/package/said
StandardError=inherit' || status=$?
cat "$root/package/said"
exit $status
