// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Memory that a process maps and the hypervisor reaches: queues, DMA areas.
 * Calls the platform's map and unmap, and nothing else of it.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/version.h>

#include "inside.h"

static void budget_release(struct kref *ref)
{
	struct vscsi_budget *budget = container_of(ref, struct vscsi_budget,
						   ref);

	put_pid(budget->owner);
	kfree(budget);
}

void vscsi_budget_put(struct vscsi_budget *budget)
{
	if (budget)
		kref_put(&budget->ref, budget_release);
}

struct vscsi_budget *vscsi_budget_alloc(struct pid *owner)
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
	vscsi_budget_put(area->budget);
	kfree(area);
}

/*
 * Single pages, each with its own count: a mapping holds the pages it maps,
 * so they outlive the area if need be.
 */
struct vscsi_area *vscsi_area_alloc(struct vscsi_unit *unit,
				    struct vscsi_budget *budget, size_t size,
				    u32 access)
{
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
	area->budget = budget;
	kref_get(&budget->ref);
	atomic64_add(area->bytes, &budget->used);
	return area;

no_window:
	free_pages_exact(area->va, area->bytes);
no_pages:
	kfree(area);
	return NULL;
}

void vscsi_area_free(struct vscsi_unit *unit, struct vscsi_area *area)
{
	unit->platform->unmap(unit, area->bus, area->bytes, area->access);
	free_pages_exact(area->va, area->bytes);
	kref_put(&area->ref, area_release);
}

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

int vscsi_area_map(struct vscsi_area *area, struct vm_area_struct *vma,
		   u64 start)
{
	unsigned long length = vma->vm_end - vma->vm_start, at;
	int rc;

	vma_flags(vma);
	for (at = 0; at < length; at += PAGE_SIZE) {
		rc = vm_insert_page(vma, vma->vm_start + at,
				    virt_to_page(area->va + start + at));
		if (rc)
			return rc;
	}
	kref_get(&area->ref);
	vma->vm_private_data = area;
	vma->vm_ops = &mapping_ops;
	return 0;
}
