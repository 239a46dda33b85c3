// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The character device of a VSCSI adapter: opening, shutting, waiting and
 * mapping of include/vscsi_crq.h. What it can be asked is in requests.c.
 */
#include <linux/anon_inodes.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "inside.h"

#define FREE_SECONDS	10		/* for H_FREE_CRQ, on close */

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

void vscsi_queue_freed(struct vscsi_unit *unit, struct vscsi_area *queue)
{
	/* H_FREE_CRQ leaves it as it is: no one arms it for the next */
	unit->platform->signal(unit, false);
	if (unit->stuck)
		vscsi_area_free(unit, unit->stuck);
	unit->stuck = NULL;
	if (queue)
		vscsi_area_free(unit, queue);
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
			vscsi_queue_freed(unit, door->queue);
		} else {
			/* the hypervisor may still write there */
			pr_err("%s: H_FREE_CRQ answers %ld, %zu bytes wait for the next\n",
			       unit->name, hrc, door->queue->bytes);
			unit->stuck = door->queue;
		}
		door->queue = NULL;
	}
	xa_for_each(&door->areas, number, area)
		vscsi_area_free(unit, area);
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
	vscsi_budget_put(door->budget);
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
	door->budget = vscsi_budget_alloc(task_tgid(current));
	if (!door->budget) {
		kfree(door);
		return -ENOMEM;
	}
	door->mapped = anon_inode_getfile("[vscsi_crq]", &mapped_fops, NULL,
					  O_RDWR);
	if (IS_ERR(door->mapped)) {
		rc = PTR_ERR(door->mapped);
		vscsi_budget_put(door->budget);
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
	vscsi_budget_put(former);
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

	vscsi_budget_put(unit->budget);
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

static int door_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct vscsi_door *door = file->private_data;
	unsigned long number = vma->vm_pgoff >> (VSCSI_AREA_SHIFT - PAGE_SHIFT);
	u64 start = (u64)vma->vm_pgoff << PAGE_SHIFT;
	unsigned long length = vma->vm_end - vma->vm_start;
	struct vscsi_area *area;
	int rc = 0;

	start &= (1ULL << VSCSI_AREA_SHIFT) - 1;
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
		rc = vscsi_area_map(area, vma, start);
	}
	up_read(&door->state);
	if (!rc)
		vma_set_file(vma, door->mapped);
	return rc;
}

static const struct file_operations door_fops = {
	.open = door_open,
	.flush = door_flush,
	.release = door_release,
	.read = door_read,
	.poll = door_poll,
	.mmap = door_mmap,
	.unlocked_ioctl = vscsi_door_ioctl,
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
			vscsi_queue_freed(unit, NULL);
		else	/* no one will ever know when */
			pr_err("%s: H_FREE_CRQ answers %ld, %zu bytes lost\n",
			       unit->name, hrc, unit->stuck->bytes);
	}
	vscsi_unit_put(unit);
}
