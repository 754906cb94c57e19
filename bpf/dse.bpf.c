// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * All programs are one object: bpftool up to 7.1 cannot link objects that call functions of the kernel.
 */
#include "cgroup.bpf.c"
#include "process.bpf.c"
#include "signal.bpf.c"
#include "snapshot.bpf.c"
#include "socket.bpf.c"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
