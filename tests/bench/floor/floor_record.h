// The records of the floor: the same facts as the common tools record, and not one more. With the
// ring's own header of 8 bytes they are 80, 112 and 120 bytes.
//
// Include the definitions of __u8 … __u64 first: they differ between the two sides.
#pragma once

enum floor_kind { FLOOR_EXEC, FLOOR_SOCKET, FLOOR_SIGNAL, FLOOR_KINDS };

struct floor_header {
  __u64 time_ns;  // CLOCK_MONOTONIC
  __u32 tid, pid, uid;
  __u16 cpu, kind;
  char comm[16];
};

struct floor_exec {
  struct floor_header header;
  __s32 pid, old_pid;
  char filename[64];
};

struct floor_socket {
  struct floor_header header;
  __u64 socket;
  __s32 old_state, new_state;
  __u16 source_port, destination_port, family, protocol;
  __u32 source4, destination4;        // network byte order
  __u32 source6[4], destination6[4];  // an IPv4 address is mapped: ::ffff:a.b.c.d
};

struct floor_signal {
  struct floor_header header;
  __s32 number, error, code, zero;
  __u64 handler, flags;
};

_Static_assert(sizeof(struct floor_exec) == 112, "floor_exec");
_Static_assert(sizeof(struct floor_socket) == 104, "floor_socket");
_Static_assert(sizeof(struct floor_signal) == 72, "floor_signal");

// One for each kind and CPU.
struct floor_count {
  __u64 seen, dropped;
};
