/*
 * librbd and librados, loaded when they are first needed: without a disk on Ceph they need not be installed, and
 * nothing is built against them.
 *
 * The calls are those of Ceph's rbd/librbd.h and rados/librados.h; Ceph has all of them since 16 (Pacific).
 */
#ifndef PYSRP_RBD_LIBRARY_H
#define PYSRP_RBD_LIBRARY_H

#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define RADOS_LIBRARY "librados.so.2"
#define RBD_LIBRARY "librbd.so.1"

enum { RBD_EXCLUSIVE = 0 };	/* RBD_LOCK_MODE_EXCLUSIVE */
/* RBD_FEATURE_ */
#define RBD_LOCKS (1ull << 2)		/* EXCLUSIVE_LOCK */
#define RBD_FAST_DIFF (1ull << 4)
/* RBD_FLAG_: OBJECT_MAP_INVALID, FAST_DIFF_INVALID */
#define RBD_NO_MAP 3ull

/* A cluster, a pool of it, an image, a request that is under way. */
typedef void *rados_cluster;
typedef void *rados_pool;
typedef void *rbd_image;
typedef void *rbd_promise;

typedef void (*rbd_over)(rbd_promise promise, void *argument);
typedef void (*rbd_changed)(void *argument);
typedef int (*rbd_found)(uint64_t offset, size_t length, int exists, void *argument);

#define RADOS_CALLS(CALL) \
	CALL(int, create, (rados_cluster *, const char *id)) \
	CALL(int, conf_read_file, (rados_cluster, const char *path)) \
	CALL(int, conf_set, (rados_cluster, const char *option, const char *value)) \
	CALL(int, conf_get, (rados_cluster, const char *option, char *value, size_t room)) \
	CALL(int, connect, (rados_cluster)) \
	CALL(void, shutdown, (rados_cluster)) \
	CALL(int, cluster_fsid, (rados_cluster, char *, size_t)) \
	CALL(int, ioctx_create, (rados_cluster, const char *pool, rados_pool *)) \
	CALL(void, ioctx_destroy, (rados_pool)) \
	CALL(void, ioctx_set_namespace, (rados_pool, const char *)) \
	CALL(int64_t, ioctx_get_id, (rados_pool)) \
	CALL(void, set_pool_full_try, (rados_pool)) \
	CALL(int, mon_command, (rados_cluster, const char **, size_t, const char *, size_t, char **, size_t *, char **, size_t *)) \
	CALL(void, buffer_free, (char *))

#define RBD_CALLS(CALL) \
	CALL(int, open, (rados_pool, const char *name, rbd_image *, const char *snap)) \
	CALL(int, open_read_only, (rados_pool, const char *name, rbd_image *, const char *snap)) \
	CALL(int, close, (rbd_image)) \
	CALL(int, get_size, (rbd_image, uint64_t *)) \
	CALL(int, get_features, (rbd_image, uint64_t *)) \
	CALL(int, get_flags, (rbd_image, uint64_t *)) \
	CALL(int64_t, get_data_pool_id, (rbd_image)) \
	CALL(int, get_stripe_unit, (rbd_image, uint64_t *)) \
	CALL(int, get_id, (rbd_image, char *, size_t)) \
	CALL(int, is_exclusive_lock_owner, (rbd_image, int *)) \
	CALL(int, lock_acquire, (rbd_image, int mode)) \
	CALL(int, lock_get_owners, (rbd_image, int *mode, char **owners, size_t *count)) \
	CALL(void, lock_get_owners_cleanup, (char **owners, size_t count)) \
	CALL(int, lock_break, (rbd_image, int mode, const char *owner)) \
	CALL(int, metadata_get, (rbd_image, const char *key, char *value, size_t *room)) \
	CALL(int, metadata_set, (rbd_image, const char *key, const char *value)) \
	CALL(int, metadata_remove, (rbd_image, const char *key)) \
	CALL(int, update_watch, (rbd_image, uint64_t *handle, rbd_changed, void *)) \
	CALL(int, update_unwatch, (rbd_image, uint64_t handle)) \
	CALL(int, diff_iterate2, (rbd_image, const char *from, uint64_t, uint64_t, uint8_t parents, uint8_t whole, rbd_found, void *)) \
	CALL(int, aio_create_completion, (void *, rbd_over, rbd_promise *)) \
	CALL(ssize_t, aio_get_return_value, (rbd_promise)) \
	CALL(void, aio_release, (rbd_promise)) \
	CALL(int, aio_readv, (rbd_image, const struct iovec *, int, uint64_t, rbd_promise)) \
	CALL(int, aio_writev, (rbd_image, const struct iovec *, int, uint64_t, rbd_promise)) \
	CALL(int, aio_discard, (rbd_image, uint64_t, uint64_t, rbd_promise)) \
	CALL(int, aio_write_zeroes, (rbd_image, uint64_t, size_t, rbd_promise, int, int)) \
	CALL(ssize_t, aio_compare_and_write, (rbd_image, uint64_t, size_t, const char *, const char *, rbd_promise, uint64_t *, int)) \
	CALL(int, aio_flush, (rbd_image, rbd_promise))

#define RBD_MEMBER(result, name, arguments) result (*name) arguments;
struct rados_calls { RADOS_CALLS(RBD_MEMBER) };
struct rbd_calls { RBD_CALLS(RBD_MEMBER) };
static struct rados_calls rados;
static struct rbd_calls rbd;
#undef RBD_MEMBER

/* Load both libraries and find all calls. NULL, or what is missing. One thread at a time; they stay loaded. */
static const char *rbd_load(const char *rados_name, const char *rbd_name)
{
	struct rados_calls found_rados;
	struct rbd_calls found_rbd;
	void *library;

#define RBD_FIND(found, prefix, call) \
	if (!(*(void **)&found.call = dlsym(library, prefix #call))) \
		return prefix #call;
#define RBD_FIND_RADOS(result, call, arguments) RBD_FIND(found_rados, "rados_", call)
#define RBD_FIND_RBD(result, call, arguments) RBD_FIND(found_rbd, "rbd_", call)
	if (!(library = dlopen(rados_name, RTLD_NOW | RTLD_LOCAL)))
		return rados_name;
	RADOS_CALLS(RBD_FIND_RADOS)
	if (!(library = dlopen(rbd_name, RTLD_NOW | RTLD_LOCAL)))
		return rbd_name;
	RBD_CALLS(RBD_FIND_RBD)
#undef RBD_FIND_RBD
#undef RBD_FIND_RADOS
#undef RBD_FIND
	rados = found_rados;
	rbd = found_rbd;
	return NULL;
}

#endif
