// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Processes: fork, exec and exit. The sched tracepoints have had these arguments since 3.4; 6.16
 * added a second one to sched_process_exit, which is not used.
 *
 * Execs that fail pass none of them. They take the exit of the system call, and a tracepoint there
 * costs every system call of every process something, so they are only attached when asked for.
 */
#include "path.h"

struct fork_record {
	struct dse_ring_header header;
	struct dse_process_fork body;
};

/* Fires in the parent, when the child is complete and before it first runs. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	struct emit e;
	struct fork_record *r = emit_reserve(&e, DSE_PROCESS_FORK, sizeof(*r));
	struct task_struct *from = follow(child);
	__u32 vpid, ns_pid;

	if (!r)
		return 0;
	task_virtual_pid(child, &vpid, &ns_pid);
	r->body.child_start_time_ns = from->group_leader->start_boottime;
	r->body.child_cgroup_id = task_cgroup(child)->kn->id;
	r->body.child_pid = child->tgid;
	r->body.child_tid = child->pid;
	r->body.child_vpid = vpid;
	r->body.child_ns_pid = ns_pid;
	r->body.child_ppid = from->real_parent->tgid;
	r->body.child_ns_user = from->cred->user_ns->ns.inum;
	bpf_ringbuf_submit(r, emit_wakeup(&e, sizeof(*r)));
	return 0;
}

struct exec_record {
	struct dse_ring_header header;
	struct dse_process_exec body;
	__u8 bytes[];
};

#define PAGE_BYTES 4096
#define MAX_PAGES 257 /* 1 MiB that need not start at a page */
/* Variable parts begin at most here. */
#define MAX_BEGIN (3 * DSE_PATH_MAX + max_args + max_env)

struct user_copy {
	unsigned long start;
	__u32 cpu;
	__u32 at; /* where in the record's bytes the copy begins */
	__u32 want;
	__u32 done;
	bool unread;
};

static long copy_page(__u32 index, void *ctx)
{
	struct user_copy *copy = ctx;
	struct exec_record *r = bpf_map_lookup_elem(&scratch, &copy->cpu);
	__u32 left = copy->want - copy->done;
	__u32 chunk = PAGE_BYTES - ((copy->start + copy->done) & (PAGE_BYTES - 1));
	__u32 to = copy->at + copy->done;

	if (!r || left == 0)
		return 1;
	if (chunk > left)
		chunk = left;
	if (chunk > PAGE_BYTES || to > MAX_BEGIN)
		return 1;
	if (bpf_probe_read_user(r->bytes + to, chunk, (void *)(copy->start + copy->done)))
		copy->unread = true; /* the helper has zeroed the bytes */
	copy->done += chunk;
	return 0;
}

/*
 * Copies a block of user memory page by page, so that one page that is gone does not cost the others;
 * returns DSE_ARGS_* flags. bpf_loop, since 5.17, because the verifier would walk a plain loop 257
 * times at every start.
 */
static __always_inline __u32 copy_user(struct user_copy *copy, unsigned long end, __u32 limit)
{
	__u64 total = end > copy->start ? end - copy->start : 0;

	copy->want = total > limit ? limit : total;
	bpf_loop(MAX_PAGES, copy_page, copy, 0);
	return (copy->want < total ? DSE_ARGS_CUT : 0) | (copy->unread ? DSE_ARGS_UNREAD : 0);
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

	long copied = bpf_probe_read_kernel_str(r->bytes, DSE_PATH_MAX, bprm->filename);
	__u32 at = copied > 0 ? copied - 1 : 0;
	r->body.filename_size = at;

	struct mm_struct *mm = follow(task)->mm;
	unsigned long start = mm->arg_start, end = mm->arg_end;
	__u64 total = end > start ? end - start : 0;
	struct user_copy args = {.start = start, .cpu = e.cpu, .at = at};
	__u32 flags = copy_user(&args, end, max_args);
	r->body.args_count = bprm->argc;
	r->body.args_total = total > 0xffffffff ? 0xffffffff : total;
	r->body.args_size = args.done;
	at += args.done;

	struct dse_exe_facts facts;
	fill_exe_facts(&facts, task);
	if (at > MAX_BEGIN)
		return 0;
	__u32 cut = 0, cwd_cut = 0;
	struct file *file = BPF_CORE_READ(mm, exe_file);
	__u32 size = file ? copy_file_path(&file->f_path, e.cpu, r->bytes + at, &cut) : 0;
	r->body.exepath_size = size;
	at += size;

	size = 0;
	if (bprm->interp != bprm->filename) {
		facts.flags |= DSE_EXE_SCRIPT;
		if (at > MAX_BEGIN)
			return 0;
		copied = bpf_probe_read_kernel_str(r->bytes + at, MAX_NAME, bprm->interp);
		size = copied > 0 ? copied - 1 : 0;
	}
	r->body.interp_size = size;
	at += size;

	struct fs_struct *fs = BPF_CORE_READ(task, fs);
	if (at > MAX_BEGIN)
		return 0;
	size = copy_file_path(&fs->pwd, e.cpu, r->bytes + at, &cwd_cut);
	r->body.cwd_size = size;
	at += size;
	facts.flags |= (cut ? DSE_EXE_PATH_CUT : 0) | (cwd_cut ? DSE_EXE_CWD_CUT : 0);

	struct user_copy env = {.start = mm->env_start, .cpu = e.cpu, .at = at};
	if (max_env) {
		__u32 env_flags = copy_user(&env, mm->env_end, max_env);
		flags |= (env_flags & DSE_ARGS_CUT ? DSE_ENV_CUT : 0) |
			 (env_flags & DSE_ARGS_UNREAD ? DSE_ENV_UNREAD : 0);
	}
	r->body.env_size = env.done;
	at += env.done;

	r->body.old_tid = old_pid;
	r->body.flags = flags;
	r->body.exe_ino = facts.ino;
	r->body.cap_inheritable = facts.cap_inheritable;
	r->body.cap_permitted = facts.cap_permitted;
	r->body.cap_effective = facts.cap_effective;
	r->body.exe_dev = facts.dev;
	r->body.exe_mount = facts.mount;
	r->body.exe_mode = facts.mode;
	r->body.exe_uid = facts.uid;
	r->body.exe_flags = facts.flags;
	r->body.session = facts.session;
	r->body.login_uid = facts.login_uid;
	r->body.tty = facts.tty;
	size = sizeof(*r) + at;
	fill_header(&r->header, &e, DSE_PROCESS_EXEC);
	if (size > sizeof(*r) + DSE_PATH_MAX + MAX_BEGIN)
		return 0;
	if (bpf_ringbuf_output(e.ring, r, size, emit_wakeup(&e, size)))
		e.counters->refused[DSE_PROCESS_EXEC]++;
	return 0;
}

struct exec_fail_record {
	struct dse_ring_header header;
	struct dse_process_exec_fail body;
	__u8 bytes[];
};

#define MAX_FAILED_ARGS 4096 /* arguments; each is cut at a page */

struct argv_copy {
	const char *const *argv;
	__u32 cpu;
	__u32 at;
	__u32 end;
	__u32 count;
	__u32 flags;
};

static long copy_argument(__u32 index, void *ctx)
{
	struct argv_copy *copy = ctx;
	struct exec_fail_record *r = bpf_map_lookup_elem(&scratch, &copy->cpu);
	const char *argument = NULL;
	__u32 to = copy->at, room = copy->end - copy->at;

	if (!r)
		return 1;
	if (bpf_probe_read_user(&argument, sizeof(argument), copy->argv + index)) {
		copy->flags |= DSE_ARGS_UNREAD;
		return 1;
	}
	if (!argument)
		return 1;
	copy->count++;
	if (room > PAGE_BYTES)
		room = PAGE_BYTES;
	if (room == 0 || to > MAX_BEGIN) {
		copy->flags |= DSE_ARGS_CUT;
		return 0;
	}
	long size = bpf_probe_read_user_str(r->bytes + to, room, argument);
	if (size <= 0) {
		copy->flags |= DSE_ARGS_UNREAD;
		r->bytes[to] = 0;
		size = 1;
	} else if (size == room) {
		copy->flags |= DSE_ARGS_CUT; /* or it fitted to the byte, which does not matter */
	}
	copy->at += size;
	return 0;
}

static __always_inline int exec_failed(long error, const char *filename,
				       const char *const *argv, int dirfd, __u32 at_flags)
{
	struct emit e;

	if (!emit_begin(&e, DSE_PROCESS_EXEC_FAIL))
		return 0;
	struct exec_fail_record *r = bpf_map_lookup_elem(&scratch, &e.cpu);
	if (!r)
		return 0;

	long copied = bpf_probe_read_user_str(r->bytes, DSE_PATH_MAX, filename);
	__u32 at = copied > 0 ? copied - 1 : 0;
	r->body.filename_size = at;
	struct argv_copy copy = {.argv = argv, .cpu = e.cpu, .at = at, .end = at + max_args};
	if (argv)
		bpf_loop(MAX_FAILED_ARGS, copy_argument, &copy, 0);
	r->body.args_size = copy.at - at;
	at = copy.at;

	struct fs_struct *fs = BPF_CORE_READ(bpf_get_current_task_btf(), fs);
	__u32 cut = 0;
	if (at > MAX_BEGIN)
		return 0;
	__u32 size = copy_file_path(&fs->pwd, e.cpu, r->bytes + at, &cut);
	r->body.cwd_size = size;
	at += size;

	r->body.error = error;
	r->body.flags = copy.flags;
	r->body.args_count = copy.count;
	r->body.dirfd = dirfd;
	r->body.at_flags = at_flags;
	size = sizeof(*r) + at;
	fill_header(&r->header, &e, DSE_PROCESS_EXEC_FAIL);
	if (size > sizeof(*r) + DSE_PATH_MAX + MAX_BEGIN)
		return 0;
	if (bpf_ringbuf_output(e.ring, r, size, emit_wakeup(&e, size)))
		e.counters->refused[DSE_PROCESS_EXEC_FAIL]++;
	return 0;
}

#define AT_FDCWD -100
#define ERESTARTSYS 512
#define ERESTART_RESTARTBLOCK 516

/* A signal may make the kernel begin anew, which the caller does not see. */
static __always_inline bool has_failed(long ret)
{
	return ret < 0 && !(ret <= -ERESTARTSYS && ret >= -ERESTART_RESTARTBLOCK);
}

/*
 * The arguments are where the caller has them. What succeeds is not seen here: the thread has a new
 * program then, and perhaps a new id.
 */
#ifdef SYSCALL_ARGS_0
SEC("tracepoint/syscalls/sys_exit_execve")
int process_exec_fail(struct syscall_trace_exit *ctx)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());

	if (!has_failed(ctx->ret))
		return 0;
	return exec_failed(-ctx->ret, (void *)SYSCALL_ARGS_0(regs), (void *)SYSCALL_ARGS_1(regs),
			   AT_FDCWD, 0);
}

SEC("tracepoint/syscalls/sys_exit_execveat")
int process_exec_fail_at(struct syscall_trace_exit *ctx)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());

	if (!has_failed(ctx->ret))
		return 0;
	return exec_failed(-ctx->ret, (void *)SYSCALL_ARGS_1(regs), (void *)SYSCALL_ARGS_2(regs),
			   SYSCALL_ARGS_0(regs), SYSCALL_ARGS_4(regs));
}
#endif

struct exit_record {
	struct dse_ring_header header;
	struct dse_process_exit body;
};

#define MAX_ANCESTORS 4096

struct reaper_walk {
	struct task_struct *parent;
	struct task_struct *init;
	unsigned int level; /* of the pid namespace */
	__u32 reaper;
};

static long look_at_ancestor(__u32 index, void *context)
{
	struct reaper_walk *walk = context;
	struct task_struct *child = walk->parent, *init = walk->init;
	struct task_struct *parent = BPF_CORE_READ(child, real_parent);

	/* Not past the namespace's init, nor out of the namespace. */
	if (!parent || parent == init || parent == child ||
	    BPF_CORE_READ(parent, thread_pid, level) != walk->level) {
		walk->reaper = BPF_CORE_READ(init, tgid);
		return 1;
	}
	walk->parent = parent;
	struct signal_struct *signal = BPF_CORE_READ(parent, signal);
	if (!BPF_CORE_READ_BITFIELD_PROBED(signal, is_child_subreaper) ||
	    BPF_CORE_READ(signal, live.counter) == 0)
		return 0;
	walk->reaper = BPF_CORE_READ(parent, tgid);
	return 1;
}

/* Who inherits the children of a process that ends, as find_new_reaper() in kernel/exit.c chooses. */
static __always_inline __u32 find_reaper(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct reaper_walk walk = {.parent = task, .level = BPF_CORE_READ(pid, level)};
	struct pid_namespace *ns = NULL;
	void *upid = (void *)pid + bpf_core_field_offset(struct pid, numbers) +
		     walk.level * bpf_core_type_size(struct upid);

	bpf_probe_read_kernel(&ns, sizeof(ns), upid + bpf_core_field_offset(struct upid, ns));
	struct task_struct *init = BPF_CORE_READ(ns, child_reaper);
	__u32 init_pid = BPF_CORE_READ(init, tgid);

	if (init_pid == (__u32)task->tgid)
		return 0; /* the namespace ends, and all in it */
	if (!BPF_CORE_READ_BITFIELD_PROBED(task->signal, has_child_subreaper))
		return init_pid;
	walk.init = init;
	bpf_loop(MAX_ANCESTORS, look_at_ancestor, &walk, 0);
	return walk.reaper;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	struct emit e;
	struct exit_record *r = emit_reserve(&e, DSE_PROCESS_EXIT, sizeof(*r));
	struct task_struct *from = follow(task);
	struct signal_struct *signal = from->signal;

	if (!r)
		return 0;
	bool last = signal->live.counter == 0;
	__u32 status = task->exit_code;
	if (signal->flags & SIGNAL_GROUP_EXIT)
		status = signal->group_exit_code;
	else if (last) /* the process ends as its main thread did */
		status = from->group_leader->exit_code;
	r->body.start_time_ns = task->start_boottime;
	r->body.status = status;
	r->body.flags = last ? DSE_EXIT_GROUP_DEAD : 0;
	r->body.reaper_pid = last ? find_reaper(task) : 0;
	r->body.max_rss_pages = last ? signal->maxrss : 0;
	bpf_ringbuf_submit(r, emit_wakeup(&e, sizeof(*r)));
	return 0;
}
