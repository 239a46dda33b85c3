/*
 * The id of this process, without a system call for each command. A forked child has none of its parent's threads, and
 * must not touch what they use.
 */
#ifndef PYSRP_PROCESS_H
#define PYSRP_PROCESS_H

#include <pthread.h>
#include <unistd.h>

static pid_t process_known;	/* 0: the kernel has to be asked */

static void process_anew(void)
{
	process_known = getpid();
}

static void process_watch(void)
{
	if (!pthread_atfork(NULL, NULL, process_anew))
		process_anew();
}

/* To be called before process_id(), by any thread. */
static inline void process_begin(void)
{
	static pthread_once_t begun = PTHREAD_ONCE_INIT;

	pthread_once(&begun, process_watch);
}

static inline pid_t process_id(void)
{
	return process_known ? process_known : getpid();
}

#endif
