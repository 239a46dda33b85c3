// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What a door can be asked: the ioctls of include/vscsi_crq.h over the calls of
 * a platform (door.h).
 */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif

#include "inside.h"

#define QUEUE_UNIT	4096u		/* PAPR: queues are multiples of it */
#define QUEUE_MAX	(1024u * 1024)
#define AREA_MAX	min_t(size_t, 16 * 1024 * 1024, KMALLOC_MAX_SIZE)
#define AREA_COUNT	1024
#define QUEUE_SPARE	(4 * QUEUE_MAX)	/* of freed queues still mapped */
#define PARTNER_BYTES	4096u
#define ACCESS_BOTH	(VSCSI_CRQ_DMA_READ | VSCSI_CRQ_DMA_WRITE)

static unsigned int dma_limit_mb = 128;
module_param(dma_limit_mb, uint, 0644);
MODULE_PARM_DESC(dma_limit_mb, "DMA memory one process may have, in MiB (default 128)");

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

/* Each takes door->state itself; the caller moves user memory. */

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
	area = vscsi_area_alloc(unit, door->budget, size, ACCESS_BOTH);
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
		vscsi_area_free(unit, area);
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
		vscsi_queue_freed(unit, door->queue);
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

/* The elements of a request, kmalloced; none of them is one that may not be sent */
static u8 *elements_get(u64 where, u32 count)
{
	u8 *elements;
	u32 i;

	if (!count || count > VSCSI_CRQ_SEND_MAX)
		return ERR_PTR(-EINVAL);
	elements = memdup_user(u64_to_user_ptr(where),
			       count * VSCSI_CRQ_ELEMENT);
	if (IS_ERR(elements))
		return elements;
	for (i = 0; i < count; i++) {
		u8 header = elements[i * VSCSI_CRQ_ELEMENT];

		if (header < 0x80 || header == 0xff) {
			kfree(elements);
			return ERR_PTR(-EINVAL);
		}
	}
	return elements;
}

/* With door->state: H_SEND_CRQ up to the first that is not accepted; *sent are */
static long elements_send(struct vscsi_unit *unit, const u8 *elements,
			  u32 count, u32 *sent)
{
	long hrc = VSCSI_H_SUCCESS;
	u32 i;

	for (i = 0; i < count; i++) {
		const u8 *e = elements + i * VSCSI_CRQ_ELEMENT;

		hrc = unit->platform->send(unit, get_unaligned_be64(e),
					   get_unaligned_be64(e + 8));
		if (hrc != VSCSI_H_SUCCESS)
			break;
	}
	*sent = i;
	return hrc;
}

static int door_send(struct vscsi_door *door, struct vscsi_crq_send *arg)
{
	u8 *elements = elements_get(arg->elements, arg->count);
	int rc;

	if (IS_ERR(elements))
		return PTR_ERR(elements);
	rc = door_begin(door);
	if (!rc) {
		arg->hrc = elements_send(door->unit, elements, arg->count,
					 &arg->done);
		door_end(door);
	}
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
	area = vscsi_area_alloc(unit, door->budget, arg->size, arg->access);
	if (!area) {
		rc = -ENOMEM;
		goto out;
	}
	rc = xa_alloc(&door->areas, &number, area, XA_LIMIT(1, AREA_COUNT),
		      GFP_KERNEL);
	if (rc) {
		vscsi_area_free(unit, area);
		rc = rc == -EBUSY ? -ENOSPC : rc;
		goto out;
	}
	arg->bus = area->bus;
	arg->offset = (u64)number << VSCSI_AREA_SHIFT;
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
		vscsi_area_free(door->unit, area);
		rc = 0;
		break;
	}
out:
	up_write(&door->state);
	return rc;
}

/* What a copy may be, whatever areas there are */
static bool copy_valid(u32 direction, u32 reserved, u64 local, u64 remote,
		       u64 length)
{
	return direction <= VSCSI_CRQ_COPY_OUT && !reserved && length &&
	       local + length >= local && remote + length >= remote;
}

/* With door->state, within an area: H_COPY_RDMA, piece by piece; 0 or -EINTR */
static int copy_run(struct vscsi_door *door, bool in, u64 near, u64 remote,
		    u64 length, u64 *done, s64 *hrc)
{
	struct vscsi_unit *unit = door->unit;
	const struct vscsi_crq_window *mine = &unit->info.window[0];
	const struct vscsi_crq_window *theirs = &unit->info.window[1];
	u64 piece;

	*done = 0;
	if (remote < theirs->start || remote - theirs->start >= theirs->size ||
	    length > theirs->size - (remote - theirs->start)) {
		*hrc = in ? VSCSI_H_SOURCE_PARM : VSCSI_H_DEST_PARM;
		return 0;
	}
	while (*done < length) {
		u64 local = near + *done, far = remote + *done;

		if (fatal_signal_pending(current))
			return -EINTR;
		piece = min_t(u64, length - *done, unit->info.copy_max);
		if (in)
			*hrc = unit->platform->copy(unit, piece,
						    theirs->liobn, far,
						    mine->liobn, local);
		else
			*hrc = unit->platform->copy(unit, piece,
						    mine->liobn, local,
						    theirs->liobn, far);
		if (*hrc != VSCSI_H_SUCCESS)
			return 0;
		*done += piece;
		cond_resched();
	}
	return 0;
}

static int door_copy(struct vscsi_door *door, struct vscsi_crq_copy *arg)
{
	int rc;

	if (door->unit->info.kind != VSCSI_CRQ_SERVER)
		return -EOPNOTSUPP;
	if (!copy_valid(arg->direction, arg->reserved, arg->local, arg->remote,
			arg->length))
		return -EINVAL;
	rc = door_begin(door);
	if (rc)
		return rc;
	if (area_find(door, arg->local, arg->length))
		rc = copy_run(door, arg->direction == VSCSI_CRQ_COPY_IN,
			      arg->local, arg->remote, arg->length, &arg->done,
			      &arg->hrc);
	else
		rc = -EINVAL;
	door_end(door);
	return rc;
}

/* The copies of a request, kmalloced, NULL for none; each may be one */
static struct vscsi_crq_piece *pieces_get(struct vscsi_door *door, u64 where,
					  u32 count)
{
	struct vscsi_crq_piece *pieces;
	u32 i;

	if (!count)
		return NULL;
	if (count > VSCSI_CRQ_TOGETHER_MAX)
		return ERR_PTR(-EINVAL);
	if (door->unit->info.kind != VSCSI_CRQ_SERVER)
		return ERR_PTR(-EOPNOTSUPP);
	pieces = memdup_user(u64_to_user_ptr(where), count * sizeof(*pieces));
	if (IS_ERR(pieces))
		return pieces;
	for (i = 0; i < count; i++) {
		const struct vscsi_crq_piece *p = &pieces[i];

		if (!copy_valid(p->direction, p->reserved, p->local, p->remote,
				p->length)) {
			kfree(pieces);
			return ERR_PTR(-EINVAL);
		}
	}
	return pieces;
}

/* With door->state */
static int pieces_copy(struct vscsi_door *door,
		       const struct vscsi_crq_piece *pieces,
		       struct vscsi_crq_together *arg)
{
	u32 i;
	int rc;

	for (i = 0; i < arg->copy_count; i++)
		if (!area_find(door, pieces[i].local, pieces[i].length))
			return -EINVAL;
	for (; arg->copied < arg->copy_count; arg->copied++) {
		const struct vscsi_crq_piece *p = &pieces[arg->copied];

		rc = copy_run(door, p->direction == VSCSI_CRQ_COPY_IN, p->local,
			      p->remote, p->length, &arg->done, &arg->hrc);
		if (rc || arg->hrc != VSCSI_H_SUCCESS)
			return rc;
		arg->done = 0;	/* of it nothing more is to be said */
	}
	return 0;
}

static int door_together(struct vscsi_door *door,
			 struct vscsi_crq_together *arg)
{
	struct vscsi_crq_piece *pieces;
	u8 *elements = NULL;
	int rc;

	if (!arg->copy_count && !arg->count)
		return -EINVAL;
	pieces = pieces_get(door, arg->copies, arg->copy_count);
	if (IS_ERR(pieces))
		return PTR_ERR(pieces);
	if (arg->count) {
		elements = elements_get(arg->elements, arg->count);
		if (IS_ERR(elements)) {
			rc = PTR_ERR(elements);
			goto out;
		}
	}
	rc = door_begin(door);
	if (!rc) {
		arg->copied = 0;
		arg->sent = 0;
		arg->done = 0;
		arg->hrc = VSCSI_H_SUCCESS;
		rc = pieces_copy(door, pieces, arg);
		if (!rc && arg->hrc == VSCSI_H_SUCCESS && arg->count)
			arg->hrc = elements_send(door->unit, elements,
						 arg->count, &arg->sent);
		door_end(door);
	}
	kfree(elements);
out:
	kfree(pieces);
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
	area = vscsi_area_alloc(unit, door->budget, PARTNER_BYTES,
				VSCSI_CRQ_DMA_WRITE);
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
	vscsi_area_free(unit, area);
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
	VSCSI_CRQ_TOGETHER,
};

long vscsi_door_ioctl(struct file *file, unsigned int cmd, unsigned long where)
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
		struct vscsi_crq_together together;
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
	case VSCSI_CRQ_TOGETHER:
		rc = door_together(door, &arg.together);
		break;
	default:
		return -ENOTTY;
	}
	if (!rc && _IOC_DIR(cmd) & _IOC_READ &&
	    copy_to_user(user, &arg, _IOC_SIZE(cmd)))
		rc = -EFAULT;
	return rc;
}
