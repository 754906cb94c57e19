// The kernel side of the floor: three BTF-typed tracepoints, one ring, no wake-ups. Whatever a
// recorder does more than this, it pays for; see floor.c.
#include "floor_kernel.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "floor_record.h"

// BPF_PROG gives every program the parameter ctx, which these do not use.
#pragma clang diagnostic ignored "-Wunused-parameter"

enum { RING_BYTES = 32 << 20, AF_INET6 = 10, SI_KERNEL = 0x80 };

char LICENSE[] SEC("license") = "GPL";

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, RING_BYTES);
} ring SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, FLOOR_KINDS);
    __type(key, __u32);
    __type(value, struct floor_count);
} counts SEC(".maps");

extern void *bpf_rdonly_cast(const void *object, __u32 btf_id) __ksym;

// Counts the record, also when the ring is full, and fills in its header.
static __always_inline void *reserve(__u32 kind, __u64 size) {
    struct floor_count *count = bpf_map_lookup_elem(&counts, &kind);
    if (!count) return 0;
    count->seen++;
    struct floor_header *header = bpf_ringbuf_reserve(&ring, size, 0);
    if (!header) {
        count->dropped++;
        return 0;
    }
    __u64 pid_tid = bpf_get_current_pid_tgid();
    header->time_ns = bpf_ktime_get_ns();
    header->tid = (__u32)pid_tid;
    header->pid = pid_tid >> 32;
    header->uid = (__u32)bpf_get_current_uid_gid();
    header->cpu = bpf_get_smp_processor_id();
    header->kind = kind;
    bpf_get_current_comm(header->comm, sizeof header->comm);
    return header;
}

static __always_inline void submit(void *record) { bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP); }

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_pid, struct linux_binprm *binprm) {
    struct floor_exec *record = reserve(FLOOR_EXEC, sizeof *record);
    if (!record) return 0;
    record->pid = task->pid;
    record->old_pid = old_pid;
    // The string leaves the bytes behind its end as an older record left them.
    __builtin_memset(record->filename, 0, sizeof record->filename);
    bpf_probe_read_kernel_str(record->filename, sizeof record->filename, binprm->filename);
    submit(record);
    return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_socket_state, struct sock *sk, int old_state, int new_state) {
    struct floor_socket *record = reserve(FLOOR_SOCKET, sizeof *record);
    if (!record) return 0;
    // The source port of inet_sock outlives the way to CLOSE; that of sock_common does not.
    struct inet_sock *inet = bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct inet_sock));
    record->socket = (__u64)sk;
    record->old_state = old_state;
    record->new_state = new_state;
    record->source_port = bpf_ntohs(inet->inet_sport);
    record->destination_port = bpf_ntohs(sk->__sk_common.skc_dport);
    record->family = sk->__sk_common.skc_family;
    record->protocol = sk->sk_protocol;
    record->source4 = inet->inet_saddr;
    record->destination4 = sk->__sk_common.skc_daddr;
    if (record->family == AF_INET6) {
        BPF_CORE_READ_INTO(&record->source6, sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32);
        BPF_CORE_READ_INTO(&record->destination6, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr32);
    } else {
        record->source6[0] = record->source6[1] = 0;
        record->source6[2] = bpf_htonl(0xffff);
        record->source6[3] = record->source4;
        record->destination6[0] = record->destination6[1] = 0;
        record->destination6[2] = bpf_htonl(0xffff);
        record->destination6[3] = record->destination4;
    }
    submit(record);
    return 0;
}

SEC("tp_btf/signal_deliver")
int BPF_PROG(on_signal, int number, struct kernel_siginfo *info, struct k_sigaction *action) {
    struct floor_signal *record = reserve(FLOOR_SIGNAL, sizeof *record);
    if (!record) return 0;
    record->number = number;
    record->zero = 0;
    // 0 and 1 are not pointers: they stand for "by a user" and "by the kernel".
    if ((unsigned long)info <= 1) {
        record->error = 0;
        record->code = info ? SI_KERNEL : 0;
    } else {
        record->error = info->si_errno;
        record->code = info->si_code;
    }
    record->handler = (__u64)action->sa.sa_handler;
    record->flags = action->sa.sa_flags;
    submit(record);
    return 0;
}
