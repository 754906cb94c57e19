// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Signals: generate has the sender as current task and names the target; deliver has the receiver.
 * Both since 2.6.34. When a signal ends a process, what its threads are delivered is a SIGKILL
 * without siginfo; the exit code of the process tells by then which signal it was.
 */
#include "emit.h"

#define SI_USER 0
#define SI_KERNEL 0x80
#define SI_TIMER -2
#define SI_SIGIO -5
#define SI_TKILL -6
#define SIGCHLD 17 /* on every architecture that has BPF JIT except mips, alpha, sparc, parisc */

struct siginfo_facts {
	__s32 error;
	__s32 code;
	__s32 pid;
	__u32 uid;
	__u64 value;
};

/*
 * The kernel passes 0 for a signal of user space without info and 1 for one of its own; send and
 * deliver then report SI_USER and SI_KERNEL, as siginfo(7) has them.
 */
static __always_inline struct siginfo_facts read_siginfo(int sig, struct kernel_siginfo *info)
{
	struct siginfo_facts facts = {};

	if ((unsigned long)info <= 1) {
		/*
		 * The verifier holds a tracepoint's pointers for non-null and would remove a test
		 * against zero. One further on, it does not.
		 */
		unsigned long moved = (unsigned long)info + 1;
		asm volatile("" : "+r"(moved));
		facts.code = moved == 1 ? SI_USER : SI_KERNEL;
		return facts;
	}
	facts.error = info->si_errno;
	facts.code = info->si_code;
	/* User space may take any negative code; the kernel keeps these otherwise. */
	bool queued = facts.code < 0 && facts.code != SI_TIMER && facts.code != SI_SIGIO;
	if (facts.code == SI_USER || queued || sig == SIGCHLD) {
		facts.pid = info->_sifields._kill._pid;
		facts.uid = info->_sifields._kill._uid;
	}
	if (queued && facts.code != SI_TKILL)
		facts.value = (__u64)info->_sifields._rt._sigval.sival_ptr;
	else if (facts.code == SI_TIMER)
		facts.value = (__u64)info->_sifields._timer._sigval.sival_ptr;
	return facts;
}

struct generate_record {
	struct dse_ring_header header;
	struct dse_signal_generate body;
};

SEC("tp_btf/signal_generate")
int BPF_PROG(signal_generate, int sig, struct kernel_siginfo *info, struct task_struct *task,
	     int group, int result)
{
	struct emit e;
	struct generate_record *r = emit_reserve(&e, DSE_SIGNAL_GENERATE, sizeof(*r));
	__u32 vpid, ns_pid;

	if (!r)
		return 0;
	struct siginfo_facts facts = read_siginfo(sig, info);
	task_virtual_pid(task, &vpid, &ns_pid);
	r->body.signal = sig;
	r->body.error = facts.error;
	r->body.code = facts.code;
	r->body.info_pid = facts.pid;
	r->body.info_uid = facts.uid;
	r->body.group = group;
	r->body.result = result;
	r->body.target_pid = task->tgid;
	r->body.target_tid = task->pid;
	r->body.target_vpid = vpid;
	r->body.value = facts.value;
	bpf_ringbuf_submit(r, emit_wakeup(&e, sizeof(*r)));
	return 0;
}

struct deliver_record {
	struct dse_ring_header header;
	struct dse_signal_deliver body;
};

SEC("tp_btf/signal_deliver")
int BPF_PROG(signal_deliver, int sig, struct kernel_siginfo *info, struct k_sigaction *action)
{
	struct emit e;
	struct deliver_record *r = emit_reserve(&e, DSE_SIGNAL_DELIVER, sizeof(*r));

	if (!r)
		return 0;
	struct siginfo_facts facts = read_siginfo(sig, info);
	r->body.handler = (__u64)action->sa.sa_handler;
	r->body.signal = sig;
	r->body.error = facts.error;
	r->body.code = facts.code;
	r->body.info_pid = facts.pid;
	r->body.info_uid = facts.uid;
	r->body.flags = action->sa.sa_flags;
	r->body.value = facts.value;
	struct signal_struct *signal = follow(bpf_get_current_task_btf())->signal;
	bool group_exit = signal->flags & SIGNAL_GROUP_EXIT;
	r->body.group_exit = group_exit ? signal->group_exit_code : 0;
	r->body.exit_flags = group_exit ? DSE_DELIVER_GROUP_EXIT : 0;
	if (bpf_core_field_exists(signal->group_exec_task) && signal->group_exec_task)
		r->body.exit_flags |= DSE_DELIVER_GROUP_EXEC;
	bpf_ringbuf_submit(r, emit_wakeup(&e, sizeof(*r)));
	return 0;
}
