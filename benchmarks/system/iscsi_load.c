/*
 * READ(10) and WRITE(10) through libiscsi at a fixed depth. iscsi-perf, which comes with libiscsi, only reads,
 * and tells no latencies; this does the same with its calls (bench_system.py runs both, for comparison).
 *
 *     iscsi_load URL read|write random|sequential BYTES DEPTH SECONDS
 */
#include <poll.h>
#include <unistd.h>

#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>

#include "load.h"

struct slot {
	int64_t started;
	unsigned char *data;
	struct scsi_iovec iov;
};

static struct iscsi_context *iscsi;
static struct iscsi_url *url;
static struct latencies latencies;
static struct load load;
static int64_t end;
static unsigned int in_flight;

static int die(const char *what)
{
	fprintf(stderr, "iscsi_load: %s: %s\n", what, iscsi_get_error(iscsi));
	exit(1);
}

static void submit(struct slot *slot);

static void done(struct iscsi_context *context, int status, void *data, void *private)
{
	struct slot *slot = private;
	int64_t now = now_ns();

	(void)context;
	if (status != SCSI_STATUS_GOOD)
		die("a command failed");
	scsi_free_scsi_task(data);
	latency_add(&latencies, now - slot->started);
	in_flight--;
	if (now < end) {
		slot->started = now;
		submit(slot);
	}
}

static void submit(struct slot *slot)
{
	uint64_t lba = load_lba(&load);
	struct scsi_task *task;

	slot->iov.iov_base = slot->data;
	slot->iov.iov_len = load.bytes;
	if (load.write)
		task = iscsi_write10_iov_task(iscsi, url->lun, lba, NULL, load.bytes, BLOCK, 0, 0, 0, 0, 0, done,
					      slot, &slot->iov, 1);
	else
		task = iscsi_read10_iov_task(iscsi, url->lun, lba, load.bytes, BLOCK, 0, 0, 0, 0, 0, done, slot,
					     &slot->iov, 1);
	if (!task)
		die("a command cannot be sent");
	in_flight++;
}

int main(int argc, char **argv)
{
	static struct slot slots[MAX_DEPTH];
	struct scsi_readcapacity10 *capacity;
	struct scsi_task *task;
	struct pollfd fd;
	uint32_t i;
	int64_t start, cpu;

	if (argc != 7) {
		fprintf(stderr, "usage: iscsi_load URL read|write random|sequential BYTES DEPTH SECONDS\n");
		return 2;
	}
	if (load_parse(&load, argv + 2))
		return 2;
	alarm(load.nanoseconds / 1000000000 + 20);
	iscsi = iscsi_create_context("iqn.2026-01.org.pysrp:bench-client");
	url = iscsi ? iscsi_parse_full_url(iscsi, argv[1]) : NULL;
	if (!url)
		die(argv[1]);
	iscsi_set_session_type(iscsi, ISCSI_SESSION_NORMAL);
	iscsi_set_targetname(iscsi, url->target);
	if (iscsi_full_connect_sync(iscsi, url->portal, url->lun))
		die("connect");
	task = iscsi_readcapacity10_sync(iscsi, url->lun, 0, 0);
	capacity = task && task->status == SCSI_STATUS_GOOD ? scsi_datain_unmarshall(task) : NULL;
	if (!capacity || capacity->block_size != BLOCK)
		die("READ CAPACITY");
	load.blocks = (uint64_t)capacity->lba + 1;
	for (i = 0; i < load.depth; i++) {
		slots[i].data = malloc(load.bytes);
		if (!slots[i].data)
			die("memory");
		memset(slots[i].data, 0xa5, load.bytes);
	}
	cpu = clock_value(CLOCK_PROCESS_CPUTIME_ID);
	start = now_ns();
	end = start + load.nanoseconds;
	for (i = 0; i < load.depth; i++) {
		slots[i].started = now_ns();
		submit(&slots[i]);
	}
	while (in_flight) {
		fd.fd = iscsi_get_fd(iscsi);
		fd.events = iscsi_which_events(iscsi);
		if (poll(&fd, 1, 1000) < 0 || iscsi_service(iscsi, fd.revents))
			die("the connection failed");
	}
	load_report(&latencies, now_ns() - start, clock_value(CLOCK_PROCESS_CPUTIME_ID) - cpu);
	iscsi_logout_sync(iscsi);
	iscsi_destroy_context(iscsi);
	return 0;
}
