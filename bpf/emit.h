/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What every observation program shares: settings, maps, the record header and the way into the
 * ring buffer of the CPU.
 */
#ifndef DSE_BPF_EMIT_H
#define DSE_BPF_EMIT_H

#include "kernel.h"

/* Settings, fixed between open and load. */
const volatile __u32 max_args SEC(".rodata") = 131072; /* bytes of argv; <= 1 MiB */
const volatile __u32 max_env SEC(".rodata") = 0; /* bytes of the environment; <= 1 MiB */
const volatile __u32 watermark SEC(".rodata") = 1 << 20; /* bytes per CPU and wake-up */
/* A controller of the cgroup v1 hierarchy that holds the containers. */
const volatile __s32 cgroup_controller SEC(".rodata") = DSE_CONTROLLER_NONE;

extern void *bpf_rdonly_cast(const void *object, __u32 type) __ksym __weak;

/*
 * To follow pointers from here. Where a pointer of a trusted object leads, the verifier looks up among
 * all types of the kernel, by name and one after the other: for all programs, 100 ms and more. Objects
 * that it does not trust can be read as well, a fault giving zeros, and it looks up nothing. Kernels
 * before 6.3, which had no bpf_cpumask yet, know no trust.
 */
#define follow(object)                                                                             \
	((__typeof__(object))(bpf_core_type_exists(struct bpf_cpumask) ?                           \
				      bpf_rdonly_cast(object, bpf_core_type_id_kernel(             \
								      __typeof__(*(object)))) :    \
				      (void *)(object)))

/*
 * The consumer sets `armed` before it sleeps when it wants to see the next record at once; that
 * record clears it. Two CPUs may both see it set: one wake-up too many, never one too few.
 */
__u32 armed SEC(".bss") = 0;

struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};
/* One ring per CPU: a shared ring is one lock. Filled by the recorder. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct ring);
} rings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dse_counters);
} counters SEC(".maps");

/*
 * Room to put a record of variable size together: one value per CPU, in a plain array because
 * per-CPU values are limited to 32 KiB. The recorder sets the number of values and their size:
 * sizeof(struct dse_ring_header) + the largest body + 4 * DSE_PATH_MAX + max_args + max_env, of which one
 * DSE_PATH_MAX is there to keep the verifier happy.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, 1 << 20);
} scratch SEC(".maps");

/*
 * The tasks that the ring of this CPU knows, by their thread ids; where two of them share a slot, each
 * replaces the other.
 */
#define TASK_SLOTS 64
struct known_task {
	struct dse_task task;
	__u32 number; /* 0: none */
	__u32 busy;   /* a program is writing it; one that interrupts that program leaves it alone */
};
struct known_tasks {
	__u32 latest; /* the number that was given last */
	__u32 reserved;
	struct known_task slots[TASK_SLOTS];
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct known_tasks);
} tasks SEC(".maps");

/* A record under way. */
struct emit {
	struct dse_counters *counters;
	void *ring;
	__u64 seq;
	__u32 cpu;
	__u32 task; /* its number */
};

/* Wake-ups cost far more than records: one per watermark, or when the consumer asked. */
static __always_inline __u64 emit_wakeup(struct emit *e, __u32 size)
{
	__u64 unsignalled = e->counters->unsignalled + size;

	if (unsignalled >= watermark || armed) {
		armed = 0;
		e->counters->unsignalled = 0;
		return BPF_RB_FORCE_WAKEUP;
	}
	e->counters->unsignalled = unsignalled;
	return BPF_RB_NO_WAKEUP;
}

#define CGROUP_OF(set, controller)                                                                 \
	(set)->subsys[bpf_core_enum_value(enum cgroup_subsys_id, controller##_cgrp_id)]->cgroup

/* The settings are constants to the verifier, which removes the branches that are not taken. */
static __always_inline struct cgroup *task_cgroup(struct task_struct *task)
{
	struct css_set *set = follow(task)->cgroups;

	switch (cgroup_controller) {
	case DSE_CONTROLLER_MEMORY:
		return CGROUP_OF(set, memory);
	case DSE_CONTROLLER_PIDS:
		return CGROUP_OF(set, pids);
	case DSE_CONTROLLER_CPU:
		return CGROUP_OF(set, cpu);
	case DSE_CONTROLLER_CPUSET:
		return CGROUP_OF(set, cpuset);
	case DSE_CONTROLLER_DEVICES:
		return CGROUP_OF(set, devices);
	case DSE_CONTROLLER_FREEZER:
		return CGROUP_OF(set, freezer);
	default:
		return set->dfl_cgrp;
	}
}

/* Process id and pid namespace as the process itself sees them. */
static __always_inline void task_virtual_pid(struct task_struct *task, __u32 *vpid, __u32 *ns_pid)
{
	struct pid *pid = follow(task)->group_leader->thread_pid;
	unsigned int level = pid ? pid->level : 0;

	if (level == 0) {
		*vpid = task->tgid;
		*ns_pid = DSE_INITIAL_PID_NS;
		return;
	}
	/* The level is only known here, so the array is read with an offset of our own. */
	struct upid upid = {};
	__u32 stride = bpf_core_type_size(struct upid);
	void *at = (void *)pid + bpf_core_field_offset(struct pid, numbers) + level * stride;
	struct pid_namespace *ns = NULL;

	bpf_probe_read_kernel(&upid.nr, sizeof(upid.nr),
			      at + bpf_core_field_offset(struct upid, nr));
	bpf_probe_read_kernel(&ns, sizeof(ns), at + bpf_core_field_offset(struct upid, ns));
	*vpid = upid.nr;
	*ns_pid = BPF_CORE_READ(ns, ns.inum);
}

static __always_inline void fill_task(struct dse_task *out, struct task_struct *task)
{
	struct task_struct *from = follow(task);
	struct task_struct *leader = from->group_leader;
	const struct cred *cred = from->cred;
	struct nsproxy *namespaces = from->nsproxy;
	__u32 vpid, ns_pid;

	out->start_time_ns = leader->start_boottime;
	out->cgroup_id = task_cgroup(task)->kn->id;
	out->pid = task->tgid;
	out->tid = task->pid;
	out->ppid = from->real_parent->tgid;
	task_virtual_pid(task, &vpid, &ns_pid);
	out->vpid = vpid;
	out->uid = cred->uid.val;
	out->gid = cred->gid.val;
	out->euid = cred->euid.val;
	out->egid = cred->egid.val;
	out->ns_cgroup = namespaces->cgroup_ns->ns.inum;
	out->ns_ipc = namespaces->ipc_ns->ns.inum;
	out->ns_mnt = namespaces->mnt_ns->ns.inum;
	out->ns_net = namespaces->net_ns->ns.inum;
	out->ns_pid = ns_pid;
	out->ns_user = cred->user_ns->ns.inum;
	out->ns_uts = namespaces->uts_ns->ns.inum;
	out->flags = task->flags & PF_KTHREAD ? DSE_TASK_KERNEL_THREAD : 0;
	/* The kernel pads comm with zeros, so all 16 bytes are defined. */
	((__u64 *)out->comm)[0] = *(__u64 *)&task->comm[0];
	((__u64 *)out->comm)[1] = *(__u64 *)&task->comm[8];
}

static __always_inline bool same_task(const struct dse_task *a, const struct dse_task *b)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;
	__u64 different = 0;

	for (unsigned int i = 0; i < sizeof(*a) / sizeof(*x); i++)
		different |= x[i] ^ y[i];
	return !different;
}

/* Gives the task a number, which the ring says ahead of all that names it; 0: it has no room. */
static __always_inline __u32 name_task(struct emit *e, struct known_tasks *known,
				       const struct dse_task *task)
{
	struct dse_ring_task *r = bpf_ringbuf_reserve(e->ring, sizeof(*r), 0);

	if (!r)
		return 0;
	__u32 number = __sync_fetch_and_add(&known->latest, 1) + 1;
	if (number == 0)
		number = __sync_fetch_and_add(&known->latest, 1) + 1;
	r->header.time_ns = bpf_ktime_get_boot_ns();
	r->header.seq = 0;
	r->header.task = number;
	r->header.kind = DSE_RING_TASK;
	r->header.cpu = e->cpu;
	r->task = *task;
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
	e->counters->unsignalled += sizeof(*r);
	return number;
}

/*
 * The number of the current task; 0: the ring has no room. What is known of a task holds as long as
 * every byte of it does. Programs interrupt one another on a CPU (a softirq in a system call), and then
 * the current task, and its slot, are the same for both.
 */
static __always_inline __u32 task_number(struct emit *e)
{
	struct dse_task task;
	__u32 zero = 0;
	struct known_tasks *known = bpf_map_lookup_elem(&tasks, &zero);

	if (!known)
		return 0;
	fill_task(&task, bpf_get_current_task_btf());
	struct known_task *slot = &known->slots[task.tid & (TASK_SLOTS - 1)];
	if (slot->busy)
		return name_task(e, known, &task);
	__u32 number = *(volatile __u32 *)&slot->number;
	barrier();
	if (number && known->latest - number < DSE_RING_TASKS / 2 && same_task(&slot->task, &task)) {
		barrier();
		if (*(volatile __u32 *)&slot->number == number)
			return number;
	}
	*(volatile __u32 *)&slot->busy = 1;
	barrier();
	number = name_task(e, known, &task);
	slot->task = task;
	slot->number = number;
	barrier();
	*(volatile __u32 *)&slot->busy = 0;
	return number;
}

static __always_inline void fill_header(struct dse_ring_header *out, struct emit *e, __u32 kind)
{
	out->time_ns = bpf_ktime_get_boot_ns();
	out->seq = e->seq;
	out->task = e->task;
	out->kind = kind;
	out->cpu = e->cpu;
}

/* Takes the next sequence number of `kind` and names the task; false: the ring has no room. */
static __always_inline bool emit_begin(struct emit *e, __u32 kind)
{
	__u32 zero = 0;

	e->cpu = bpf_get_smp_processor_id();
	e->counters = bpf_map_lookup_elem(&counters, &zero);
	if (!e->counters)
		return false;
	e->seq = e->counters->seen[kind]++;
	e->ring = bpf_map_lookup_elem(&rings, &e->cpu);
	e->task = e->ring ? task_number(e) : 0;
	if (!e->task)
		e->counters->refused[kind]++;
	return e->task;
}

/* Room for a record of fixed size, its header filled in. */
static __always_inline void *emit_reserve(struct emit *e, __u32 kind, __u32 size)
{
	if (!emit_begin(e, kind))
		return NULL;
	struct dse_ring_header *record = bpf_ringbuf_reserve(e->ring, size, 0);
	if (!record) {
		e->counters->refused[kind]++;
		return NULL;
	}
	fill_header(record, e, kind);
	return record;
}

#endif
