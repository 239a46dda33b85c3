/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR MIT) */
/*
 * vscsi_crq: a command/response queue (CRQ) of an IBM Virtual SCSI adapter,
 * opened to one user-space process.
 *
 * Every adapter the module has bound appears as a character device
 * /dev/vscsi_crq-<unit address in hex>, mode 0600.
 *
 * A session, in order:
 *
 *	fd = open("/dev/vscsi_crq-30000003", O_RDWR | O_CLOEXEC);
 *	ioctl(fd, VSCSI_CRQ_INFO, &info);	version, kind of slot, limits
 *	ioctl(fd, VSCSI_CRQ_REGISTER, &reg);	H_REG_CRQ; then mmap the queue
 *	ioctl(fd, VSCSI_CRQ_DMA_ALLOC, &dma);	memory with a bus address; mmap it
 *	ioctl(fd, VSCSI_CRQ_SEND, &send);	H_SEND_CRQ
 *	ioctl(fd, VSCSI_CRQ_SIGNAL, &sig);	arm the interrupt, look at the queue
 *	poll(fd); read(fd, &event, sizeof event);	... once more, then wait
 *	ioctl(fd, VSCSI_CRQ_FREE, &result);	H_FREE_CRQ
 *
 * Units. All sizes, lengths and offsets are in bytes. Addresses called "bus"
 * are I/O bus addresses in a DMA window of the adapter, as PAPR uses them in
 * CRQ elements and SRP descriptors. All integers are in host byte order; the
 * 16 bytes of a CRQ element are bytes, in the order of the standard, both in
 * VSCSI_CRQ_SEND and in the mapped queue.
 *
 * Errors. errno says that the request never got to the hypervisor; the
 * hypervisor's own answer is a number, `hrc`, in the ioctl's structure, with
 * the ioctl returning 0. So an ioctl that returns 0 with hrc == 2 (H_CLOSED)
 * has been executed and answered. The errno values every ioctl may give:
 *
 *	EFAULT	the structure is not readable and writable, or memory it points
 *		to not readable
 *	EINVAL	a value is out of its range, or a reserved field is not zero
 *	ENODEV	the door is shut: the adapter was removed or unbound, or the
 *		process that opened the device has exited
 *	ENOTTY	no such ioctl
 *
 * Lifetime. A unit has one opener at a time (open: EBUSY). Mappings and
 * duplicated descriptors of the same open share it. It is shut, and with that
 * the queue freed with H_FREE_CRQ and all DMA memory unmapped from the bus,
 * when the last descriptor is closed (even while mappings remain, but not
 * before calls that are waiting in it have returned) or when the process that
 * opened it exits without having closed it, however it ends (even while a
 * forked child still holds a copy of the descriptor). Pages that are still
 * mapped by the process at that moment stay its ordinary memory until it
 * unmaps them; no one else can reach them any more. Mappings are not
 * inherited by fork().
 */
#ifndef VSCSI_CRQ_H
#define VSCSI_CRQ_H

#include <linux/ioctl.h>
#include <linux/types.h>

/*
 * Version of this interface. A program built against version N works with a
 * module whose vscsi_crq_info.version is N; it should refuse any other.
 */
#define VSCSI_CRQ_VERSION	1

/* Bytes of one CRQ element. */
#define VSCSI_CRQ_ELEMENT	16

/* vscsi_crq_info.kind */
#define VSCSI_CRQ_CLIENT	0	/* slot IBM,v-scsi: the initiator's side */
#define VSCSI_CRQ_SERVER	1	/* slot IBM,v-scsi-host: the target's side */

/* vscsi_crq_info.flags */
#define VSCSI_CRQ_REGISTERED	1	/* a queue is registered at the moment */
#define VSCSI_CRQ_SIMULATED	2	/* no real hypervisor behind this unit */

/*
 * A DMA window. Bus addresses of the window are start to start + size - 1.
 * liobn names the window to the hypervisor; a program needs it for display
 * only.
 */
struct vscsi_crq_window {
	__u32 liobn;
	__u32 reserved;
	__u64 start;
	__u64 size;
};

/*
 * VSCSI_CRQ_INFO: what the adapter is. Always possible, changes nothing.
 *
 * window[0] is the adapter's own window; window[1], on server slots only
 * (windows == 2), is the partner's, the one that VSCSI_CRQ_COPY reaches.
 */
struct vscsi_crq_info {
	__u32 version;		/* VSCSI_CRQ_VERSION of the module */
	__u32 kind;		/* VSCSI_CRQ_CLIENT or VSCSI_CRQ_SERVER */
	__u32 unit;		/* unit address */
	__u32 flags;
	__u32 page_size;	/* mmap lengths and DMA sizes are multiples */
	__u32 windows;		/* windows that are filled in: 1 or 2 */
	struct vscsi_crq_window window[2];
	__u32 queue_size;	/* of the registered queue; 0 when there is none */
	__u32 queue_max;	/* largest queue VSCSI_CRQ_REGISTER accepts */
	__u64 area_max;		/* largest single VSCSI_CRQ_DMA_ALLOC */
	__u64 dma_limit;	/* DMA memory one process may have, queue apart */
	__u64 dma_used;		/* what it has: allocated, or given back but
				 * still mapped; the registered queue apart
				 */
	__u64 copy_max;		/* largest single H_COPY_RDMA of the platform,
				 * no limit for VSCSI_CRQ_COPY, which splits
				 */
	__u32 partition;	/* number of this partition, 0 if unknown */
	__u32 reserved;
	char partition_name[128]; /* NUL-terminated, empty if unknown */
	char location[128];	/* location code, NUL-terminated */
	__u64 spare[16];	/* zero */
};

/* PAPR's answer alone, for requests that need no parameter. */
struct vscsi_crq_result {
	__s64 hrc;
};

/*
 * VSCSI_CRQ_REGISTER: allocate a zeroed queue and register it (H_REG_CRQ).
 *
 * hrc H_SUCCESS (0): registered, and so is the partner. H_CLOSED (2):
 * registered, the partner is not yet. Anything else: not registered, nothing
 * allocated; H_RESOURCE (-16) means that someone registered before us (for
 * instance a kernel before kexec): VSCSI_CRQ_FREE, then try again.
 *
 * The interrupt is off after registration. The queue is mapped with
 * mmap(offset); the length of the mapping may be size rounded up to a whole
 * page. Each element is free while its first byte is zero; the hypervisor
 * fills them in turn, the owner zeroes the first byte when it is done.
 *
 * EBUSY: a queue is registered already. ENOMEM. ENOSPC: dma_used is several
 * MiB over dma_limit with queues that were freed and are still mapped.
 */
struct vscsi_crq_register {
	__u32 size;		/* in: a multiple of 4096 up to queue_max, or
				 * 0 for one page of this kernel; out: size
				 */
	__u32 reserved;
	__u64 bus;		/* out: where the hypervisor sees the queue */
	__u64 offset;		/* out: for mmap */
	__s64 hrc;
};

/*
 * VSCSI_CRQ_FREE: H_FREE_CRQ, once. Executed even when nothing is registered
 * by this door (see H_RESOURCE above). On H_SUCCESS the queue's memory is
 * released; a mapping of it stays valid but is no longer the queue. H_BUSY
 * (1) and long busy (9900 + n: about 10^n ms): the queue stays registered,
 * wait and call again. On close the module itself repeats the call, for up to
 * ten seconds; a queue that cannot be freed is left registered. The next
 * opener's REGISTER then gets H_RESOURCE; once its FREE has succeeded, the
 * memory of that queue is released too, and not before.
 */

/*
 * VSCSI_CRQ_ENABLE: H_ENABLE_CRQ, once; after a partition was suspended or
 * migrated (transport event 6). H_IN_PROGRESS, busy and long busy: call again.
 * ENOTCONN: no queue is registered.
 */

/*
 * VSCSI_CRQ_SEND: put elements into the partner's queue (H_SEND_CRQ).
 *
 * Stops at the first element the hypervisor does not accept: done is the
 * number accepted, hrc the answer to the last one tried (H_SUCCESS: all).
 * H_CLOSED (2): the partner is not registered. H_DROPPED (-12): its queue is
 * full; the element was not stored, send it again later.
 *
 * EINVAL: count is 0 or above VSCSI_CRQ_SEND_MAX, or the first byte of any
 * element is below 0x80 or is 0xFF (reserved to the platform); then none was
 * sent. ENOTCONN: no queue is registered.
 */
#define VSCSI_CRQ_SEND_MAX	256

struct vscsi_crq_send {
	__u64 elements;		/* in: user address of count * 16 bytes */
	__u32 count;		/* in */
	__u32 done;		/* out */
	__s64 hrc;		/* out */
};

/*
 * VSCSI_CRQ_SIGNAL: arm or disarm the interrupt (H_VIO_SIGNAL).
 *
 * An interrupt disarms itself when it arrives. The platform makes none for
 * elements that are in the queue already: after arming, look at the queue
 * once more before waiting.
 *
 * ENOTCONN: no queue is registered.
 */
struct vscsi_crq_signal {
	__u32 enable;		/* in: 1 or 0 */
	__u32 reserved;
	__s64 hrc;
};

/*
 * VSCSI_CRQ_DMA_ALLOC: zeroed memory that is mapped in the adapter's own
 * window at bus to bus + size - 1. access says what the platform, and through
 * it the partner, may do there: the two access bits of a TCE. Reach it with
 * mmap(offset); direct I/O (O_DIRECT) to and from the mapping works.
 * Physically contiguous: large areas may be unavailable on a long-running
 * system, several smaller ones are not.
 *
 * ENOMEM: no such memory, or the bus window is full. ENOSPC: over dma_limit,
 * with what this process still maps of areas that it gave back or closed.
 */
#define VSCSI_CRQ_DMA_READ	1	/* the partner may read */
#define VSCSI_CRQ_DMA_WRITE	2	/* ... may write; Linux then lets it read */

struct vscsi_crq_dma {
	__u64 size;		/* in: multiple of page_size, up to area_max */
	__u32 access;		/* in: VSCSI_CRQ_DMA_*, at least one */
	__u32 reserved;
	__u64 bus;		/* out */
	__u64 offset;		/* out: for mmap */
};

/*
 * VSCSI_CRQ_DMA_FREE: give an area back by its bus address. It is no longer
 * reachable from the bus when this returns; a mapping stays valid until
 * munmap. ENOENT: this opener has no area that starts there.
 */
struct vscsi_crq_dma_free {
	__u64 bus;
};

/*
 * VSCSI_CRQ_COPY: copy between an area of this opener and the partner's
 * memory (H_COPY_RDMA), server slots only. Any length within the area, any
 * alignment; done in pieces of at most copy_max.
 *
 * done is the number of bytes of the pieces that succeeded, hrc the answer to
 * the last piece: H_SUCCESS, or for instance H_PERMISSION (-11): the partner
 * has not mapped that memory, or not in this direction; H_SOURCE_PARM (-13),
 * H_DEST_PARM (-14): not in the partner's window (the module finds that
 * itself and answers as PAPR would), or the partner has gone.
 *
 * EINVAL: length is 0, or local to local + length - 1 is not inside one area
 * of this opener (the queue is none), or an address plus length exceeds 64
 * bits. EOPNOTSUPP: a client slot. ENOTCONN: no queue is registered.
 */
#define VSCSI_CRQ_COPY_IN	0	/* from the partner into our area */
#define VSCSI_CRQ_COPY_OUT	1	/* from our area to the partner */

struct vscsi_crq_copy {
	__u32 direction;	/* in */
	__u32 reserved;
	__u64 local;		/* in: bus address in an area of this opener */
	__u64 remote;		/* in: bus address in the partner's window */
	__u64 length;		/* in */
	__u64 done;		/* out */
	__s64 hrc;		/* out */
};

/*
 * VSCSI_CRQ_SUSPEND: the server's part in suspending a client (H_VIOCTL),
 * server slots only. ENABLE asks for transport events 9 (prepare for suspend)
 * and 10 (resumed) in the queue and must be repeated after every
 * registration; READY answers event 9.
 *
 * EOPNOTSUPP: a client slot. ENOTCONN: no queue is registered.
 */
#define VSCSI_CRQ_SUSPEND_ENABLE 0
#define VSCSI_CRQ_SUSPEND_READY	1

struct vscsi_crq_suspend {
	__u32 request;		/* in */
	__u32 timeout_ms;	/* in: ENABLE: 1 to 30000; READY: 0 */
	__s64 hrc;
};

/*
 * VSCSI_CRQ_PARTNER: who the platform says the partner is (H_VIOCTL,
 * GET_PARTNER_INFO). Needs no queue. Unless hrc is H_SUCCESS the rest is zero:
 * H_CLOSED (2): several partners are possible, and none is connected;
 * H_FUNCTION (-2), H_NOT_FOUND (-7): the platform does not tell.
 *
 * ENOMEM. ENOTTY: a module older than this request.
 */
struct vscsi_crq_partner {
	__s64 hrc;
	__u64 partition;	/* number of its partition */
	__u64 unit;		/* its unit address */
	char location[128];	/* its location code, NUL-terminated */
};

/*
 * read() waits for something to happen and returns one such structure, with
 * both fields cleared in the module. Buffers below its size: EINVAL. EAGAIN
 * with O_NONBLOCK. EFAULT: nothing is cleared. Returns 0 when the door is shut.
 *
 * poll(): POLLIN while a read would not wait, POLLPRI too when events is not
 * zero, POLLHUP | POLLERR when the door is shut.
 */
struct vscsi_crq_event {
	__u32 interrupts;	/* since the last read; 0 is possible */
	__u32 events;		/* VSCSI_CRQ_EV_* since the last read */
};

/*
 * This partition is about to be suspended by its own kernel, or has just
 * resumed: interrupts may have been lost in between, look at the queue.
 * Migration does not show here but as transport event 6 in the queue.
 */
#define VSCSI_CRQ_EV_SUSPEND	1
#define VSCSI_CRQ_EV_RESUME	2

/*
 * VSCSI_CRQ_TOGETHER: several VSCSI_CRQ_COPY, one after the other, and when all
 * are done a VSCSI_CRQ_SEND: what a server does for one command, or for many,
 * in one call of the kernel.
 *
 * Stops at the first call of the hypervisor that is not H_SUCCESS, whose answer
 * is hrc: copied is how many copies were done, done the bytes of the one that
 * failed; sent is how many elements were accepted, 0 unless all was copied.
 *
 * EINVAL: neither copies nor elements, or more than VSCSI_CRQ_TOGETHER_MAX or
 * VSCSI_CRQ_SEND_MAX of them, or a copy or an element that VSCSI_CRQ_COPY or
 * VSCSI_CRQ_SEND refuses; then nothing was done. EOPNOTSUPP: copies, and a
 * client slot. ENOTCONN: no queue is registered. ENOMEM. ENOTTY: a module older
 * than this request.
 */
#define VSCSI_CRQ_TOGETHER_MAX	256

struct vscsi_crq_piece {
	__u32 direction;	/* VSCSI_CRQ_COPY_IN or VSCSI_CRQ_COPY_OUT */
	__u32 reserved;
	__u64 local;		/* as in struct vscsi_crq_copy */
	__u64 remote;
	__u64 length;
};

struct vscsi_crq_together {
	__u64 copies;		/* in: user address of copy_count pieces */
	__u64 elements;		/* in: user address of count * 16 bytes */
	__u32 copy_count;	/* in */
	__u32 count;		/* in */
	__u32 copied;		/* out */
	__u32 sent;		/* out */
	__u64 done;		/* out */
	__s64 hrc;		/* out */
};

#define VSCSI_CRQ_IOC		0xC5

#define VSCSI_CRQ_INFO		_IOR(VSCSI_CRQ_IOC, 0, struct vscsi_crq_info)
#define VSCSI_CRQ_REGISTER	_IOWR(VSCSI_CRQ_IOC, 1, struct vscsi_crq_register)
#define VSCSI_CRQ_FREE		_IOR(VSCSI_CRQ_IOC, 2, struct vscsi_crq_result)
#define VSCSI_CRQ_ENABLE	_IOR(VSCSI_CRQ_IOC, 3, struct vscsi_crq_result)
#define VSCSI_CRQ_SEND		_IOWR(VSCSI_CRQ_IOC, 4, struct vscsi_crq_send)
#define VSCSI_CRQ_SIGNAL	_IOWR(VSCSI_CRQ_IOC, 5, struct vscsi_crq_signal)
#define VSCSI_CRQ_DMA_ALLOC	_IOWR(VSCSI_CRQ_IOC, 6, struct vscsi_crq_dma)
#define VSCSI_CRQ_DMA_FREE	_IOW(VSCSI_CRQ_IOC, 7, struct vscsi_crq_dma_free)
#define VSCSI_CRQ_COPY		_IOWR(VSCSI_CRQ_IOC, 8, struct vscsi_crq_copy)
#define VSCSI_CRQ_SUSPEND	_IOWR(VSCSI_CRQ_IOC, 9, struct vscsi_crq_suspend)
#define VSCSI_CRQ_PARTNER	_IOR(VSCSI_CRQ_IOC, 10, struct vscsi_crq_partner)
#define VSCSI_CRQ_TOGETHER	_IOWR(VSCSI_CRQ_IOC, 11, struct vscsi_crq_together)

#endif /* VSCSI_CRQ_H */
