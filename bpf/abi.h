/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The records that the kernel side writes into the ring buffers, byte for byte.
 *
 * A record is a dse_header, the fixed body of its kind, and then the variable parts of that body
 * in the order of their *_size members, without padding. All integers are in the byte order of the
 * recording machine. No struct has padding, so every byte of a record is written on purpose.
 *
 * format/capture.capnp describes the same bodies as columns, field for field in the same order; a
 * test compares the two through the BTF of these structs.
 */
#ifndef DSE_BPF_ABI_H
#define DSE_BPF_ABI_H

#ifdef __bpf__
/* kernel.h has the integer types. */
#else
#include <linux/types.h>
#endif

#define DSE_ABI_VERSION 1
#define DSE_COMM_SIZE 16
#define DSE_PATH_MAX 4096

enum dse_kind {
	DSE_PROCESS_FORK = 1,
	DSE_PROCESS_EXEC = 2,
	DSE_PROCESS_EXIT = 3,
	DSE_CGROUP_MKDIR = 4,
	DSE_CGROUP_RMDIR = 5,
	DSE_CGROUP_ATTACH = 6,
	DSE_SOCKET_STATE = 7,
	DSE_SIGNAL_GENERATE = 8,
	DSE_SIGNAL_DELIVER = 9,
	DSE_KERNEL_KINDS = 16, /* kinds below come from the ring buffers */

	/* Written by the recorder itself, in user space. */
	DSE_CLOCK_SAMPLE = 16,
	DSE_PROCESS_SNAPSHOT = 17,
	DSE_CGROUP_SNAPSHOT = 18,
};

/* dse_header.cpu of records that no CPU wrote: those of the recorder itself. */
#define DSE_CPU_NONE 0xffff

/* dse_task.flags */
#define DSE_TASK_KERNEL_THREAD 0x1

/* dse_process_exec.flags and dse_process_snapshot.flags */
#define DSE_ARGS_CUT 0x1     /* args holds less than args_total bytes */
#define DSE_ARGS_UNREAD 0x2  /* some page could not be read; its bytes are zero */

/* dse_process_exit.flags */
/* The process is over with this thread; two that exit at the same moment may both say so. */
#define DSE_EXIT_GROUP_DEAD 0x1

/* dse_cgroup_attach.flags */
#define DSE_ATTACH_THREADGROUP 0x1

/* Who was running: the current task at the time of a record. 96 bytes. */
struct dse_task {
	__u64 start_time_ns; /* start of the thread group leader, boot time: with pid, the process */
	__u64 cgroup_id;     /* in the hierarchy that the segment header names */
	__u32 pid;           /* thread group id, in the initial pid namespace */
	__u32 tid;
	__u32 ppid;
	__u32 vpid; /* pid in the task's own pid namespace */
	__u32 uid;  /* ids in the initial user namespace */
	__u32 gid;
	__u32 euid;
	__u32 egid;
	__u32 ns_cgroup; /* inode numbers of the namespaces; 0: already left (exiting task) */
	__u32 ns_ipc;
	__u32 ns_mnt;
	__u32 ns_net;
	__u32 ns_pid;
	__u32 ns_user;
	__u32 ns_uts;
	__u32 flags;
	__u8 comm[DSE_COMM_SIZE];
};

struct dse_header {
	__u64 time_ns; /* CLOCK_BOOTTIME */
	__u64 seq;     /* per CPU and kind, from 0; moves on even when the ring refuses the record */
	__u32 size;    /* of the whole record, this header included */
	__u16 kind;
	__u16 cpu;
	struct dse_task task;
};

struct dse_process_fork {
	__u64 child_start_time_ns;
	__u64 child_cgroup_id;
	__u32 child_pid;
	__u32 child_tid; /* equal to child_pid: a new process; else a new thread */
	__u32 child_vpid;
	__u32 child_ns_pid;
};

struct dse_process_exec {
	__u32 old_tid;    /* of the calling thread, before it took over the leader's id */
	__u32 flags;      /* DSE_ARGS_* */
	__u32 args_count; /* argc */
	__u32 args_total; /* true size of the argument block in bytes */
	__u32 filename_size;
	__u32 args_size; /* recorded bytes of the argument block, each argument ends with a NUL */
};

struct dse_process_exit {
	__u64 start_time_ns; /* of this thread */
	__u32 status;        /* as waitpid(2) reports it: code << 8 | core << 7 | signal */
	__u32 flags;         /* DSE_EXIT_* */
};

struct dse_cgroup_mkdir {
	__u64 id;
	__u64 parent_id;
	__u32 hierarchy; /* 0: the unified hierarchy */
	__u32 path_size;
};

struct dse_cgroup_rmdir {
	__u64 id;
	__u64 parent_id;
	__u32 hierarchy;
	__u32 path_size;
};

struct dse_cgroup_attach {
	__u64 id;
	__u32 hierarchy;
	__u32 pid; /* the task that is moved */
	__u32 tid;
	__u32 vpid;
	__u32 flags; /* DSE_ATTACH_* */
	__u32 path_size;
};

struct dse_socket_state {
	__u64 cookie;
	__u32 netns; /* inode number of the socket's network namespace */
	__u16 family;
	__u16 protocol;
	__u16 local_port; /* host byte order; 0: not bound yet */
	__u16 remote_port;
	__u16 type;
	__u8 old_state;
	__u8 new_state;
	__u8 local_address[16]; /* IPv4: the first four bytes, the rest zero */
	__u8 remote_address[16];
};

struct dse_signal_generate {
	__s32 signal;
	__s32 error;
	__s32 code;
	__s32 info_pid; /* si_pid and si_uid as the receiver sees them, where the code has them */
	__u32 info_uid;
	__u32 group;  /* 1: directed at the process, 0: at the thread */
	__u32 result; /* TRACE_SIGNAL_* */
	__u32 target_pid;
	__u32 target_tid;
	__u32 target_vpid;
};

struct dse_signal_deliver {
	__u64 handler; /* sa_handler: 0 default, 1 ignore, else an address */
	__s32 signal;
	__s32 error;
	__s32 code;
	__s32 info_pid;
	__u32 info_uid;
	__u32 flags; /* sa_flags */
};

/* Real time at header.time_ns: real = boot + offset until the next sample. */
struct dse_clock_sample {
	__u64 real_ns; /* CLOCK_REALTIME, nanoseconds since 1970 */
};

/* A process that existed when the segment began; header.task is its main thread. */
struct dse_process_snapshot {
	__u32 flags; /* DSE_ARGS_* */
	__u32 args_total;
	__u32 exe_size;
	__u32 args_size;
};

/* A cgroup that existed when the segment began; header.task is zero. */
struct dse_cgroup_snapshot {
	__u64 id;
	__u32 hierarchy;
	__u32 path_size;
};

/*
 * Not a record: what each CPU counts. A counter per CPU *and kind*, because programs of different
 * kinds may interrupt one another on one CPU (a softirq in a system call) but never themselves: so
 * no counter needs an atomic.
 */
struct dse_counters {
	__u64 unsignalled; /* bytes since the last wake-up */
	__u64 seen[DSE_KERNEL_KINDS];
	__u64 refused[DSE_KERNEL_KINDS]; /* of them, those that found no room in the ring */
};

#ifdef __cplusplus
#define DSE_ABI_SIZE(type, size) static_assert(sizeof(struct type) == (size), #type)
#else
#define DSE_ABI_SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type)
#endif
DSE_ABI_SIZE(dse_task, 96);
DSE_ABI_SIZE(dse_header, 120);
DSE_ABI_SIZE(dse_process_fork, 32);
DSE_ABI_SIZE(dse_process_exec, 24);
DSE_ABI_SIZE(dse_process_exit, 16);
DSE_ABI_SIZE(dse_cgroup_mkdir, 24);
DSE_ABI_SIZE(dse_cgroup_rmdir, 24);
DSE_ABI_SIZE(dse_cgroup_attach, 32);
DSE_ABI_SIZE(dse_socket_state, 56);
DSE_ABI_SIZE(dse_signal_generate, 40);
DSE_ABI_SIZE(dse_signal_deliver, 32);
DSE_ABI_SIZE(dse_clock_sample, 8);
DSE_ABI_SIZE(dse_process_snapshot, 16);
DSE_ABI_SIZE(dse_cgroup_snapshot, 16);

#endif
