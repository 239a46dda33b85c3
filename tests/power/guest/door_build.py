"""The door's header for the lab's own scripts, as a cffi module `_door`. The compiler knows the numbers."""

from cffi import FFI

ffibuilder = FFI()
ffibuilder.set_source(
    "_door",
    """
    #include <errno.h>
    #include <sched.h>
    #include <sys/ioctl.h>
    #include <sys/mman.h>
    #include <unistd.h>
    #include "vscsi_crq.h"

    static int door_ioctl(int fd, unsigned long request, void *arg)
    {
        return ioctl(fd, request, arg) < 0 ? -errno : 0;
    }

    static long door_read(int fd, void *to, size_t size)
    {
        ssize_t got = read(fd, to, size);
        return got < 0 ? -errno : got;
    }

    static void *door_mmap(int fd, size_t length, int prot, int flags, long long offset)
    {
        void *at = mmap(NULL, length, prot, flags, fd, offset);
        return at == MAP_FAILED ? NULL : at;
    }
    """,
)
ffibuilder.cdef("""
    #define VSCSI_CRQ_VERSION ...
    #define VSCSI_CRQ_CLIENT ...
    #define VSCSI_CRQ_SERVER ...
    #define VSCSI_CRQ_REGISTERED ...
    #define VSCSI_CRQ_SIMULATED ...
    #define VSCSI_CRQ_SEND_MAX ...
    #define VSCSI_CRQ_DMA_READ ...
    #define VSCSI_CRQ_DMA_WRITE ...
    #define VSCSI_CRQ_COPY_IN ...
    #define VSCSI_CRQ_COPY_OUT ...
    #define VSCSI_CRQ_SUSPEND_ENABLE ...
    #define VSCSI_CRQ_SUSPEND_READY ...
    #define VSCSI_CRQ_EV_SUSPEND ...
    #define VSCSI_CRQ_EV_RESUME ...
    #define VSCSI_CRQ_INFO ...
    #define VSCSI_CRQ_REGISTER ...
    #define VSCSI_CRQ_FREE ...
    #define VSCSI_CRQ_ENABLE ...
    #define VSCSI_CRQ_SEND ...
    #define VSCSI_CRQ_SIGNAL ...
    #define VSCSI_CRQ_DMA_ALLOC ...
    #define VSCSI_CRQ_DMA_FREE ...
    #define VSCSI_CRQ_COPY ...
    #define VSCSI_CRQ_SUSPEND ...
    #define VSCSI_CRQ_PARTNER ...
    #define VSCSI_CRQ_TOGETHER ...
    #define VSCSI_CRQ_TOGETHER_MAX ...

    struct vscsi_crq_window { uint32_t liobn, reserved; uint64_t start, size; ...; };
    struct vscsi_crq_info {
        uint32_t version, kind, unit, flags, page_size, windows;
        struct vscsi_crq_window window[2];
        uint32_t queue_size, queue_max;
        uint64_t area_max, dma_limit, dma_used, copy_max;
        uint32_t partition;
        char partition_name[128];
        char location[128];
        ...;
    };
    struct vscsi_crq_result { int64_t hrc; ...; };
    struct vscsi_crq_register { uint32_t size, reserved; uint64_t bus, offset; int64_t hrc; ...; };
    struct vscsi_crq_send { uint64_t elements; uint32_t count, done; int64_t hrc; ...; };
    struct vscsi_crq_signal { uint32_t enable, reserved; int64_t hrc; ...; };
    struct vscsi_crq_dma { uint64_t size; uint32_t access, reserved; uint64_t bus, offset; ...; };
    struct vscsi_crq_dma_free { uint64_t bus; ...; };
    struct vscsi_crq_copy {
        uint32_t direction, reserved; uint64_t local, remote, length, done; int64_t hrc; ...;
    };
    struct vscsi_crq_piece { uint32_t direction, reserved; uint64_t local, remote, length; ...; };
    struct vscsi_crq_together {
        uint64_t copies, elements; uint32_t copy_count, count, copied, sent; uint64_t done; int64_t hrc; ...;
    };
    struct vscsi_crq_suspend { uint32_t request, timeout_ms; int64_t hrc; ...; };
    struct vscsi_crq_partner { int64_t hrc; uint64_t partition, unit; char location[128]; ...; };
    struct vscsi_crq_event { uint32_t interrupts, events; ...; };

    int door_ioctl(int fd, unsigned long request, void *arg);
    long door_read(int fd, void *to, size_t size);
    void *door_mmap(int fd, size_t length, int prot, int flags, long long offset);
    int munmap(void *address, size_t length);
    int mprotect(void *address, size_t length, int prot);
    #define CLONE_FILES ...
    int unshare(int flags);
""")
