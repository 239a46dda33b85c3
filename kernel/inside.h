/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What the parts of the character device share: door.c (opening, shutting,
 * waiting, mapping), requests.c (ioctls), area.c (memory).
 */
#ifndef VSCSI_CRQ_INSIDE_H
#define VSCSI_CRQ_INSIDE_H

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/mm_types.h>
#include <linux/pid.h>
#include <linux/rwsem.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "door.h"

/*
 * What one process has: every area and queue, until the last mapping of it is
 * gone as well. It outlives the door, so that who closes and opens again does
 * not begin anew.
 */
struct vscsi_budget {
	struct kref ref;
	struct pid *owner;
	atomic64_t used;
};

struct vscsi_area {
	struct kref ref;		/* the door's, and one a mapping */
	struct vscsi_budget *budget;
	void *va;
	u64 bus;
	size_t size;		/* as asked for */
	size_t bytes;		/* whole pages */
	u32 access;
};

/* Area number n is mapped at offset n << 32; the queue is number 0. */
#define VSCSI_AREA_SHIFT	32

/*
 * Locks, outermost first:
 *   unit->lock		shutting a door
 *   door->state	written to change the queue or the areas, read to use
 *			them; never held while user memory is touched, since
 *			mmap takes it under the mm's lock
 *   unit->event_lock	who gets the interrupts, and how many there were
 */
struct vscsi_door {
	struct vscsi_unit *unit;
	struct pid *owner;	/* the process that opened it */
	struct file *mapped;	/* what mappings keep alive, in place of us */
	struct vscsi_budget *budget;

	struct rw_semaphore state;
	bool shut;
	struct vscsi_area *queue;	/* not NULL: registered */
	struct xarray areas;		/* by number, from 1 */

	/* unit->event_lock */
	u32 interrupts;
	u32 events;
	wait_queue_head_t wait;
};

struct vscsi_budget *vscsi_budget_alloc(struct pid *owner);
void vscsi_budget_put(struct vscsi_budget *budget);	/* NULL does nothing */

/* Zeroed, mapped on the bus, and counted; NULL without memory or window */
struct vscsi_area *vscsi_area_alloc(struct vscsi_unit *unit,
				    struct vscsi_budget *budget, size_t size,
				    u32 access);
/* Off the bus; its pages, and its place in the budget, go with the mappings */
void vscsi_area_free(struct vscsi_unit *unit, struct vscsi_area *area);
/* All of vma shows the area from start on, which the caller has checked */
int vscsi_area_map(struct vscsi_area *area, struct vm_area_struct *vma,
		   u64 start);

/* The hypervisor has let go of every queue that it had of this unit */
void vscsi_queue_freed(struct vscsi_unit *unit, struct vscsi_area *queue);

long vscsi_door_ioctl(struct file *file, unsigned int cmd, unsigned long where);

#endif /* VSCSI_CRQ_INSIDE_H */
