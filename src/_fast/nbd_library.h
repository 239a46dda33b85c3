/*
 * libnbd, loaded when it is first needed: without a disk on NBD it need not be installed, and nothing is built against
 * it.
 *
 * The calls are documented in libnbd(3). Its interface in C has been stable since 1.0, and has all of these since 1.12.
 */
#ifndef PYSRP_NBD_LIBRARY_H
#define PYSRP_NBD_LIBRARY_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NBD_LIBRARY "libnbd.so.0"

enum { NBD_WITH_FUA = 1 };	/* LIBNBD_CMD_FLAG_FUA */
enum { NBD_WANTS_READ = 1, NBD_WANTS_WRITE = 2 };	/* of LIBNBD_AIO_DIRECTION_ */
enum { NBD_SIZE_MINIMUM, NBD_SIZE_PREFERRED, NBD_SIZE_MAXIMUM };	/* LIBNBD_SIZE_ */

/* The handle of one connection. */
struct nbd_handle;

/* libnbd calls `callback` when a command is over; `*error` is an errno. Returning 1 retires the command. */
typedef struct {
	int (*callback)(void *user_data, int *error);
	void *user_data;
	void (*free)(void *user_data);
} nbd_over;

/* libnbd calls this for extents from `offset` on; `entries` are pairs of a length and its flags. */
typedef struct {
	int (*callback)(void *user_data, const char *context, uint64_t offset, uint32_t *entries, size_t count, int *error);
	void *user_data;
	void (*free)(void *user_data);
} nbd_found;

#define NBD_CALLS(CALL) \
	CALL(struct nbd_handle *, create, (void)) \
	CALL(void, close, (struct nbd_handle *)) \
	CALL(const char *, get_error, (void)) \
	CALL(int, get_errno, (void)) \
	CALL(int, set_uri_allow_local_file, (struct nbd_handle *, bool)) \
	CALL(int, add_meta_context, (struct nbd_handle *, const char *)) \
	CALL(int, can_meta_context, (struct nbd_handle *, const char *)) \
	CALL(int, can_flush, (struct nbd_handle *)) \
	CALL(int, can_fua, (struct nbd_handle *)) \
	CALL(int, can_multi_conn, (struct nbd_handle *)) \
	CALL(int, can_trim, (struct nbd_handle *)) \
	CALL(int, can_zero, (struct nbd_handle *)) \
	CALL(int, is_read_only, (struct nbd_handle *)) \
	CALL(int, is_rotational, (struct nbd_handle *)) \
	CALL(int64_t, get_size, (struct nbd_handle *)) \
	CALL(int64_t, get_block_size, (struct nbd_handle *, int)) \
	CALL(int, aio_connect_uri, (struct nbd_handle *, const char *)) \
	CALL(int, aio_disconnect, (struct nbd_handle *, uint32_t)) \
	CALL(int, aio_get_fd, (struct nbd_handle *)) \
	CALL(unsigned, aio_get_direction, (struct nbd_handle *)) \
	CALL(int, aio_notify_read, (struct nbd_handle *)) \
	CALL(int, aio_notify_write, (struct nbd_handle *)) \
	CALL(int, aio_is_connecting, (struct nbd_handle *)) \
	CALL(int, aio_is_ready, (struct nbd_handle *)) \
	CALL(int, aio_is_dead, (struct nbd_handle *)) \
	CALL(int, aio_is_closed, (struct nbd_handle *)) \
	CALL(int64_t, aio_pread, (struct nbd_handle *, void *, size_t, uint64_t, nbd_over, uint32_t)) \
	CALL(int64_t, aio_pwrite, (struct nbd_handle *, const void *, size_t, uint64_t, nbd_over, uint32_t)) \
	CALL(int64_t, aio_flush, (struct nbd_handle *, nbd_over, uint32_t)) \
	CALL(int64_t, aio_trim, (struct nbd_handle *, uint64_t, uint64_t, nbd_over, uint32_t)) \
	CALL(int64_t, aio_zero, (struct nbd_handle *, uint64_t, uint64_t, nbd_over, uint32_t)) \
	CALL(int64_t, aio_block_status, (struct nbd_handle *, uint64_t, uint64_t, nbd_found, nbd_over, uint32_t))

#define NBD_MEMBER(result, name, arguments) result (*name) arguments;
struct nbd_calls { NBD_CALLS(NBD_MEMBER) };
static struct nbd_calls nbd;
#undef NBD_MEMBER

/* Load the library `name` and find all calls. NULL, or what is missing. One thread at a time; it stays loaded. */
static const char *nbd_load(const char *name)
{
	void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	struct nbd_calls found;

	if (!library)
		return name;
#define NBD_FIND(result, call, arguments) \
	if (!(*(void **)&found.call = dlsym(library, "nbd_" #call))) \
		return "nbd_" #call;
	NBD_CALLS(NBD_FIND)
#undef NBD_FIND
	nbd = found;
	return NULL;
}

#endif
