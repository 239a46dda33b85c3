/*
 * Doorbells: eventfds that two processes hold, one to ring and one to hear. Both can put them into any
 * state, full and blocking for instance, so neither may ever write to one and wait.
 */
#ifndef PYSRP_BELL_H
#define PYSRP_BELL_H

#include <errno.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "native.h"

enum { BELL_REQUESTS = 128, BELL_TRIES = 4, BELLS = 32 };

/* What the kernel rings with, one for the process: a context for asynchronous reads, and an empty file. */
static aio_context_t bell_context;
static int bell_file = -1;

static void bell_context_anew(void)
{
	bell_context = 0;
	if (syscall(SYS_io_setup, BELL_REQUESTS, &bell_context) < 0)
		bell_context = 0;
}

static void bell_make(void)
{
	bell_file = memfd_create("pysrp-bell", MFD_CLOEXEC);
	if (bell_file < 0)
		return;
	bell_context_anew();
	pthread_atfork(NULL, NULL, bell_context_anew);
}

/* Before the first ring, by any thread. A forked child has no context of its parent's. */
static inline void bell_begin(void)
{
	static pthread_once_t begun = PTHREAD_ONCE_INIT;

	pthread_once(&begun, bell_make);
}

/*
 * Have the kernel ring, BELLS of them at most: for each a read of 0 bytes that tells an eventfd when it is done
 * (io_submit(2), IOCB_FLAG_RESFD). The kernel's own signal never waits, it leaves a full count as it is. How many
 * the kernel has taken.
 */
static inline int bell_signal(const int *fds, int count)
{
	struct iocb reads[BELLS], *list[BELLS];
	struct io_event done[BELL_REQUESTS];
	struct timespec now = { 0 };
	int i, rung = 0;
	long taken;

	for (i = 0; i < count; i++) {
		reads[i] = (struct iocb){
			.aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = bell_file,
			.aio_flags = IOCB_FLAG_RESFD, .aio_resfd = fds[i],
		};
		list[i] = &reads[i];
	}
	for (i = 0; bell_context && i < BELL_TRIES; i++) {
		taken = syscall(SYS_io_submit, bell_context, (long)(count - rung), list + rung);
		if (taken > 0)
			rung += (int)taken;
		if (rung == count || (taken < 0 && errno != EAGAIN))
			break;
		/* Full of reads that are over: take them out. */
		syscall(SYS_io_getevents, bell_context, 0L, (long)BELL_REQUESTS, done, &now);
	}
	return rung;
}

/*
 * Ring: wake whoever watches one of these edge-triggered; BELLS at most. Where the kernel has no asynchronous reads
 * for us (a container may forbid them, or fs.aio-max-nr be used up) 0 is written, which wakes too as long as the count
 * is not 0 (it starts at 1 and is never read). A write waits where the count is full, so it is looked at first; a
 * partner who fills it between the look and the write makes this thread wait, and whoever waits for a lock that it
 * holds.
 */
static inline void bell_ring_all(const int *fds, int count)
{
	struct pollfd bell = { .events = POLLOUT };
	uint64_t nothing = 0;
	int i;

	for (i = bell_signal(fds, count); i < count; i++) {
		bell.fd = fds[i];
		if (poll(&bell, 1, 0) == 1 && bell.revents & POLLOUT && write(bell.fd, &nothing, sizeof(nothing)) < 0)
			errno = 0;
	}
}

static inline void bell_ring(int fd)
{
	bell_ring_all(&fd, 1);
}

static inline int bell_watch(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data = { .fd = fd } };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

/* Any other descriptor, until it is unwatched: HEARD_OTHER for as long as it is readable, or hung up. */
static inline int fd_watch(int epoll, int fd, int readable)
{
	struct epoll_event event = { .events = readable ? EPOLLIN : 0, .data = { .fd = fd } };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static inline int fd_unwatch(int epoll, int fd)
{
	return epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
}

/* A medium's is there for who owns this end in C, and looks (PYSRP_LISTENS in native.h). */
enum { HEARD_BELL = 1, HEARD_OTHER = 2, HEARD_SIGNAL = 4, HEARD_MEDIUM = 8 };

/* Wait for descriptors; acknowledges bells. timeout in nanoseconds, below 0 for ever. */
static inline int bell_hear(int epoll, int bell, int link_bell, int64_t timeout)
{
	struct epoll_event events[4];
	int heard = 0, i, n;
	int64_t ms = timeout < 0 ? -1 : (timeout + 999999) / 1000000;

	n = epoll_wait(epoll, events, 4, ms > 0x7fffffff ? 0x7fffffff : (int)ms);
	if (n < 0 && errno == EINTR) {
		/* It may have been what the kernel had to do for an io_uring of this thread's. */
		heard = HEARD_SIGNAL;
		n = epoll_wait(epoll, events, 4, 0);
	}
	if (n < 0)
		return errno == EINTR ? HEARD_SIGNAL : HEARD_OTHER;
	for (i = 0; i < n; i++)
		heard |= events[i].data.u64 == PYSRP_LISTENS ? HEARD_MEDIUM :
			 events[i].data.fd == bell || events[i].data.fd == link_bell ? HEARD_BELL : HEARD_OTHER;
	return heard;
}

#endif /* PYSRP_BELL_H */
