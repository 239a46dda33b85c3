"""Declarations of native.h for Cython: links and a medium."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef extern from "native.h" nogil:
    const char *PYSRP_LINK
    enum:
        PYSRP_IU
        PYSRP_RSP
    enum pysrp_sent:
        PYSRP_SENT
        PYSRP_WAITS
    struct pysrp_request:
        uint64_t where
        uint64_t tag
        void *back
        size_t length
        uint8_t *iu
    struct pysrp_link:
        size_t size
        void *self
        size_t (*take)(void *self) noexcept nogil
        size_t (*left)(void *self) noexcept nogil
        void (*peek)(void *self, pysrp_request *request) noexcept nogil
        void (*passed "pass")(void *self) noexcept nogil
        uint8_t *(*reach)(void *self, uint64_t address, uint64_t length, uint32_t key, int write) noexcept nogil
        pysrp_sent (*answer)(void *self, const pysrp_request *request, const uint8_t *iu) noexcept nogil
        void (*ring)(void *self) noexcept nogil
        int (*again)(void *self, pysrp_request *request) noexcept nogil
        void (*wake)(void *self) noexcept nogil
        int (*linger)(void *self, int (*wanted)(void *of) noexcept nogil, void *of, int busy) noexcept nogil
        int (*epoll)(void *self) noexcept nogil


cdef extern from "native.h" nogil:
    const char *PYSRP_CLIENT_LINK
    enum:
        PYSRP_ATTEND
        PYSRP_INTERRUPTED
    enum pysrp_put:
        PYSRP_PUT
        PYSRP_FULL
        PYSRP_SHUT
    struct pysrp_arrival:
        uint64_t tag
        uint32_t length
        uint8_t answer
        uint8_t good
        uint8_t status
        uint8_t raw[16]
    struct pysrp_client_link:
        size_t size
        void *self
        pysrp_put (*put)(void *self, uint64_t address, uint32_t length, uint16_t timeout) noexcept nogil
        void (*ring)(void *self) noexcept nogil
        size_t (*take)(void *self) noexcept nogil
        size_t (*left)(void *self) noexcept nogil
        void (*next)(void *self, pysrp_arrival *arrival) noexcept nogil
        int (*pause)(void *self, int64_t nanoseconds) noexcept nogil
        int64_t (*clock)(void *self) noexcept nogil


cdef extern from "native.h" nogil:
    const char *PYSRP_MEDIUM
    enum pysrp_operation:
        PYSRP_READ
        PYSRP_WRITE
        PYSRP_FLUSH
        PYSRP_ZERO
        PYSRP_DISCARD
        PYSRP_EXTENTS
        PYSRP_COMPARE
    struct pysrp_extent:
        uint64_t length
        uint64_t mapped
    enum:
        PYSRP_FUA
        PYSRP_NOWAIT
        PYSRP_HAS_FUA
        PYSRP_HAS_DISCARD
        PYSRP_HAS_ZERO
        PYSRP_HAS_NOWAIT
        PYSRP_VOLATILE
        PYSRP_ROTATING
        PYSRP_READ_ONLY
        PYSRP_DISCARD_ZEROS
        PYSRP_HAS_EXTENTS
        PYSRP_ATOMIC
        PYSRP_HAS_COMPARE
    const uint64_t PYSRP_NOWHERE
    enum pysrp_submitted:
        PYSRP_OVER
        PYSRP_PENDING
    struct pysrp_buffer:
        uint8_t *bytes
        size_t length
    struct pysrp_io:
        uint64_t offset
        uint64_t length
        const pysrp_buffer *buffers
        size_t count
        uint32_t operation
        uint32_t flags
        uint64_t done
        uint64_t bad
        int error
        pysrp_io *next
        void *back
    struct pysrp_medium:
        size_t size
        void *self
        uint32_t block
        uint32_t features
        uint8_t *memory
        uint64_t (*bytes)(void *self) noexcept nogil
        void *(*opened "open")(void *self, void (*ring)(void *bell) noexcept nogil, void *bell) noexcept nogil
        void (*close)(void *channel) noexcept nogil
        pysrp_submitted (*submit)(void *channel, pysrp_io *io) noexcept nogil
        pysrp_io *(*reap)(void *channel) noexcept nogil
        int (*withdraw)(void *channel, pysrp_io *io) noexcept nogil
        void (*listen)(void *channel, int epoll) noexcept nogil
        int (*look)(void *channel, int sleeps) noexcept nogil
