// Writes tests/golden/captures/synthetic-v1.dse, always the same: every record kind, what is not UTF-8,
// both address families, containers of all sorts, gaps, records of no known kind and a block large
// enough for columns in frames of their own. `make_synthetic FILE`, a file that does not exist yet.
//
// The capture is checked in and stays as it is for good: old captures must read for ever. When the
// format gets a new version, this program gets a new name for its output and the old file stays.
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

Records snapshot() {
  Script script;
  script.add(cgroup_snapshot_record(1, "/"), DSE_CPU_NONE);
  script.add(cgroup_snapshot_record(40, kPod), DSE_CPU_NONE);
  script.add(cgroup_snapshot_record(41, "/other", 7), DSE_CPU_NONE);
  script.add(process_snapshot_record(make_task(1, "systemd", 0), "/lib/systemd/systemd",
                                     {"/sbin/init", "splash"}),
             DSE_CPU_NONE);
  script.add(process_snapshot_record(make_task(30, "bash"), "/bin/bash", {"-bash"}), DSE_CPU_NONE);
  script.add(
      process_snapshot_record(in_container(35, "pause", 40, 0xF0002000), "/pause", {"/pause"}),
      DSE_CPU_NONE);
  script.add(process_snapshot_record(make_task(2, "kthreadd", 0), "", {}), DSE_CPU_NONE);
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
  script.add(exec_record(nginx, "/usr/sbin/nginx", {"nginx", "-g", "daemon off;"}), 3);
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

void add_sockets(Script& script) {
  dse_task curl = make_task(90, "curl", 30);
  for (unsigned number : {2u, 10u}) {
    auto family = static_cast<std::uint16_t>(number);
    script.add(socket_record(curl, socket(family, 1000 + number, 7, 2)), 1);
    script.add(socket_record(curl, socket(family, 1000 + number, 2, 1)), 1);
    script.add(socket_record(curl, socket(family, 1000 + number, 1, 7)), 1);
  }
  dse_socket_state odd = socket(2, ~std::uint64_t{0}, 13, 200);
  odd.protocol = 262;
  script.add(socket_record(curl, odd), 1);
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
    if (i == 300) script.lose(DSE_SOCKET_STATE, 2, 3);
    script.add(socket_record(make_task(100 + i % 5, "client", 30), body),
               static_cast<std::uint16_t>(i % 4));
  }
  const Records& all = script.records();
  auto at = [&](std::size_t i) { return all.begin() + static_cast<std::ptrdiff_t>(i); };
  auto status = write_capture(
      path, snapshot(),
      {Records(at(0), at(first)), Records(at(first), at(second)), Records(at(second), all.end())},
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
