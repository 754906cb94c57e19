// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Cgroups: made, removed, and tasks moved into them. The tracepoints exist since 4.13 and hand over
 * the full path. A clone3() straight into a cgroup does not pass here; the child's cgroup is then
 * in process_fork.
 */
#include "emit.h"

/* The path behind a fixed part of `fixed` bytes; returns its size without the NUL. */
static __always_inline __u32 copy_path(void *record, __u32 fixed, const char *path)
{
	long copied = bpf_probe_read_kernel_str(record + fixed, DSE_PATH_MAX, path);

	return copied > 0 ? copied - 1 : 0;
}

static __always_inline void output(struct emit *e, __u32 kind, void *record, __u32 size)
{
	if (size > 2 * DSE_PATH_MAX)
		return;
	if (bpf_ringbuf_output(e->ring, record, size, emit_wakeup(e, size)))
		e->counters->refused[kind]++;
}

struct mkdir_record {
	struct dse_ring_header header;
	struct dse_cgroup_mkdir body;
};

/* dse_cgroup_rmdir has the same layout. */
static __always_inline int made_or_removed(struct cgroup *cgroup, const char *path, __u32 kind)
{
	struct emit e;

	if (!emit_begin(&e, kind))
		return 0;
	struct mkdir_record *r = bpf_map_lookup_elem(&scratch, &e.cpu);
	if (!r)
		return 0;
	struct cgroup *from = follow(cgroup);
	struct cgroup_subsys_state *parent = from->self.parent;
	__u32 path_size = copy_path(r, sizeof(*r), path);
	__u32 size = sizeof(*r) + path_size;

	r->body.id = from->kn->id;
	r->body.parent_id = parent ? parent->cgroup->kn->id : 0;
	r->body.hierarchy = from->root->hierarchy_id;
	r->body.path_size = path_size;
	fill_header(&r->header, &e, kind);
	output(&e, kind, r, size);
	return 0;
}

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(cgroup_mkdir, struct cgroup *cgroup, const char *path)
{
	return made_or_removed(cgroup, path, DSE_CGROUP_MKDIR);
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(cgroup_rmdir, struct cgroup *cgroup, const char *path)
{
	return made_or_removed(cgroup, path, DSE_CGROUP_RMDIR);
}

struct attach_record {
	struct dse_ring_header header;
	struct dse_cgroup_attach body;
};

SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(cgroup_attach, struct cgroup *cgroup, const char *path, struct task_struct *task,
	     bool threadgroup)
{
	struct emit e;
	__u32 vpid, ns_pid;

	if (!emit_begin(&e, DSE_CGROUP_ATTACH))
		return 0;
	struct attach_record *r = bpf_map_lookup_elem(&scratch, &e.cpu);
	if (!r)
		return 0;
	__u32 path_size = copy_path(r, sizeof(*r), path);
	__u32 size = sizeof(*r) + path_size;

	struct cgroup *from = follow(cgroup);
	task_virtual_pid(task, &vpid, &ns_pid);
	r->body.id = from->kn->id;
	r->body.hierarchy = from->root->hierarchy_id;
	r->body.pid = task->tgid;
	r->body.tid = task->pid;
	r->body.vpid = vpid;
	r->body.flags = threadgroup ? DSE_ATTACH_THREADGROUP : 0;
	r->body.path_size = path_size;
	fill_header(&r->header, &e, DSE_CGROUP_ATTACH);
	output(&e, DSE_CGROUP_ATTACH, r, size);
	return 0;
}
