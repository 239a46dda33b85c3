#!/bin/sh
# The shell part of SCST's ibmvstgt README ("IBM Virtual SCSI Target"), unchanged but for the root of the tree.
#
#   examples/ibmvstgt-readme.sh ROOT
#
# ROOT is the management tree of a running server that exports nothing yet, mounted with FUSE; each of the two
# keeps its terminal, and the second one says why, where an echo fails:
#
#   pysrp serve unix:/tmp/vios
#   pysrp scst mount -s unix:/tmp/vios ROOT
#
# or, on a machine that runs SCST and has the RAM disks already, /sys/kernel/scst_tgt.

set -eu
scst=${1:?which directory is the tree? see the first lines of $0}

# What the README presumes: sixteen RAM disks. SCST has no RAM disks of its own; vdisk_ram is ours.
if [ -d "$scst/handlers/vdisk_ram" ]; then
  for i in 000 001 002 003 004 005 006 007 008 009 010 011 012 013 014 015; do
    [ -d "$scst/devices/ram$i" ] || echo "add_device ram$i size_mb=64" >"$scst/handlers/vdisk_ram/mgmt"
  done
fi

run() {
  echo "# $*"
  "$@"
}

run ls "$scst/devices"

# From here on it is the README's.

  lun=0
  for name in ram000 ram001 ram002 ram003 ram004 ram005 ram006 ram007 \
              ram008 ram009 ram010 ram011 ram012 ram013 ram014 ram015
  do
    lun=$((lun+256))
    echo "add $name $lun" \
      >$scst/targets/ibmvstgt/ibmvstgt_target_0/luns/mgmt
  done
  echo 1 >$scst/targets/ibmvstgt/ibmvstgt_target_0/enabled

run cat $scst/targets/ibmvstgt/ibmvstgt_target_0/addr_method
run ls $scst/targets/ibmvstgt/ibmvstgt_target_0/luns
run cat $scst/targets/ibmvstgt/ibmvstgt_target_0/enabled
