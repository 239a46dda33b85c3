// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The lab's hypervisor: for the test machine, never for a real one.
 *
 * A client adapter driver (Debian's own ibmvscsi.ko, or our vscsi_crq.ko) has
 * its imports renamed, so that its hypervisor calls and its interrupt come
 * here:
 *
 *	plpar_hcall_norets	vscsi_lab_hcall_norets
 *	vio_enable_interrupts	vscsi_lab_enable_interrupts
 *	vio_disable_interrupts	vscsi_lab_disable_interrupts
 *	request_threaded_irq	vscsi_lab_request_irq
 *	free_irq		vscsi_lab_free_irq
 *
 * The client's DMA mappings stay real: its bus addresses are resolved with
 * H_GET_TCE. For every client node of the device tree this module makes the
 * server adapter of the same connection: a unit of vscsi_crq's own character
 * device (its files are compiled in unchanged), with this file as its platform.
 * Server unit address = client unit address + 0x01000000.
 *
 * /sys/kernel/debug/vscsi_lab/<client unit>/state tells both ends' state, and
 * /sys/kernel/debug/vscsi_lab/<client unit>/inject takes lines:
 *
 *	(client|server) (reg|free|send|enable|signal|copy|partner) CODE COUNT
 *		the next COUNT such calls of that end are answered CODE
 *		and not executed
 *	(client|server) event CODE
 *		a transport event into that end's queue; 6 (partner
 *		suspended) disables that queue until its H_ENABLE_CRQ
 *	(client|server) init CODE
 *		an initialization message into that end's queue
 *	server shut 0
 *		the server's adapter is taken away, once and for all
 *	server power FLAGS
 *		what the server's own kernel tells its adapters when it is
 *		suspended and resumed: VSCSI_CRQ_EV_*
 */
#include "door.c"
#include "requests.c"
#include "area.c"

#include <linux/debugfs.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/list.h>
#include <linux/of.h>
#include <linux/of_irq.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <asm/hvcall.h>
#include <asm/plpar_wrappers.h>
#include <asm/tce.h>
#include <asm/vio.h>

#define PAPR_PAGE	4096u
#define SERVER_OFFSET	0x01000000
#define SERVER_WINDOW	0x10000000
#define COPY_MAX	(128 * 1024)
#define CLIENT_PARTITION 7
#define LOCATION	"U9999.LAB.0000000-V%u-C%u"
#define VIOCTL_GET_PARTNER_INFO	0x08
#define INIT		0xc0
#define EVENT		0xff
#define EVENT_CLOSED	2
#define EVENT_SUSPENDED	6
#define STATUS_OVERWRITTEN 0x20

static unsigned int units[16];
static unsigned int units_count;
module_param_array(units, uint, &units_count, 0444);
MODULE_PARM_DESC(units, "client unit addresses to connect (default: all)");
static unsigned int partition = 40;
module_param(partition, uint, 0444);
MODULE_PARM_DESC(partition, "number of the server's partition");
static char *partition_name = "VIOS3-P6";
module_param(partition_name, charp, 0444);
MODULE_PARM_DESC(partition_name, "name of the server's partition");

enum call { CALL_REG, CALL_FREE, CALL_SEND, CALL_ENABLE, CALL_SIGNAL,
	    CALL_COPY, CALL_PARTNER, CALLS };
static const char * const call_names[CALLS] = {
	"reg", "free", "send", "enable", "signal", "copy", "partner",
};

struct end {
	const char *name;
	bool registered, enabled, signal;
	u8 **page;			/* the queue, by 4 KiB */
	u32 slots, next;
	struct {
		long code;
		u32 count;
	} inject[CALLS];
	u32 received, dropped, interrupts;
};

/* A piece of the server's own window */
struct memory {
	struct list_head list;
	u64 bus;
	size_t size;
	u32 access;
	u8 *va;
};

struct pair {
	struct list_head list;
	u32 client_unit, liobn;
	u64 start, size;		/* the client's window */
	struct vscsi_unit *server_unit;
	struct dentry *dir;

	spinlock_t lock;		/* all below */
	struct end client, server;
	struct list_head memory;	/* by bus address */
	unsigned int irq;		/* the client's */
	irq_handler_t handler;
	void *handler_data;
	struct irq_work work;
};

static LIST_HEAD(pairs);		/* does not change after init */

static struct pair *pair_of_unit(unsigned long unit)
{
	struct pair *p;

	list_for_each_entry(p, &pairs, list)
		if (p->client_unit == unit)
			return p;
	return NULL;
}

static struct end *partner(struct pair *p, struct end *e)
{
	return e == &p->client ? &p->server : &p->client;
}

/* Interrupts */

static void client_interrupt(struct irq_work *work)
{
	struct pair *p = container_of(work, struct pair, work);
	irq_handler_t handler = NULL;
	unsigned long flags;
	void *data = NULL;

	spin_lock_irqsave(&p->lock, flags);
	if (p->client.signal) {
		handler = p->handler;
		data = p->handler_data;
		p->client.interrupts++;
	}
	spin_unlock_irqrestore(&p->lock, flags);
	if (handler)
		handler(p->irq, data);
}

static void interrupt(struct pair *p, struct end *e)
{
	if (!e->signal)
		return;
	if (e == &p->client) {
		irq_work_queue(&p->work);
		return;
	}
	e->interrupts++;
	e->signal = false;
	vscsi_unit_interrupt(p->server_unit);
}

/* Queues; with the lock held */

static __be64 *slot(struct end *e, u32 index)
{
	u32 at = index * VSCSI_CRQ_ELEMENT;

	return (__be64 *)(e->page[at / PAPR_PAGE] + at % PAPR_PAGE);
}

static bool slot_is_free(struct end *e, u32 index)
{
	return !READ_ONCE(*(u8 *)slot(e, index));
}

static void store(struct pair *p, struct end *e, u32 index, u64 high, u64 low)
{
	__be64 *to = slot(e, index);

	WRITE_ONCE(to[1], cpu_to_be64(low));
	/* who sees the header may read the rest */
	smp_wmb();
	WRITE_ONCE(to[0], cpu_to_be64(high));
	e->received++;
	interrupt(p, e);
}

static long enqueue(struct pair *p, struct end *e, u64 high, u64 low)
{
	if (!e->registered || !e->enabled)
		return H_CLOSED;
	if (!slot_is_free(e, e->next)) {
		e->dropped++;
		return H_DROPPED;
	}
	store(p, e, e->next, high, low);
	e->next = (e->next + 1) % e->slots;
	return H_SUCCESS;
}

/*
 * A transport event finds room: when the queue is full, over the last entry,
 * and says so in the status
 */
static void transport_event(struct pair *p, struct end *e, u8 code)
{
	u64 high = (u64)EVENT << 56 | (u64)code << 48;

	if (!e->registered)
		return;
	if (slot_is_free(e, e->next)) {
		store(p, e, e->next, high, 0);
		e->next = (e->next + 1) % e->slots;
	} else {
		high |= (u64)STATUS_OVERWRITTEN << 32;
		store(p, e, (e->next + e->slots - 1) % e->slots, high, 0);
	}
	if (code == EVENT_SUSPENDED)
		e->enabled = false;
}

static bool injected(struct end *e, enum call call, long *code)
{
	if (!e->inject[call].count)
		return false;
	e->inject[call].count--;
	*code = e->inject[call].code;
	return true;
}

/* The calls, for either end; take the lock */

static long call_reg(struct pair *p, struct end *e, u8 **page, u32 pages)
{
	unsigned long flags;
	long code;

	spin_lock_irqsave(&p->lock, flags);
	if (injected(e, CALL_REG, &code))
		goto out;
	if (e->registered) {
		code = H_RESOURCE;
		goto out;
	}
	kfree(e->page);
	e->page = page;
	page = NULL;
	e->slots = pages * (PAPR_PAGE / VSCSI_CRQ_ELEMENT);
	e->next = 0;
	e->registered = true;
	e->enabled = true;
	/* signal stays as it was, here and in call_free: so it is in QEMU */
	code = partner(p, e)->registered ? H_SUCCESS : H_CLOSED;
out:
	spin_unlock_irqrestore(&p->lock, flags);
	kfree(page);
	return code;
}

static long call_free(struct pair *p, struct end *e)
{
	unsigned long flags;
	long code = H_SUCCESS;

	spin_lock_irqsave(&p->lock, flags);
	if (!injected(e, CALL_FREE, &code)) {
		if (e->registered)
			transport_event(p, partner(p, e), EVENT_CLOSED);
		e->registered = false;
	}
	spin_unlock_irqrestore(&p->lock, flags);
	return code;
}

static long call_send(struct pair *p, struct end *e, u64 high, u64 low)
{
	u8 header = high >> 56;
	unsigned long flags;
	long code;

	spin_lock_irqsave(&p->lock, flags);
	if (!injected(e, CALL_SEND, &code)) {
		if (header < 0x80 || header == EVENT)
			code = H_PARAMETER;
		else if (!e->registered)
			code = H_CLOSED;
		else
			code = enqueue(p, partner(p, e), high, low);
	}
	spin_unlock_irqrestore(&p->lock, flags);
	return code;
}

static long call_enable(struct pair *p, struct end *e)
{
	unsigned long flags;
	long code = H_SUCCESS;

	spin_lock_irqsave(&p->lock, flags);
	if (!injected(e, CALL_ENABLE, &code))
		e->enabled = true;
	spin_unlock_irqrestore(&p->lock, flags);
	return code;
}

static long call_signal(struct pair *p, struct end *e, u64 mode)
{
	unsigned long flags;
	long code = H_SUCCESS;

	if (mode > 1)
		return H_PARAMETER;
	spin_lock_irqsave(&p->lock, flags);
	if (!injected(e, CALL_SIGNAL, &code))
		e->signal = mode;
	spin_unlock_irqrestore(&p->lock, flags);
	return code;
}

/* Who the other end is, into 4 KiB that the caller has mapped */
static long call_partner(struct pair *p, struct end *e, u8 *to)
{
	struct end *other = partner(p, e);
	bool server = other == &p->server;
	u32 unit = p->client_unit + (server ? SERVER_OFFSET : 0);
	u32 number = server ? partition : CLIENT_PARTITION;
	unsigned long flags;
	long code = H_SUCCESS;

	spin_lock_irqsave(&p->lock, flags);
	if (!injected(e, CALL_PARTNER, &code) && !other->registered)
		code = H_CLOSED;
	spin_unlock_irqrestore(&p->lock, flags);
	if (code)
		return code;
	put_unaligned_be64(number, to);
	put_unaligned_be64(unit, to + 8);
	snprintf(to + 16, 80, LOCATION, number, unit & 0xff);
	return H_SUCCESS;
}

/* The client's memory, one 4 KiB page, as H_GET_TCE has it */
static long client_page(struct pair *p, u64 bus, unsigned long need, u8 **va)
{
	unsigned long tce = 0;
	long code = plpar_tce_get(p->liobn, bus & ~(u64)(PAPR_PAGE - 1), &tce);

	if (code)
		return code;
	if ((tce & need) != need)
		return H_PERMISSION;
	tce &= ~(unsigned long)(PAPR_PAGE - 1);
	if (!pfn_valid(tce >> PAGE_SHIFT))
		return H_PERMISSION;
	*va = (u8 *)__va(tce) + bus % PAPR_PAGE;
	return H_SUCCESS;
}

static long client_reg(struct pair *p, u64 bus, u64 size)
{
	u32 pages = size / PAPR_PAGE, i;
	u8 **page;

	if (bus % PAPR_PAGE || size % PAPR_PAGE || !pages ||
	    size > 16 * 1024 * 1024)
		return H_PARAMETER;
	page = kcalloc(pages, sizeof(*page), GFP_ATOMIC);
	if (!page)
		return H_HARDWARE;
	for (i = 0; i < pages; i++) {
		if (client_page(p, bus + i * PAPR_PAGE,
				TCE_PCI_READ | TCE_PCI_WRITE, &page[i])) {
			kfree(page);
			return H_PARAMETER;
		}
	}
	return call_reg(p, &p->client, page, pages);
}

/* descriptor: a byte of zero, three of length, four of address */
static long client_vioctl(struct pair *p, u64 function, u64 descriptor)
{
	long code;
	u8 *va;

	if (function != VIOCTL_GET_PARTNER_INFO)
		return H_NOT_FOUND;
	if (descriptor >> 56 || descriptor % PAPR_PAGE)
		return H_PARAMETER;
	if (descriptor >> 32 < PAPR_PAGE)
		return H_CONSTRAINED;
	code = client_page(p, (u32)descriptor, TCE_PCI_WRITE, &va);
	return code ? code : call_partner(p, &p->client, va);
}

/* What the client's driver calls instead of the kernel */

long vscsi_lab_hcall_norets(unsigned long opcode, unsigned long a,
			    unsigned long b, unsigned long c,
			    unsigned long d, unsigned long e);
int vscsi_lab_enable_interrupts(struct vio_dev *vdev);
int vscsi_lab_disable_interrupts(struct vio_dev *vdev);
int vscsi_lab_request_irq(unsigned int irq, irq_handler_t handler,
			  irq_handler_t thread, unsigned long irqflags,
			  const char *name, void *data);
const void *vscsi_lab_free_irq(unsigned int irq, void *data);

long vscsi_lab_hcall_norets(unsigned long opcode, unsigned long a,
			    unsigned long b, unsigned long c,
			    unsigned long d, unsigned long e)
{
	struct pair *p = pair_of_unit(a);

	if (p) {
		switch (opcode) {
		case H_REG_CRQ:
			return client_reg(p, b, c);
		case H_FREE_CRQ:
			return call_free(p, &p->client);
		case H_SEND_CRQ:
			return call_send(p, &p->client, b, c);
		case H_ENABLE_CRQ:
			return call_enable(p, &p->client);
		case H_VIO_SIGNAL:
			return call_signal(p, &p->client, b);
		case H_VIOCTL:
			return client_vioctl(p, b, c);
		}
	}
	return plpar_hcall_norets(opcode, a, b, c, d, e);
}
EXPORT_SYMBOL_GPL(vscsi_lab_hcall_norets);

int vscsi_lab_enable_interrupts(struct vio_dev *vdev)
{
	struct pair *p = pair_of_unit(vdev->unit_address);

	return p ? call_signal(p, &p->client, 1) : vio_enable_interrupts(vdev);
}
EXPORT_SYMBOL_GPL(vscsi_lab_enable_interrupts);

int vscsi_lab_disable_interrupts(struct vio_dev *vdev)
{
	struct pair *p = pair_of_unit(vdev->unit_address);

	return p ? call_signal(p, &p->client, 0) : vio_disable_interrupts(vdev);
}
EXPORT_SYMBOL_GPL(vscsi_lab_disable_interrupts);

static struct pair *pair_of_irq(unsigned int irq)
{
	struct pair *p;

	list_for_each_entry(p, &pairs, list)
		if (p->irq == irq)
			return p;
	return NULL;
}

int vscsi_lab_request_irq(unsigned int irq, irq_handler_t handler,
			  irq_handler_t thread, unsigned long irqflags,
			  const char *name, void *data)
{
	struct pair *p = pair_of_irq(irq);
	unsigned long flags;
	int rc = 0;

	if (!p)
		return request_threaded_irq(irq, handler, thread, irqflags,
					    name, data);
	spin_lock_irqsave(&p->lock, flags);
	if (p->handler) {
		rc = -EBUSY;
	} else {
		p->handler = handler;
		p->handler_data = data;
	}
	spin_unlock_irqrestore(&p->lock, flags);
	return rc;
}
EXPORT_SYMBOL_GPL(vscsi_lab_request_irq);

const void *vscsi_lab_free_irq(unsigned int irq, void *data)
{
	struct pair *p = pair_of_irq(irq);
	unsigned long flags;

	if (!p)
		return free_irq(irq, data);
	spin_lock_irqsave(&p->lock, flags);
	p->handler = NULL;
	spin_unlock_irqrestore(&p->lock, flags);
	irq_work_sync(&p->work);
	return NULL;
}
EXPORT_SYMBOL_GPL(vscsi_lab_free_irq);

/* The server's side: the platform of door.c */

static struct pair *pair_of_server(struct vscsi_unit *unit)
{
	return unit->priv;
}

/* First fit in a window that nobody else uses */
static int server_map(struct vscsi_unit *unit, void *va, size_t size,
		      u32 access, u64 *bus)
{
	struct pair *p = pair_of_server(unit);
	struct memory *m = kzalloc(sizeof(*m), GFP_KERNEL), *other;
	u64 at = PAGE_SIZE;		/* no area at address 0 */
	struct list_head *before;
	unsigned long flags;

	if (!m)
		return -ENOMEM;
	spin_lock_irqsave(&p->lock, flags);
	before = &p->memory;
	list_for_each_entry(other, &p->memory, list) {
		if (other->bus - at >= size) {
			before = &other->list;
			break;
		}
		at = other->bus + other->size;
	}
	if (at + size <= SERVER_WINDOW) {
		m->bus = at;
		m->size = size;
		m->access = access;
		m->va = va;
		list_add_tail(&m->list, before);
		*bus = at;
		m = NULL;
	}
	spin_unlock_irqrestore(&p->lock, flags);
	if (!m)
		return 0;
	kfree(m);
	return -ENOMEM;
}

static void server_unmap(struct vscsi_unit *unit, u64 bus, size_t size,
			 u32 access)
{
	struct pair *p = pair_of_server(unit);
	struct memory *m, *found = NULL;
	unsigned long flags;

	spin_lock_irqsave(&p->lock, flags);
	list_for_each_entry(m, &p->memory, list) {
		if (m->bus == bus) {
			list_del(&m->list);
			found = m;
			break;
		}
	}
	spin_unlock_irqrestore(&p->lock, flags);
	WARN_ON(!found || found->size != size || found->access != access);
	kfree(found);
}

static u8 *server_memory(struct pair *p, u64 bus, u64 length, u32 *access)
{
	unsigned long flags;
	struct memory *m;
	u8 *va = NULL;

	spin_lock_irqsave(&p->lock, flags);
	list_for_each_entry(m, &p->memory, list)
		if (bus >= m->bus && bus - m->bus < m->size &&
		    length <= m->size - (bus - m->bus)) {
			va = m->va + (bus - m->bus);
			*access = m->access;
		}
	spin_unlock_irqrestore(&p->lock, flags);
	return va;
}

static long server_reg(struct vscsi_unit *unit, u64 bus, u64 size)
{
	struct pair *p = pair_of_server(unit);
	u32 pages = size / PAPR_PAGE, access, i;
	u8 *va = server_memory(p, bus, size, &access);
	u8 **page;

	if (WARN_ON(!va || size % PAPR_PAGE))
		return H_PARAMETER;
	page = kcalloc(pages, sizeof(*page), GFP_KERNEL);
	if (!page)
		return H_HARDWARE;
	for (i = 0; i < pages; i++)
		page[i] = va + i * PAPR_PAGE;
	return call_reg(p, &p->server, page, pages);
}

static long server_free(struct vscsi_unit *unit)
{
	struct pair *p = pair_of_server(unit);

	return call_free(p, &p->server);
}

static long server_enable(struct vscsi_unit *unit)
{
	struct pair *p = pair_of_server(unit);

	return call_enable(p, &p->server);
}

static long server_signal(struct vscsi_unit *unit, bool on)
{
	struct pair *p = pair_of_server(unit);

	return call_signal(p, &p->server, on);
}

static long server_send(struct vscsi_unit *unit, u64 high, u64 low)
{
	struct pair *p = pair_of_server(unit);

	return call_send(p, &p->server, high, low);
}

static long server_copy(struct vscsi_unit *unit, u64 length, u32 from_liobn,
			u64 from, u32 to_liobn, u64 to)
{
	struct pair *p = pair_of_server(unit);
	bool in = from_liobn == p->liobn;
	u64 far = in ? from : to, piece, done;
	u32 access = 0, need = in ? VSCSI_CRQ_DMA_WRITE : VSCSI_CRQ_DMA_READ;
	u8 *near = server_memory(p, in ? to : from, length, &access), *va;
	unsigned long flags;
	long code = H_SUCCESS;

	if (WARN_ON(!near || length > COPY_MAX))
		return H_PARAMETER;
	spin_lock_irqsave(&p->lock, flags);
	if (!injected(&p->server, CALL_COPY, &code) &&
	    (!p->client.registered || !p->server.registered ||
	     !(access & need)))
		code = H_PERMISSION;
	spin_unlock_irqrestore(&p->lock, flags);
	for (done = 0; !code && done < length; done += piece) {
		piece = min_t(u64, length - done,
			      PAPR_PAGE - (far + done) % PAPR_PAGE);
		code = client_page(p, far + done,
				   in ? TCE_PCI_READ : TCE_PCI_WRITE, &va);
		if (code == H_PARAMETER)
			code = in ? H_SOURCE_PARM : H_DEST_PARM;
		if (code)
			break;
		if (in)
			memcpy(near + done, va, piece);
		else
			memcpy(va, near + done, piece);
	}
	return code;
}

static long server_suspend(struct vscsi_unit *unit, u32 request, u32 timeout_ms)
{
	return H_SUCCESS;
}

static long server_partner(struct vscsi_unit *unit, u64 bus, u32 length)
{
	struct pair *p = pair_of_server(unit);
	u32 access;
	u8 *va = server_memory(p, bus, length, &access);

	if (WARN_ON(!va || !(access & VSCSI_CRQ_DMA_WRITE)))
		return H_PARAMETER;
	return call_partner(p, &p->server, va);
}

static const struct vscsi_platform lab_platform = {
	.reg = server_reg,
	.free = server_free,
	.enable = server_enable,
	.signal = server_signal,
	.send = server_send,
	.copy = server_copy,
	.suspend = server_suspend,
	.partner = server_partner,
	.map = server_map,
	.unmap = server_unmap,
};

/* debugfs */

static void show_end(struct seq_file *file, struct end *e)
{
	seq_printf(file,
		   "%s registered=%d enabled=%d signal=%d slots=%u next=%u received=%u dropped=%u interrupts=%u\n",
		   e->name, e->registered, e->enabled, e->signal, e->slots,
		   e->next, e->received, e->dropped, e->interrupts);
}

static int state_show(struct seq_file *file, void *unused)
{
	struct pair *p = file->private;
	struct end client, server;
	struct memory *m;
	unsigned long flags;
	u64 mapped = 0;

	spin_lock_irqsave(&p->lock, flags);
	client = p->client;
	server = p->server;
	list_for_each_entry(m, &p->memory, list)
		mapped += m->size;
	spin_unlock_irqrestore(&p->lock, flags);
	show_end(file, &client);
	show_end(file, &server);
	seq_printf(file, "server mapped=%llu\n", mapped);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(state);

static ssize_t inject_write(struct file *file, const char __user *buf,
			    size_t count, loff_t *pos)
{
	struct pair *p = file->private_data;
	char line[64], side[8], what[8];
	unsigned long flags;
	u32 times = 0;
	struct end *e;
	int code, n, call;
	bool event;

	if (count >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, buf, count))
		return -EFAULT;
	line[count] = 0;
	n = sscanf(line, "%7s %7s %i %u", side, what, &code, &times);
	if (n < 3)
		return -EINVAL;
	if (!strcmp(side, "client"))
		e = &p->client;
	else if (!strcmp(side, "server"))
		e = &p->server;
	else
		return -EINVAL;
	if (!strcmp(what, "shut")) {
		if (n != 3 || e != &p->server || code)
			return -EINVAL;
		vscsi_unit_shut(p->server_unit);
		return count;
	}
	if (!strcmp(what, "power")) {
		if (n != 3 || e != &p->server || !code ||
		    code & ~(VSCSI_CRQ_EV_SUSPEND | VSCSI_CRQ_EV_RESUME))
			return -EINVAL;
		vscsi_unit_event(p->server_unit, code);
		return count;
	}
	event = !strcmp(what, "event");
	if (event || !strcmp(what, "init")) {
		if (n != 3 || code < 0 || code > 255)
			return -EINVAL;
		spin_lock_irqsave(&p->lock, flags);
		if (event)
			transport_event(p, e, code);
		else
			enqueue(p, e, (u64)INIT << 56 | (u64)code << 48, 0);
		spin_unlock_irqrestore(&p->lock, flags);
		return count;
	}
	call = match_string(call_names, CALLS, what);
	if (call < 0 || n != 4)
		return -EINVAL;
	spin_lock_irqsave(&p->lock, flags);
	e->inject[call].code = code;
	e->inject[call].count = times;
	spin_unlock_irqrestore(&p->lock, flags);
	return count;
}

static const struct file_operations inject_fops = {
	.open = simple_open,
	.write = inject_write,
	.owner = THIS_MODULE,
};

/* The module */

static struct dentry *lab_dir;

static void pair_destroy(struct pair *p)
{
	struct memory *m, *next;

	debugfs_remove_recursive(p->dir);
	vscsi_unit_remove(p->server_unit);
	irq_work_sync(&p->work);
	list_del(&p->list);
	/* what door.c could not free until the end */
	list_for_each_entry_safe(m, next, &p->memory, list)
		kfree(m);
	kfree(p->client.page);
	kfree(p->server.page);
	kfree(p);
}

/* QEMU's client nodes: one window of liobn, two cells address, two size */
static int pair_create(struct device_node *node)
{
	struct vscsi_unit *unit;
	struct pair *p;
	char name[16];
	u32 window[5], reg;
	int rc;

	if (of_property_read_u32(node, "reg", &reg))
		return -EINVAL;
	if (units_count) {
		unsigned int i;

		for (i = 0; i < units_count && units[i] != reg; i++)
			;
		if (i == units_count)
			return 0;
	}
	if (of_property_read_u32_array(node, "ibm,my-dma-window", window, 5))
		return -EINVAL;
	p = kzalloc(sizeof(*p), GFP_KERNEL);
	unit = vscsi_unit_alloc(NULL);
	if (!p || !unit) {
		rc = -ENOMEM;
		goto out;
	}
	spin_lock_init(&p->lock);
	INIT_LIST_HEAD(&p->memory);
	init_irq_work(&p->work, client_interrupt);
	p->client.name = "client";
	p->server.name = "server";
	p->client_unit = reg;
	p->liobn = window[0];
	p->start = (u64)window[1] << 32 | window[2];
	p->size = (u64)window[3] << 32 | window[4];
	p->irq = irq_of_parse_and_map(node, 0);

	unit->platform = &lab_platform;
	unit->priv = p;
	unit->info.kind = VSCSI_CRQ_SERVER;
	unit->info.unit = reg + SERVER_OFFSET;
	unit->info.flags = VSCSI_CRQ_SIMULATED;
	unit->info.windows = 2;
	unit->info.window[0].liobn = reg + SERVER_OFFSET;
	unit->info.window[0].size = SERVER_WINDOW;
	unit->info.window[1].liobn = p->liobn;
	unit->info.window[1].start = p->start;
	unit->info.window[1].size = p->size;
	unit->info.copy_max = COPY_MAX;
	unit->info.partition = partition;
	strscpy(unit->info.partition_name, partition_name,
		sizeof(unit->info.partition_name));
	snprintf(unit->info.location, sizeof(unit->info.location),
		 LOCATION, partition, reg & 0xff);
	p->server_unit = unit;
	rc = vscsi_unit_add(unit);
	if (rc)
		goto out;
	snprintf(name, sizeof(name), "%x", reg);
	p->dir = debugfs_create_dir(name, lab_dir);
	debugfs_create_file("state", 0400, p->dir, p, &state_fops);
	debugfs_create_file("inject", 0200, p->dir, p, &inject_fops);
	list_add_tail(&p->list, &pairs);
	return 0;

out:
	if (unit)
		vscsi_unit_put(unit);
	kfree(p);
	return rc;
}

static void lab_destroy(void)
{
	struct pair *p, *next;

	list_for_each_entry_safe(p, next, &pairs, list)
		pair_destroy(p);
	debugfs_remove_recursive(lab_dir);
}

static int __init lab_init(void)
{
	struct device_node *node;
	int rc = 0;

	lab_dir = debugfs_create_dir("vscsi_lab", NULL);
	for_each_compatible_node(node, NULL, "IBM,v-scsi") {
		rc = pair_create(node);
		if (rc) {
			of_node_put(node);
			lab_destroy();
			break;
		}
	}
	return rc;
}
module_init(lab_init);

static void __exit lab_exit(void)
{
	lab_destroy();
}
module_exit(lab_exit);

MODULE_AUTHOR("The pysrp authors");
MODULE_DESCRIPTION("A hypervisor for one virtual SCSI connection, for tests");
MODULE_LICENSE("Dual MIT/GPL");
