/*
 * Doorbells: eventfds that two processes share, one rings and the other listens. Either can put an eventfd into any
 * state, full and blocking for instance, so a write to one must never be allowed to wait.
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

/* How the kernel rings for us: a context for asynchronous reads (io_setup), and an empty file. One for the process. */
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

/* To be called before the first ring, by any thread. A forked child gets a new context: it has not its parent's. */
static inline void bell_begin(void)
{
	static pthread_once_t begun = PTHREAD_ONCE_INIT;

	pthread_once(&begun, bell_make);
}

/*
 * Have the kernel ring `count` doorbells, BELLS at most: for each an asynchronous read of 0 bytes that signals the
 * eventfd when it is done (io_submit(2), IOCB_FLAG_RESFD). The kernel never waits for that; it leaves a full count as
 * it is. Returns how many the kernel has taken.
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
		/* The context is full of reads that are over: take them out. */
		syscall(SYS_io_getevents, bell_context, 0L, (long)BELL_REQUESTS, done, &now);
	}
	return rung;
}

/*
 * Ring these doorbells, BELLS at most: wake the processes that watch them edge-triggered. Where the kernel has no
 * asynchronous reads for us (a container may forbid them, or fs.aio-max-nr be used up) 0 is written, which wakes too as
 * long as the count is not 0 (it starts at 1 and is never read). A write waits if the count is full, so poll(2) asks
 * first. A partner that fills the count between poll and write makes this thread wait, and with it the threads that
 * wait for a lock that it holds.
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

/* Watch any other descriptor until fd_unwatch(): HEARD_OTHER as long as it is hung up, or with `readable` readable. */
static inline int fd_watch(int epoll, int fd, int readable)
{
	struct epoll_event event = { .events = readable ? EPOLLIN : 0, .data = { .fd = fd } };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static inline int fd_unwatch(int epoll, int fd)
{
	return epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
}

/* HEARD_MEDIUM: a medium's descriptor (PYSRP_LISTENS in native.h), for the lane, which looks at its media then. */
enum { HEARD_BELL = 1, HEARD_OTHER = 2, HEARD_SIGNAL = 4, HEARD_MEDIUM = 8 };

/* Wait for descriptors: HEARD_... bits, 0 after the timeout. Edges are consumed. `timeout` in ns, below 0: for ever. */
static inline int bell_hear(int epoll, int bell, int link_bell, int64_t timeout)
{
	struct epoll_event events[4];
	int heard = 0, i, n;
	int64_t ms = timeout < 0 ? -1 : (timeout + 999999) / 1000000;

	n = epoll_wait(epoll, events, 4, ms > 0x7fffffff ? 0x7fffffff : (int)ms);
	if (n < 0 && errno == EINTR) {
		/* Perhaps no signal: the kernel's work for an io_uring of this thread interrupts a wait, too. */
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
