// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What exists when recording begins: iterators over processes and over open sockets. They run when
 * the recorder reads from them, one at a time.
 */
#include "owner.h"
#include "path.h"

/* Where the iterators put together what they write, and their place in `paths`. */
const volatile __u32 iterator_slot SEC(".rodata") = 0;

struct process_row {
	struct dse_process_row fixed;
	__u8 bytes[];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct process_row) + 3 * DSE_PATH_MAX);
} row_scratch SEC(".maps");

/* Lists the processes that exist, as the same facts that records have of theirs. */
SEC("iter/task")
int processes(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	__u32 zero = 0, cut = 0, cwd_cut = 0, at = 0, size;

	if (!task || task->pid != task->tgid)
		return 0;
	struct process_row *row = bpf_map_lookup_elem(&row_scratch, &zero);
	if (!row)
		return 0;
	fill_task(&row->fixed.task, task);
	fill_exe_facts(&row->fixed.facts, task);

	struct file *file = BPF_CORE_READ(task, mm, exe_file);
	size = file ? copy_file_path(&file->f_path, iterator_slot, row->bytes, &cut) : 0;
	row->fixed.exe_size = size;
	at = size;
	struct fs_struct *fs = BPF_CORE_READ(task, fs);
	if (at > DSE_PATH_MAX)
		return 0;
	size = file && fs ? copy_file_path(&fs->pwd, iterator_slot, row->bytes + at, &cwd_cut) : 0;
	row->fixed.cwd_size = size;
	at += size;
	row->fixed.facts.flags |= (cut ? DSE_EXE_PATH_CUT : 0) | (cwd_cut ? DSE_EXE_CWD_CUT : 0);
	if (at > 2 * DSE_PATH_MAX)
		return 0;
	bpf_seq_write(ctx->meta->seq, row, sizeof(*row) + at);
	return 0;
}

/*
 * Lists the sockets with states that processes have open, once for each descriptor, and makes the
 * first process that is met with one its owner where no owner is known.
 */
SEC("iter/task_file")
int sockets(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;

	if (!task || !file)
		return 0;
	struct socket *socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	struct sock *sk = socket->sk;
	if (!sk || !has_states(sk))
		return 0;
	struct owner *owner = bpf_sk_storage_get(&owners, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!owner)
		return 0;
	__u64 cookie = bpf_get_socket_cookie(sk);
	if (owner->source == DSE_OWNER_UNKNOWN) {
		owner->cookie = cookie;
		set_owner(owner, task, DSE_OWNER_SNAPSHOT);
	}

	struct dse_socket_snapshot row = {};
	row.cookie = cookie;
	row.owner_start_time_ns = owner->start_time_ns;
	row.owner_cgroup_id = owner->cgroup_id;
	row.owner_pid = owner->pid;
	row.owner_uid = owner->uid;
	row.owner_ns_pid = owner->ns_pid;
	row.owner_source = owner->source;
	((__u64 *)row.owner_comm)[0] = ((__u64 *)owner->comm)[0];
	((__u64 *)row.owner_comm)[1] = ((__u64 *)owner->comm)[1];
	row.family = sk->__sk_common.skc_family;
	row.protocol = sk->sk_protocol;
	row.local_port = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
	row.remote_port = bpf_ntohs(sk->__sk_common.skc_dport);
	row.state = sk->__sk_common.skc_state;
	row.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	fill_addresses(row.local_address, row.remote_address, sk,
		       BPF_CORE_READ((struct inet_sock *)sk, inet_saddr));
	bpf_seq_write(ctx->meta->seq, &row, sizeof(row));
	return 0;
}
