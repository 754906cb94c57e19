// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Processes: fork, exec and exit. The sched tracepoints have had these arguments since 3.4; 6.16
 * added a second one to sched_process_exit, which is not used.
 */
#include "emit.h"

struct fork_record {
	struct dse_header header;
	struct dse_process_fork body;
};

/* Fires in the parent, when the child is complete and before it first runs. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	struct emit e;
	struct fork_record *r = emit_reserve(&e, DSE_PROCESS_FORK, sizeof(*r));
	__u32 vpid, ns_pid;

	if (!r)
		return 0;
	fill_header(&r->header, &e, DSE_PROCESS_FORK, sizeof(*r));
	task_virtual_pid(child, &vpid, &ns_pid);
	r->body.child_start_time_ns = child->group_leader->start_boottime;
	r->body.child_cgroup_id = task_cgroup(child)->kn->id;
	r->body.child_pid = child->tgid;
	r->body.child_tid = child->pid;
	r->body.child_vpid = vpid;
	r->body.child_ns_pid = ns_pid;
	bpf_ringbuf_submit(r, emit_wakeup(&e, sizeof(*r)));
	return 0;
}

struct exec_record {
	struct dse_header header;
	struct dse_process_exec body;
	__u8 bytes[];
};

#define PAGE_BYTES 4096
#define MAX_ARG_PAGES 257 /* 1 MiB that need not start at a page */

struct args_copy {
	unsigned long start;
	__u32 cpu;
	__u32 at; /* where in bytes the arguments begin */
	__u32 want;
	__u32 done;
	__u32 flags;
};

static long copy_page(__u32 index, void *ctx)
{
	struct args_copy *copy = ctx;
	struct exec_record *r = bpf_map_lookup_elem(&scratch, &copy->cpu);
	__u32 left = copy->want - copy->done;
	__u32 chunk = PAGE_BYTES - ((copy->start + copy->done) & (PAGE_BYTES - 1));
	__u32 to = copy->at + copy->done;

	if (!r || left == 0)
		return 1;
	if (chunk > left)
		chunk = left;
	if (chunk > PAGE_BYTES || to > DSE_PATH_MAX + max_args)
		return 1;
	if (bpf_probe_read_user(r->bytes + to, chunk, (void *)(copy->start + copy->done)))
		copy->flags |= DSE_ARGS_UNREAD; /* the helper has zeroed the bytes */
	copy->done += chunk;
	return 0;
}

/*
 * Copies the argument block page by page, so that one page that is gone does not cost the others.
 * bpf_loop, since 5.17, because the verifier would walk a plain loop 257 times at every start.
 */
static __always_inline void copy_args(struct args_copy *copy)
{
	bpf_loop(MAX_ARG_PAGES, copy_page, copy, 0);
}

/* Fires after the new image is in place, so that the argument block is the one of the new image. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	struct emit e;

	if (!emit_begin(&e, DSE_PROCESS_EXEC))
		return 0;
	struct exec_record *r = bpf_map_lookup_elem(&scratch, &e.cpu);
	if (!r)
		return 0;

	__u32 flags = 0;
	long copied = bpf_probe_read_kernel_str(r->bytes, DSE_PATH_MAX, bprm->filename);
	__u32 filename_size = copied > 0 ? copied - 1 : 0;
	if (filename_size > DSE_PATH_MAX)
		return 0;

	struct mm_struct *mm = task->mm;
	unsigned long start = mm->arg_start, end = mm->arg_end;
	__u64 total = end > start ? end - start : 0;
	__u32 want = total > max_args ? max_args : total;
	if (want < total)
		flags |= DSE_ARGS_CUT;
	struct args_copy copy = {
		.start = start,
		.cpu = e.cpu,
		.at = filename_size,
		.want = want,
		.flags = flags,
	};
	copy_args(&copy);
	__u32 args_size = copy.done;
	flags = copy.flags;
	if (args_size > max_args)
		return 0;

	__u32 size = sizeof(*r) + filename_size + args_size;
	r->body.old_tid = old_pid;
	r->body.flags = flags;
	r->body.args_count = bprm->argc;
	r->body.args_total = total > 0xffffffff ? 0xffffffff : total;
	r->body.filename_size = filename_size;
	r->body.args_size = args_size;
	fill_header(&r->header, &e, DSE_PROCESS_EXEC, size);
	if (size > sizeof(*r) + DSE_PATH_MAX + max_args)
		return 0;
	if (bpf_ringbuf_output(e.ring, r, size, emit_wakeup(&e, size)))
		e.counters->refused[DSE_PROCESS_EXEC]++;
	return 0;
}

struct exit_record {
	struct dse_header header;
	struct dse_process_exit body;
};

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	struct emit e;
	struct exit_record *r = emit_reserve(&e, DSE_PROCESS_EXIT, sizeof(*r));
	struct signal_struct *signal = task->signal;

	if (!r)
		return 0;
	fill_header(&r->header, &e, DSE_PROCESS_EXIT, sizeof(*r));
	r->body.start_time_ns = task->start_boottime;
	r->body.status =
		signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code : task->exit_code;
	r->body.flags = signal->live.counter == 0 ? DSE_EXIT_GROUP_DEAD : 0;
	bpf_ringbuf_submit(r, emit_wakeup(&e, sizeof(*r)));
	return 0;
}

struct process_row {
	struct dse_task task;
};

/* Lists the processes that exist, as the same facts that a record has of its task. */
SEC("iter/task")
int processes(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct process_row row = {};

	if (!task || task->pid != task->tgid)
		return 0;
	fill_task(&row.task, task);
	bpf_seq_write(ctx->meta->seq, &row, sizeof(row));
	return 0;
}

char LICENSE[] SEC("license") __weak = "Dual BSD/GPL";
