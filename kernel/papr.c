// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * vscsi_crq on POWER: VSCSI adapters of the vio bus, PAPR hypervisor calls.
 *
 * Deliberately without MODULE_DEVICE_TABLE: this driver must never be loaded
 * by itself, least of all before ibmvscsi on a machine that boots from a
 * virtual disk. The administrator loads it, and binds what it shall have.
 */
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/pm.h>
#include <linux/string.h>
#include <asm/hvcall.h>
#include <asm/vio.h>

#include "door.h"

#define COPY_MAX_DEFAULT	(128 * 1024)

/* H_VIOCTL subfunctions */
#define VIOCTL_GET_PARTNER_INFO			0x08
#define VIOCTL_ENABLE_PREPARE_FOR_SUSPEND	0x1d
#define VIOCTL_READY_FOR_SUSPEND		0x1e

static unsigned int units[32];
static unsigned int units_count;
module_param_array(units, uint, &units_count, 0444);
MODULE_PARM_DESC(units, "unit addresses to bind (default: every one that no other driver has)");

static struct vio_dev *papr_vdev(struct vscsi_unit *unit)
{
	return unit->priv;
}

/* Hypervisor calls */

static long papr_reg(struct vscsi_unit *unit, u64 bus, u64 size)
{
	return plpar_hcall_norets(H_REG_CRQ, unit->info.unit, bus, size);
}

static long papr_free(struct vscsi_unit *unit)
{
	return plpar_hcall_norets(H_FREE_CRQ, unit->info.unit);
}

static long papr_enable(struct vscsi_unit *unit)
{
	return plpar_hcall_norets(H_ENABLE_CRQ, unit->info.unit);
}

static long papr_signal(struct vscsi_unit *unit, bool on)
{
	return plpar_hcall_norets(H_VIO_SIGNAL, unit->info.unit,
				  on ? VIO_IRQ_ENABLE : VIO_IRQ_DISABLE);
}

static long papr_send(struct vscsi_unit *unit, u64 high, u64 low)
{
	/* what the element points to must be in memory before it is */
	mb();
	return plpar_hcall_norets(H_SEND_CRQ, unit->info.unit, high, low);
}

static long papr_copy(struct vscsi_unit *unit, u64 length, u32 from_liobn,
		      u64 from, u32 to_liobn, u64 to)
{
	return plpar_hcall_norets(H_COPY_RDMA, length, from_liobn, from,
				  to_liobn, to);
}

static long papr_suspend(struct vscsi_unit *unit, u32 request, u32 timeout_ms)
{
	return plpar_hcall_norets(H_VIOCTL, unit->info.unit,
				  request == VSCSI_CRQ_SUSPEND_ENABLE ?
				  VIOCTL_ENABLE_PREPARE_FOR_SUSPEND :
				  VIOCTL_READY_FOR_SUSPEND,
				  timeout_ms, 0, 0);
}

/* An output descriptor: a byte of zero, three of length, four of address */
static long papr_partner(struct vscsi_unit *unit, u64 bus, u32 length)
{
	if (bus >> 32 || length >> 24)
		return H_PARAMETER;
	return plpar_hcall_norets(H_VIOCTL, unit->info.unit,
				  VIOCTL_GET_PARTNER_INFO,
				  (u64)length << 32 | bus, 0, 0);
}

/* DMA on this bus is coherent: mapping is all there is to do */

static enum dma_data_direction papr_direction(u32 access)
{
	switch (access) {
	case VSCSI_CRQ_DMA_READ:
		return DMA_TO_DEVICE;
	case VSCSI_CRQ_DMA_WRITE:
		return DMA_FROM_DEVICE;
	default:
		return DMA_BIDIRECTIONAL;
	}
}

static int papr_map(struct vscsi_unit *unit, void *va, size_t size, u32 access,
		    u64 *bus)
{
	struct device *dev = &papr_vdev(unit)->dev;
	dma_addr_t addr = dma_map_single(dev, va, size, papr_direction(access));

	if (dma_mapping_error(dev, addr))
		return -ENOMEM;
	*bus = addr;
	return 0;
}

static void papr_unmap(struct vscsi_unit *unit, u64 bus, size_t size,
		       u32 access)
{
	dma_unmap_single(&papr_vdev(unit)->dev, bus, size,
			 papr_direction(access));
}

static const struct vscsi_platform papr_platform = {
	.reg = papr_reg,
	.free = papr_free,
	.enable = papr_enable,
	.signal = papr_signal,
	.send = papr_send,
	.copy = papr_copy,
	.suspend = papr_suspend,
	.partner = papr_partner,
	.map = papr_map,
	.unmap = papr_unmap,
};

static irqreturn_t papr_interrupt(int irq, void *data)
{
	struct vscsi_unit *unit = data;

	papr_signal(unit, false);
	vscsi_unit_interrupt(unit);
	return IRQ_HANDLED;
}

/* The device tree */

static u32 papr_cells(struct device_node *node, const char *own,
		      const char *common, u32 inherited)
{
	u32 cells;

	if (!of_property_read_u32(node, own, &cells) ||
	    !of_property_read_u32(node, common, &cells))
		return cells;
	return inherited;
}

/* ibm,my-dma-window: (liobn, address, size), the partner's after ours */
static int papr_windows(struct device_node *node, struct vscsi_crq_info *info)
{
	u32 address = papr_cells(node, "ibm,#dma-address-cells",
				 "#address-cells", of_n_addr_cells(node));
	u32 size = papr_cells(node, "ibm,#dma-size-cells", "#size-cells",
			      of_n_size_cells(node));
	u32 want = info->kind == VSCSI_CRQ_SERVER ? 2 : 1, i;
	const __be32 *cells;
	int bytes;

	cells = of_get_property(node, "ibm,my-dma-window", &bytes);
	if (!cells || address > 2 || size > 2 ||
	    bytes < want * (1 + address + size) * sizeof(*cells))
		return -EINVAL;
	for (i = 0; i < want; i++) {
		info->window[i].liobn = be32_to_cpup(cells);
		info->window[i].start = of_read_number(cells + 1, address);
		info->window[i].size = of_read_number(cells + 1 + address,
						      size);
		cells += 1 + address + size;
	}
	info->windows = want;
	return 0;
}

static void papr_text(struct device_node *node, const char *name, char *to,
		      size_t size)
{
	const char *text;

	if (!of_property_read_string(node, name, &text))
		strscpy(to, text, size);
}

static int papr_describe(struct vio_dev *vdev, u32 kind,
			 struct vscsi_crq_info *info)
{
	struct device_node *node = vdev->dev.of_node;
	struct device_node *parent = of_get_parent(node);
	struct device_node *root = of_find_node_by_path("/");
	u32 value;

	info->kind = kind;
	info->unit = vdev->unit_address;
	info->copy_max = COPY_MAX_DEFAULT;
	if (parent && !of_property_read_u32(parent, "ibm,max-virtual-dma-size",
					    &value) && value)
		info->copy_max = value;
	if (root && !of_property_read_u32(root, "ibm,partition-no", &value))
		info->partition = value;
	if (root)
		papr_text(root, "ibm,partition-name", info->partition_name,
			  sizeof(info->partition_name));
	papr_text(node, "ibm,loc-code", info->location,
		  sizeof(info->location));
	of_node_put(root);
	of_node_put(parent);
	return papr_windows(node, info);
}

/* The driver */

static bool papr_wanted(u32 address)
{
	unsigned int i;

	for (i = 0; i < units_count; i++)
		if (units[i] == address)
			return true;
	return !units_count;
}

static int papr_probe(struct vio_dev *vdev, const struct vio_device_id *id)
{
	u32 kind = strcmp(id->compat, "IBM,v-scsi-host") ? VSCSI_CRQ_CLIENT :
							   VSCSI_CRQ_SERVER;
	struct vscsi_unit *unit;
	int rc;

	if (!papr_wanted(vdev->unit_address))
		return -ENODEV;
	unit = vscsi_unit_alloc(&vdev->dev);
	if (!unit)
		return -ENOMEM;
	unit->platform = &papr_platform;
	unit->priv = vdev;
	rc = papr_describe(vdev, kind, &unit->info);
	if (rc) {
		dev_err(&vdev->dev, "no usable ibm,my-dma-window\n");
		goto out;
	}
	papr_signal(unit, false);
	rc = request_irq(vdev->irq, papr_interrupt, 0, "vscsi_crq", unit);
	if (rc) {
		dev_err(&vdev->dev, "no interrupt: %d\n", rc);
		goto out;
	}
	rc = vscsi_unit_add(unit);
	if (rc) {
		free_irq(vdev->irq, unit);
		goto out;
	}
	dev_set_drvdata(&vdev->dev, unit);
	return 0;

out:
	vscsi_unit_put(unit);
	return rc;
}

static void papr_remove(struct vio_dev *vdev)
{
	struct vscsi_unit *unit = dev_get_drvdata(&vdev->dev);

	/* shuts the door, with interrupts off; the handler needs the unit */
	kref_get(&unit->ref);
	vscsi_unit_remove(unit);
	free_irq(vdev->irq, unit);
	vscsi_unit_put(unit);
}

/* Reboot or kexec: the next kernel must find the queue free */
static void papr_shutdown(struct vio_dev *vdev)
{
	vscsi_unit_shut(dev_get_drvdata(&vdev->dev));
}

/* Cooperative memory overcommitment: what this adapter would like to map */
static unsigned long papr_desired_dma(struct vio_dev *vdev)
{
	return 16 * 1024 * 1024;
}

static int __maybe_unused papr_pm_suspend(struct device *dev)
{
	vscsi_unit_event(dev_get_drvdata(dev), VSCSI_CRQ_EV_SUSPEND);
	return 0;
}

static int __maybe_unused papr_pm_resume(struct device *dev)
{
	vscsi_unit_event(dev_get_drvdata(dev), VSCSI_CRQ_EV_RESUME);
	return 0;
}

static SIMPLE_DEV_PM_OPS(papr_pm, papr_pm_suspend, papr_pm_resume);

static const struct vio_device_id papr_ids[] = {
	{ "vscsi", "IBM,v-scsi" },
	{ "v-scsi-host", "IBM,v-scsi-host" },
	{ "", "" },
};

static struct vio_driver papr_driver = {
	.name = "vscsi_crq",
	.id_table = papr_ids,
	.probe = papr_probe,
	.remove = papr_remove,
	.shutdown = papr_shutdown,
	.get_desired_dma = papr_desired_dma,
	.pm = &papr_pm,
};

static int __init papr_init(void)
{
	return vio_register_driver(&papr_driver);
}
module_init(papr_init);

static void __exit papr_exit(void)
{
	vio_unregister_driver(&papr_driver);
}
module_exit(papr_exit);

MODULE_AUTHOR("The pysrp authors");
MODULE_DESCRIPTION("Virtual SCSI command/response queues for user space");
MODULE_LICENSE("Dual MIT/GPL");
