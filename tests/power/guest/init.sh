#!/bin/busybox sh
# First process of the guest: mounts the host's folders over 9p and runs /share/run.sh in them.
busybox=/bin/busybox
$busybox --install -s /bin
export PATH=/bin
mkdir -p /proc /sys /dev /tree
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in /modules/*.ko; do
    insmod "$module" || echo "init: $module failed"
done

mount_9p() {  # tag, folder, ro or rw. Only what never changes may be cached.
    cache=none
    [ "$3" = ro ] && cache=loose
    mount -t 9p -o "$3,trans=virtio,version=9p2000.L,msize=262144,cache=$cache" "$1" "$2"
}
mount_9p root /tree ro
mount_9p tree /tree/lib/modules ro
mount_9p guest /tree/guest ro
mount_9p modules /tree/modules ro
mount_9p share /tree/share rw
mount -t tmpfs tmp /tree/tmp
mount -t tmpfs run /tree/run
mount -t tmpfs mnt /tree/mnt
mount -t tmpfs shares /tree/shares
mount -t proc proc /tree/proc
mount -t sysfs sys /tree/sys
mount -t devtmpfs dev /tree/dev
mkdir -p /tree/dev/shm
mount -t tmpfs shm /tree/dev/shm
mount -t debugfs debug /tree/sys/kernel/debug
ip link set lo up 2>/dev/null

# run.sh mounts more folders, and does so in the new root
{
    echo 'mount_9p() { cache=none; [ "$3" = ro ] && cache=loose'
    echo 'mount -t 9p -o "$3,trans=virtio,version=9p2000.L,msize=262144,cache=$cache" "$1" "$2"; }'
    cat /tree/share/run.sh
} >/tree/run/run.sh
chroot /tree /bin/sh /run/run.sh
sync
poweroff -f
