/*
 * Moving bytes between buffers and an open file, by calls that may block: all of a request, or as much as there is before
 * the first byte that cannot be moved. Called by threads (crew.h); knows nothing of channels and loops.
 */
#ifndef PYSRP_FILE_BYTES_H
#define PYSRP_FILE_BYTES_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "copy.h"
#include "native.h"

#ifndef FALLOC_FL_KEEP_SIZE
#define FALLOC_FL_KEEP_SIZE 0x01
#define FALLOC_FL_PUNCH_HOLE 0x02
#endif
#ifndef FALLOC_FL_ZERO_RANGE /* musl has the others */
#define FALLOC_FL_ZERO_RANGE 0x10
#endif

#ifndef STATX_TYPE /* musl before 1.2.5 */
#include <linux/stat.h>
#endif
#ifndef AT_STATX_DONT_SYNC
#define AT_STATX_DONT_SYNC 0x4000
#endif

/*
 * statx(2), preadv2(2) and pwritev2(2) are called by number: musl has functions for them only since 1.2.5, and a wheel
 * for musl is built for 1.2.0. The last two are called only if there are flags, as not every stand-in for a kernel has
 * them (qemu-user).
 */

enum {
	FILE_VECTORS = 64,		/* buffers in one call */
	FILE_BOUNCE = 1 << 20,		/* bytes that go through a bounce buffer at a time */
	FILE_SMALLER = 16,		/* a piece is divided into so many to find the byte that cannot be moved */
	FILE_ZEROS = 1 << 16,
};
#define FILE_LARGEST (UINT64_C(1) << 30)	/* bytes in one call; the kernel moves less than 2 GiB */

static _Alignas(4096) const uint8_t file_zeros[FILE_ZEROS];

/* A pysrp_buffer is an iovec by another name. */
_Static_assert(sizeof(struct pysrp_buffer) == sizeof(struct iovec) &&
	       offsetof(struct pysrp_buffer, bytes) == offsetof(struct iovec, iov_base) &&
	       offsetof(struct pysrp_buffer, length) == offsetof(struct iovec, iov_len), "a buffer is an iovec");

struct file_bytes {
	int fd;
	uint32_t align;		/* offsets, lengths and addresses of a call are multiples of this; 1 without O_DIRECT */
	uint32_t grain;		/* bytes of the smallest piece in which a bad byte is searched, a multiple of align */
	int failed;		/* the errno of the first flush that failed, never cleared. Atomic. */
};

static int file_failed(struct file_bytes *file)
{
	return __atomic_load_n(&file->failed, __ATOMIC_ACQUIRE);
}

static void file_fail(struct file_bytes *file, int error)
{
	int none = 0;

	__atomic_compare_exchange_n(&file->failed, &none, error, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* Whether the errno means a medium error: then a part of the request may still succeed. */
static int file_is_bad(int error)
{
	return error == EIO || error == EILSEQ || error == ENODATA || error == EBADMSG || error == EREMOTEIO ||
	       error == EUCLEAN;
}

/* Vectors for one call, of what is left of a request, `most` bytes at most. How many vectors; *length: their bytes. */
static unsigned file_window(const struct pysrp_io *io, uint64_t most, struct iovec *vectors, uint64_t *length)
{
	uint64_t skip = io->done, left = io->length - io->done;
	unsigned count = 0;
	size_t i;

	if (left > most)
		left = most;
	*length = 0;
	for (i = 0; i < io->count && left && count < FILE_VECTORS; i++) {
		uint64_t part = io->buffers[i].length;

		if (skip >= part) {
			skip -= part;
			continue;
		}
		part -= skip;
		if (part > left)
			part = left;
		vectors[count++] = (struct iovec){ io->buffers[i].bytes + skip, part };
		skip = 0;
		*length += part;
		left -= part;
	}
	return count;
}

/* The file's size now, as the kernel knows it without asking a file server, which might never answer. 0: unknown. */
static uint64_t file_measure(int fd)
{
	struct statx found = { 0 };
	uint64_t bytes = 0;

	if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_SIZE, &found) ||
	    !S_ISBLK(found.stx_mode))
		return found.stx_size;
	return ioctl(fd, BLKGETSIZE64, &bytes) ? 0 : bytes;
}

static int file_writes(const struct pysrp_io *io)
{
	return io->operation != PYSRP_READ && io->operation != PYSRP_EXTENTS;
}

/*
 * One system call. Returns the bytes moved, or a negative errno. 0 bytes become EIO: the file has become shorter, or
 * takes nothing. EOPNOTSUPP: the flags are not supported.
 */
static ssize_t file_call(int fd, int write, const struct iovec *vectors, unsigned count, uint64_t at, int flags)
{
	ssize_t moved;

	do {
		if (!flags)
			moved = write ? pwritev(fd, vectors, (int)count, (off_t)at) : preadv(fd, vectors, (int)count, (off_t)at);
		else /* the offset is two words: where a word has 64 bits the kernel ignores the second one */
			moved = syscall(write ? SYS_pwritev2 : SYS_preadv2, (long)fd, vectors, (long)count, (long)at,
					(long)(at >> 32), (long)flags);
	} while (moved < 0 && errno == EINTR);
	if (moved < 0)
		return flags && errno == ENOSYS ? -EOPNOTSUPP : -errno;
	return moved ? moved : -EIO;
}

/* Calls until all `length` bytes of one piece of memory are moved. 0 or an errno. */
static int file_whole(int fd, int write, void *bytes, uint64_t length, uint64_t at, int flags)
{
	uint64_t done = 0;

	while (done < length) {
		struct iovec vector = { (uint8_t *)bytes + done, length - done };
		ssize_t moved = file_call(fd, write, &vector, 1, at + done, flags);

		if (moved < 0)
			return (int)-moved;
		done += (uint64_t)moved;
	}
	return 0;
}

/* Whether offset, lengths and addresses are aligned for a call. */
static int file_fits(const struct file_bytes *file, const struct iovec *vectors, unsigned count, uint64_t at)
{
	uint64_t all = at;
	unsigned i;

	for (i = 0; i < count; i++)
		all |= vectors[i].iov_len | (uintptr_t)vectors[i].iov_base;
	return !(all & (file->align - 1));
}

static void file_copy(const struct iovec *vectors, unsigned count, uint8_t *bounce, int write)
{
	unsigned i;

	for (i = 0; i < count; bounce += vectors[i++].iov_len)
		if (write)
			copy_bytes(bounce, vectors[i].iov_base, vectors[i].iov_len);
		else
			copy_bytes(vectors[i].iov_base, bounce, vectors[i].iov_len);
}

/*
 * The same as file_call() for what is not aligned, through a bounce buffer of at most FILE_BOUNCE bytes. A write first
 * reads the rest of the first and last unit: the caller has to see to it that no other write is under way there.
 */
static ssize_t file_bounced(const struct file_bytes *file, int fd, int write, const struct iovec *vectors,
			    unsigned count, uint64_t length, uint64_t at, int flags)
{
	uint64_t mask = file->align - 1, begin = at & ~mask, end = (at + length + mask) & ~mask;
	void *found;
	uint8_t *bounce;
	int error = 0;

	if (posix_memalign(&found, file->align > 4096 ? file->align : 4096, end - begin))
		return -ENOMEM;
	bounce = found;
	if (!write) {
		error = file_whole(fd, 0, bounce, end - begin, begin, 0);
	} else {
		if (at & mask)
			error = file_whole(fd, 0, bounce, file->align, begin, 0);
		if (!error && (at + length) & mask && (end - begin > file->align || !(at & mask)))
			error = file_whole(fd, 0, bounce + (end - begin) - file->align, file->align,
					   end - file->align, 0);
	}
	if (!error) {
		file_copy(vectors, count, bounce + (at - begin), write);
		if (write)
			error = file_whole(fd, 1, bounce, end - begin, begin, flags);
	}
	free(found);
	return error ? -error : (ssize_t)length;
}

/* Go on with a request up to offset `until`, in pieces that begin and end at multiples of `piece`. 0 or an errno. */
static int file_pieces(const struct file_bytes *file, int fd, struct pysrp_io *io, int flags, uint64_t piece,
		       uint64_t until)
{
	struct iovec vectors[FILE_VECTORS];

	while (io->offset + io->done < until) {
		uint64_t at = io->offset + io->done, most = piece - (at & (piece - 1)), length;
		unsigned count;
		ssize_t moved;

		count = file_window(io, most < until - at ? most : until - at, vectors, &length);
		if (!file_fits(file, vectors, count, at)) {
			if (length > FILE_BOUNCE - file->align)
				count = file_window(io, FILE_BOUNCE - file->align, vectors, &length);
			moved = file_bounced(file, fd, file_writes(io), vectors, count, length, at, flags);
		} else {
			moved = file_call(fd, file_writes(io), vectors, count, at, flags);
		}
		if (moved < 0)
			return (int)-moved;
		io->done += (uint64_t)moved;
	}
	return 0;
}

/*
 * Move what is left of a READ or WRITE. 0, or an errno, and `bad` is the first byte that could not be moved. A call
 * does not tell where it failed, so the failed part is tried again in smaller and smaller pieces.
 */
static int file_move(const struct file_bytes *file, int fd, struct pysrp_io *io)
{
	uint64_t piece = FILE_LARGEST, end = io->offset + io->length, until = end;

	for (;;) {
		int error = file_pieces(file, fd, io, 0, piece, until);

		if (!error && until == end)
			return 0;
		if (!error) {		/* what had failed succeeds in pieces */
			piece = FILE_LARGEST;
			until = end;
		} else if (!file_is_bad(error) || piece == file->grain) {
			io->bad = io->offset + io->done;
			return error;
		} else {
			/* The call that failed was about one piece or a part of one. */
			uint64_t behind = ((io->offset + io->done) & ~(piece - 1)) + piece;

			until = behind < until ? behind : until;
			piece = piece / FILE_SMALLER > file->grain ? piece / FILE_SMALLER : file->grain;
		}
	}
}

/* Write zeros from offset `at` to `end`. 0 or an errno. */
static int file_write_zeros(const struct file_bytes *file, int fd, uint64_t at, uint64_t end)
{
	while (at < end) {
		uint64_t length = end - at < FILE_ZEROS ? end - at : FILE_ZEROS;
		struct iovec vector = { (void *)file_zeros, length };
		ssize_t moved;

		moved = file_fits(file, &vector, 1, at) ? file_call(fd, 1, &vector, 1, at, 0) :
			file_bounced(file, fd, 1, &vector, 1, length, at, 0);
		if (moved < 0)
			return (int)-moved;
		at += (uint64_t)moved;
	}
	return 0;
}

/* fallocate(2). 0, an errno, or -1: not supported for this file. */
static int file_allocate(int fd, int mode, uint64_t at, uint64_t end)
{
	int error;

	do
		error = fallocate(fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)(end - at)) ? errno : 0;
	while (error == EINTR);
	return error == EOPNOTSUPP || error == ENOSYS || error == EINVAL || error == ENODEV ? -1 : error;
}

/*
 * ZERO, or DISCARD, which leaves zeros too. DISCARD punches a hole if possible. Else the file system or device zeroes
 * the range, or else zeros are written. Devices do it in whole units only: the bytes before and behind are written.
 */
static int file_zero(const struct file_bytes *file, int fd, struct pysrp_io *io, uint32_t unit)
{
	uint64_t begin = io->offset, end = begin + io->length;
	uint64_t first = (begin + unit - 1) & ~(uint64_t)(unit - 1), last = end & ~(uint64_t)(unit - 1);
	int error = -1;

	if (first < last && io->operation == PYSRP_DISCARD)
		error = file_allocate(fd, FALLOC_FL_PUNCH_HOLE, first, last);
	if (first < last && error < 0)
		error = file_allocate(fd, FALLOC_FL_ZERO_RANGE, first, last);
	if (error < 0)
		return file_write_zeros(file, fd, begin, end);
	if (!error)
		error = file_write_zeros(file, fd, begin, first);
	if (!error)
		error = file_write_zeros(file, fd, last, end);
	return error;
}

/* Offset of the next data or hole from `at` on, `end` at most; or a negative errno. If unknown, all is data. */
static int64_t file_seek(int fd, uint64_t at, int whence, uint64_t end)
{
	off_t found = lseek(fd, (off_t)at, whence);

	if (found >= 0)
		return (uint64_t)found < end ? found : (int64_t)end;
	if (errno == ENXIO)	/* a hole up to the end of the file */
		return (int64_t)end;
	if (errno == EINVAL || errno == EOPNOTSUPP)
		return (int64_t)(whence == SEEK_DATA ? at : end);
	return -errno;
}

/* EXTENTS. This moves the descriptor's position, which no other call uses. */
static int file_extents(int fd, struct pysrp_io *io)
{
	struct pysrp_extent *extents = (struct pysrp_extent *)io->buffers->bytes;
	size_t room = io->buffers->length / sizeof(*extents), used;
	uint64_t at = io->offset, end = at + io->length;

	for (used = 0; at < end && used < room; used++) {
		int64_t data = file_seek(fd, at, SEEK_DATA, end), until = data;

		if (data == (int64_t)at)
			until = file_seek(fd, at, SEEK_HOLE, end);
		if (data < 0 || until < 0)
			return (int)-(data < 0 ? data : until);
		if (until <= (int64_t)at)	/* the file has changed between the two calls */
			until = (int64_t)end;
		extents[used] = (struct pysrp_extent){ (uint64_t)until - at, data == (int64_t)at };
		at = (uint64_t)until;
	}
	io->done = at - io->offset;
	return 0;
}

/*
 * Open the file anew, for this thread's writes with RWF_DSYNC. Linux reports an error of writing back once to each open
 * file description, in the first call that asks. If threads shared one, the loss of one thread's write could be
 * reported as the failure of another's.
 */
static int file_reopen(int fd)
{
	char path[40];
	int flags = fcntl(fd, F_GETFL);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, (flags & (O_ACCMODE | O_DIRECT)) | O_CLOEXEC);
}

/*
 * A WRITE with FUA, by RWF_DSYNC. EOPNOTSUPP: not supported. If it fails, either this write has failed, or something
 * that was written before has been lost. The same write without the flag tells which: if it succeeds, something has
 * been lost, and that counts as a failed flush. A second call with the flag would tell nothing: Linux reports such an
 * error once.
 */
static int file_move_through(struct file_bytes *file, int fd, struct pysrp_io *io)
{
	int error = file_pieces(file, fd, io, RWF_DSYNC, FILE_LARGEST, io->offset + io->length), other;

	if (!error || error == EOPNOTSUPP || error == ENOMEM)
		return error;
	other = file_move(file, fd, io);
	if (other)
		return other;
	file_fail(file, error);
	io->done = 0;
	return error;
}

#endif
