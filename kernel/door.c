// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The character device of a VSCSI adapter: include/vscsi_crq.h over the calls
 * of a platform (door.h).
 *
 * Locks, outermost first:
 *   unit->lock		shutting a door
 *   door->state	written to change the queue or the areas, read to use
 *			them; never held while user memory is touched, since
 *			mmap takes it under the mm's lock
 *   unit->event_lock	who gets the interrupts, and how many there were
 */
#include <linux/anon_inodes.h>
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/poll.h>
#include <linux/rwsem.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#include <linux/wait.h>
#include <linux/xarray.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif

#include "door.h"

#define QUEUE_UNIT	4096u		/* PAPR: queues are multiples of it */
#define QUEUE_MAX	(1024u * 1024)
#define AREA_MAX	min_t(size_t, 16 * 1024 * 1024, KMALLOC_MAX_SIZE)
#define AREA_COUNT	1024
#define QUEUE_SPARE	(4 * QUEUE_MAX)	/* of freed queues still mapped */
#define FREE_SECONDS	10		/* for H_FREE_CRQ, on close */
#define PARTNER_BYTES	4096u
#define ACCESS_BOTH	(VSCSI_CRQ_DMA_READ | VSCSI_CRQ_DMA_WRITE)

/* Area number n is mapped at offset n << 32; the queue is number 0. */
#define AREA_SHIFT	32

static unsigned int dma_limit_mb = 128;
module_param(dma_limit_mb, uint, 0644);
MODULE_PARM_DESC(dma_limit_mb, "DMA memory one opener may have, in MiB (default 128)");

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

/* Memory */

/*
 * Single pages, each with its own count: a mapping holds the pages it maps,
 * so they outlive the area if need be.
 */
static void budget_release(struct kref *ref)
{
	struct vscsi_budget *budget = container_of(ref, struct vscsi_budget,
						   ref);

	put_pid(budget->owner);
	kfree(budget);
}

static void budget_put(struct vscsi_budget *budget)
{
	if (budget)
		kref_put(&budget->ref, budget_release);
}

static struct vscsi_budget *budget_alloc(struct pid *owner)
{
	struct vscsi_budget *budget = kzalloc(sizeof(*budget), GFP_KERNEL);

	if (!budget)
		return NULL;
	kref_init(&budget->ref);
	budget->owner = get_pid(owner);
	return budget;
}

static void area_release(struct kref *ref)
{
	struct vscsi_area *area = container_of(ref, struct vscsi_area, ref);

	atomic64_sub(area->bytes, &area->budget->used);
	budget_put(area->budget);
	kfree(area);
}

static struct vscsi_area *area_alloc(struct vscsi_door *door, size_t size,
				     u32 access)
{
	struct vscsi_unit *unit = door->unit;
	struct vscsi_area *area;

	area = kzalloc(sizeof(*area), GFP_KERNEL);
	if (!area)
		return NULL;
	kref_init(&area->ref);
	area->size = size;
	area->bytes = PAGE_ALIGN(size);
	area->access = access;
	area->va = alloc_pages_exact(area->bytes, GFP_KERNEL_ACCOUNT |
				     __GFP_ZERO | __GFP_NOWARN);
	if (!area->va)
		goto no_pages;
	if (unit->platform->map(unit, area->va, area->bytes, access,
				&area->bus))
		goto no_window;
	area->budget = door->budget;
	kref_get(&area->budget->ref);
	atomic64_add(area->bytes, &area->budget->used);
	return area;

no_window:
	free_pages_exact(area->va, area->bytes);
no_pages:
	kfree(area);
	return NULL;
}

static void area_free(struct vscsi_unit *unit, struct vscsi_area *area)
{
	unit->platform->unmap(unit, area->bus, area->bytes, area->access);
	free_pages_exact(area->va, area->bytes);
	kref_put(&area->ref, area_release);
}

/* DMA memory, as info.dma_used has it: all but the queue in use */
static u64 dma_used(struct vscsi_door *door)
{
	u64 used = atomic64_read(&door->budget->used);

	return door->queue ? used - door->queue->bytes : used;
}

/* The area that holds all of [bus, bus + length), length not 0 */
static struct vscsi_area *area_find(struct vscsi_door *door, u64 bus,
				    u64 length)
{
	struct vscsi_area *area;
	unsigned long number;

	xa_for_each(&door->areas, number, area) {
		u64 start = bus - area->bus;

		if (bus >= area->bus && start < area->size &&
		    length <= area->size - start)
			return area;
	}
	return NULL;
}

/* Events */

static void unit_wake(struct vscsi_unit *unit, u32 interrupts, u32 events)
{
	unsigned long flags;

	spin_lock_irqsave(&unit->event_lock, flags);
	if (unit->door) {
		unit->door->interrupts += interrupts;
		unit->door->events |= events;
		wake_up_poll(&unit->door->wait, EPOLLIN | EPOLLRDNORM |
			     (events ? EPOLLPRI : 0));
	}
	spin_unlock_irqrestore(&unit->event_lock, flags);
}

void vscsi_unit_interrupt(struct vscsi_unit *unit)
{
	unit_wake(unit, 1, 0);
}

void vscsi_unit_event(struct vscsi_unit *unit, u32 events)
{
	unit_wake(unit, 0, events);
}

/* Opening and shutting */

static bool hrc_is_busy(long hrc)
{
	return hrc == VSCSI_H_BUSY || (hrc >= VSCSI_H_LONG_BUSY_FIRST &&
				       hrc <= VSCSI_H_LONG_BUSY_LAST);
}

/* Free the queue as often as the hypervisor asks for, sleeping as it hints */
static long free_patiently(struct vscsi_unit *unit)
{
	unsigned long end = jiffies + FREE_SECONDS * HZ;
	unsigned int ms;
	long hrc, power;

	for (;;) {
		hrc = unit->platform->free(unit);
		if (!hrc_is_busy(hrc) || time_after(jiffies, end))
			return hrc;
		ms = 1;
		/* no more than a second: a shorter wait does no harm */
		for (power = VSCSI_H_LONG_BUSY_FIRST; power < min(hrc, 9903L);
		     power++)
			ms *= 10;
		msleep(ms);
	}
}

/* The hypervisor has let go of every queue that it had of this unit */
static void queue_freed(struct vscsi_unit *unit, struct vscsi_area *queue)
{
	/* H_FREE_CRQ leaves it as it is: no one arms it for the next */
	unit->platform->signal(unit, false);
	if (unit->stuck)
		area_free(unit, unit->stuck);
	unit->stuck = NULL;
	if (queue)
		area_free(unit, queue);
}

/* With unit->lock held: a door that is unit->door is not yet released */
static void door_shut_locked(struct vscsi_door *door)
{
	struct vscsi_unit *unit = door->unit;
	struct vscsi_area *area;
	unsigned long number;
	long hrc;

	down_write(&door->state);
	if (door->shut)
		goto out;
	WRITE_ONCE(door->shut, true);
	if (door->queue) {
		hrc = free_patiently(unit);
		if (hrc == VSCSI_H_SUCCESS) {
			queue_freed(unit, door->queue);
		} else {
			/* the hypervisor may still write there */
			pr_err("%s: H_FREE_CRQ answers %ld, %zu bytes wait for the next\n",
			       unit->name, hrc, door->queue->bytes);
			unit->stuck = door->queue;
		}
		door->queue = NULL;
	}
	xa_for_each(&door->areas, number, area)
		area_free(unit, area);
	xa_destroy(&door->areas);
	spin_lock_irq(&unit->event_lock);
	unit->door = NULL;
	spin_unlock_irq(&unit->event_lock);
out:
	up_write(&door->state);
	wake_up_poll(&door->wait, EPOLLHUP | EPOLLERR);
}

static void door_shut(struct vscsi_door *door)
{
	mutex_lock(&door->unit->lock);
	door_shut_locked(door);
	mutex_unlock(&door->unit->lock);
}

/*
 * Mappings are made of this file, not of the device's: else they would keep
 * the device open, and the queue registered, after the last close.
 */
static const struct file_operations mapped_fops = {
	.owner = THIS_MODULE,
};

static void door_destroy(struct vscsi_door *door)
{
	fput(door->mapped);
	budget_put(door->budget);
	put_pid(door->owner);
	kfree(door);
}

static int door_open(struct inode *inode, struct file *file)
{
	/* misc_open() holds off misc_deregister() meanwhile */
	struct vscsi_unit *unit = container_of(file->private_data,
					       struct vscsi_unit, misc);
	struct vscsi_budget *former = NULL;
	struct vscsi_door *door;
	int rc = 0;

	door = kzalloc(sizeof(*door), GFP_KERNEL);
	if (!door)
		return -ENOMEM;
	door->budget = budget_alloc(task_tgid(current));
	if (!door->budget) {
		kfree(door);
		return -ENOMEM;
	}
	door->mapped = anon_inode_getfile("[vscsi_crq]", &mapped_fops, NULL,
					  O_RDWR);
	if (IS_ERR(door->mapped)) {
		rc = PTR_ERR(door->mapped);
		budget_put(door->budget);
		kfree(door);
		return rc;
	}
	door->unit = unit;
	door->owner = get_pid(task_tgid(current));
	init_rwsem(&door->state);
	xa_init_flags(&door->areas, XA_FLAGS_ALLOC1);
	init_waitqueue_head(&door->wait);

	spin_lock_irq(&unit->event_lock);
	if (unit->gone)
		rc = -ENODEV;
	else if (unit->door)
		rc = -EBUSY;
	else
		unit->door = door;
	if (!rc) {
		/* the same process again: what it still maps counts on */
		former = unit->budget;
		if (former && former->owner == door->owner)
			swap(former, door->budget);
		else
			unit->budget = door->budget;
		kref_get(&door->budget->ref);
	}
	spin_unlock_irq(&unit->event_lock);
	budget_put(former);
	if (rc) {
		door_destroy(door);
		return rc;
	}
	kref_get(&unit->ref);
	file->private_data = door;
	return nonseekable_open(inode, file);
}

/*
 * Forked children keep a file open. They may not keep the queue registered
 * when the process that opened the device dies: all of it, since a thread may
 * go with a descriptor table of its own.
 */
static int door_flush(struct file *file, fl_owner_t id)
{
	struct vscsi_door *door = file->private_data;
	struct signal_struct *process = current->signal;

	if (task_tgid(current) == door->owner &&
	    (process->flags & SIGNAL_GROUP_EXIT || !atomic_read(&process->live)))
		door_shut(door);
	return 0;
}

static void unit_release(struct kref *ref)
{
	struct vscsi_unit *unit = container_of(ref, struct vscsi_unit, ref);

	budget_put(unit->budget);
	kfree(unit);
}

static int door_release(struct inode *inode, struct file *file)
{
	struct vscsi_door *door = file->private_data;

	door_shut(door);
	vscsi_unit_put(door->unit);
	door_destroy(door);
	return 0;
}

/* Waiting */

static bool door_take(struct vscsi_door *door, struct vscsi_crq_event *event)
{
	spin_lock_irq(&door->unit->event_lock);
	event->interrupts = door->interrupts;
	event->events = door->events;
	door->interrupts = 0;
	door->events = 0;
	spin_unlock_irq(&door->unit->event_lock);
	return event->interrupts || event->events;
}

/* Nobody has seen it: whoever waits may have it */
static void door_put_back(struct vscsi_door *door,
			  const struct vscsi_crq_event *event)
{
	spin_lock_irq(&door->unit->event_lock);
	door->interrupts += event->interrupts;
	door->events |= event->events;
	spin_unlock_irq(&door->unit->event_lock);
	wake_up_poll(&door->wait, EPOLLIN | EPOLLRDNORM |
		     (event->events ? EPOLLPRI : 0));
}

static ssize_t door_read(struct file *file, char __user *buf, size_t count,
			 loff_t *pos)
{
	struct vscsi_door *door = file->private_data;
	struct vscsi_crq_event event;

	if (count < sizeof(event))
		return -EINVAL;
	if (!door_take(door, &event)) {
		if (READ_ONCE(door->shut))
			return 0;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(door->wait,
					     door_take(door, &event) ||
					     READ_ONCE(door->shut)))
			return -ERESTARTSYS;
		if (!event.interrupts && !event.events)
			return 0;
	}
	if (!copy_to_user(buf, &event, sizeof(event)))
		return sizeof(event);
	door_put_back(door, &event);
	return -EFAULT;
}

static __poll_t door_poll(struct file *file, poll_table *table)
{
	struct vscsi_door *door = file->private_data;
	__poll_t mask = 0;

	poll_wait(file, &door->wait, table);
	spin_lock_irq(&door->unit->event_lock);
	if (door->interrupts || door->events)
		mask |= EPOLLIN | EPOLLRDNORM;
	if (door->events)
		mask |= EPOLLPRI;
	spin_unlock_irq(&door->unit->event_lock);
	if (READ_ONCE(door->shut))
		mask |= EPOLLHUP | EPOLLERR;
	return mask;
}

/* Mapping */

static void vma_flags(struct vm_area_struct *vma)
{
	const unsigned long set = VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP;
	const unsigned long clear = VM_MAYEXEC;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_mod(vma, set, clear);
#else
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
#endif
}

static void mapping_open(struct vm_area_struct *vma)
{
	struct vscsi_area *area = vma->vm_private_data;

	kref_get(&area->ref);
}

static void mapping_close(struct vm_area_struct *vma)
{
	struct vscsi_area *area = vma->vm_private_data;

	kref_put(&area->ref, area_release);
}

static const struct vm_operations_struct mapping_ops = {
	.open = mapping_open,
	.close = mapping_close,
};

static int door_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct vscsi_door *door = file->private_data;
	unsigned long number = vma->vm_pgoff >> (AREA_SHIFT - PAGE_SHIFT);
	u64 start = (u64)vma->vm_pgoff << PAGE_SHIFT;
	unsigned long length = vma->vm_end - vma->vm_start, at;
	struct vscsi_area *area;
	int rc = 0;

	start &= (1ULL << AREA_SHIFT) - 1;
	if (!(vma->vm_flags & VM_SHARED) || vma->vm_flags & VM_EXEC)
		return -EINVAL;

	down_read(&door->state);
	area = number ? xa_load(&door->areas, number) : door->queue;
	if (door->shut) {
		rc = -ENODEV;
	} else if (!area) {
		rc = -ENXIO;
	} else if (start >= area->bytes || length > area->bytes - start) {
		rc = -EINVAL;
	} else {
		vma_flags(vma);
		for (at = 0; !rc && at < length; at += PAGE_SIZE)
			rc = vm_insert_page(vma, vma->vm_start + at,
					    virt_to_page(area->va + start + at));
	}
	if (!rc) {
		kref_get(&area->ref);
		vma->vm_private_data = area;
		vma->vm_ops = &mapping_ops;
	}
	up_read(&door->state);
	if (!rc)
		vma_set_file(vma, door->mapped);
	return rc;
}

/* Requests. Each takes door->state itself; the caller moves user memory. */

static int door_info(struct vscsi_door *door, struct vscsi_crq_info *info)
{
	struct vscsi_unit *unit = door->unit;
	int rc = 0;

	down_read(&door->state);
	if (door->shut) {
		rc = -ENODEV;
	} else {
		*info = unit->info;
		info->version = VSCSI_CRQ_VERSION;
		info->page_size = PAGE_SIZE;
		if (door->queue) {
			info->flags |= VSCSI_CRQ_REGISTERED;
			info->queue_size = door->queue->size;
		}
		info->queue_max = QUEUE_MAX;
		info->area_max = AREA_MAX;
		info->dma_limit = (u64)dma_limit_mb << 20;
		info->dma_used = dma_used(door);
	}
	up_read(&door->state);
	return rc;
}

static int door_register(struct vscsi_door *door,
			 struct vscsi_crq_register *arg)
{
	struct vscsi_unit *unit = door->unit;
	u32 size = arg->size ? arg->size : PAGE_SIZE;
	struct vscsi_area *area;
	int rc = 0;

	if (arg->reserved || size % QUEUE_UNIT || size > QUEUE_MAX)
		return -EINVAL;

	down_write(&door->state);
	if (door->shut) {
		rc = -ENODEV;
		goto out;
	}
	if (door->queue) {
		rc = -EBUSY;
		goto out;
	}
	if (dma_used(door) + size > ((u64)dma_limit_mb << 20) + QUEUE_SPARE) {
		rc = -ENOSPC;
		goto out;
	}
	area = area_alloc(door, size, ACCESS_BOTH);
	if (!area) {
		rc = -ENOMEM;
		goto out;
	}
	unit->platform->signal(unit, false);
	arg->hrc = unit->platform->reg(unit, area->bus, size);
	arg->size = size;
	arg->bus = 0;
	arg->offset = 0;
	if (arg->hrc == VSCSI_H_SUCCESS || arg->hrc == VSCSI_H_CLOSED) {
		arg->bus = area->bus;
		door->queue = area;
	} else {
		area_free(unit, area);
	}
out:
	up_write(&door->state);
	return rc;
}

static int door_free(struct vscsi_door *door, struct vscsi_crq_result *arg)
{
	struct vscsi_unit *unit = door->unit;
	int rc = 0;

	down_write(&door->state);
	if (door->shut) {
		rc = -ENODEV;
		goto out;
	}
	arg->hrc = unit->platform->free(unit);
	if (arg->hrc == VSCSI_H_SUCCESS) {
		queue_freed(unit, door->queue);
		door->queue = NULL;
	}
out:
	up_write(&door->state);
	return rc;
}

/* For requests that need a queue; 0 with door->state read-locked, or -errno */
static int door_begin(struct vscsi_door *door)
{
	int rc;

	down_read(&door->state);
	if (!door->shut && door->queue)
		return 0;
	rc = door->shut ? -ENODEV : -ENOTCONN;
	up_read(&door->state);
	return rc;
}

static void door_end(struct vscsi_door *door)
{
	up_read(&door->state);
}

static int door_enable(struct vscsi_door *door, struct vscsi_crq_result *arg)
{
	int rc = door_begin(door);

	if (rc)
		return rc;
	arg->hrc = door->unit->platform->enable(door->unit);
	door_end(door);
	return 0;
}

static int door_signal(struct vscsi_door *door, struct vscsi_crq_signal *arg)
{
	int rc;

	if (arg->enable > 1 || arg->reserved)
		return -EINVAL;
	rc = door_begin(door);
	if (rc)
		return rc;
	arg->hrc = door->unit->platform->signal(door->unit, arg->enable);
	door_end(door);
	return 0;
}

static int door_send(struct vscsi_door *door, struct vscsi_crq_send *arg)
{
	struct vscsi_unit *unit = door->unit;
	const u8 *elements, *e;
	u32 i;
	int rc;

	if (!arg->count || arg->count > VSCSI_CRQ_SEND_MAX)
		return -EINVAL;
	elements = memdup_user(u64_to_user_ptr(arg->elements),
			       arg->count * VSCSI_CRQ_ELEMENT);
	if (IS_ERR(elements))
		return PTR_ERR(elements);
	for (i = 0; i < arg->count; i++) {
		u8 header = elements[i * VSCSI_CRQ_ELEMENT];

		if (header < 0x80 || header == 0xff) {
			rc = -EINVAL;
			goto out;
		}
	}
	rc = door_begin(door);
	if (rc)
		goto out;
	arg->hrc = VSCSI_H_SUCCESS;
	for (i = 0; i < arg->count; i++) {
		e = elements + i * VSCSI_CRQ_ELEMENT;
		arg->hrc = unit->platform->send(unit, get_unaligned_be64(e),
						get_unaligned_be64(e + 8));
		if (arg->hrc != VSCSI_H_SUCCESS)
			break;
	}
	arg->done = i;
	door_end(door);
out:
	kfree(elements);
	return rc;
}

static int door_dma_alloc(struct vscsi_door *door, struct vscsi_crq_dma *arg)
{
	struct vscsi_unit *unit = door->unit;
	struct vscsi_area *area;
	u32 number;
	int rc;

	if (!arg->size || arg->size % PAGE_SIZE || arg->size > AREA_MAX ||
	    !arg->access || arg->access & ~ACCESS_BOTH || arg->reserved)
		return -EINVAL;

	down_write(&door->state);
	if (door->shut) {
		rc = -ENODEV;
		goto out;
	}
	if (dma_used(door) + arg->size > (u64)dma_limit_mb << 20) {
		rc = -ENOSPC;
		goto out;
	}
	area = area_alloc(door, arg->size, arg->access);
	if (!area) {
		rc = -ENOMEM;
		goto out;
	}
	rc = xa_alloc(&door->areas, &number, area, XA_LIMIT(1, AREA_COUNT),
		      GFP_KERNEL);
	if (rc) {
		area_free(unit, area);
		rc = rc == -EBUSY ? -ENOSPC : rc;
		goto out;
	}
	arg->bus = area->bus;
	arg->offset = (u64)number << AREA_SHIFT;
out:
	up_write(&door->state);
	return rc;
}

static int door_dma_free(struct vscsi_door *door,
			 const struct vscsi_crq_dma_free *arg)
{
	struct vscsi_area *area;
	unsigned long number;
	int rc = -ENOENT;

	down_write(&door->state);
	if (door->shut) {
		rc = -ENODEV;
		goto out;
	}
	xa_for_each(&door->areas, number, area) {
		if (area->bus != arg->bus)
			continue;
		xa_erase(&door->areas, number);
		area_free(door->unit, area);
		rc = 0;
		break;
	}
out:
	up_write(&door->state);
	return rc;
}

static int door_copy(struct vscsi_door *door, struct vscsi_crq_copy *arg)
{
	struct vscsi_unit *unit = door->unit;
	const struct vscsi_crq_window *mine = &unit->info.window[0];
	const struct vscsi_crq_window *theirs = &unit->info.window[1];
	u64 remote = arg->remote - theirs->start;
	bool in = arg->direction == VSCSI_CRQ_COPY_IN;
	u64 done = 0, piece;
	int rc;

	if (unit->info.kind != VSCSI_CRQ_SERVER)
		return -EOPNOTSUPP;
	if (arg->direction > VSCSI_CRQ_COPY_OUT || arg->reserved ||
	    !arg->length || arg->local + arg->length < arg->local ||
	    arg->remote + arg->length < arg->remote)
		return -EINVAL;
	rc = door_begin(door);
	if (rc)
		return rc;
	if (!area_find(door, arg->local, arg->length)) {
		rc = -EINVAL;
		goto out;
	}
	if (arg->remote < theirs->start || remote >= theirs->size ||
	    arg->length > theirs->size - remote) {
		arg->hrc = in ? VSCSI_H_SOURCE_PARM : VSCSI_H_DEST_PARM;
		goto out;
	}
	while (done < arg->length) {
		u64 local = arg->local + done, far = arg->remote + done;

		if (fatal_signal_pending(current)) {
			rc = -EINTR;
			break;
		}
		piece = min_t(u64, arg->length - done, unit->info.copy_max);
		if (in)
			arg->hrc = unit->platform->copy(unit, piece,
							theirs->liobn, far,
							mine->liobn, local);
		else
			arg->hrc = unit->platform->copy(unit, piece,
							mine->liobn, local,
							theirs->liobn, far);
		if (arg->hrc != VSCSI_H_SUCCESS)
			break;
		done += piece;
		cond_resched();
	}
out:
	arg->done = done;
	door_end(door);
	return rc;
}

static int door_suspend(struct vscsi_door *door, struct vscsi_crq_suspend *arg)
{
	struct vscsi_unit *unit = door->unit;
	int rc;

	if (unit->info.kind != VSCSI_CRQ_SERVER)
		return -EOPNOTSUPP;
	switch (arg->request) {
	case VSCSI_CRQ_SUSPEND_ENABLE:
		if (!arg->timeout_ms || arg->timeout_ms > 30000)
			return -EINVAL;
		break;
	case VSCSI_CRQ_SUSPEND_READY:
		if (arg->timeout_ms)
			return -EINVAL;
		break;
	default:
		return -EINVAL;
	}
	rc = door_begin(door);
	if (rc)
		return rc;
	arg->hrc = unit->platform->suspend(unit, arg->request, arg->timeout_ms);
	door_end(door);
	return 0;
}

static int door_partner(struct vscsi_door *door, struct vscsi_crq_partner *arg)
{
	struct vscsi_unit *unit = door->unit;
	struct vscsi_area *area;
	int rc = 0;

	down_read(&door->state);
	if (door->shut) {
		rc = -ENODEV;
		goto out;
	}
	area = area_alloc(door, PARTNER_BYTES, VSCSI_CRQ_DMA_WRITE);
	if (!area) {
		rc = -ENOMEM;
		goto out;
	}
	arg->hrc = unit->platform->partner(unit, area->bus, PARTNER_BYTES);
	if (arg->hrc == VSCSI_H_SUCCESS) {
		arg->partition = get_unaligned_be64(area->va);
		arg->unit = get_unaligned_be64(area->va + 8);
		strscpy(arg->location, area->va + 16, sizeof(arg->location));
	}
	area_free(unit, area);
out:
	up_read(&door->state);
	return rc;
}

static noinline_for_stack long door_ioctl_info(struct vscsi_door *door,
					       void __user *user)
{
	struct vscsi_crq_info *info;
	long rc;

	info = kzalloc(sizeof(*info), GFP_KERNEL);
	if (!info)
		return -ENOMEM;
	rc = door_info(door, info);
	if (!rc && copy_to_user(user, info, sizeof(*info)))
		rc = -EFAULT;
	kfree(info);
	return rc;
}

static const unsigned int requests[] = {	/* by number */
	VSCSI_CRQ_INFO,
	VSCSI_CRQ_REGISTER,
	VSCSI_CRQ_FREE,
	VSCSI_CRQ_ENABLE,
	VSCSI_CRQ_SEND,
	VSCSI_CRQ_SIGNAL,
	VSCSI_CRQ_DMA_ALLOC,
	VSCSI_CRQ_DMA_FREE,
	VSCSI_CRQ_COPY,
	VSCSI_CRQ_SUSPEND,
	VSCSI_CRQ_PARTNER,
};

static long door_ioctl(struct file *file, unsigned int cmd, unsigned long where)
{
	struct vscsi_door *door = file->private_data;
	void __user *user = (void __user *)where;
	union {
		struct vscsi_crq_result result;
		struct vscsi_crq_register reg;
		struct vscsi_crq_send send;
		struct vscsi_crq_signal signal;
		struct vscsi_crq_dma dma;
		struct vscsi_crq_dma_free dma_free;
		struct vscsi_crq_copy copy;
		struct vscsi_crq_suspend suspend;
		struct vscsi_crq_partner partner;
	} arg = {};
	long rc;

	if (_IOC_NR(cmd) >= ARRAY_SIZE(requests) ||
	    requests[_IOC_NR(cmd)] != cmd)
		return -ENOTTY;
	if (cmd == VSCSI_CRQ_INFO)
		return door_ioctl_info(door, user);
	if (_IOC_DIR(cmd) & _IOC_WRITE &&
	    copy_from_user(&arg, user, _IOC_SIZE(cmd)))
		return -EFAULT;
	/* EFAULT promises that nothing was done: find it out beforehand */
	if (_IOC_DIR(cmd) & _IOC_READ &&
	    copy_to_user(user, &arg, _IOC_SIZE(cmd)))
		return -EFAULT;

	switch (cmd) {
	case VSCSI_CRQ_REGISTER:
		rc = door_register(door, &arg.reg);
		break;
	case VSCSI_CRQ_FREE:
		rc = door_free(door, &arg.result);
		break;
	case VSCSI_CRQ_ENABLE:
		rc = door_enable(door, &arg.result);
		break;
	case VSCSI_CRQ_SEND:
		rc = door_send(door, &arg.send);
		break;
	case VSCSI_CRQ_SIGNAL:
		rc = door_signal(door, &arg.signal);
		break;
	case VSCSI_CRQ_DMA_ALLOC:
		rc = door_dma_alloc(door, &arg.dma);
		break;
	case VSCSI_CRQ_DMA_FREE:
		rc = door_dma_free(door, &arg.dma_free);
		break;
	case VSCSI_CRQ_COPY:
		rc = door_copy(door, &arg.copy);
		break;
	case VSCSI_CRQ_SUSPEND:
		rc = door_suspend(door, &arg.suspend);
		break;
	case VSCSI_CRQ_PARTNER:
		rc = door_partner(door, &arg.partner);
		break;
	default:
		return -ENOTTY;
	}
	if (!rc && _IOC_DIR(cmd) & _IOC_READ &&
	    copy_to_user(user, &arg, _IOC_SIZE(cmd)))
		rc = -EFAULT;
	return rc;
}

static const struct file_operations door_fops = {
	.open = door_open,
	.flush = door_flush,
	.release = door_release,
	.read = door_read,
	.poll = door_poll,
	.mmap = door_mmap,
	.unlocked_ioctl = door_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.owner = THIS_MODULE,
};

/* Units */

struct vscsi_unit *vscsi_unit_alloc(struct device *parent)
{
	struct vscsi_unit *unit;

	unit = kzalloc(sizeof(*unit), GFP_KERNEL);
	if (!unit)
		return NULL;
	kref_init(&unit->ref);
	mutex_init(&unit->lock);
	spin_lock_init(&unit->event_lock);
	unit->misc.parent = parent;
	return unit;
}

void vscsi_unit_put(struct vscsi_unit *unit)
{
	kref_put(&unit->ref, unit_release);
}

int vscsi_unit_add(struct vscsi_unit *unit)
{
	snprintf(unit->name, sizeof(unit->name), "vscsi_crq-%x",
		 unit->info.unit);
	unit->misc.minor = MISC_DYNAMIC_MINOR;
	unit->misc.name = unit->name;
	unit->misc.mode = 0600;
	unit->misc.fops = &door_fops;
	return misc_register(&unit->misc);
}

void vscsi_unit_shut(struct vscsi_unit *unit)
{
	spin_lock_irq(&unit->event_lock);
	unit->gone = true;
	spin_unlock_irq(&unit->event_lock);

	mutex_lock(&unit->lock);
	if (unit->door)
		door_shut_locked(unit->door);
	mutex_unlock(&unit->lock);
}

void vscsi_unit_remove(struct vscsi_unit *unit)
{
	long hrc;

	misc_deregister(&unit->misc);
	vscsi_unit_shut(unit);
	if (unit->stuck) {
		hrc = free_patiently(unit);
		if (hrc == VSCSI_H_SUCCESS)
			queue_freed(unit, NULL);
		else	/* no one will ever know when */
			pr_err("%s: H_FREE_CRQ answers %ld, %zu bytes lost\n",
			       unit->name, hrc, unit->stuck->bytes);
	}
	vscsi_unit_put(unit);
}
