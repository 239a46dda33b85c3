"""Builds ``pysrp.fabric._power``: the door's header, with every number and layout from the compiler."""

from cffi import FFI

ffibuilder = FFI()
ffibuilder.set_source(
    "pysrp.fabric._power",
    """
    #include <errno.h>
    #include <stdint.h>
    #include <string.h>
    #include <sys/ioctl.h>
    #include <sys/mman.h>
    #include <time.h>
    #include "vscsi_crq.h"

    static int power_ioctl(int fd, unsigned long request, void *argument)
    {
        return ioctl(fd, request, argument) < 0 ? -errno : 0;
    }

    /* Map at a place that is reserved already, or (at == NULL) anywhere. NULL and errno: it failed. */
    static void *power_map(void *at, size_t length, int fd, uint64_t offset)
    {
        void *where = mmap(at, length, PROT_READ | PROT_WRITE, MAP_SHARED | (at ? MAP_FIXED : 0), fd, offset);
        return where == MAP_FAILED ? NULL : where;
    }

    /*
     * Take up to max elements out of the queue, beginning at slot next; their number. The first byte of
     * an element is written last by the hypervisor, and zeroed last here: POWER reorders both.
     */
    static unsigned power_take(unsigned char *queue, uint32_t slots, uint32_t next, unsigned char *out, unsigned max)
    {
        unsigned taken;
        for (taken = 0; taken < max; taken++, out += VSCSI_CRQ_ELEMENT) {
            unsigned char *element = queue + (size_t)((next + taken) % slots) * VSCSI_CRQ_ELEMENT;
            if (!__atomic_load_n(element, __ATOMIC_ACQUIRE))
                break;
            memcpy(out, element, VSCSI_CRQ_ELEMENT);
            __atomic_store_n(element, 0, __ATOMIC_RELEASE);
        }
        return taken;
    }

    static int64_t power_now(void)
    {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
    }

    /* Whether an element comes within so many nanoseconds. Relaxed: it is looked at again before it is taken. */
    static int power_look(const unsigned char *element, int64_t nanoseconds)
    {
        int64_t end = power_now() + nanoseconds;
        unsigned turn = 0;
        while (!__atomic_load_n(element, __ATOMIC_RELAXED))
            if (++turn % 16 == 0 && power_now() >= end)
                return 0;
        return 1;
    }
    """,
    include_dirs=["kernel/include"],
    depends=["kernel/include/vscsi_crq.h"],
    # a debugger's tables name the folder it was built in; without -O, zig adds what runs under its own sanitizer, 4 MB
    extra_compile_args=["-O2", "-g0"],
)
ffibuilder.cdef("""
    #define VSCSI_CRQ_VERSION ...
    #define VSCSI_CRQ_SERVER ...
    #define VSCSI_CRQ_SEND_MAX ...
    #define VSCSI_CRQ_DMA_READ ...
    #define VSCSI_CRQ_DMA_WRITE ...
    #define VSCSI_CRQ_COPY_IN ...
    #define VSCSI_CRQ_COPY_OUT ...
    #define VSCSI_CRQ_INFO ...
    #define VSCSI_CRQ_REGISTER ...
    #define VSCSI_CRQ_FREE ...
    #define VSCSI_CRQ_ENABLE ...
    #define VSCSI_CRQ_SEND ...
    #define VSCSI_CRQ_SIGNAL ...
    #define VSCSI_CRQ_DMA_ALLOC ...
    #define VSCSI_CRQ_DMA_FREE ...
    #define VSCSI_CRQ_COPY ...
    #define VSCSI_CRQ_PARTNER ...
    #define VSCSI_CRQ_TOGETHER ...
    #define VSCSI_CRQ_TOGETHER_MAX ...

    struct vscsi_crq_window { uint64_t start, size; ...; };
    struct vscsi_crq_info {
        uint32_t version, kind, unit, page_size;
        struct vscsi_crq_window window[2];
        uint64_t area_max, copy_max;
        uint32_t partition;
        char partition_name[128];
        char location[128];
        ...;
    };
    struct vscsi_crq_result { int64_t hrc; ...; };
    struct vscsi_crq_register { uint32_t size; uint64_t offset; int64_t hrc; ...; };
    struct vscsi_crq_send { uint64_t elements; uint32_t count, done; int64_t hrc; ...; };
    struct vscsi_crq_signal { uint32_t enable; int64_t hrc; ...; };
    struct vscsi_crq_dma { uint64_t size; uint32_t access; uint64_t bus, offset; ...; };
    struct vscsi_crq_dma_free { uint64_t bus; ...; };
    struct vscsi_crq_copy { uint32_t direction; uint64_t local, remote, length; int64_t hrc; ...; };
    struct vscsi_crq_piece { uint32_t direction; uint64_t local, remote, length; ...; };
    struct vscsi_crq_together {
        uint64_t copies, elements;
        uint32_t copy_count, count, copied, sent;
        int64_t hrc;
        ...;
    };
    struct vscsi_crq_partner { int64_t hrc; uint64_t partition, unit; char location[128]; ...; };
    struct vscsi_crq_event { uint32_t interrupts, events; ...; };

    int power_ioctl(int fd, unsigned long request, void *argument);
    void *power_map(void *at, size_t length, int fd, uint64_t offset);
    unsigned power_take(unsigned char *queue, uint32_t slots, uint32_t next, unsigned char *out, unsigned max);
    int power_look(const unsigned char *element, int64_t nanoseconds);
    int munmap(void *address, size_t length);
""")
