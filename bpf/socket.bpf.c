// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Sockets: inet_sock_set_state, since 4.16, fires for every state change of TCP, MPTCP, DCCP and
 * SCTP sockets. The current task is whoever the softirq interrupted, not always the owner.
 */
#include "emit.h"

struct socket_record {
	struct dse_header header;
	struct dse_socket_state body;
};

static __always_inline void fill_addresses(struct dse_socket_state *out, const struct sock *sk,
					   __be32 local4)
{
	__u32 *local = (__u32 *)out->local_address;
	__u32 *remote = (__u32 *)out->remote_address;

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

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(socket_state, struct sock *sk, int old_state, int new_state)
{
	struct emit e;
	struct socket_record *r = emit_reserve(&e, DSE_SOCKET_STATE, sizeof(*r));

	if (!r)
		return 0;
	fill_header(&r->header, &e, DSE_SOCKET_STATE, sizeof(*r));

	/*
	 * skc_num is already zero when a socket closes; inet_sport is not. For TCP the verifier
	 * lets it be loaded directly, for the rest it takes a probe read.
	 */
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);
	__be16 local_port;
	__be32 local4;
	if (tcp) {
		local_port = tcp->inet_conn.icsk_inet.inet_sport;
		local4 = tcp->inet_conn.icsk_inet.inet_saddr;
	} else {
		local_port = BPF_CORE_READ((struct inet_sock *)sk, inet_sport);
		local4 = BPF_CORE_READ((struct inet_sock *)sk, inet_saddr);
	}
	r->body.cookie = bpf_get_socket_cookie(sk);
	r->body.netns = sk->__sk_common.skc_net.net->ns.inum;
	r->body.family = sk->__sk_common.skc_family;
	r->body.protocol = sk->sk_protocol;
	r->body.local_port = bpf_ntohs(local_port);
	r->body.remote_port = bpf_ntohs(sk->__sk_common.skc_dport);
	r->body.type = sk->sk_type;
	r->body.old_state = old_state;
	r->body.new_state = new_state;
	fill_addresses(&r->body, sk, local4);
	bpf_ringbuf_submit(r, emit_wakeup(&e, sizeof(*r)));
	return 0;
}

char LICENSE[] SEC("license") __weak = "Dual BSD/GPL";
