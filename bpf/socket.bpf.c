// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Sockets: inet_sock_set_state, since 4.16, fires for every state change of TCP, MPTCP, DCCP and
 * SCTP sockets. The current task is whoever the softirq interrupted, not always the owner.
 */
#include "owner.h"

struct socket_record {
	struct dse_ring_header header;
	struct dse_socket_state body;
};

#define TCP_SYN_SENT 2
#define TCP_CLOSE 7
#define TCP_SYN_RECV 3
#define TCP_LISTEN 10

/* What is noted with the socket, brought up to date; NULL when the kernel has no memory for it. */
static __always_inline struct owner *owner_of(struct sock *sk, __u64 cookie, int old_state,
					      int new_state, __u64 now)
{
	struct owner *owner = bpf_sk_storage_get(&owners, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (!owner)
		return NULL;
	if (new_state == TCP_SYN_SENT || new_state == TCP_LISTEN) {
		/*
		 * In the system call of the one who asks for it; but for the further subflows of
		 * MPTCP, which the kernel connects by itself.
		 */
		struct task_struct *task = bpf_get_current_task_btf();
		if (!(task->flags & PF_KTHREAD))
			set_owner(owner, task,
				  new_state == TCP_LISTEN ? DSE_OWNER_LISTEN : DSE_OWNER_CONNECT);
		owner->cookie = cookie;
		owner->born_ns = now;
		owner->since_ns = 0;
	} else if (owner->cookie == 0) {
		owner->cookie = cookie;
		if (new_state == TCP_SYN_RECV) /* of a listening socket that no one is known to own */
			owner->born_ns = now;
	} else if (owner->cookie != cookie || (old_state == TCP_LISTEN && new_state != TCP_CLOSE)) {
		/* A clone; those of MPTCP come with the cookie of the listening socket. */
		owner->cookie = cookie;
		owner->born_ns = now;
		owner->since_ns = 0;
		if (owner->source != DSE_OWNER_UNKNOWN)
			owner->source = DSE_OWNER_ACCEPT;
	}
	return owner;
}

static __always_inline void fill_owner(struct dse_socket_state *out, const struct owner *owner)
{
	if (!owner) {
		out->born_ns = out->since_ns = out->owner_start_time_ns = out->owner_cgroup_id = 0;
		out->owner_pid = out->owner_uid = out->owner_ns_pid = out->owner_source = 0;
		((__u64 *)out->owner_comm)[0] = ((__u64 *)out->owner_comm)[1] = 0;
		return;
	}
	out->born_ns = owner->born_ns;
	out->since_ns = owner->since_ns;
	out->owner_start_time_ns = owner->start_time_ns;
	out->owner_cgroup_id = owner->cgroup_id;
	out->owner_pid = owner->pid;
	out->owner_uid = owner->uid;
	out->owner_ns_pid = owner->ns_pid;
	out->owner_source = owner->source;
	((__u64 *)out->owner_comm)[0] = ((__u64 *)owner->comm)[0];
	((__u64 *)out->owner_comm)[1] = ((__u64 *)owner->comm)[1];
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(socket_state, struct sock *sk, int old_state, int new_state)
{
	struct emit e;
	struct socket_record *r = emit_reserve(&e, DSE_SOCKET_STATE, sizeof(*r));

	if (!r)
		return 0;

	/*
	 * skc_num is already zero when a socket closes; inet_sport is not. For TCP the verifier
	 * lets it be loaded directly, for the rest it takes a probe read.
	 */
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);
	__be16 local_port;
	__be32 local4;
	r->body.bytes_sent = r->body.bytes_received = 0;
	r->body.segments_sent = r->body.segments_received = 0;
	r->body.retransmitted = r->body.srtt_us = 0;
	if (tcp) {
		r->body.bytes_sent = tcp->bytes_sent;
		r->body.bytes_received = tcp->bytes_received;
		/* The kernel counts the FIN as a byte. */
		__u64 fin = bpf_core_enum_value(enum sock_flags, SOCK_DONE);
		if (sk->__sk_common.skc_flags >> fin & 1 && r->body.bytes_received)
			r->body.bytes_received--;
		r->body.segments_sent = tcp->segs_out;
		r->body.segments_received = tcp->segs_in;
		r->body.retransmitted = tcp->total_retrans;
		r->body.srtt_us = tcp->srtt_us >> 3; /* kept in eighths */
		local_port = tcp->inet_conn.icsk_inet.inet_sport;
		local4 = tcp->inet_conn.icsk_inet.inet_saddr;
	} else {
		local_port = BPF_CORE_READ((struct inet_sock *)sk, inet_sport);
		local4 = BPF_CORE_READ((struct inet_sock *)sk, inet_saddr);
	}
	__u64 cookie = bpf_get_socket_cookie(sk);
	struct owner *owner = owner_of(sk, cookie, old_state, new_state, r->header.time_ns);
	fill_owner(&r->body, owner);
	if (owner)
		owner->since_ns = r->header.time_ns;
	r->body.cookie = cookie;
	r->body.netns = follow(sk)->__sk_common.skc_net.net->ns.inum;
	r->body.family = sk->__sk_common.skc_family;
	r->body.protocol = sk->sk_protocol;
	r->body.local_port = bpf_ntohs(local_port);
	r->body.remote_port = bpf_ntohs(sk->__sk_common.skc_dport);
	r->body.type = sk->sk_type;
	r->body.old_state = old_state;
	r->body.new_state = new_state;
	fill_addresses(r->body.local_address, r->body.remote_address, sk, local4);
	bpf_ringbuf_submit(r, emit_wakeup(&e, sizeof(*r)));
	return 0;
}
