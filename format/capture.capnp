# The messages of a dse capture, format version 2, and the one list of fields that events have.
#
# Entries are described byte for byte in FORMAT.md. This schema may grow (new kinds, new columns, new
# members of a union at the end); nothing in it is ever renumbered or reused.
@0xd2c5a91be0f04a17;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("dse::format::schema");

# ---- annotations ---------------------------------------------------------------------------------

enum Abi {
  # How a column stands in the fixed body of a raw record (bpf/abi.h).
  u8 @0;
  u16 @1;
  u32 @2;
  u64 @3;
  s32 @4;
  fixed @5;  # `size` bytes as they are
  bytes @6;  # a u32 size in the fixed body; the bytes follow the fixed body
}

struct ColumnSpec {
  abi @0 :Abi;
  size @1 :UInt16 = 0;     # of `fixed`, bytes
  delta @2 :Bool = false;  # stored as differences from row to row
  unit @3 :Text;
  doc @4 :Text;
  since @5 :UInt16 = 1;    # abiVersion of the first captures that have it; a null column before
  times @6 :Bool = false;  # stored as references to the times of rows, where that takes less: u64 of a kind
  listed @7 :Bool = false; # with `values` (Ints), where they are close together; up to 4 bytes, no delta or times
}

annotation column @0xb1f3c9a4f57e1d01 (field) :ColumnSpec;
# The columns of a kind, in the order of the members of its body in bpf/abi.h.

annotation kind @0xb1f3c9a4f57e1d02 (field) :UInt16;
# The record kind that a member of Block holds; the kind's name is the member's name in snake_case.

# ---- columns -------------------------------------------------------------------------------------

struct Ints {
  # A column of 64-bit integers, one per row; how many rows there are is told elsewhere.
  #   w[i] = base + packed[i]                            (mod 2^64; packed[i] = 0 under `same`)
  #   v[i] = w[i]                                        unless delta
  #   v[i] = v[i-1] + w[i], where v[-1] = start          if delta
  # Signed columns are sign-extended to 64 bits. Under `times`, v[i] is a reference that stands for the value:
  #   0   0
  #   1   the next value of `rest`
  #   n   time[i - (n - 2)], of the column `time` of the same table
  base @0 :UInt64;
  start @1 :UInt64;
  delta @2 :Bool;
  union {
    same @3 :Void;
    u8 @4 :List(UInt8);
    u16 @5 :List(UInt16);
    u32 @6 :List(UInt32);
    u64 @7 :List(UInt64);
    planes @8 :List(Data);  # the packed numbers by bytes: the lowest ones of all rows, the second ones, ...
  }
  # Since format version 2, as `planes`:
  times @9 :Bool;
  rest @10 :Ints;  # has a row for each reference 1, and no `times` itself
  values @11 :UInt64;
  # Not 0: each row has a base + n for which bit n is set. Only under `same` and `u8`, without delta and times.
}

struct Strings {
  # A column of byte strings, by way of a dictionary of the distinct ones.
  index @0 :Ints;   # of each row: the number of its value
  count @1 :UInt32; # distinct values
  ends @2 :Ints;    # of each value: where it ends in `bytes`; it begins where the one before ends
  bytes @3 :Data;
}

struct Common {
  # What every kind has, from the record header. Rows are in arrival order.
  count @0 :UInt32;
  time @1 :Ints;  # boot time, nanoseconds
  cpu @2 :Ints;
  task @3 :Ints;  # row of the task table
}

struct Task {
  # The distinct task contexts of a block: who was running.
  count @0 :UInt32;
  startTime @1 :Ints $column(abi = u64, unit = "ns", doc = "start of the thread group leader, boot time; with pid it names the process for good");
  cgroupId @2 :Ints $column(abi = u64, doc = "cgroup id in the hierarchy that the segment header names");
  pid @3 :Ints $column(abi = u32, doc = "process id, in the initial pid namespace");
  tid @4 :Ints $column(abi = u32, doc = "thread id");
  ppid @5 :Ints $column(abi = u32, doc = "process id of the parent");
  vpid @6 :Ints $column(abi = u32, doc = "process id in the task's own pid namespace");
  uid @7 :Ints $column(abi = u32, doc = "real user id, in the initial user namespace");
  gid @8 :Ints $column(abi = u32, doc = "real group id");
  euid @9 :Ints $column(abi = u32, doc = "effective user id");
  egid @10 :Ints $column(abi = u32, doc = "effective group id");
  nsCgroup @11 :Ints $column(abi = u32, doc = "inode number of the cgroup namespace");
  nsIpc @12 :Ints $column(abi = u32, doc = "inode number of the ipc namespace");
  nsMnt @13 :Ints $column(abi = u32, doc = "inode number of the mount namespace");
  nsNet @14 :Ints $column(abi = u32, doc = "inode number of the network namespace");
  nsPid @15 :Ints $column(abi = u32, doc = "inode number of the pid namespace");
  nsUser @16 :Ints $column(abi = u32, doc = "inode number of the user namespace");
  nsUts @17 :Ints $column(abi = u32, doc = "inode number of the uts namespace");
  flags @18 :Ints $column(abi = u32, doc = "bit 0: kernel thread");
  comm @19 :Strings $column(abi = fixed, size = 16, doc = "name of the thread, padded with zeros");
}

# ---- record kinds --------------------------------------------------------------------------------

struct ProcessFork {
  common @0 :Common;
  childStartTime @1 :Ints $column(abi = u64, unit = "ns", doc = "start of the child's process, boot time");
  childCgroupId @2 :Ints $column(abi = u64, doc = "cgroup id of the child");
  childPid @3 :Ints $column(abi = u32, doc = "process id of the child");
  childTid @4 :Ints $column(abi = u32, doc = "thread id of the child");
  childVpid @5 :Ints $column(abi = u32, doc = "process id of the child in its own pid namespace");
  childNsPid @6 :Ints $column(abi = u32, doc = "inode number of the child's pid namespace");
  childPpid @7 :Ints $column(abi = u32, doc = "process id of the child's parent; not the caller's under CLONE_PARENT", since = 2);
  childNsUser @8 :Ints $column(abi = u32, doc = "inode number of the child's user namespace", since = 2);
}

struct ProcessExec {
  common @0 :Common;
  oldTid @1 :Ints $column(abi = u32, doc = "thread id of the caller before the exec");
  flags @2 :Ints $column(abi = u32, doc = "bit 0: args are cut; bit 1: a page of them could not be read; bits 2 and 3: the same for env");
  argsCount @3 :Ints $column(abi = u32, doc = "argc");
  argsTotal @4 :Ints $column(abi = u32, unit = "bytes", doc = "true size of the argument block");
  filename @5 :Strings $column(abi = bytes, doc = "path as passed to execve");
  args @6 :Strings $column(abi = bytes, doc = "argument block: each argument ends with a NUL");
  exeIno @7 :Ints $column(abi = u64, doc = "inode number of the executable", since = 2);
  capInheritable @8 :Ints $column(abi = u64, doc = "capabilities of the thread, bit by number", since = 2);
  capPermitted @9 :Ints $column(abi = u64, doc = "likewise", since = 2);
  capEffective @10 :Ints $column(abi = u64, doc = "likewise", since = 2);
  exeDev @11 :Ints $column(abi = u32, doc = "device of the executable: major << 20 | minor", since = 2);
  exeMount @12 :Ints $column(abi = u32, doc = "mount id, as in /proc/PID/mountinfo", since = 2);
  exeMode @13 :Ints $column(abi = u32, doc = "st_mode of the executable", since = 2);
  exeUid @14 :Ints $column(abi = u32, doc = "owner of the executable", since = 2);
  exeFlags @15 :Ints $column(abi = u32, doc = "bit 0: memfd; 1: deleted; 2: upper layer of an overlay; 3: interpreter of a script; 4: path cut; 5: cwd cut", since = 2);
  session @16 :Ints $column(abi = u32, doc = "session id", since = 2);
  loginUid @17 :Ints $column(abi = u32, doc = "login user id; 4294967295: none", since = 2);
  tty @18 :Ints $column(abi = u32, doc = "controlling terminal, as /proc/PID/stat has it; 0: none", since = 2);
  exepath @19 :Strings $column(abi = bytes, doc = "path of the executable, from the root of its mount namespace", since = 2);
  interp @20 :Strings $column(abi = bytes, doc = "path of the interpreter as the script names it", since = 2);
  cwd @21 :Strings $column(abi = bytes, doc = "working directory", since = 2);
  env @22 :Strings $column(abi = bytes, doc = "what of the environment is kept: KEY=VALUE, each ends with a NUL", since = 2);
}

struct ProcessExit {
  common @0 :Common;
  startTime @1 :Ints $column(abi = u64, unit = "ns", doc = "start of the thread, boot time");
  status @2 :Ints $column(abi = u32, doc = "as waitpid(2) has it: code << 8 | core << 7 | signal");
  flags @3 :Ints $column(abi = u32, doc = "bit 0: the last thread of its process");
  reaperPid @4 :Ints $column(abi = u32, doc = "of the last thread: who inherits the children; 0: not known", since = 2);
  maxRss @5 :Ints $column(abi = u32, unit = "pages", doc = "of the last thread: most memory that was ever resident", since = 2);
}

struct CgroupMkdir {
  common @0 :Common;
  id @1 :Ints $column(abi = u64, doc = "cgroup id");
  parentId @2 :Ints $column(abi = u64, doc = "cgroup id of the parent");
  hierarchy @3 :Ints $column(abi = u32, doc = "hierarchy id; 0: unified");
  path @4 :Strings $column(abi = bytes, doc = "full path in its hierarchy");
}

struct CgroupRmdir {
  common @0 :Common;
  id @1 :Ints $column(abi = u64, doc = "cgroup id");
  parentId @2 :Ints $column(abi = u64, doc = "cgroup id of the parent");
  hierarchy @3 :Ints $column(abi = u32, doc = "hierarchy id; 0: unified");
  path @4 :Strings $column(abi = bytes, doc = "full path in its hierarchy");
}

struct CgroupAttach {
  common @0 :Common;
  id @1 :Ints $column(abi = u64, doc = "cgroup id of the destination");
  hierarchy @2 :Ints $column(abi = u32, doc = "hierarchy id; 0: unified");
  pid @3 :Ints $column(abi = u32, doc = "process id of the task that is moved");
  tid @4 :Ints $column(abi = u32, doc = "its thread id");
  vpid @5 :Ints $column(abi = u32, doc = "its process id in its own pid namespace");
  flags @6 :Ints $column(abi = u32, doc = "bit 0: the whole thread group moves");
  path @7 :Strings $column(abi = bytes, doc = "full path of the destination");
}

struct SocketState {
  common @0 :Common;
  cookie @1 :Ints $column(abi = u64, delta = true, doc = "socket cookie: unique for the boot");
  netns @2 :Ints $column(abi = u32, doc = "inode number of the socket's network namespace");
  family @3 :Ints $column(abi = u16, doc = "address family: 2 IPv4, 10 IPv6");
  protocol @4 :Ints $column(abi = u16, doc = "IP protocol number");
  localPort @5 :Ints $column(abi = u16, doc = "0: not bound yet");
  remotePort @6 :Ints $column(abi = u16, doc = "0: none");
  type @7 :Ints $column(abi = u16, doc = "socket type: 1 stream");
  oldState @8 :Ints $column(abi = u8, doc = "TCP state before");
  newState @9 :Ints $column(abi = u8, doc = "TCP state after");
  localAddress @10 :Strings $column(abi = fixed, size = 16, doc = "IPv4: the first four bytes");
  remoteAddress @11 :Strings $column(abi = fixed, size = 16, doc = "IPv4: the first four bytes");
  born @12 :Ints $column(abi = u64, times = true, unit = "ns", doc = "boot time of connect, listen or the handshake; 0: not seen", since = 2);
  since @13 :Ints $column(abi = u64, times = true, unit = "ns", doc = "boot time of the change to the old state; 0: not seen", since = 2);
  ownerStartTime @14 :Ints $column(abi = u64, unit = "ns", doc = "start of the owner, boot time", since = 2);
  ownerCgroupId @15 :Ints $column(abi = u64, doc = "cgroup id of the owner", since = 2);
  bytesSent @16 :Ints $column(abi = u64, unit = "bytes", doc = "payload sent, retransmissions included", since = 2);
  bytesReceived @17 :Ints $column(abi = u64, unit = "bytes", doc = "payload received", since = 2);
  segmentsSent @18 :Ints $column(abi = u32, doc = "TCP segments sent", since = 2);
  segmentsReceived @19 :Ints $column(abi = u32, doc = "TCP segments received", since = 2);
  retransmitted @20 :Ints $column(abi = u32, doc = "TCP segments sent again", since = 2);
  srtt @21 :Ints $column(abi = u32, unit = "us", doc = "smoothed round trip time; 0: none", since = 2);
  ownerPid @22 :Ints $column(abi = u32, doc = "process id of the owner; 0: not known", since = 2);
  ownerUid @23 :Ints $column(abi = u32, doc = "real user id of the owner", since = 2);
  ownerNsPid @24 :Ints $column(abi = u32, doc = "inode number of the owner's pid namespace", since = 2);
  ownerSource @25 :Ints $column(abi = u32, doc = "0 unknown, 1 connect, 2 listen, 3 accept, 4 snapshot", since = 2);
  ownerComm @26 :Strings $column(abi = fixed, size = 16, doc = "name of the owner, padded with zeros", since = 2);
}

struct SignalGenerate {
  common @0 :Common;
  signal @1 :Ints $column(abi = s32, listed = true, doc = "signal number");
  error @2 :Ints $column(abi = s32, doc = "si_errno");
  code @3 :Ints $column(abi = s32, doc = "si_code");
  infoPid @4 :Ints $column(abi = s32, doc = "si_pid, where the code has one, as the receiver sees it");
  infoUid @5 :Ints $column(abi = u32, doc = "si_uid, likewise");
  group @6 :Ints $column(abi = u32, doc = "1: directed at the process, 0: at the thread");
  result @7 :Ints $column(abi = u32, doc = "0 delivered, 1 ignored, 2 already pending, 3 overflow, 4 info lost");
  targetPid @8 :Ints $column(abi = u32, doc = "process id of the target");
  targetTid @9 :Ints $column(abi = u32, doc = "thread id of the target");
  targetVpid @10 :Ints $column(abi = u32, doc = "process id of the target in its own pid namespace");
  value @11 :Ints $column(abi = u64, doc = "sigval, where the code has one", since = 2);
}

struct SignalDeliver {
  common @0 :Common;
  handler @1 :Ints $column(abi = u64, doc = "0 default, 1 ignore, else the handler's address");
  signal @2 :Ints $column(abi = s32, listed = true, doc = "signal number");
  error @3 :Ints $column(abi = s32, doc = "si_errno");
  code @4 :Ints $column(abi = s32, doc = "si_code");
  infoPid @5 :Ints $column(abi = s32, doc = "si_pid, where the code has one, as the receiver sees it");
  infoUid @6 :Ints $column(abi = u32, doc = "si_uid, likewise");
  flags @7 :Ints $column(abi = u32, doc = "sa_flags");
  value @8 :Ints $column(abi = u64, doc = "sigval, where the code has one", since = 2);
  groupExit @9 :Ints $column(abi = u32, doc = "why the process is ending, as waitpid(2) has it", since = 2);
  exitFlags @10 :Ints $column(abi = u32, doc = "bit 0: the process is ending; bit 1: another thread executes a program", since = 2);
}

struct ClockSample {
  common @0 :Common;
  real @1 :Ints $column(abi = u64, unit = "ns", doc = "real time at this boot time, since 1970");
}

struct ProcessSnapshot {
  common @0 :Common;
  flags @1 :Ints $column(abi = u32, doc = "bit 0: args are cut; bit 1: they could not be read; bits 2 and 3: the same for env");
  argsTotal @2 :Ints $column(abi = u32, unit = "bytes", doc = "true size of the argument block");
  exe @3 :Strings $column(abi = bytes, doc = "path of the executable");
  args @4 :Strings $column(abi = bytes, doc = "argument block: each argument ends with a NUL");
  exeIno @5 :Ints $column(abi = u64, doc = "inode number of the executable", since = 2);
  capInheritable @6 :Ints $column(abi = u64, doc = "capabilities of the thread, bit by number", since = 2);
  capPermitted @7 :Ints $column(abi = u64, doc = "likewise", since = 2);
  capEffective @8 :Ints $column(abi = u64, doc = "likewise", since = 2);
  exeDev @9 :Ints $column(abi = u32, doc = "device of the executable: major << 20 | minor", since = 2);
  exeMount @10 :Ints $column(abi = u32, doc = "mount id, as in /proc/PID/mountinfo", since = 2);
  exeMode @11 :Ints $column(abi = u32, doc = "st_mode of the executable", since = 2);
  exeUid @12 :Ints $column(abi = u32, doc = "owner of the executable", since = 2);
  exeFlags @13 :Ints $column(abi = u32, doc = "bit 0: memfd; 1: deleted; 2: upper layer of an overlay; 3: interpreter of a script; 4: path cut; 5: cwd cut", since = 2);
  session @14 :Ints $column(abi = u32, doc = "session id", since = 2);
  loginUid @15 :Ints $column(abi = u32, doc = "login user id; 4294967295: none", since = 2);
  tty @16 :Ints $column(abi = u32, doc = "controlling terminal, as /proc/PID/stat has it; 0: none", since = 2);
  cwd @17 :Strings $column(abi = bytes, doc = "working directory", since = 2);
  env @18 :Strings $column(abi = bytes, doc = "what of the environment is kept: KEY=VALUE, each ends with a NUL", since = 2);
}

struct CgroupSnapshot {
  common @0 :Common;
  id @1 :Ints $column(abi = u64, doc = "cgroup id");
  hierarchy @2 :Ints $column(abi = u32, doc = "hierarchy id; 0: unified");
  path @3 :Strings $column(abi = bytes, doc = "full path in its hierarchy");
}

struct ProcessExecFail {
  # An exec that failed.
  common @0 :Common;
  error @1 :Ints $column(abi = s32, doc = "errno");
  flags @2 :Ints $column(abi = u32, doc = "bit 0: args are cut; bit 1: a page of them could not be read");
  argsCount @3 :Ints $column(abi = u32, doc = "arguments that were passed, as far as they were counted");
  dirfd @4 :Ints $column(abi = s32, doc = "of execveat; AT_FDCWD (-100) of execve");
  atFlags @5 :Ints $column(abi = u32, doc = "AT_* flags of execveat");
  filename @6 :Strings $column(abi = bytes, doc = "path as passed");
  args @7 :Strings $column(abi = bytes, doc = "arguments, each ends with a NUL");
  cwd @8 :Strings $column(abi = bytes, doc = "working directory");
}

struct SocketSnapshot {
  # A TCP socket that existed when recording began.
  common @0 :Common;
  cookie @1 :Ints $column(abi = u64, doc = "socket cookie");
  ownerStartTime @2 :Ints $column(abi = u64, unit = "ns", doc = "start of the owner, boot time");
  ownerCgroupId @3 :Ints $column(abi = u64, doc = "cgroup id of the owner");
  ownerPid @4 :Ints $column(abi = u32, doc = "process id of the owner");
  ownerUid @5 :Ints $column(abi = u32, doc = "real user id of the owner");
  ownerNsPid @6 :Ints $column(abi = u32, doc = "inode number of the owner's pid namespace");
  ownerSource @7 :Ints $column(abi = u32, doc = "as in SocketState");
  family @8 :Ints $column(abi = u16, doc = "address family");
  protocol @9 :Ints $column(abi = u16, doc = "IP protocol number");
  localPort @10 :Ints $column(abi = u16, doc = "local port");
  remotePort @11 :Ints $column(abi = u16, doc = "remote port");
  state @12 :Ints $column(abi = u32, doc = "TCP state");
  netns @13 :Ints $column(abi = u32, doc = "inode number of the socket's network namespace");
  localAddress @14 :Strings $column(abi = fixed, size = 16, doc = "IPv4: the first four bytes");
  remoteAddress @15 :Strings $column(abi = fixed, size = 16, doc = "IPv4: the first four bytes");
  ownerComm @16 :Strings $column(abi = fixed, size = 16, doc = "name of the owner, padded with zeros");
}

struct ContainerMetadata {
  # What a runtime says of a container; missing is empty.
  common @0 :Common;
  path @1 :Strings $column(abi = bytes, doc = "path of the container's cgroup");
  id @2 :Strings $column(abi = bytes, doc = "container id");
  source @3 :Strings $column(abi = bytes, doc = "where this comes from");
  name @4 :Strings $column(abi = bytes, doc = "name");
  image @5 :Strings $column(abi = bytes, doc = "image");
  imageDigest @6 :Strings $column(abi = bytes, doc = "digest of the image");
  podName @7 :Strings $column(abi = bytes, doc = "Kubernetes pod");
  podNamespace @8 :Strings $column(abi = bytes, doc = "namespace of the pod");
  podUid @9 :Strings $column(abi = bytes, doc = "uid of the pod");
  labels @10 :Strings $column(abi = bytes, doc = "KEY=VALUE, each ends with a NUL");
}

struct ObserverSample {
  # What the recorder costs: totals since it started, unless said otherwise.
  common @0 :Common;
  user @1 :Ints $column(abi = u64, unit = "ns", doc = "CPU time in user mode");
  system @2 :Ints $column(abi = u64, unit = "ns", doc = "CPU time in the kernel");
  rss @3 :Ints $column(abi = u64, unit = "bytes", doc = "resident now");
  peakRss @4 :Ints $column(abi = u64, unit = "bytes", doc = "resident at most");
  minorFaults @5 :Ints $column(abi = u64, doc = "page faults without a disk");
  majorFaults @6 :Ints $column(abi = u64, doc = "page faults with one");
  voluntarySwitches @7 :Ints $column(abi = u64, doc = "times it went to sleep");
  involuntarySwitches @8 :Ints $column(abi = u64, doc = "times it was put aside");
  ringBytes @9 :Ints $column(abi = u64, unit = "bytes", doc = "capacity of the ring of one CPU");
  ringPeak @10 :Ints $column(abi = u64, unit = "bytes", doc = "fullest ring since the sample before");
  records @11 :Ints $column(abi = u64, doc = "taken out of the rings");
  blocks @12 :Ints $column(abi = u64, doc = "written");
  bytes @13 :Ints $column(abi = u64, unit = "bytes", doc = "written");
}

struct ProgramSample {
  # What the program of one record kind costs: totals since recording started.
  common @0 :Common;
  runs @1 :Ints $column(abi = u64, doc = "how often it ran");
  ringFull @2 :Ints $column(abi = u64, doc = "of them without room in the ring");
  busy @3 :Ints $column(abi = u64, doc = "not run, because the CPU was inside it");
  measuredRuns @4 :Ints $column(abi = u64, doc = "of them timed");
  measured @5 :Ints $column(abi = u64, unit = "ns", doc = "run time of those");
  window @6 :Ints $column(abi = u64, unit = "ns", doc = "how long it was timed");
  program @7 :Ints $column(abi = u32, doc = "record kind");
  reserved @8 :Ints $column(abi = u32, doc = "zero");
}

# ---- blocks --------------------------------------------------------------------------------------

struct Stream {
  # Where the sequence numbers of one CPU and kind stand when a block begins.
  kind @0 :UInt16;
  cpu @1 :UInt16;
  seq @2 :UInt64;      # that its first record would have if nothing was lost
}

struct Gap {
  # Records that are missing before row `row` of a kind.
  kind @0 :UInt16;
  cpu @1 :UInt16;
  row @2 :UInt32;
  lost @3 :Int64;      # the row's sequence number is this much higher than expected
  sinceTime @4 :UInt64; # boot time of the last record before it; 0: unknown
}

struct Block {
  # A batch of records in arrival order.
  first @0 :UInt64;        # number of its first record in the capture
  count @1 :UInt32;
  kinds @2 :List(UInt16);  # the kinds present, in slots; 0 is the slot of `raw`
  order @3 :Ints;          # of each record: its slot
  streams @4 :List(Stream);
  gaps @5 :List(Gap);
  tasks @6 :Task;
  raw @7 :Strings;         # whole records that fit no kind of this schema
  processFork @8 :ProcessFork $kind(1);
  processExec @9 :ProcessExec $kind(2);
  processExit @10 :ProcessExit $kind(3);
  cgroupMkdir @11 :CgroupMkdir $kind(4);
  cgroupRmdir @12 :CgroupRmdir $kind(5);
  cgroupAttach @13 :CgroupAttach $kind(6);
  socketState @14 :SocketState $kind(7);
  signalGenerate @15 :SignalGenerate $kind(8);
  signalDeliver @16 :SignalDeliver $kind(9);
  clockSample @17 :ClockSample $kind(16);
  processSnapshot @18 :ProcessSnapshot $kind(17);
  cgroupSnapshot @19 :CgroupSnapshot $kind(18);
  processExecFail @20 :ProcessExecFail $kind(10);
  socketSnapshot @21 :SocketSnapshot $kind(19);
  containerMetadata @22 :ContainerMetadata $kind(20);
  observerSample @23 :ObserverSample $kind(21);
  programSample @24 :ProgramSample $kind(22);
  filtered @25 :Bool;      # of a filtered capture: `number` and `shown` count
  number @26 :Ints;        # of each record: its number in the original as tools show it, from 1; null in
                           # a snapshot whose rows are all number 0
  shown @27 :List(Shown);  # the events that count, at most one item per point; all others are hidden
  numbered @28 :Bool;      # of a merged or recovered capture: `number` counts, and all events do
  slice @29 :UInt64;       # in a merged capture: of all hosts, blocks of one slice are to be put in order
}

struct Shown {
  # Events of one observation point. (position, nth) rises from event to event.
  point @0 :Text;    # its name
  count @1 :UInt32;  # events
  position @2 :Ints; # of each event: the position of its record in the block
  nth @3 :Ints;      # which of the events that the point makes of that record, hidden or not, from 0
}

# ---- the entries of a segment --------------------------------------------------------------------

struct SegmentHeader {
  formatVersion @0 :UInt16;
  abiVersion @1 :UInt16;      # DSE_ABI_VERSION of the records
  captureId @2 :Data;         # 16 random bytes, the same in all segments of a capture
  segment @3 :UInt32;         # number of this segment in its capture, from 0
  first @4 :UInt64;           # number of its first record
  recorderVersion @5 :Text;
  recorderPid @6 :UInt32;
  hostName @7 :Text;
  kernelRelease @8 :Text;
  kernelVersion @9 :Text;
  machine @10 :Text;          # as uname -m has it
  bootId @11 :Text;
  cpus @12 :UInt32;           # possible CPUs
  pageSize @13 :UInt32;
  cgroupHierarchy @14 :UInt32;    # the hierarchy of Task.cgroupId; 0: unified
  cgroupControllers @15 :Text;    # of that hierarchy, as /proc/self/cgroup names it
  bootTime @16 :UInt64;       # a clock sample: boot time, nanoseconds, in force when it begins
  realTime @17 :UInt64;       # the real time at that moment, nanoseconds since 1970
  bootOfStart @18 :UInt64;    # boot time when recording started
  options @19 :List(Option);
  kinds @20 :List(UInt16);    # the kinds that were recorded
}

struct Option {
  name @0 :Text;
  value @1 :Text;
}

struct Snapshot {
  # Processes and cgroups that existed when a segment began. What happened between `beginTime` and
  # `endTime` may or may not show in it; the records of that span are in the stream that follows.
  beginTime @0 :UInt64;       # boot time, nanoseconds
  endTime @1 :UInt64;
  beginStreams @2 :List(Stream);  # sequence numbers at beginTime
  endStreams @3 :List(Stream);    # and at endTime
  rows @4 :Block;             # of the snapshot kinds and container_metadata; not numbered
}

struct Loss {
  kind @0 :UInt16;
  cause @1 :Text;             # "ring full", "program busy"
  count @2 :UInt64;
}

struct IndexItem {
  offset @0 :UInt64;          # of the entry, from the start of the segment
  type @1 :UInt8;             # entry type
  first @2 :UInt64;
  count @3 :UInt32;
  minTime @4 :UInt64;
  maxTime @5 :UInt64;
  lost @6 :UInt64;
  kinds @7 :UInt64;           # bit k: kind k is present
}

struct End {
  # The last entry of a sealed segment.
  records @0 :UInt64;         # in this segment
  reason @1 :Text;            # "rotated", or why recording ended
  last @2 :Bool;              # no segment of this capture follows
  losses @3 :List(Loss);      # since recording started
  seen @4 :List(Loss);        # records that the kernel side met, by kind; cause is empty
  streams @5 :List(Stream);   # the sequence numbers reached, losses at the very end included
  index @6 :List(IndexItem);  # snapshot and blocks in order; of very many, every other one
}

struct Entry {
  # The root of every message.
  union {
    segment @0 :SegmentHeader;
    snapshot @1 :Snapshot;
    block @2 :Block;
    end @3 :End;
  }
}

# ---- events --------------------------------------------------------------------------------------

enum FieldType {
  number @0;    # JSON number
  id @1;        # may pass 2^53: a JSON string of decimal digits
  text @2;      # bytes, as a JSON string
  list @3;      # NUL-terminated strings, as a JSON array
  time @4;      # boot time in nanoseconds, as RFC 3339 of the real time, UTC
  flag @5;      # true or false
  numbers @6;   # a list of numbers: decimal strings, each ended by a NUL; a JSON array of numbers
}

enum Meaning {
  # What a value stands for, so that a filter knows its names and its order.
  plain @0;
  signal @1;      # a text "SIGKILL", or the number of one
  tcpState @2;    # "ESTABLISHED"
  errno @3;       # "ENOENT"
  capability @4;  # "CAP_NET_RAW"
  address @5;     # of IPv4 or IPv6
}

struct FieldSpec {
  name @0 :Text;
  type @1 :FieldType;
  from @2 :Text;   # the column that it is: "task.x", or "x" of the point's record kind; else derived
  unit @3 :Text;
  points @4 :List(Text);  # the observation points that have it; none: all
  doc @5 :Text;
  onRequest @6 :List(Text);  # points whose events show it only when it is asked for by name; "*": all
  zeroIsMissing @7 :Bool;    # 0, or an empty text, stands for a missing value
  meaning @8 :Meaning;
  values @9 :List(Text);     # all that the field can be, besides a number without a name; none: anything
  always @10 :Bool;          # never missing where the point has it; columns are so unless 0 is missing
}

const eventFields :List(FieldSpec) = [
  (name = "evt.num", type = number, always = true, doc = "number of the record in the capture; 0 for what existed before"),
  (name = "evt.time", type = time, always = true, doc = "when it happened"),
  (name = "evt.type", type = text, always = true, doc = "observation point"),
  (name = "evt.cpu", type = number, doc = "CPU that it happened on"),
  (name = "evt.self", type = flag, always = true, onRequest = ["*"], doc = "the recorder's own doing; such events are left out unless asked for"),
  (name = "host.name", type = text, onRequest = ["*"], doc = "name of the host; in merged captures, events show it unasked"),

  (name = "proc.name", type = text, from = "task.comm", doc = "name of the thread (comm) that ran; for ProcessExecuted the new one"),
  (name = "proc.pid", type = number, from = "task.pid", doc = "process id, in the initial pid namespace"),
  (name = "proc.tid", type = number, from = "task.tid", doc = "thread id"),
  (name = "proc.ppid", type = number, from = "task.ppid", doc = "process id of the parent"),
  (name = "proc.vpid", type = number, from = "task.vpid", doc = "process id in the process's own pid namespace"),
  (name = "proc.pname", type = text, onRequest = ["ContainerEvent", "SocketStateChange", "SignalDelivered", "SignalGenerated"], doc = "name of the parent, from the process table"),
  (name = "proc.aname", type = list, onRequest = ["*"], doc = "names of the process [0], its parent [1], the parent of that [2], and so on"),
  (name = "proc.apid", type = numbers, onRequest = ["*"], doc = "process ids, likewise"),
  (name = "proc.exe", type = text, points = ["ProcessExecuted"], doc = "first argument, argv[0]"),
  (name = "proc.filename", type = text, from = "filename", points = ["ProcessExecuted"], doc = "path as passed to execve"),
  (name = "proc.args", type = list, points = ["ProcessExecuted"], doc = "arguments after argv[0]"),
  (name = "proc.cmdline", type = text, onRequest = ["ContainerEvent", "SocketStateChange", "SignalDelivered", "SignalGenerated"], doc = "all arguments, joined by spaces"),
  (name = "proc.argc", type = number, from = "argsCount", points = ["ProcessExecuted"], doc = "number of arguments, argv[0] included"),
  (name = "proc.args_bytes", type = number, from = "argsTotal", unit = "bytes", points = ["ProcessExecuted"], doc = "true size of the argument block"),
  (name = "proc.args_cut", type = flag, always = true, points = ["ProcessExecuted"], doc = "the arguments were longer than the recording limit, or not all readable"),
  (name = "proc.ret", type = text, meaning = errno, points = ["ProcessExecuted"], doc = "why the exec failed: an errno by name; missing if it succeeded"),
  (name = "proc.exec_tid", type = number, from = "oldTid", points = ["ProcessExecuted"], zeroIsMissing = true, doc = "thread id before the exec"),
  (name = "proc.exepath", type = text, onRequest = ["ContainerEvent", "SocketStateChange", "SignalDelivered", "SignalGenerated"], doc = "path of the executable as the kernel resolved it, in the process's own mount namespace"),
  (name = "proc.exe_ino", type = id, from = "exeIno", points = ["ProcessExecuted"], zeroIsMissing = true, doc = "inode number of the executable"),
  (name = "proc.exe_dev", type = text, points = ["ProcessExecuted"], doc = "device of the executable, MAJOR:MINOR"),
  (name = "proc.exe_mount", type = number, from = "exeMount", points = ["ProcessExecuted"], zeroIsMissing = true, doc = "mount id of the executable, as in /proc/PID/mountinfo"),
  (name = "proc.exe_uid", type = number, points = ["ProcessExecuted"], doc = "owner of the executable"),
  (name = "proc.is_exe_from_memfd", type = flag, points = ["ProcessExecuted"], doc = "the executable is in memory only: memfd_create"),
  (name = "proc.is_exe_deleted", type = flag, points = ["ProcessExecuted"], doc = "the executable has no name any more"),
  (name = "proc.is_exe_upper_layer", type = flag, points = ["ProcessExecuted"], doc = "the executable is in the upper layer of an overlay: not as in the image"),
  (name = "proc.is_exe_setuid", type = flag, points = ["ProcessExecuted"], doc = "the executable has the set-user-ID bit"),
  (name = "proc.is_exe_setgid", type = flag, points = ["ProcessExecuted"], doc = "the executable has the set-group-ID bit, and its group may execute it"),
  (name = "proc.is_script", type = flag, points = ["ProcessExecuted"], doc = "a script was executed: proc.filename; the executable interprets it"),
  (name = "proc.interp", type = text, from = "interp", points = ["ProcessExecuted"], zeroIsMissing = true, doc = "interpreter as the script names it"),
  (name = "proc.cwd", type = text, from = "cwd", points = ["ProcessExecuted"], zeroIsMissing = true, doc = "working directory, full path"),
  (name = "proc.paths_cut", type = flag, points = ["ProcessExecuted"], doc = "exepath or cwd was longer than what is kept, and lacks its beginning"),
  (name = "proc.env", type = list, from = "env", points = ["ProcessExecuted"], zeroIsMissing = true, doc = "variables of the environment that the recorder was allowed to keep, KEY=VALUE"),
  (name = "proc.tty", type = text, points = ["ProcessExecuted"], doc = "controlling terminal"),
  (name = "proc.sid", type = number, from = "session", points = ["ProcessExecuted"], zeroIsMissing = true, doc = "session id; none where no process made the session, as under an init that made none"),
  (name = "proc.exit_code", type = number, points = ["ProcessExited", "ContainerEvent"], doc = "exit code of a process that ended by itself"),
  (name = "proc.exit_signal", type = text, meaning = signal, points = ["ProcessExited", "ContainerEvent"], doc = "signal that ended the process"),
  (name = "proc.core_dumped", type = flag, points = ["ProcessExited"], doc = "it left a core dump"),
  (name = "proc.duration", type = number, unit = "ns", points = ["ProcessExited"], doc = "how long the process lived"),
  (name = "proc.maxrss", type = number, unit = "bytes", points = ["ProcessExited"], doc = "most memory that it ever had resident"),
  (name = "proc.reaper_pid", type = number, from = "reaperPid", points = ["ProcessExited"], zeroIsMissing = true, onRequest = ["*"], doc = "who inherits its children"),

  (name = "thread.cap_effective", type = list, meaning = capability, points = ["ProcessExecuted"], onRequest = ["*"], doc = "effective capabilities after the exec"),
  (name = "thread.cap_permitted", type = list, meaning = capability, points = ["ProcessExecuted"], onRequest = ["*"], doc = "permitted capabilities"),
  (name = "thread.cap_inheritable", type = list, meaning = capability, points = ["ProcessExecuted"], onRequest = ["*"], doc = "inheritable capabilities"),

  (name = "user.uid", type = number, from = "task.uid", doc = "real user id, in the initial user namespace"),
  (name = "user.euid", type = number, from = "task.euid", doc = "effective user id"),
  (name = "user.loginuid", type = number, points = ["ProcessExecuted"], doc = "user id of the login that all began with; missing: none"),
  (name = "group.gid", type = number, from = "task.gid", doc = "real group id"),
  (name = "group.egid", type = number, from = "task.egid", doc = "effective group id"),

  (name = "container.phase", type = text, values = ["created", "started", "exec", "exited", "existing"], always = true, points = ["ContainerEvent"], doc = "created, started, exec (a process entered it), exited, or existing"),
  (name = "container.id", type = text, doc = "container id, from the cgroup path, its leaf, or the pid namespace"),
  (name = "container.runtime", type = text, doc = "docker, containerd, cri-o, podman, runc, ...; unknown"),
  (name = "container.ids", type = list, onRequest = ["*"], doc = "of containers in containers: all, from the outermost to this one"),
  (name = "container.name", type = text, doc = "name, as the runtime told the recorder"),
  (name = "container.image", type = text, doc = "image, likewise"),
  (name = "container.image_digest", type = text, onRequest = ["ProcessExecuted", "ProcessExited", "SocketStateChange", "SignalDelivered", "SignalGenerated"], doc = "digest of the image, likewise"),
  (name = "container.labels", type = list, onRequest = ["ProcessExecuted", "ProcessExited", "SocketStateChange", "SignalDelivered", "SignalGenerated"], doc = "labels KEY=VALUE, likewise"),
  (name = "container.source", type = text, onRequest = ["ProcessExecuted", "ProcessExited", "SocketStateChange", "SignalDelivered", "SignalGenerated"], doc = "where the recorder has name, image, labels and pod from"),
  (name = "container.init_pid", type = number, points = ["ContainerEvent"], doc = "process id of the container's first process"),
  (name = "container.evidence", type = text, values = ["cgroup_mkdir", "pidns_init", "runtime_init", "init_exec", "first_exec", "entered", "init_exit", "cgroup_rmdir", "snapshot"], always = true, points = ["ContainerEvent"], doc = "what told so: cgroup_mkdir, pidns_init, runtime_init, init_exec, first_exec, entered, init_exit, cgroup_rmdir, snapshot"),
  (name = "container.confidence", type = text, values = ["high", "medium", "low"], points = ["ContainerEvent"], doc = "high: a runtime's own mark; medium: a pid namespace with a cgroup of its own; low: a pid namespace"),
  (name = "k8s.pod.name", type = text, doc = "name of the Kubernetes pod, as the runtime told the recorder"),
  (name = "k8s.ns.name", type = text, doc = "Kubernetes namespace of the pod, likewise"),
  (name = "k8s.pod.uid", type = text, doc = "uid of the pod, from the cgroup path"),

  (name = "sock.family", type = text, values = ["ipv4", "ipv6"], always = true, points = ["SocketStateChange"], doc = "ipv4 or ipv6"),
  (name = "sock.proto", type = text, values = ["tcp", "mptcp", "sctp", "dccp"], always = true, points = ["SocketStateChange"], doc = "tcp, mptcp, sctp, dccp, or the number"),
  (name = "sock.lip", type = text, meaning = address, always = true, points = ["SocketStateChange"], doc = "local address"),
  (name = "sock.lport", type = number, from = "localPort", points = ["SocketStateChange"], doc = "local port; 0 before it is bound"),
  (name = "sock.rip", type = text, meaning = address, always = true, points = ["SocketStateChange"], doc = "remote address"),
  (name = "sock.rport", type = number, from = "remotePort", points = ["SocketStateChange"], doc = "remote port"),
  (name = "sock.oldstate", type = text, meaning = tcpState, always = true, points = ["SocketStateChange"], doc = "TCP state before"),
  (name = "sock.newstate", type = text, meaning = tcpState, always = true, points = ["SocketStateChange"], doc = "TCP state after"),
  (name = "sock.cookie", type = id, from = "cookie", points = ["SocketStateChange"], doc = "kernel's identity of the socket, unique for the boot"),
  (name = "sock.netns", type = number, from = "netns", points = ["SocketStateChange"], doc = "network namespace of the socket"),
  (name = "sock.owner.pid", type = number, points = ["SocketStateChange"], doc = "process id of the owner of the socket, whoever was running"),
  (name = "sock.owner.name", type = text, points = ["SocketStateChange"], doc = "name of the owner"),
  (name = "sock.owner.uid", type = number, points = ["SocketStateChange"], doc = "real user id of the owner"),
  (name = "sock.owner.container", type = text, points = ["SocketStateChange"], doc = "container id of the owner"),
  (name = "sock.owner.source", type = text, values = ["connect", "listen", "accept", "snapshot", "unknown"], points = ["SocketStateChange"], doc = "how the owner is known: connect, listen, accept (it owns the listening socket), snapshot (it had the socket open when recording began); unknown"),
  (name = "sock.age", type = number, unit = "ns", points = ["SocketStateChange"], doc = "since connect, listen or the handshake; missing if that was before recording began"),
  (name = "sock.oldstate_duration", type = number, unit = "ns", points = ["SocketStateChange"], doc = "time in the old state; missing if its beginning was not seen"),
  (name = "sock.bytes_sent", type = number, unit = "bytes", points = ["SocketStateChange"], doc = "payload sent so far, retransmissions included"),
  (name = "sock.bytes_received", type = number, unit = "bytes", points = ["SocketStateChange"], doc = "payload received so far"),
  (name = "sock.segs_sent", type = number, points = ["SocketStateChange"], doc = "TCP segments sent so far"),
  (name = "sock.segs_received", type = number, points = ["SocketStateChange"], doc = "TCP segments received so far"),
  (name = "sock.retransmits", type = number, points = ["SocketStateChange"], doc = "TCP segments sent again"),
  (name = "sock.srtt", type = number, unit = "us", from = "srtt", points = ["SocketStateChange"], zeroIsMissing = true, doc = "smoothed round trip time"),

  (name = "sig.name", type = text, meaning = signal, always = true, points = ["SignalDelivered", "SignalGenerated"], doc = "name of the signal"),
  (name = "sig.num", type = number, meaning = signal, from = "signal", points = ["SignalDelivered", "SignalGenerated"], doc = "number of the signal"),
  (name = "sig.code", type = text, always = true, points = ["SignalDelivered", "SignalGenerated"], doc = "si_code by name, else its number"),
  (name = "sig.errno", type = number, from = "error", points = ["SignalDelivered", "SignalGenerated"], doc = "si_errno"),
  (name = "sig.handler", type = text, values = ["default", "ignore", "user"], always = true, points = ["SignalDelivered"], doc = "default, ignore, or user"),
  (name = "sig.handler_addr", type = id, from = "handler", points = ["SignalDelivered"], doc = "sa_handler"),
  (name = "sig.flags", type = number, from = "flags", points = ["SignalDelivered"], doc = "sa_flags"),
  (name = "sig.directed", type = text, values = ["process", "thread"], points = ["SignalDelivered", "SignalGenerated"], doc = "process or thread, from the sending side"),
  (name = "sig.value", type = number, points = ["SignalDelivered", "SignalGenerated"], doc = "value that came with the signal (sival_int)"),
  (name = "sig.value_ptr", type = id, points = ["SignalDelivered", "SignalGenerated"], onRequest = ["*"], doc = "the same in full (sival_ptr)"),
  (name = "sig.result", type = text, values = ["delivered", "ignored", "already_pending", "overflow_fail", "lose_info"], points = ["SignalDelivered", "SignalGenerated"], doc = "result of sending: delivered, ignored, already_pending, overflow_fail, lose_info"),
  (name = "sig.cause", type = text, points = ["SignalDelivered"], doc = "of the SIGKILL by which the kernel ends every thread of a process: the signal that was fatal, exit_group, or execve"),
  (name = "sig.sender.pid", type = number, points = ["SignalDelivered", "SignalGenerated"], doc = "process id of the sender"),
  (name = "sig.sender.tid", type = number, points = ["SignalDelivered", "SignalGenerated"], doc = "thread id of the sender"),
  (name = "sig.sender.name", type = text, points = ["SignalDelivered", "SignalGenerated"], doc = "name of the sending thread"),
  (name = "sig.sender.uid", type = number, points = ["SignalDelivered", "SignalGenerated"], doc = "real user id of the sender"),
  (name = "sig.sender.container", type = text, points = ["SignalDelivered", "SignalGenerated"], doc = "container id of the sender"),
  (name = "sig.sender.source", type = text, values = ["generate", "fatal", "siginfo", "kernel"], points = ["SignalDelivered", "SignalGenerated"], doc = "how the sender is known: generate (its own record), fatal (of the signal that ended the process), siginfo (only what the receiver was told); kernel: there is none"),
  (name = "sig.sender.num", type = number, points = ["SignalDelivered"], onRequest = ["*"], doc = "evt.num of the SignalGenerated that tells of its sending, if it was recorded"),
  (name = "sig.target.pid", type = number, from = "targetPid", points = ["SignalGenerated"], doc = "process id of the target"),
  (name = "sig.target.tid", type = number, from = "targetTid", points = ["SignalGenerated"], doc = "thread id of the target"),
  (name = "sig.target.vpid", type = number, from = "targetVpid", points = ["SignalGenerated"], doc = "process id of the target in its own pid namespace"),
  (name = "sig.target.name", type = text, points = ["SignalGenerated"], doc = "name of the target, from the process table"),
  (name = "sig.target.container", type = text, points = ["SignalGenerated"], doc = "container id of the target"),

  (name = "cgroup.id", type = id, from = "task.cgroupId", doc = "cgroup of the process"),
  (name = "cgroup.path", type = text, doc = "full path of that cgroup, where it is known"),
  (name = "ns.cgroup", type = number, from = "task.nsCgroup", doc = "inode number of the cgroup namespace"),
  (name = "ns.ipc", type = number, from = "task.nsIpc", doc = "inode number of the ipc namespace"),
  (name = "ns.mnt", type = number, from = "task.nsMnt", doc = "inode number of the mount namespace"),
  (name = "ns.net", type = number, from = "task.nsNet", doc = "inode number of the network namespace"),
  (name = "ns.pid", type = number, from = "task.nsPid", doc = "inode number of the pid namespace"),
  (name = "ns.user", type = number, from = "task.nsUser", doc = "inode number of the user namespace"),
  (name = "ns.uts", type = number, from = "task.nsUts", doc = "inode number of the uts namespace"),
];
