/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The two halves of vscsi_crq and what they owe each other.
 *
 * The character device (door.c, requests.c, area.c) is everything of
 * include/vscsi_crq.h that is checking, memory and lifetime. It knows no
 * hypervisor. A platform (papr.c: the vio bus and PAPR's calls) creates one
 * vscsi_unit per adapter and gives the calls as vscsi_platform. A second
 * platform, for tests, can be linked to the same device.
 */
#ifndef VSCSI_CRQ_DOOR_H
#define VSCSI_CRQ_DOOR_H

#include <linux/kref.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>

#include "include/vscsi_crq.h"

/* PAPR's answers that this half must understand (it builds without powerpc) */
#define VSCSI_H_SUCCESS		0
#define VSCSI_H_BUSY		1
#define VSCSI_H_CLOSED		2
#define VSCSI_H_LONG_BUSY_FIRST	9900
#define VSCSI_H_LONG_BUSY_LAST	9905
#define VSCSI_H_SOURCE_PARM	-13
#define VSCSI_H_DEST_PARM	-14

struct vscsi_unit;

/*
 * The hypervisor's calls. Each is made once per call, returns PAPR's number,
 * and gets arguments that have been checked. Not called before the unit is
 * added or after it is removed; send, copy, signal, enable, suspend, partner,
 * and for partner map and unmap, may run at the same time as each other, the
 * rest never overlap anything. All may sleep.
 */
struct vscsi_platform {
	long (*reg)(struct vscsi_unit *unit, u64 bus, u64 size);
	long (*free)(struct vscsi_unit *unit);
	long (*enable)(struct vscsi_unit *unit);
	long (*signal)(struct vscsi_unit *unit, bool on);
	long (*send)(struct vscsi_unit *unit, u64 high, u64 low);
	/* Server slots only. length is at most info.copy_max. */
	long (*copy)(struct vscsi_unit *unit, u64 length, u32 from_liobn,
		     u64 from, u32 to_liobn, u64 to);
	long (*suspend)(struct vscsi_unit *unit, u32 request, u32 timeout_ms);
	/* What GET_PARTNER_INFO writes to mapped memory, length bytes at bus */
	long (*partner)(struct vscsi_unit *unit, u64 bus, u32 length);
	/*
	 * Whole pages, physically contiguous, in the first window, with access
	 * VSCSI_CRQ_DMA_*; 0 or -errno
	 */
	int (*map)(struct vscsi_unit *unit, void *va, size_t size, u32 access,
		   u64 *bus);
	void (*unmap)(struct vscsi_unit *unit, u64 bus, size_t size,
		      u32 access);
};

struct vscsi_area;
struct vscsi_budget;
struct vscsi_door;

struct vscsi_unit {
	/* Set by the platform before vscsi_unit_add() */
	const struct vscsi_platform *platform;
	struct vscsi_crq_info info;	/* what does not change */
	void *priv;

	/* The door's */
	struct kref ref;
	struct miscdevice misc;
	char name[32];
	struct mutex lock;		/* one shutdown at a time */
	spinlock_t event_lock;		/* door, budget, gone, door's events */
	struct vscsi_door *door;	/* the opener, or NULL */
	struct vscsi_budget *budget;	/* the last opener's */
	bool gone;
	struct vscsi_area *stuck;	/* a former opener's queue, not freed */
};

/* A unit to be filled in; NULL without memory. */
struct vscsi_unit *vscsi_unit_alloc(struct device *parent);
/* For a unit that was allocated but not added. */
void vscsi_unit_put(struct vscsi_unit *unit);
/* Make the character device; 0 or -errno, the unit stays the caller's. */
int vscsi_unit_add(struct vscsi_unit *unit);
/*
 * Shut whoever has it open, and let no one open it again. No platform call is
 * running or will be made once this has returned.
 */
void vscsi_unit_shut(struct vscsi_unit *unit);
/*
 * Shut whoever has it open, remove the device, drop the platform's reference.
 */
void vscsi_unit_remove(struct vscsi_unit *unit);
/* Something happened; any context. */
void vscsi_unit_interrupt(struct vscsi_unit *unit);
void vscsi_unit_event(struct vscsi_unit *unit, u32 events);

#endif /* VSCSI_CRQ_DOOR_H */
