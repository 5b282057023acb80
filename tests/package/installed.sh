#!/bin/sh
# Installs the package into a scratch copy of this machine, which only this script sees, and lives through its life there:
# installed.py. Exit 77: this machine lets nobody make such a copy.
#   tests/package/installed.sh BUILD_DIR
set -eu

build=$(realpath "$1")
here=$(realpath "$(dirname "$0")")
export build here

if [ "$(id -u)" -ne 0 ] || ! unshare --mount true 2>/dev/null; then
  echo "skipped: a scratch copy of the machine needs root and a mount namespace"
  exit 77
fi

exec unshare --mount --propagation private sh -eu -c '
scratch=$(mktemp -d)
mount -t tmpfs scratch "$scratch"
trap "umount -l $scratch; rmdir $scratch" EXIT
mkdir "$scratch/upper" "$scratch/work" "$scratch/root"
if ! mount -t overlay overlay -o "lowerdir=/,upperdir=$scratch/upper,workdir=$scratch/work" "$scratch/root"; then
  echo "skipped: no overlay over / can be mounted"
  exit 77
fi
for folder in proc sys dev; do mount --rbind "/$folder" "$scratch/root/$folder"; done
for folder in run tmp; do mount -t tmpfs "$folder" "$scratch/root/$folder"; done
rm -f "$scratch/root/var/lib/man-db/auto-update"  # an index of all manuals takes seconds
mkdir "$scratch/root/package"
cp "$here/installed.py" "$here/../../docs/"*.md "$build"/modhost*_*.deb "$scratch/root/package/"
status=0
chroot "$scratch/root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  python3 /package/installed.py || status=$?
exit $status
'
