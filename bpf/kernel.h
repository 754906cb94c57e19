/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The few kernel types that are read, reduced to the members that are read. CO-RE finds their
 * offsets on the running kernel, so neither order nor size matters here and no vmlinux.h is needed.
 */
#ifndef DSE_BPF_KERNEL_H
#define DSE_BPF_KERNEL_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;
typedef int pid_t;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#include "abi.h"

enum bpf_map_type {
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
	BPF_MAP_TYPE_SK_STORAGE = 24,
	BPF_MAP_TYPE_RINGBUF = 27,
};

enum {
	BPF_RB_NO_WAKEUP = 1,
	BPF_RB_FORCE_WAKEUP = 2,
};

#define BPF_F_NO_PREALLOC 1
#define BPF_F_CLONE 512
#define BPF_SK_STORAGE_GET_F_CREATE 1

#define PF_KTHREAD 0x00200000
#define SIGNAL_GROUP_EXIT 0x00000004
#define AF_INET 2
#define AF_INET6 10

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	__u32 val;
} kuid_t;
typedef struct {
	__u32 val;
} kgid_t;

typedef struct {
	__u64 val;
} kernel_cap_t;

/* Only whether it exists matters. */
struct bpf_cpumask {
};

struct cred {
	kernel_cap_t cap_inheritable;
	kernel_cap_t cap_permitted;
	kernel_cap_t cap_effective;
	kuid_t uid;
	kgid_t gid;
	kuid_t euid;
	kgid_t egid;
	struct user_namespace *user_ns;
};

struct ns_common {
	unsigned int inum;
};
struct user_namespace {
	struct ns_common ns;
};
struct uts_namespace {
	struct ns_common ns;
};
struct ipc_namespace {
	struct ns_common ns;
};
struct mnt_namespace {
	struct ns_common ns;
};
struct pid_namespace {
	struct ns_common ns;
	struct task_struct *child_reaper;
};
struct cgroup_namespace {
	struct ns_common ns;
};
struct net {
	struct ns_common ns;
};
struct nsproxy {
	struct uts_namespace *uts_ns;
	struct ipc_namespace *ipc_ns;
	struct mnt_namespace *mnt_ns;
	struct net *net_ns;
	struct cgroup_namespace *cgroup_ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};
struct pid {
	unsigned int level;
	struct upid numbers[1];
};

struct kernfs_node {
	__u64 id;
};
struct cgroup_root {
	int hierarchy_id;
};
struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
};
struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
	struct cgroup_root *root;
};
enum cgroup_subsys_id {
	memory_cgrp_id,
	pids_cgrp_id,
	cpu_cgrp_id,
	cpuset_cgrp_id,
	devices_cgrp_id,
	freezer_cgrp_id,
};
struct css_set {
	struct cgroup_subsys_state *subsys[16];
	struct cgroup *dfl_cgrp;
};

struct qstr {
	__u32 len;
	const unsigned char *name;
};
struct hlist_bl_node {
	struct hlist_bl_node **pprev;
};
struct dentry {
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
};
struct vfsmount {
	struct dentry *mnt_root;
};
struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	int mnt_id;
};
struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};
struct fs_struct {
	struct path pwd;
};
struct super_block {
	__u32 s_dev;
	unsigned long s_magic;
};
struct inode {
	unsigned short i_mode;
	kuid_t i_uid;
	struct super_block *i_sb;
	unsigned long i_ino;
	const unsigned int i_nlink;
};
struct ovl_inode {
	struct inode vfs_inode;
	struct dentry *__upperdentry;
};
struct file {
	struct path f_path;
	struct inode *f_inode;
};

struct mm_struct {
	unsigned long arg_start;
	unsigned long arg_end;
	unsigned long env_start;
	unsigned long env_end;
	struct file *exe_file;
};
typedef struct {
	int counter;
} atomic_t;
struct tty_driver {
	int major;
	int minor_start;
};
struct tty_struct {
	int index;
	struct tty_driver *driver;
};
struct signal_struct {
	atomic_t live;
	int group_exit_code;
	struct task_struct *group_exec_task;
	unsigned int flags;
	unsigned int is_child_subreaper : 1;
	unsigned int has_child_subreaper : 1;
	struct pid *pids[4]; /* by PIDTYPE_* */
	struct tty_struct *tty;
	unsigned long maxrss;
};
struct task_struct {
	unsigned int flags;
	int exit_code;
	pid_t pid;
	pid_t tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	__u64 start_boottime;
	const struct cred *cred;
	char comm[DSE_COMM_SIZE];
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct css_set *cgroups;
	struct mm_struct *mm;
	struct fs_struct *fs;
	kuid_t loginuid;
};
struct linux_binprm {
	int argc;
	const char *filename;
	const char *interp;
};

struct in6_addr {
	union {
		__be32 u6_addr32[4];
	} in6_u;
};
typedef struct {
	struct net *net;
} possible_net_t;
enum sock_flags {
	SOCK_DONE = 1, /* of TCP: the other side's FIN has come */
};
struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	unsigned long skc_flags; /* bits of enum sock_flags */
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};
struct sock {
	struct sock_common __sk_common;
	__u16 sk_type;
	__u16 sk_protocol;
};
struct inet_sock {
	struct sock sk;
	__be32 inet_saddr;
	__be16 inet_sport;
};
struct inet_connection_sock {
	struct inet_sock icsk_inet;
};
struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 segs_out;
	__u64 bytes_sent;
	__u32 srtt_us;
	__u64 bytes_received;
	__u32 segs_in;
	__u32 total_retrans;
};
struct socket {
	struct sock *sk;
};

typedef union sigval {
	int sival_int;
	void *sival_ptr;
} sigval_t;
union __sifields {
	struct {
		pid_t _pid;
		__u32 _uid;
	} _kill;
	struct {
		int _tid;
		int _overrun;
		sigval_t _sigval;
	} _timer;
	struct {
		pid_t _pid;
		__u32 _uid;
		sigval_t _sigval;
	} _rt;
};
struct kernel_siginfo {
	struct {
		int si_signo;
		int si_errno;
		int si_code;
		union __sifields _sifields;
	};
};
struct sigaction {
	void *sa_handler;
	unsigned long sa_flags;
};
struct k_sigaction {
	struct sigaction sa;
};

struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
};
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	struct file *file;
};

struct syscall_trace_exit {
	long ret;
};

/* Arguments of the system call that a task is in, where its return value does not overwrite them. */
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long di, si, dx, r10, r8;
};
#define SYSCALL_ARGS_0(regs) BPF_CORE_READ(regs, di)
#define SYSCALL_ARGS_1(regs) BPF_CORE_READ(regs, si)
#define SYSCALL_ARGS_2(regs) BPF_CORE_READ(regs, dx)
#define SYSCALL_ARGS_4(regs) BPF_CORE_READ(regs, r8)
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	__u64 regs[31];
	__u64 orig_x0;
};
#define SYSCALL_ARGS_0(regs) BPF_CORE_READ(regs, orig_x0)
#define SYSCALL_ARGS_1(regs) BPF_CORE_READ(regs, regs[1])
#define SYSCALL_ARGS_2(regs) BPF_CORE_READ(regs, regs[2])
#define SYSCALL_ARGS_4(regs) BPF_CORE_READ(regs, regs[4])
#elif defined(__TARGET_ARCH_riscv)
struct pt_regs {
	unsigned long a1, a2, a4, orig_a0;
};
#define SYSCALL_ARGS_0(regs) BPF_CORE_READ(regs, orig_a0)
#define SYSCALL_ARGS_1(regs) BPF_CORE_READ(regs, a1)
#define SYSCALL_ARGS_2(regs) BPF_CORE_READ(regs, a2)
#define SYSCALL_ARGS_4(regs) BPF_CORE_READ(regs, a4)
#elif defined(__TARGET_ARCH_s390)
struct pt_regs {
	unsigned long gprs[16];
	unsigned long orig_gpr2;
};
#define SYSCALL_ARGS_0(regs) BPF_CORE_READ(regs, orig_gpr2)
#define SYSCALL_ARGS_1(regs) BPF_CORE_READ(regs, gprs[3])
#define SYSCALL_ARGS_2(regs) BPF_CORE_READ(regs, gprs[4])
#define SYSCALL_ARGS_4(regs) BPF_CORE_READ(regs, gprs[6])
#elif defined(__TARGET_ARCH_powerpc)
struct pt_regs {
	unsigned long gpr[32];
	unsigned long orig_gpr3;
};
#define SYSCALL_ARGS_0(regs) BPF_CORE_READ(regs, orig_gpr3)
#define SYSCALL_ARGS_1(regs) BPF_CORE_READ(regs, gpr[4])
#define SYSCALL_ARGS_2(regs) BPF_CORE_READ(regs, gpr[5])
#define SYSCALL_ARGS_4(regs) BPF_CORE_READ(regs, gpr[7])
#else
/* Only execs that fail need them. */
struct pt_regs;
#endif

#pragma clang attribute pop

#endif
