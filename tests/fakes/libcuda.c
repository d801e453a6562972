/* A CUDA driver library without a GPU, for the tests of harness/machine/gpu/calls.py and driver.py.

   It has only the functions that are used, under the names that the real library exports. Host memory stands in
   for device memory, handles carry a magic number so that a wrong or freed one is an error, and every call is
   appended to a log. Time passes on the library's own clock: each copy takes one nanosecond per byte in its stream,
   and waiting advances the clock.

   Scripted by the environment, read at every call: FAKE_CUDA_FAIL="NAME=CODE" makes that function return that code;
   FAKE_CUDA_DEVICES is the number of devices (1), FAKE_CUDA_LOG a file to which every call is appended, as a line
   with its flags if it has any.
   Signatures and codes: https://docs.nvidia.com/cuda/cuda-driver-api/ */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int CUresult;
typedef int CUdevice;
typedef uint64_t CUdeviceptr;

enum { SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_INITIALIZED = 3, INVALID_DEVICE = 101,
       INVALID_CONTEXT = 201, INVALID_HANDLE = 400, NOT_FOUND = 500, NOT_READY = 600, CAPTURE_UNSUPPORTED = 900,
       CAPTURE_INVALIDATED = 901, CAPTURE_UNMATCHED = 903 };
enum { STREAM = 0x57, EVENT = 0x45, GRAPH = 0x47, EXECUTABLE = 0x58, CONTEXT = 0x43 };
enum { MOST_NODES = 16 };

struct node { void *to; const void *from; size_t size; };
struct thing {
    int magic;
    uint64_t ready_ns;           /* a stream: when its work is done; an event: when it happens */
    int recorded, untimed;       /* an event */
    int capturing, invalidated;  /* a stream */
    struct node nodes[MOST_NODES];
    int count;
};

static uint64_t now_ns;
static int initialized, retained;
static struct thing context = {.magic = CONTEXT};
static void *current;
static const size_t total_bytes = (size_t)8 << 30;
static size_t used_bytes;

static CUresult called(const char *name, unsigned flags) {
    const char *log = getenv("FAKE_CUDA_LOG"), *fail = getenv("FAKE_CUDA_FAIL");
    size_t length = strlen(name);
    if (log) {
        FILE *file = fopen(log, "a");
        if (file) {
            if (flags) fprintf(file, "%s %u\n", name, flags);
            else fprintf(file, "%s\n", name);
            fclose(file);
        }
    }
    if (fail && !strncmp(fail, name, length) && fail[length] == '=') return atoi(fail + length + 1);
    if (!initialized && strcmp(name, "cuInit") && strcmp(name, "cuDriverGetVersion")) return NOT_INITIALIZED;
    return SUCCESS;
}

#define CALLED_WITH(name, flags) do { CUresult code = called(name, flags); if (code) return code; } while (0)
#define CALLED(name) CALLED_WITH(name, 0)
#define IN_CONTEXT_WITH(name, flags) do { CALLED_WITH(name, flags); if (!current) return INVALID_CONTEXT; } while (0)
#define IN_CONTEXT(name) IN_CONTEXT_WITH(name, 0)
#define CHECK(thing, kind) do { if (!(thing) || (thing)->magic != (kind)) return INVALID_HANDLE; } while (0)

static struct thing *make(int magic) {
    struct thing *made = calloc(1, sizeof *made);
    made->magic = magic;
    return made;
}

/* Not returned to the allocator, so that a use after the end finds no magic number rather than garbage. */
static CUresult unmake(struct thing *thing) {
    thing->magic = 0;
    return SUCCESS;
}

static int device_count(void) {
    const char *count = getenv("FAKE_CUDA_DEVICES");
    return count ? atoi(count) : 1;
}

static CUresult copy(struct thing *stream, void *to, const void *from, size_t size) {
    if (stream->capturing) {
        if (stream->count == MOST_NODES) return OUT_OF_MEMORY;
        stream->nodes[stream->count++] = (struct node){to, from, size};
        return SUCCESS;
    }
    if (stream->ready_ns < now_ns) stream->ready_ns = now_ns;
    stream->ready_ns += size;
    memmove(to, from, size);
    return SUCCESS;
}

CUresult cuInit(unsigned flags) {
    CALLED("cuInit");
    initialized = 1;
    return flags ? INVALID_VALUE : SUCCESS;
}
CUresult cuDriverGetVersion(int *version) { CALLED("cuDriverGetVersion"); *version = 13000; return SUCCESS; }
CUresult cuDeviceGetCount(int *count) { CALLED("cuDeviceGetCount"); *count = device_count(); return SUCCESS; }
CUresult cuDeviceGet(CUdevice *device, int ordinal) {
    CALLED("cuDeviceGet");
    if (ordinal < 0 || ordinal >= device_count()) return INVALID_DEVICE;
    *device = 40 + ordinal; /* Not the index itself, with which it must not be confused. */
    return SUCCESS;
}
static int valid(CUdevice device) { return device >= 40 && device < 40 + device_count(); }
CUresult cuDeviceGetName(char *name, int length, CUdevice device) {
    CALLED("cuDeviceGetName");
    if (!valid(device)) return INVALID_DEVICE;
    snprintf(name, length, "NVIDIA Fake %d", device - 40);
    return SUCCESS;
}
CUresult cuDeviceGetAttribute(int *value, int attribute, CUdevice device) {
    CALLED("cuDeviceGetAttribute");
    if (!valid(device)) return INVALID_DEVICE;
    if (attribute != 75 && attribute != 76) return INVALID_VALUE;
    *value = attribute == 75 ? 8 : 6;
    return SUCCESS;
}
CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) {
    CALLED("cuDeviceTotalMem");
    *bytes = total_bytes;
    return valid(device) ? SUCCESS : INVALID_DEVICE;
}
CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice device, unsigned flags) {
    CALLED_WITH("cuDevicePrimaryCtxSetFlags", flags);
    return !valid(device) ? INVALID_DEVICE : flags != 1 ? INVALID_VALUE : SUCCESS;
}
CUresult cuDevicePrimaryCtxRetain(struct thing **made, CUdevice device) {
    CALLED("cuDevicePrimaryCtxRetain");
    if (!valid(device)) return INVALID_DEVICE;
    retained++;
    *made = &context;
    return SUCCESS;
}
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
    CALLED("cuDevicePrimaryCtxRelease");
    if (!valid(device)) return INVALID_DEVICE;
    if (!retained) return INVALID_CONTEXT;
    if (!--retained) current = NULL;
    return SUCCESS;
}
CUresult cuCtxSetCurrent(struct thing *which) {
    CALLED("cuCtxSetCurrent");
    CHECK(which, CONTEXT);
    current = which;
    return SUCCESS;
}
CUresult cuMemGetInfo_v2(size_t *free_bytes, size_t *total) {
    IN_CONTEXT("cuMemGetInfo");
    *total = total_bytes;
    *free_bytes = total_bytes - used_bytes;
    return SUCCESS;
}

/* The size is stored before the memory. */
static void *get_memory(size_t size) {
    size_t *memory = calloc(1, size + 64);
    *memory = size;
    return (char *)memory + 64;
}
static size_t give_back(void *memory) {
    size_t *begin = (size_t *)((char *)memory - 64), size = *begin;
    free(begin);
    return size;
}
CUresult cuMemAlloc_v2(CUdeviceptr *pointer, size_t size) {
    IN_CONTEXT("cuMemAlloc");
    if (!size) return INVALID_VALUE;
    if (size > total_bytes - used_bytes) return OUT_OF_MEMORY;
    used_bytes += size;
    *pointer = (CUdeviceptr)(uintptr_t)get_memory(size);
    return SUCCESS;
}
CUresult cuMemFree_v2(CUdeviceptr pointer) {
    IN_CONTEXT("cuMemFree");
    used_bytes -= give_back((void *)(uintptr_t)pointer);
    return SUCCESS;
}
CUresult cuMemHostAlloc(void **pointer, size_t size, unsigned flags) {
    IN_CONTEXT("cuMemHostAlloc");
    if (!size || flags) return INVALID_VALUE;
    *pointer = get_memory(size);
    memset(*pointer, 0xa5, size); /* The real one returns whatever the memory contains. */
    return SUCCESS;
}
CUresult cuMemFreeHost(void *pointer) { IN_CONTEXT("cuMemFreeHost"); give_back(pointer); return SUCCESS; }
CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t size, struct thing *stream) {
    IN_CONTEXT("cuMemcpyHtoDAsync");
    CHECK(stream, STREAM);
    return copy(stream, (void *)(uintptr_t)to, from, size);
}
CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t size, struct thing *stream) {
    IN_CONTEXT("cuMemcpyDtoHAsync");
    CHECK(stream, STREAM);
    return copy(stream, to, (const void *)(uintptr_t)from, size);
}

CUresult cuStreamCreate(struct thing **made, unsigned flags) {
    IN_CONTEXT("cuStreamCreate");
    if (flags != 1) return INVALID_VALUE;
    *made = make(STREAM);
    return SUCCESS;
}
CUresult cuStreamSynchronize(struct thing *stream) {
    IN_CONTEXT("cuStreamSynchronize");
    CHECK(stream, STREAM);
    if (stream->capturing) {
        stream->invalidated = 1;
        return CAPTURE_UNSUPPORTED;
    }
    if (now_ns < stream->ready_ns) now_ns = stream->ready_ns;
    return SUCCESS;
}
CUresult cuStreamDestroy_v2(struct thing *stream) {
    IN_CONTEXT("cuStreamDestroy");
    CHECK(stream, STREAM);
    return unmake(stream);
}
CUresult cuStreamBeginCapture_v2(struct thing *stream, int mode) {
    IN_CONTEXT("cuStreamBeginCapture");
    CHECK(stream, STREAM);
    if (mode != 1 || stream->capturing) return INVALID_VALUE;
    stream->capturing = 1;
    stream->count = stream->invalidated = 0;
    return SUCCESS;
}
CUresult cuStreamEndCapture(struct thing *stream, struct thing **graph) {
    IN_CONTEXT("cuStreamEndCapture");
    CHECK(stream, STREAM);
    *graph = NULL;
    if (!stream->capturing) return CAPTURE_UNMATCHED;
    stream->capturing = 0;
    if (stream->invalidated) return CAPTURE_INVALIDATED;
    *graph = make(GRAPH);
    memcpy((*graph)->nodes, stream->nodes, sizeof stream->nodes);
    (*graph)->count = stream->count;
    return SUCCESS;
}
CUresult cuGraphInstantiateWithFlags(struct thing **made, struct thing *graph, unsigned long long flags) {
    IN_CONTEXT("cuGraphInstantiate");
    CHECK(graph, GRAPH);
    if (flags) return INVALID_VALUE;
    *made = make(EXECUTABLE);
    memcpy((*made)->nodes, graph->nodes, sizeof graph->nodes);
    (*made)->count = graph->count;
    return SUCCESS;
}
CUresult cuGraphDestroy(struct thing *graph) {
    IN_CONTEXT("cuGraphDestroy");
    CHECK(graph, GRAPH);
    return unmake(graph);
}
CUresult cuGraphLaunch(struct thing *graph, struct thing *stream) {
    IN_CONTEXT("cuGraphLaunch");
    CHECK(graph, EXECUTABLE);
    CHECK(stream, STREAM);
    for (int i = 0; i < graph->count; i++) {
        CUresult code = copy(stream, graph->nodes[i].to, graph->nodes[i].from, graph->nodes[i].size);
        if (code) return code;
    }
    return SUCCESS;
}
CUresult cuGraphExecDestroy(struct thing *graph) {
    IN_CONTEXT("cuGraphExecDestroy");
    CHECK(graph, EXECUTABLE);
    return unmake(graph);
}

CUresult cuEventCreate(struct thing **made, unsigned flags) {
    IN_CONTEXT_WITH("cuEventCreate", flags);
    if (flags & ~3u) return INVALID_VALUE;
    *made = make(EVENT);
    (*made)->untimed = flags & 2;
    return SUCCESS;
}
CUresult cuEventRecord(struct thing *event, struct thing *stream) {
    IN_CONTEXT("cuEventRecord");
    CHECK(event, EVENT);
    CHECK(stream, STREAM);
    event->recorded = 1;
    event->ready_ns = stream->ready_ns > now_ns ? stream->ready_ns : now_ns;
    return SUCCESS;
}
CUresult cuEventSynchronize(struct thing *event) {
    IN_CONTEXT("cuEventSynchronize");
    CHECK(event, EVENT);
    if (now_ns < event->ready_ns) now_ns = event->ready_ns;
    return SUCCESS;
}
CUresult cuEventElapsedTime(float *elapsed_ms, struct thing *first, struct thing *last) {
    IN_CONTEXT("cuEventElapsedTime");
    CHECK(first, EVENT);
    CHECK(last, EVENT);
    if (!first->recorded || !last->recorded || first->untimed || last->untimed) return INVALID_HANDLE;
    if (first->ready_ns > now_ns || last->ready_ns > now_ns) return NOT_READY;
    *elapsed_ms = (float)((double)last->ready_ns - (double)first->ready_ns) / 1e6f;
    return SUCCESS;
}
CUresult cuEventDestroy_v2(struct thing *event) {
    IN_CONTEXT("cuEventDestroy");
    CHECK(event, EVENT);
    return unmake(event);
}

static const struct { int code; const char *name, *text; } WORDS[] = {
    {1, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {34, "CUDA_ERROR_STUB_LIBRARY", "CUDA driver is a stub library"},
    {46, "CUDA_ERROR_DEVICE_UNAVAILABLE", "CUDA-capable device(s) is/are busy or unavailable"},
    {100, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {400, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {700, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "system has unsupported display driver / cuda driver combination"},
    {900, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"},
    {901, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "operation failed due to a previous error during capture"},
};
static const char *words(int code, int text) {
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++)
        if (WORDS[i].code == code) return text ? WORDS[i].text : WORDS[i].name;
    return NULL;
}
CUresult cuGetErrorName(CUresult code, const char **name) {
    *name = words(code, 0);
    return *name ? SUCCESS : INVALID_VALUE;
}
CUresult cuGetErrorString(CUresult code, const char **text) {
    *text = words(code, 1);
    return *text ? SUCCESS : INVALID_VALUE;
}

/* How cuda-bindings finds the functions: by the name in the documentation, without the version that is part of the
   symbol. */
CUresult cuGetProcAddress_v2(const char *name, void **address, int version, uint64_t flags, int *status) {
    static void *self;
    char versioned[128];
    Dl_info info;
    (void)version, (void)flags;
    if (!self && dladdr((void *)cuGetProcAddress_v2, &info)) self = dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD);
    snprintf(versioned, sizeof versioned, "%s_v2", name);
    *address = dlsym(self, versioned);
    if (!*address) *address = dlsym(self, name);
    if (status) *status = *address ? 0 : 1;
    return *address ? SUCCESS : NOT_FOUND;
}
