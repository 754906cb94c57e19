// Writes tests/golden/captures/synthetic-v2-format2.dse, always the same: every record kind with every
// column, what is not UTF-8, both address families, containers of all sorts, gaps, records of no known
// kind, a block large enough for columns in frames of their own and one for columns in planes, times that
// refer to others, and columns that list their values. `make_synthetic FILE`, a file that does not exist yet.
//
// The capture is checked in and stays as it is for good: old captures must read for ever. When the
// record layout or the format gets a new version, this program gets a new name for its output and the old
// file stays, as synthetic-v1.dse (layout 1) and synthetic-v2.dse (layout 2, format 1) have.
#include <array>
#include <cerrno>
#include <cstdio>

#include "tests/unit/testing.h"

using namespace dse::format;

namespace {

const std::string kId = "5f7a1c0e9b3d48266f80d1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6";
const std::string kDocker = "/system.slice/docker-" + kId + ".scope";
const std::string kPodId = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const std::string kJobId = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";
const std::string kPod =
    "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1234.slice/cri-containerd-" +
    kPodId + ".scope";

dse_task in_container(std::uint32_t pid, std::string_view comm, std::uint64_t cgroup,
                      std::uint32_t ns_pid, std::uint32_t vpid = 1) {
  dse_task task = make_task(pid, comm, 30);
  task.cgroup_id = cgroup;
  task.ns_pid = ns_pid;
  task.vpid = vpid;
  task.uid = task.euid = 0;
  return task;
}

// What there is to know of an executable in most cases.
ExecFacts executable(std::string path, std::uint64_t inode) {
  ExecFacts facts;
  facts.body.exe_ino = inode;
  facts.body.exe_dev = 8 << 20 | 2;
  facts.body.exe_mount = 29;
  facts.body.exe_mode = 0100755;
  facts.body.session = 30;
  facts.body.login_uid = 1000;
  facts.body.tty = 0x8803;  // pts/3
  facts.exepath = std::move(path);
  facts.cwd = "/home/user";
  return facts;
}

dse_socket_state socket(std::uint16_t family, std::uint64_t cookie, int old_state, int new_state);

Records snapshot() {
  Script script;
  script.add(cgroup_snapshot_record(1, "/"), DSE_CPU_NONE);
  script.add(cgroup_snapshot_record(40, kPod), DSE_CPU_NONE);
  script.add(cgroup_snapshot_record(41, "/other", 7), DSE_CPU_NONE);
  dse_task sshd = make_task(20, "sshd", 1);
  script.add(socket_snapshot_record(sshd, socket(10, 500, 7, 10)), DSE_CPU_NONE);
  script.add(socket_snapshot_record(sshd, socket(2, 501, 8, 1)), DSE_CPU_NONE);
  script.add(
      container_metadata_record({kPod, kPodId, "kubelet's directories", "pause",
                                 "registry.k8s.io/pause:3.9", "sha256:7031c1b2", "web-7d4b9c",
                                 "shop", "1234", argument_block({"app=web", "caf\xc3\xa9=\xe9"})}),
      DSE_CPU_NONE);
  script.add(process_snapshot_record(make_task(1, "systemd", 0), "/lib/systemd/systemd",
                                     {"/sbin/init", "splash"}),
             DSE_CPU_NONE);
  script.add(process_snapshot_record(make_task(30, "bash"), "/bin/bash", {"-bash"}), DSE_CPU_NONE);
  script.add(
      process_snapshot_record(in_container(35, "pause", 40, 0xF0002000), "/pause", {"/pause"}),
      DSE_CPU_NONE);
  dse_process_snapshot facts{};
  facts.flags = DSE_ARGS_CUT | DSE_ENV_CUT;
  facts.args_total = 9000;
  facts.exe_size = 14;
  facts.args_size = 5;
  facts.exe_ino = 4711;
  facts.cap_inheritable = 1;
  facts.cap_permitted = facts.cap_effective = 0x1ffffffffff;
  facts.exe_dev = 8 << 20 | 2;
  facts.exe_mount = 29;
  facts.exe_mode = 0104755;
  facts.exe_flags = DSE_EXE_DELETED;
  facts.session = 20;
  facts.login_uid = 0xffffffff;
  facts.cwd_size = 1;
  facts.env_size = 7;
  script.add(
      make_record(DSE_PROCESS_SNAPSHOT, sshd, facts,
                  "/usr/sbin/sshd" + argument_block({"sshd"}) + "/" + argument_block({"LANG=C"})),
      DSE_CPU_NONE);
  dse_task kthreadd = make_task(2, "kthreadd", 0);
  kthreadd.flags = DSE_TASK_KERNEL_THREAD;
  script.add(process_snapshot_record(kthreadd, "", {}), DSE_CPU_NONE);
  return script.records();
}

dse_socket_state socket(std::uint16_t family, std::uint64_t cookie, int old_state, int new_state) {
  dse_socket_state body{};
  body.cookie = cookie;
  body.netns = 4026531840;
  body.family = family;
  body.protocol = 6;
  body.type = 1;
  body.local_port = 40000;
  body.remote_port = 443;
  body.old_state = static_cast<std::uint8_t>(old_state);
  body.new_state = static_cast<std::uint8_t>(new_state);
  const std::uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x35};
  const std::uint8_t v4[16] = {192, 0, 2, 7};
  std::memcpy(body.remote_address, family == 10 ? v6 : v4, sizeof(v4));
  if (family != 10) body.local_address[0] = 10;
  // 1 s old, 2 ms in the old state, by time of the scripts' beginning.
  body.born_ns = 1'000'000'000;
  body.since_ns = 1'998'000'000;
  body.bytes_sent = 5'000'000'000;
  body.bytes_received = 1500;
  body.segments_sent = 3'500'000;
  body.segments_received = 3;
  body.retransmitted = 7;
  body.srtt_us = 12'500;
  return body;
}

void add_processes(Script& script) {
  dse_task bash = make_task(30, "bash"), child = make_task(50, "bash", 30);
  dse_task ls = make_task(50, "ls", 30), thread = child;
  thread.tid = 51;
  script.add(fork_record(bash, child));
  script.add(exec_record(ls, "/usr/bin/ls", {"ls", "-l", "with space", ""}), 1);
  script.add(fork_record(child, thread), 1);
  script.add(exit_record(thread, false), 1);
  script.add(exit_record(ls), 1);
  // Names that are not UTF-8, that would steer a terminal, and that JSON must escape.
  dse_task odd = make_task(60, "caf\xe9\x1b[1m", 30);
  script.add(exec_record(odd, "/tmp/\xff\xfe\"\\\n",
                         {"caf\xc3\xa9", "\xe9", "\x1b]0;x\x07",
                          "\xc2\x9b"
                          "2J",
                          "tab\there"}),
             2);
  // All that can be said of a file, and of who executes it.
  ExecFacts setuid = executable("/usr/bin/sudo", 815);
  setuid.body.exe_mode = 0106755;
  setuid.body.cap_inheritable = 1;
  setuid.body.cap_permitted = 0x1ffffffffff;
  setuid.body.cap_effective = std::uint64_t{1} << 21 | std::uint64_t{1} << 63;
  setuid.env = argument_block({"PATH=/usr/bin", "EMPTY=", "LANG=caf\xe9"});
  script.add(exec_record(make_task(63, "sudo", 30), "sudo", {"sudo", "id"}, setuid), 2);
  ExecFacts script_file = executable("/usr/bin/python3.13", 816);
  script_file.interp = "/usr/bin/env";
  script_file.body.exe_flags = DSE_EXE_SCRIPT;
  script_file.body.exe_uid = 1000;
  script_file.body.flags = DSE_ENV_CUT | DSE_ENV_UNREAD;
  script.add(exec_record(make_task(64, "tool", 63), "./tool", {"/usr/bin/env", "python3", "./tool"},
                         script_file),
             2);
  ExecFacts memfd = executable("/memfd:\x1b[2J", 817);
  memfd.body.exe_dev = 1;
  memfd.body.exe_flags = DSE_EXE_MEMFD | DSE_EXE_CWD_CUT;
  memfd.body.login_uid = 0xffffffff;
  memfd.body.tty = 0;
  script.add(exec_record(make_task(65, "3", 63), "/proc/self/fd/3", {"hidden"}, memfd), 2);
  ExecFacts gone = executable("/tmp/gone", 818);
  gone.body.exe_flags = DSE_EXE_DELETED | DSE_EXE_UPPER_LAYER | DSE_EXE_PATH_CUT;
  gone.body.tty = 0x401;  // tty1
  script.add(exec_record(make_task(66, "gone", 63), "/tmp/gone", {"gone"}, gone), 2);
  script.add(exec_fail_record(bash, "/usr/local/bin/ls", {"ls", "-l"}, ENOENT, "/home/user"), 1);
  script.add(exec_fail_record(bash, "\xff", {}, 200), 1);
  // Who has another parent than the caller, and whose children go to a subreaper.
  dse_task sibling = make_task(67, "bash", 30);
  Record fork = fork_record(make_task(66, "gone", 63), sibling);
  dse_process_fork fork_body;
  std::memcpy(&fork_body, fork.data() + sizeof(dse_header), sizeof(fork_body));
  fork_body.child_ppid = 63;
  script.add(make_record(DSE_PROCESS_FORK, make_task(66, "gone", 63), fork_body), 2);
  dse_process_exit ended{};
  ended.start_time_ns = make_task(63, "").start_time_ns;
  ended.status = 0x8b;  // SIGSEGV, with a core
  ended.flags = DSE_EXIT_GROUP_DEAD;
  ended.reaper_pid = 30;
  ended.max_rss_pages = 5000;
  script.add(make_record(DSE_PROCESS_EXIT, make_task(63, "sudo", 30), ended), 2);
  ended.status = 3 << 8;
  ended.start_time_ns = make_task(64, "").start_time_ns;
  script.add(make_record(DSE_PROCESS_EXIT, make_task(64, "tool", 30), ended), 2);
  // The recorder's own doing, which is not shown.
  dse_task recorder = make_task(test_info().recorder_pid, "dse", 30);
  script.add(exec_record(recorder, "/usr/bin/dse", {"dse", "record"}), 0);
  script.add(exec_record(make_task(61, "cut", 999), "/bin/cut", {"cut"}, DSE_ARGS_CUT), 2);
  script.add(exec_record(make_task(62, "", 60), "", {}, DSE_ARGS_UNREAD), 2);
}

void add_containers(Script& script) {
  dse_task runc = make_task(31, "runc", 30);
  dse_task setup = in_container(70, "runc:[2:INIT]", 77, 0xF0001000);
  dse_task nginx = in_container(70, "nginx", 77, 0xF0001000);
  script.add(cgroup_record(DSE_CGROUP_MKDIR, runc, 77, kDocker), 3);
  script.add(cgroup_record(DSE_CGROUP_ATTACH, runc, 77, kDocker), 3);
  script.add(exec_record(setup, "/proc/self/exe", {"runc", "init"}), 3);
  script.add(exec_record(nginx, "/usr/sbin/nginx", {"nginx", "-g", "daemon off;"},
                         executable("/usr/sbin/nginx", 900)),
             3);
  script.add(container_metadata_record({kDocker, kId, "docker's directories", "web", "nginx:1.27",
                                        "", "", "", "", argument_block({"tier=front"})}),
             DSE_CPU_NONE);
  script.add(exec_record(in_container(71, "worker", 77, 0xF0001000, 2), "/w", {"w"}), 3);
  script.add(exit_record(nginx), 3);
  script.add(cgroup_record(DSE_CGROUP_RMDIR, runc, 77, kDocker), 3);
  // One in the pid namespace of the host, which ends with its cgroup.
  dse_task plain = make_task(80, "job", 31);
  plain.cgroup_id = 78;
  script.add(cgroup_record(DSE_CGROUP_MKDIR, runc, 78, "/docker/" + kJobId), 0);
  script.add(exec_record(plain, "/job", {"job"}), 0);
  script.add(cgroup_record(DSE_CGROUP_RMDIR, runc, 78, "/docker/" + kJobId), 0);
  // And one that only its namespace tells.
  script.add(cgroup_record(DSE_CGROUP_MKDIR, runc, 79, "/box"), 0);
  script.add(exec_record(in_container(81, "sh", 79, 0xF0003000), "/bin/sh", {"sh"}), 0);
  script.add(exit_record(in_container(35, "pause", 40, 0xF0002000)), 0);
}

dse_socket_state owned(dse_socket_state body, const dse_task& owner) {
  body.owner_pid = owner.pid;
  body.owner_uid = owner.uid;
  body.owner_ns_pid = owner.ns_pid;
  body.owner_cgroup_id = owner.cgroup_id;
  body.owner_start_time_ns = owner.start_time_ns;
  std::memcpy(body.owner_comm, owner.comm, sizeof(body.owner_comm));
  return body;
}

void add_sockets(Script& script) {
  dse_task curl = make_task(90, "curl", 30);
  for (unsigned number : {2u, 10u}) {
    auto family = static_cast<std::uint16_t>(number);
    script.add(socket_record(curl, socket(family, 1000 + number, 7, 2)), 1);
    // A softirq interrupted someone else.
    dse_socket_state established = owned(socket(family, 1000 + number, 2, 1), curl);
    established.owner_source = DSE_OWNER_CONNECT;
    script.add(socket_record(make_task(30, "bash"), established), 1);
    established.old_state = 1;
    established.new_state = 7;
    established.since_ns = 0;
    established.born_ns = 0;
    established.owner_source = number == 2 ? DSE_OWNER_ACCEPT : DSE_OWNER_SNAPSHOT;
    script.add(socket_record(curl, established), 1);
  }
  dse_task server = in_container(71, "worker", 77, 0xF0001000, 2);
  dse_socket_state listening = owned(socket(2, 77, 7, 10), server);
  listening.owner_source = DSE_OWNER_LISTEN;
  listening.bytes_sent = listening.bytes_received = 0;
  listening.srtt_us = 0;
  script.add(socket_record(make_task(30, "bash"), listening), 1);
  dse_socket_state odd = socket(2, ~std::uint64_t{0}, 13, 200);
  odd.protocol = 262;
  script.add(socket_record(curl, odd), 1);
}

// Connections whose ages are the times of their records before, as recorders have them.
void add_connections(Script& script) {
  constexpr std::array<std::uint8_t, 5> kStates{7, 2, 1, 4, 5};
  std::array<std::uint64_t, 3> born{}, since{};
  for (std::size_t step = 0; step + 1 < kStates.size(); ++step) {
    for (std::size_t i = 0; i < born.size(); ++i) {
      dse_socket_state body = socket(2, 2000 + i, kStates[step], kStates[step + 1]);
      const std::uint64_t now = script.time() + 1000;  // that of the next record
      if (step == 0) born[i] = now;
      body.born_ns = born[i];
      body.since_ns = since[i];
      since[i] = now;
      script.add(socket_record(make_task(90, "curl", 30), body), 1);
    }
  }
}

// Enough for columns in planes, of a kind that shows no events unless someone asks for it.
void add_storm(Script& script) {
  for (std::uint32_t i = 0; i < 4500; ++i) {
    dse_signal_generate body{};
    body.signal = 35;
    body.code = -1;
    body.target_pid = body.target_tid = 1000 + i * i % 70'000;
    body.result = 1;
    body.value = i * 7919;
    script.wait(i % 7 * 300).add(make_record(DSE_SIGNAL_GENERATE, make_task(30, "bash"), body), 1);
  }
}

void add_signals(Script& script) {
  dse_task bash = make_task(30, "bash"), victim = make_task(95, "sleep", 30), thread = victim;
  thread.tid = 96;
  script.add(generate_record(bash, victim, 15, 0, true));
  script.add(deliver_record(victim, 15, 0));
  script.add(generate_record(bash, victim, 10, 0, true));
  script.add(generate_record(bash, thread, 10, -6, false));
  script.add(deliver_record(thread, 10, -6, 0x7f0012345678), 1);
  script.add(deliver_record(thread, 10, 0, 0x7f0012345678), 1);
  script.add(generate_record(bash, victim, 35, -1, true));
  script.add(generate_record(victim, victim, 35, -1, true));
  script.add(deliver_record(victim, 35, -1, 1));
  script.add(deliver_record(victim, 35, -1, 1));
  script.add(generate_record(victim, victim, 11, 1, false));
  script.add(deliver_record(victim, 11, 1));
  script.add(generate_record(victim, bash, 17, 2, true));
  script.add(deliver_record(bash, 17, 2, 0x55d000));
  script.add(deliver_record(bash, 200, 77));
  // With a value, and of a process that ends by it.
  dse_signal_generate sent{};
  sent.signal = 35;
  sent.code = -1;
  sent.info_pid = 30;
  sent.info_uid = 1000;
  sent.group = 1;
  sent.target_pid = sent.target_tid = sent.target_vpid = 95;
  sent.value = 0xffffffff00000007;
  script.add(make_record(DSE_SIGNAL_GENERATE, bash, sent));
  sent.result = 4;
  script.add(make_record(DSE_SIGNAL_GENERATE, bash, sent));
  dse_signal_deliver received{};
  received.handler = 0x55d000;
  received.signal = 35;
  received.code = -1;
  received.info_pid = 30;
  received.info_uid = 1000;
  received.flags = 0x4;
  received.value = 0xffffffff00000007;
  script.add(make_record(DSE_SIGNAL_DELIVER, victim, received));
  for (std::uint32_t cause : {15u, 0x8bu, 3u << 8, 0u}) {
    dse_signal_deliver killed{};
    killed.signal = 9;
    killed.group_exit = cause;
    killed.exit_flags = cause ? DSE_DELIVER_GROUP_EXIT : DSE_DELIVER_GROUP_EXEC;
    script.add(make_record(DSE_SIGNAL_DELIVER, thread, killed), 2);
  }
}

void add_samples(Script& script, std::uint64_t scale) {
  script.add(
      make_record(DSE_OBSERVER_SAMPLE, dse_task{},
                  dse_observer_sample{30'000'000 * scale, 20'000'000 * scale, 18 << 20, 19 << 20,
                                      4000, 2, 100 * scale, 10 * scale, 4 << 20, (1 << 20) / scale,
                                      50'000 * scale, 12 * scale, 400'000 * scale}),
      DSE_CPU_NONE);
  for (std::uint32_t kind : {DSE_PROCESS_EXEC, DSE_SOCKET_STATE})
    script.add(
        make_record(DSE_PROGRAM_SAMPLE, dse_task{},
                    dse_program_sample{25'000 * scale, kind == DSE_SOCKET_STATE ? 15u : 0u, 1,
                                       500 * scale, 400'000 * scale, 20'000'000 * scale, kind, 0}),
        DSE_CPU_NONE);
}

// What a newer or a broken recorder might have written.
void add_oddities(Script& script) {
  script.add(make_record(42, make_task(1, "future"), dse_clock_sample{7}, "new"));
  Record torn = exit_record(make_task(1, "torn"));
  torn.resize(torn.size() - 3);
  script.add(torn);
}

int write(const std::string& path) {
  Script script(2'000'000'000);
  script.add(clock_record(1'795'361'577'000'000'000), DSE_CPU_NONE);
  add_processes(script);
  add_containers(script);
  std::size_t first = script.records().size();
  script.lose(DSE_SOCKET_STATE, 1, 12).wait(5'000'000);
  add_sockets(script);
  add_oddities(script);
  add_signals(script);
  add_samples(script, 1);
  std::size_t second = script.records().size();
  // The clock was set back by an hour.
  script.add(clock_record(1'795'357'977'000'000'000), DSE_CPU_NONE);
  for (std::uint32_t i = 0; i < 520; ++i) {
    dse_socket_state body = socket(i % 3 ? 2 : 10, (i + 1) * 0x9e3779b97f4a7c15,
                                   static_cast<int>(1 + i % 11), static_cast<int>(1 + i % 7));
    body.local_port = static_cast<std::uint16_t>(i * 37);
    body.remote_port = static_cast<std::uint16_t>(i * 7919);
    body.remote_address[15] = static_cast<std::uint8_t>(i);
    body.remote_address[2] = static_cast<std::uint8_t>(i >> 8);
    body.remote_address[3] = static_cast<std::uint8_t>(i);
    body.bytes_sent = i * i;
    body.since_ns = i * 1000;
    if (i % 2) body = owned(body, make_task(100 + i % 7, i % 4 == 1 ? "client" : "caf\xe9", 30));
    body.owner_source = i % 2 ? DSE_OWNER_CONNECT : DSE_OWNER_UNKNOWN;
    if (i == 300) script.lose(DSE_SOCKET_STATE, 2, 3);
    script.add(socket_record(make_task(100 + i % 5, "client", 30), body),
               static_cast<std::uint16_t>(i % 4));
  }
  add_samples(script, 3);
  const std::size_t third = script.records().size();
  add_connections(script);
  add_storm(script);
  const Records& all = script.records();
  auto at = [&](std::size_t i) { return all.begin() + static_cast<std::ptrdiff_t>(i); };
  auto status = write_capture(
      path, snapshot(),
      {Records(at(0), at(first)), Records(at(first), at(second)), Records(at(second), at(third)),
       Records(at(third), all.end())},
      FileSystem::host());
  if (status) return 0;
  std::fprintf(stderr, "%s\n", status.error().message().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_synthetic FILE\n");
    return 64;
  }
  return write(argv[1]);
}
