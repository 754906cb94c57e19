/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The records that the kernel side writes into the ring buffers, byte for byte.
 *
 * A record is a dse_header, the fixed body of its kind, and then the variable parts of that body
 * in the order of their *_size members, without padding. In a ring it begins with a dse_ring_header
 * instead, which names the task by a number. All integers are in the byte order of the recording
 * machine. No struct has padding, so every byte of a record is written on purpose.
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

/* 2: members that are marked "since 2"; they stand at the end of the fixed body of their kind. */
#define DSE_ABI_VERSION 2
#define DSE_COMM_SIZE 16
#define DSE_PATH_MAX 4096
/* Inode number of the initial pid namespace: PROC_PID_INIT_INO of include/linux/proc_ns.h. */
#define DSE_INITIAL_PID_NS 0xEFFFFFFCU

/* dse_ring_header.kind of a dse_ring_task. */
#define DSE_RING_TASK 0

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
	DSE_PROCESS_EXEC_FAIL = 10,
	DSE_KERNEL_KINDS = 16, /* kinds below come from the ring buffers */

	/* Written by the recorder itself, in user space. */
	DSE_CLOCK_SAMPLE = 16,
	DSE_PROCESS_SNAPSHOT = 17,
	DSE_CGROUP_SNAPSHOT = 18,
	DSE_SOCKET_SNAPSHOT = 19,
	DSE_CONTAINER_METADATA = 20,
	DSE_OBSERVER_SAMPLE = 21,
	DSE_PROGRAM_SAMPLE = 22,
};

/* Controllers of cgroup v1: one of them has the hierarchy that holds the containers. */
enum dse_cgroup_controller {
	DSE_CONTROLLER_NONE = -1, /* the unified hierarchy */
	DSE_CONTROLLER_MEMORY,
	DSE_CONTROLLER_PIDS,
	DSE_CONTROLLER_CPU,
	DSE_CONTROLLER_CPUSET,
	DSE_CONTROLLER_DEVICES,
	DSE_CONTROLLER_FREEZER,
	DSE_CONTROLLERS,
};

/* dse_header.cpu of records that no CPU wrote: those of the recorder itself. */
#define DSE_CPU_NONE 0xffff

/* dse_task.flags */
#define DSE_TASK_KERNEL_THREAD 0x1

/* dse_process_exec.flags, dse_process_exec_fail.flags and dse_process_snapshot.flags */
#define DSE_ARGS_CUT 0x1     /* args holds less than there was */
#define DSE_ARGS_UNREAD 0x2  /* some page could not be read; its bytes are zero */
#define DSE_ENV_CUT 0x4      /* the same for env */
#define DSE_ENV_UNREAD 0x8

/* dse_process_exec.exe_flags and dse_process_snapshot.exe_flags */
#define DSE_EXE_MEMFD 0x1        /* a file that memfd_create(2) made */
#define DSE_EXE_DELETED 0x2      /* has no name any more */
#define DSE_EXE_UPPER_LAYER 0x4  /* on an overlay, in its upper layer: not as in the image */
#define DSE_EXE_SCRIPT 0x8       /* what was executed is a script; the executable interprets it */
#define DSE_EXE_PATH_CUT 0x10    /* the path of the executable is longer than was kept */
#define DSE_EXE_CWD_CUT 0x20

/* dse_process_exit.flags */
/* The process is over with this thread; two that exit at the same moment may both say so. */
#define DSE_EXIT_GROUP_DEAD 0x1

/* dse_signal_deliver.exit_flags */
#define DSE_DELIVER_GROUP_EXIT 0x1 /* the process is ending: group_exit says why */
#define DSE_DELIVER_GROUP_EXEC 0x2 /* another thread executes a program: this one must go */

/* dse_socket_state.owner_source and dse_socket_snapshot.owner_source */
enum dse_owner_source {
	DSE_OWNER_UNKNOWN = 0,
	DSE_OWNER_CONNECT = 1,  /* called connect(2) */
	DSE_OWNER_LISTEN = 2,   /* called listen(2) */
	DSE_OWNER_ACCEPT = 3,   /* owns the listening socket that this one came from */
	DSE_OWNER_SNAPSHOT = 4, /* had the socket open when recording began */
};

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

/*
 * How a record begins in a ring. Most are of a task that was named there a moment ago, so a task is
 * written once, and from then on told by a number.
 */
struct dse_ring_header {
	__u64 time_ns;
	__u64 seq;
	__u32 task; /* its number: that of the latest dse_ring_task of this ring which has it */
	__u16 kind;
	__u16 cpu;
};

/* Not a record: what a number stands for from here on, until it is given away again. */
struct dse_ring_task {
	struct dse_ring_header header; /* kind: DSE_RING_TASK; seq: 0 */
	struct dse_task task;
};

/*
 * Numbers are given in order, and none is named that is this much older than the latest one. The kernel
 * side keeps to half of it: between a look at a number and the record that names it, others may be given.
 */
#define DSE_RING_TASKS 256

struct dse_process_fork {
	__u64 child_start_time_ns;
	__u64 child_cgroup_id;
	__u32 child_pid;
	__u32 child_tid; /* equal to child_pid: a new process; else a new thread */
	__u32 child_vpid;
	__u32 child_ns_pid;
	/* since 2 */
	__u32 child_ppid; /* not always the caller: clone(CLONE_PARENT) */
	__u32 child_ns_user;
};

struct dse_process_exec {
	__u32 old_tid;    /* of the calling thread, before it took over the leader's id */
	__u32 flags;      /* DSE_ARGS_* */
	__u32 args_count; /* argc */
	__u32 args_total; /* true size of the argument block in bytes */
	__u32 filename_size;
	__u32 args_size; /* recorded bytes of the argument block, each argument ends with a NUL */
	/* since 2 */
	__u64 exe_ino;
	__u64 cap_inheritable; /* capabilities of the thread after the exec, bit by number */
	__u64 cap_permitted;
	__u64 cap_effective;
	__u32 exe_dev;   /* as the kernel has it: major << 20 | minor */
	__u32 exe_mount; /* mount id, as in /proc/PID/mountinfo */
	__u32 exe_mode;  /* st_mode */
	__u32 exe_uid;   /* owner of the file */
	__u32 exe_flags; /* DSE_EXE_* */
	__u32 session;   /* session id, in the initial pid namespace */
	__u32 login_uid; /* 0xffffffff: none */
	__u32 tty;       /* device number as /proc/PID/stat has it; 0: none */
	__u32 exepath_size; /* path of the executable, from the root of its mount namespace */
	__u32 interp_size;  /* path of the interpreter as the script names it; only of scripts */
	__u32 cwd_size;
	__u32 env_size; /* what of the environment is kept, each variable ends with a NUL */
};

/* An exec that failed: what was asked for, and the answer. */
struct dse_process_exec_fail {
	__s32 error; /* errno */
	__u32 flags; /* DSE_ARGS_* */
	__u32 args_count;
	__s32 dirfd; /* of execveat; AT_FDCWD of execve */
	__u32 at_flags;
	__u32 filename_size;
	__u32 args_size;
	__u32 cwd_size;
};

struct dse_process_exit {
	__u64 start_time_ns; /* of this thread */
	__u32 status;        /* as waitpid(2) reports it: code << 8 | core << 7 | signal */
	__u32 flags;         /* DSE_EXIT_* */
	/* since 2 */
	__u32 reaper_pid;    /* of the last thread: who inherits the children; 0: not known */
	__u32 max_rss_pages; /* of the last thread: most memory that the process ever had resident */
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
	/* since 2 */
	__u64 born_ns;  /* boot time of connect, listen or the handshake; 0: before recording began */
	__u64 since_ns; /* boot time of the change to old_state; 0: not seen */
	__u64 owner_start_time_ns;
	__u64 owner_cgroup_id;
	__u64 bytes_sent; /* of TCP: payload, retransmitted bytes included */
	__u64 bytes_received;
	__u32 segments_sent;
	__u32 segments_received;
	__u32 retransmitted; /* segments */
	__u32 srtt_us;       /* smoothed round trip time; 0: none measured */
	__u32 owner_pid;     /* 0: not known */
	__u32 owner_uid;
	__u32 owner_ns_pid;
	__u32 owner_source; /* DSE_OWNER_* */
	__u8 owner_comm[DSE_COMM_SIZE];
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
	/* since 2 */
	__u64 value; /* sigval, where the code has one */
};

struct dse_signal_deliver {
	__u64 handler; /* sa_handler: 0 default, 1 ignore, else an address */
	__s32 signal;
	__s32 error;
	__s32 code;
	__s32 info_pid;
	__u32 info_uid;
	__u32 flags; /* sa_flags */
	/* since 2 */
	__u64 value;      /* sigval, where the code has one */
	__u32 group_exit; /* as dse_process_exit.status, once the process is ending */
	__u32 exit_flags; /* DSE_DELIVER_* */
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
	/* since 2, as in dse_process_exec */
	__u64 exe_ino;
	__u64 cap_inheritable;
	__u64 cap_permitted;
	__u64 cap_effective;
	__u32 exe_dev;
	__u32 exe_mount;
	__u32 exe_mode;
	__u32 exe_uid;
	__u32 exe_flags;
	__u32 session;
	__u32 login_uid;
	__u32 tty;
	__u32 cwd_size;
	__u32 env_size;
};

/* A cgroup that existed when the segment began; header.task is zero. */
struct dse_cgroup_snapshot {
	__u64 id;
	__u32 hierarchy;
	__u32 path_size;
};

/* A TCP socket that existed when recording began; header.task is zero. */
struct dse_socket_snapshot {
	__u64 cookie;
	__u64 owner_start_time_ns;
	__u64 owner_cgroup_id;
	__u32 owner_pid;
	__u32 owner_uid;
	__u32 owner_ns_pid;
	__u32 owner_source;
	__u16 family;
	__u16 protocol;
	__u16 local_port;
	__u16 remote_port;
	__u32 state;
	__u32 netns;
	__u8 local_address[16];
	__u8 remote_address[16];
	__u8 owner_comm[DSE_COMM_SIZE];
};

/*
 * What a container runtime says of a container on the recorded host; header.time_ns is when it was
 * read. What it does not say is empty.
 */
struct dse_container_metadata {
	__u32 path_size; /* of the container's cgroup */
	__u32 id_size;
	__u32 source_size; /* where it comes from */
	__u32 name_size;
	__u32 image_size;
	__u32 image_digest_size;
	__u32 pod_name_size;
	__u32 pod_namespace_size;
	__u32 pod_uid_size;
	__u32 labels_size; /* KEY=VALUE, each ends with a NUL */
};

/* What the recorder itself costs: totals since it started, unless said otherwise. */
struct dse_observer_sample {
	__u64 user_ns; /* CPU time */
	__u64 system_ns;
	__u64 rss_bytes;      /* resident now */
	__u64 peak_rss_bytes; /* at most so far */
	__u64 minor_faults;
	__u64 major_faults;
	__u64 voluntary_switches;
	__u64 involuntary_switches;
	__u64 ring_bytes; /* capacity of the ring of one CPU */
	__u64 ring_peak;  /* of any CPU, since the sample before: bytes in use when it was emptied */
	__u64 records;    /* taken out of the rings */
	__u64 blocks;     /* written */
	__u64 bytes;      /* written */
};

/* What the program of one record kind costs: totals since recording started. */
struct dse_program_sample {
	__u64 runs;
	__u64 ring_full; /* of them: the ring had no room */
	__u64 busy;      /* not run at all, because the CPU was inside the same program */
	/* Measured by the kernel's bpf_stats, which are on only for a short while of every second. */
	__u64 measured_runs;
	__u64 measured_ns;
	__u64 window_ns; /* how long they were on */
	__u32 program;   /* record kind */
	__u32 reserved;  /* zero */
};

/*
 * Not records: what the iterators over processes write. The members are as in dse_process_exec; exe
 * and cwd follow the fixed part.
 */
struct dse_exe_facts {
	__u64 ino;
	__u64 cap_inheritable;
	__u64 cap_permitted;
	__u64 cap_effective;
	__u32 dev;
	__u32 mount;
	__u32 mode;
	__u32 uid;
	__u32 flags;
	__u32 session;
	__u32 login_uid;
	__u32 tty;
};
struct dse_process_row {
	struct dse_task task;
	struct dse_exe_facts facts;
	__u32 exe_size;
	__u32 cwd_size;
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
DSE_ABI_SIZE(dse_ring_header, 24);
DSE_ABI_SIZE(dse_ring_task, 120);
DSE_ABI_SIZE(dse_process_fork, 40);
DSE_ABI_SIZE(dse_process_exec, 104);
DSE_ABI_SIZE(dse_process_exec_fail, 32);
DSE_ABI_SIZE(dse_process_exit, 24);
DSE_ABI_SIZE(dse_cgroup_mkdir, 24);
DSE_ABI_SIZE(dse_cgroup_rmdir, 24);
DSE_ABI_SIZE(dse_cgroup_attach, 32);
DSE_ABI_SIZE(dse_socket_state, 152);
DSE_ABI_SIZE(dse_signal_generate, 48);
DSE_ABI_SIZE(dse_signal_deliver, 48);
DSE_ABI_SIZE(dse_clock_sample, 8);
DSE_ABI_SIZE(dse_process_snapshot, 88);
DSE_ABI_SIZE(dse_cgroup_snapshot, 16);
DSE_ABI_SIZE(dse_socket_snapshot, 104);
DSE_ABI_SIZE(dse_container_metadata, 40);
DSE_ABI_SIZE(dse_observer_sample, 104);
DSE_ABI_SIZE(dse_program_sample, 56);

#endif
