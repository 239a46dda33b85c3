"""pysrp: IBM Virtual SCSI and the SCSI RDMA Protocol."""
