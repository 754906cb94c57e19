/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Whose socket it is. The current task of a state change is often whoever a softirq interrupted, so
 * the owner is noted with the socket when it calls connect or listen. A socket that comes out of a
 * listening one is a clone of it, and so is what was noted.
 */
#ifndef DSE_BPF_OWNER_H
#define DSE_BPF_OWNER_H

#include "emit.h"

struct owner {
	__u64 cookie; /* of the socket that this was noted for: a clone has another */
	__u64 born_ns;
	__u64 since_ns; /* of the last change of state */
	__u64 start_time_ns;
	__u64 cgroup_id;
	__u32 pid;
	__u32 uid;
	__u32 ns_pid;
	__u32 source; /* DSE_OWNER_* */
	__u8 comm[DSE_COMM_SIZE];
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct owner);
} owners SEC(".maps");

static __always_inline void set_owner(struct owner *owner, struct task_struct *task, __u32 source)
{
	struct task_struct *from = follow(task), *leader = from->group_leader;
	__u32 vpid, ns_pid;

	task_virtual_pid(task, &vpid, &ns_pid);
	owner->start_time_ns = leader->start_boottime;
	owner->cgroup_id = task_cgroup(task)->kn->id;
	owner->pid = task->tgid;
	owner->uid = from->cred->uid.val;
	owner->ns_pid = ns_pid;
	owner->source = source;
	/* The process, not the thread. */
	((__u64 *)owner->comm)[0] = *(__u64 *)&leader->comm[0];
	((__u64 *)owner->comm)[1] = *(__u64 *)&leader->comm[8];
}

#define IPPROTO_TCP 6
#define IPPROTO_DCCP 33
#define IPPROTO_SCTP 132
#define IPPROTO_MPTCP 262

static __always_inline bool has_states(const struct sock *sk)
{
	__u16 family = sk->__sk_common.skc_family, protocol = sk->sk_protocol;

	return (family == AF_INET || family == AF_INET6) &&
	       (protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP ||
		protocol == IPPROTO_SCTP || protocol == IPPROTO_DCCP);
}

static __always_inline void fill_addresses(__u8 *local_address, __u8 *remote_address,
					   const struct sock *sk, __be32 local4)
{
	__u32 *local = (__u32 *)local_address;
	__u32 *remote = (__u32 *)remote_address;

	if (sk->__sk_common.skc_family == AF_INET6) {
		local[0] = sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[0];
		local[1] = sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[1];
		local[2] = sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[2];
		local[3] = sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[3];
		remote[0] = sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[0];
		remote[1] = sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[1];
		remote[2] = sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[2];
		remote[3] = sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[3];
		return;
	}
	local[0] = local4;
	local[1] = local[2] = local[3] = 0;
	remote[0] = sk->__sk_common.skc_daddr;
	remote[1] = remote[2] = remote[3] = 0;
}

#endif
