// The few types of the kernel that the floor reads, instead of a whole vmlinux.h. Only the names of
// fields matter: CO-RE puts in the offsets of the running kernel when the program is loaded.
#pragma once

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;

// From <linux/bpf.h>, which needs the headers of one architecture.
enum { BPF_MAP_TYPE_PERCPU_ARRAY = 6, BPF_MAP_TYPE_RINGBUF = 27 };
enum { BPF_RB_NO_WAKEUP = 1 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct task_struct {
  int pid;
};

struct linux_binprm {
  const char* filename;
};

struct kernel_siginfo {
  int si_errno, si_code;
};

struct sigaction {
  void (*sa_handler)(int);
  unsigned long sa_flags;
};

struct k_sigaction {
  struct sigaction sa;
};

struct in6_addr {
  union {
    __be32 u6_addr32[4];
  } in6_u;
};

struct sock_common {
  __be32 skc_daddr;
  __be16 skc_dport;
  unsigned short skc_family;
  struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
};

struct sock {
  struct sock_common __sk_common;
  __u16 sk_protocol;
};

struct inet_sock {
  __be32 inet_saddr;
  __be16 inet_sport;
};

#pragma clang attribute pop
