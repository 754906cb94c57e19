// floor MODE [-o FILE] [-- COMMAND…]: the least that recording execs, TCP state changes and
// delivered signals can cost, as a bound for the benches. It records fewer facts than dse does, so
// it is no rival: no argv, no owners, no namespaces, no order across CPUs, no index.
//
//   count   only counts the records
//   write   writes the ring as it is: each record behind the ring's header of 8 bytes
//   zstd1   writes the records as zstd frames of level 1, each of up to 1 MiB
//
// Runs until COMMAND ends or, without one, until SIGINT or SIGTERM; then prints one JSON object on
// stdout, behind what COMMAND printed. The exec of COMMAND is itself one of the records.
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/types.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "floor.skel.h"
#include "floor_record.h"

enum mode { MODE_COUNT, MODE_WRITE, MODE_ZSTD1, MODES };
static const char *const MODE_NAMES[MODES] = {"count", "write", "zstd1"};

enum {
    DRAIN_INTERVAL_MS = 10,
    ZSTD_LEVEL = 1,
    CHUNK_BYTES = 1 << 20,
    STEP_RECORDS = 4096,
};

// The ring as mapped: the kernel maps its data twice in a row, so no record is ever split.
struct ring {
    unsigned long *consumer_position;  // ours
    const unsigned long *producer_position;
    const char *data;
    unsigned long mask;
};

struct sink {
    enum mode mode;
    int fd;
    uint64_t bytes_written;
    ZSTD_CCtx *zstd;
    char *chunk, *compressed;
    size_t chunk_bytes, compressed_capacity;
};

struct totals {
    uint64_t records, bytes, drains;
};

static volatile sig_atomic_t stopped;

static void on_stop(int number) {
    (void)number;
    stopped = 1;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static double seconds(struct timeval time) {
    return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

// ---- output ----

static void sink_write(struct sink *sink, const char *data, size_t size) {
    sink->bytes_written += size;
    while (size > 0) {
        ssize_t written = write(sink->fd, data, size);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) die("write");
        data += written;
        size -= (size_t)written;
    }
}

static void sink_flush_chunk(struct sink *sink) {
    if (sink->chunk_bytes == 0) return;
    size_t size = ZSTD_compressCCtx(sink->zstd, sink->compressed, sink->compressed_capacity,
                                    sink->chunk, sink->chunk_bytes, ZSTD_LEVEL);
    if (ZSTD_isError(size)) {
        fprintf(stderr, "zstd: %s\n", ZSTD_getErrorName(size));
        exit(1);
    }
    sink_write(sink, sink->compressed, size);
    sink->chunk_bytes = 0;
}

static void sink_append(struct sink *sink, const char *record, size_t size) {
    if (sink->chunk_bytes + size > CHUNK_BYTES) sink_flush_chunk(sink);
    memcpy(sink->chunk + sink->chunk_bytes, record, size);
    sink->chunk_bytes += size;
}

static struct sink sink_open(enum mode mode, const char *path) {
    struct sink sink = {.mode = mode};
    sink.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (sink.fd < 0) die(path);
    if (mode == MODE_ZSTD1) {
        sink.compressed_capacity = ZSTD_compressBound(CHUNK_BYTES);
        sink.zstd = ZSTD_createCCtx();
        sink.chunk = malloc(CHUNK_BYTES);
        sink.compressed = malloc(sink.compressed_capacity);
        if (!sink.zstd || !sink.chunk || !sink.compressed) die("zstd");
    }
    return sink;
}

static void sink_close(struct sink *sink) {
    sink_flush_chunk(sink);
    if (close(sink->fd)) die("close");
    ZSTD_freeCCtx(sink->zstd);
    free(sink->chunk);
    free(sink->compressed);
}

// ---- the ring ----

static struct ring ring_map(struct bpf_map *map) {
    int fd = bpf_map__fd(map);
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = bpf_map__max_entries(map);
    void *consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    void *producer = mmap(NULL, page + 2 * size, PROT_READ, MAP_SHARED, fd, (off_t)page);
    if (consumer == MAP_FAILED || producer == MAP_FAILED) die("mmap");
    return (struct ring){.consumer_position = consumer,
                         .producer_position = producer,
                         .data = (const char *)producer + page,
                         .mask = size - 1};
}

// Takes all that is complete. Space goes back to the kernel in steps, not once for each record: its
// producers read the same cache line. libbpf's own consumer does it for each.
static void ring_drain(struct ring *ring, struct sink *sink, struct totals *totals) {
    unsigned long position = *ring->consumer_position;
    for (;;) {
        unsigned long start = position;
        unsigned long limit = __atomic_load_n(ring->producer_position, __ATOMIC_ACQUIRE);
        uint64_t records = 0;
        while (position < limit) {
            const char *entry = ring->data + (position & ring->mask);
            __u32 length = __atomic_load_n((const __u32 *)entry, __ATOMIC_ACQUIRE);
            if (length & BPF_RINGBUF_BUSY_BIT) break;
            if (sink->mode == MODE_ZSTD1) sink_append(sink, entry + BPF_RINGBUF_HDR_SZ, length);
            totals->bytes += length;
            records++;
            position += (length + BPF_RINGBUF_HDR_SZ + 7) & ~7ul;
            if (sink->mode == MODE_WRITE ? position - start >= CHUNK_BYTES
                                         : records == STEP_RECORDS) {
                break;
            }
        }
        if (position == start) break;
        if (sink->mode == MODE_WRITE) {
            sink_write(sink, ring->data + (start & ring->mask), position - start);
        }
        __atomic_store_n(ring->consumer_position, position, __ATOMIC_RELEASE);
        totals->records += records;
    }
}

// ---- the whole ----

static pid_t start_command(char **command) {
    pid_t child = fork();
    if (child < 0) die("fork");
    if (child == 0) {
        execvp(*command, command);
        perror(*command);
        _exit(127);
    }
    return child;
}

static struct floor_count read_count(struct bpf_map *map, __u32 kind) {
    int cpus = libbpf_num_possible_cpus();
    if (cpus < 0) die("possible CPUs");
    struct floor_count *per_cpu = calloc((size_t)cpus, sizeof *per_cpu), sum = {0};
    if (!per_cpu || bpf_map_lookup_elem(bpf_map__fd(map), &kind, per_cpu)) die("counts");
    for (int i = 0; i < cpus; i++) {
        sum.seen += per_cpu[i].seen;
        sum.dropped += per_cpu[i].dropped;
    }
    free(per_cpu);
    return sum;
}

static int usage(void) {
    fprintf(stderr, "usage: floor count|write|zstd1 [-o FILE] [-- COMMAND...]\n");
    return 2;
}

int main(int argc, char **argv) {
    uint64_t launched_ns = now_ns();
    const char *path = "/dev/null";
    int mode = 0, next = 2;
    if (argc < 2) return usage();
    while (mode < MODES && strcmp(argv[1], MODE_NAMES[mode])) mode++;
    if (mode == MODES) return usage();
    if (next + 1 < argc && !strcmp(argv[next], "-o")) {
        path = argv[next + 1];
        next += 2;
    }
    if (next < argc && (strcmp(argv[next], "--") || ++next == argc)) return usage();

    struct sink sink = sink_open((enum mode)mode, path);
    struct floor_bpf *bpf = floor_bpf__open_and_load();
    if (!bpf) die("load");
    struct ring ring = ring_map(bpf->maps.ring);
    if (floor_bpf__attach(bpf)) die("attach");
    struct sigaction stop = {.sa_handler = on_stop};
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    uint64_t ready_ns = now_ns();

    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    pid_t child = next < argc ? start_command(argv + next) : 0;
    struct totals totals = {0};
    int status = 0;
    for (bool ending = false; !ending;) {
        if (stopped) {
            ending = true;
            if (child) {
                kill(child, SIGTERM);
                waitpid(child, &status, 0);
            }
        } else if (child && waitpid(child, &status, WNOHANG) == child) {
            ending = true;
        } else {
            nanosleep(&(struct timespec){.tv_nsec = DRAIN_INTERVAL_MS * 1000000}, NULL);
        }
        ring_drain(&ring, &sink, &totals);
        totals.drains++;
    }
    // Detached before the last drain, so that what was seen and what was taken agree.
    floor_bpf__detach(bpf);
    ring_drain(&ring, &sink, &totals);
    sink_close(&sink);
    uint64_t ended_ns = now_ns();
    getrusage(RUSAGE_SELF, &after);

    struct floor_count count[FLOOR_KINDS];
    uint64_t seen = 0, dropped = 0;
    for (__u32 kind = 0; kind < FLOOR_KINDS; kind++) {
        count[kind] = read_count(bpf->maps.counts, kind);
        seen += count[kind].seen;
        dropped += count[kind].dropped;
    }
    double user = seconds(after.ru_utime) - seconds(before.ru_utime);
    double system = seconds(after.ru_stime) - seconds(before.ru_stime);
    printf("{\"program\":\"floor\",\"mode\":\"%s\",\"execs\":%llu,\"socket_states\":%llu,"
           "\"signals\":%llu,\"seen\":%llu,\"records\":%llu,\"dropped\":%llu,\"record_bytes\":%llu,"
           "\"file_bytes\":%llu,\"user_s\":%.6f,\"system_s\":%.6f,\"cpu_ns_per_record\":%.1f,"
           "\"wall_s\":%.6f,\"setup_ms\":%.1f,\"drains\":%llu,\"max_rss_kib\":%ld,"
           "\"command_status\":%d}\n",
           MODE_NAMES[mode], count[FLOOR_EXEC].seen, count[FLOOR_SOCKET].seen,
           count[FLOOR_SIGNAL].seen, (unsigned long long)seen, (unsigned long long)totals.records,
           (unsigned long long)dropped, (unsigned long long)totals.bytes,
           (unsigned long long)sink.bytes_written, user, system,
           totals.records ? (user + system) * 1e9 / (double)totals.records : 0.0,
           (double)(ended_ns - ready_ns) * 1e-9, (double)(ready_ns - launched_ns) * 1e-6,
           (unsigned long long)totals.drains, after.ru_maxrss,
           WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    floor_bpf__destroy(bpf);
    // What was dropped is a figure for the bench to judge, not a failure.
    return fflush(stdout) || status != 0;
}
