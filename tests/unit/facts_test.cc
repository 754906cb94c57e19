// Facts that are joined from several records: ancestry, containers, owners, senders; and what a session
// says of itself.
#include <gtest/gtest.h>

#include "replay/points/points.h"
#include "tests/unit/testing.h"

using namespace dse::format;
using dse::replay::Event;
using dse::replay::Session;

namespace {

using Fields = std::map<std::string, std::string>;

std::string readable(std::string_view list) {
  std::string out(list);
  std::replace(out.begin(), out.end(), '\0', ' ');
  return out;
}

// Every field of every event of one point, as text; lists with spaces; missing ones are not there. It must
// not matter how the records are cut into batches, so each is tried.
std::vector<Fields> events(std::string_view point, const Records& records,
                           const Records& snapshot = {}, SegmentInfo info = test_info()) {
  std::vector<Fields> first;
  for (std::size_t size : {0u, 1u, 2u, 3u}) {
    Session session(std::make_unique<MemoryRecords>(snapshot, cut(records, size), info));
    auto& added = session.add(dse::replay::make_point(point));
    std::vector<Fields> out;
    for (const Event& event : session) {
      Fields fields;
      for (const dse::replay::Field& field : added.fields()) {
        if (auto text = event.text(field.name))
          fields[field.name] = readable(*text);
        else if (auto number = event.signed_number(field.name))
          fields[field.name] = std::to_string(*number);
      }
      out.push_back(std::move(fields));
    }
    EXPECT_TRUE(session.status().ok());
    EXPECT_TRUE(session.source().notes().empty());
    if (size == 0) first = out;
    EXPECT_EQ(out, first) << "in batches of " << size;
  }
  return first;
}

std::string get(const Fields& fields, const std::string& name) {
  auto found = fields.find(name);
  return found == fields.end() ? "-" : found->second;
}

Record exit_with(const dse_task& task, std::uint32_t status, std::uint32_t reaper = 1) {
  dse_process_exit body{};
  body.start_time_ns = task.start_time_ns;
  body.status = status;
  body.flags = DSE_EXIT_GROUP_DEAD;
  body.reaper_pid = reaper;
  body.max_rss_pages = 3;
  return make_record(DSE_PROCESS_EXIT, task, body);
}

// ---- processes -----------------------------------------------------------------------------------

TEST(exec_facts, what_is_known_of_the_executable) {
  ExecFacts facts;
  facts.exepath = "/usr/bin/dash";
  facts.interp = "/bin/sh";
  facts.cwd = "/srv";
  facts.env = std::string("PATH=/bin\0LANG=C\0", 17);
  facts.body.exe_mode = 0104755;
  facts.body.exe_uid = 7;
  facts.body.exe_dev = 254u << 20 | 3;
  facts.body.exe_flags = DSE_EXE_SCRIPT | DSE_EXE_UPPER_LAYER;
  facts.body.tty = 136u << 8 | 5;
  facts.body.session = 40;
  facts.body.login_uid = 0xffffffff;
  facts.body.cap_effective = 1u << 13 | 1u;
  Script script;
  script.add(exec_record(make_task(50, "x.sh"), "/srv/x.sh", {"/bin/sh", "/srv/x.sh"}, facts));
  auto got = events("ProcessExecuted", script.records());
  ASSERT_EQ(got.size(), 1u);
  const std::map<std::string, std::string> expected{
      {"proc.exepath", "/usr/bin/dash"},
      {"proc.interp", "/bin/sh"},
      {"proc.cwd", "/srv"},
      {"proc.env", "PATH=/bin LANG=C "},
      {"proc.exe_dev", "254:3"},
      {"proc.exe_uid", "7"},
      {"proc.is_exe_setuid", "1"},
      {"proc.is_exe_setgid", "0"},
      {"proc.is_exe_upper_layer", "1"},
      {"proc.is_exe_from_memfd", "0"},
      {"proc.is_exe_deleted", "0"},
      {"proc.is_script", "1"},
      {"proc.tty", "pts/5"},
      {"proc.sid", "40"},
      {"user.loginuid", "-"},
      {"thread.cap_effective", "CAP_CHOWN CAP_NET_RAW "},
      {"thread.cap_permitted", ""},
      {"proc.ret", "-"},
      {"proc.exec_tid", "50"},
  };
  for (const auto& [name, value] : expected) EXPECT_EQ(get(got[0], name), value) << name;
}

TEST(exec_facts, failures_stand_among_successes) {
  dse_task shell = make_task(50, "sh");
  Script script;
  script.add(exec_record(shell, "/bin/sh", {"sh"}));
  script.add(exec_fail_record(shell, "/no/such", {"such", "-v"}, 2, "/tmp"));
  script.add(exec_fail_record(shell, "/no/more", {}, 13));
  script.add(exec_record(make_task(50, "ls"), "/bin/ls", {"ls", "-l"}));
  auto got = events("ProcessExecuted", script.records());
  ASSERT_EQ(got.size(), 4u);
  std::vector<std::string> reasons, lines;
  for (const Fields& event : got) {
    reasons.push_back(get(event, "proc.ret"));
    lines.push_back(get(event, "proc.filename") + " " + get(event, "proc.cmdline"));
  }
  EXPECT_EQ(reasons, (std::vector<std::string>{"-", "ENOENT", "EACCES", "-"}));
  EXPECT_EQ(lines, (std::vector<std::string>{"/bin/sh sh", "/no/such such -v", "/no/more ",
                                             "/bin/ls ls -l"}));
  EXPECT_EQ(get(got[1], "proc.cwd"), "/tmp");
  EXPECT_EQ(get(got[1], "proc.exepath"), "-");
  EXPECT_EQ(get(got[1], "proc.is_script"), "-");
  EXPECT_EQ(get(got[1], "proc.name"), "sh");
}

TEST(exit_facts, status_and_times) {
  dse_task a = make_task(50, "a"), b = make_task(51, "b");
  Script script;
  script.add(exec_record(a, "/bin/a", {"a", "--long"}));
  script.add(exit_with(a, 7 << 8));
  script.add(exit_record(a, false));  // a thread
  script.add(exit_with(b, 0x80 | 11));
  script.add(exit_with(b, 0x80 | 11));  // two threads were told to be the last
  auto got = events("ProcessExited", script.records());
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(get(got[0], "proc.exit_code"), "7");
  EXPECT_EQ(get(got[0], "proc.exit_signal"), "-");
  EXPECT_EQ(get(got[0], "proc.core_dumped"), "0");
  EXPECT_EQ(get(got[0], "proc.cmdline"), "a --long");
  EXPECT_EQ(get(got[0], "proc.maxrss"), std::to_string(3 * test_info().page_size));
  EXPECT_EQ(get(got[1], "proc.exit_code"), "-");
  EXPECT_EQ(get(got[1], "proc.exit_signal"), "SIGSEGV");
  EXPECT_EQ(get(got[1], "proc.core_dumped"), "1");
}

TEST(ancestry, follows_the_kernels_reparenting) {
  // init 1 > reaper 10 > shell 20 > tool 30
  dse_task init = make_task(1, "init", 0), reaper = make_task(10, "reaper", 1),
           shell = make_task(20, "sh", 10), tool = make_task(30, "tool", 20);
  Records snapshot{process_snapshot_record(init, "/sbin/init", {"init"}),
                   process_snapshot_record(reaper, "/r", {"r"}),
                   process_snapshot_record(shell, "/bin/sh", {"sh"})};
  Script script;
  script.add(fork_record(shell, tool));
  script.add(exec_record(tool, "/bin/tool", {"tool"}));
  script.add(exit_with(shell, 0, 10));
  dse_task orphan = tool;
  orphan.ppid = 10;
  script.add(exec_record(orphan, "/bin/tool", {"tool", "2"}));
  script.add(exit_with(reaper, 0, 1));
  orphan.ppid = 1;
  script.add(exec_record(orphan, "/bin/tool", {"tool", "3"}));
  // One that was orphaned, and has had no record since: its own child knows.
  auto got = events("ProcessExecuted", script.records(), snapshot);
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(get(got[0], "proc.aname"), "tool sh reaper init ");
  EXPECT_EQ(get(got[0], "proc.apid"), "30 20 10 1 ");
  EXPECT_EQ(get(got[1], "proc.apid"), "30 10 1 ");
  EXPECT_EQ(get(got[2], "proc.apid"), "30 1 ");
}

TEST(ancestry, of_one_whose_ancestor_was_orphaned_silently) {
  dse_task init = make_task(1, "init", 0), shell = make_task(20, "sh", 1),
           middle = make_task(30, "middle", 20), leaf = make_task(40, "leaf", 30);
  Script script;
  script.add(fork_record(init, shell));
  script.add(fork_record(shell, middle));
  script.add(fork_record(middle, leaf));
  script.add(exit_with(shell, 0, 1));  // middle goes to init, and nothing else tells so
  script.add(exec_record(leaf, "/bin/leaf", {"leaf"}));
  auto got = events("ProcessExecuted", script.records(),
                    {process_snapshot_record(init, "/sbin/init", {"init"})});
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(get(got[0], "proc.apid"), "40 30 1 ");
}

TEST(ancestry, a_number_that_was_used_again_is_no_ancestor) {
  dse_task old = make_task(20, "old", 1), child = make_task(30, "child", 20);
  dse_task young = old;
  young.start_time_ns = child.start_time_ns + 1;
  Script script;
  script.add(exec_record(young, "/young", {"young"}));  // the exit of the old one is lost
  script.add(exec_record(child, "/child", {"child"}));
  auto got = events("ProcessExecuted", script.records());
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(get(got[1], "proc.apid"), "30 ");
}

// ---- containers ----------------------------------------------------------------------------------

const std::string kId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const std::string kPath = "/docker/" + kId;
constexpr std::uint32_t kNamespace = 0xF0001234;

dse_task inside(std::uint32_t pid, std::string_view comm, std::uint32_t ppid, std::uint32_t vpid,
                std::uint64_t cgroup = 77) {
  dse_task task = make_task(pid, comm, ppid);
  task.cgroup_id = cgroup;
  task.vpid = vpid;
  task.ns_pid = kNamespace;
  return task;
}

std::vector<std::string> phases(const std::vector<Fields>& got) {
  std::vector<std::string> out;
  for (const Fields& event : got)
    out.push_back(get(event, "container.phase") + " " + get(event, "proc.pid"));
  return out;
}

TEST(containers, a_process_that_enters_is_told_once_and_its_children_never) {
  dse_task runc = make_task(30, "runc"), init = inside(31, "sh", 30, 1);
  dse_task child = inside(32, "sh", 31, 2);
  dse_task entering = inside(40, "runc:[2:INIT]", 39, 9), entered = inside(40, "ls", 39, 9);
  dse_task grandchild = inside(41, "ls", 40, 10);
  Script script;
  script.add(cgroup_record(DSE_CGROUP_MKDIR, runc, 77, kPath));
  script.add(exec_record(init, "/bin/sh", {"sh"}));
  script.add(fork_record(init, child));
  script.add(exec_record(child, "/bin/true", {"true"}));
  script.add(fork_record(make_task(39, "runc"), entering));
  script.add(exec_record(entering, "/proc/self/exe", {"runc", "init"}));
  script.add(exec_record(entered, "/bin/ls", {"ls"}));
  script.add(fork_record(entered, grandchild));
  script.add(exec_record(grandchild, "/bin/ls", {"ls"}));
  script.add(exit_with(entered, 0));
  script.add(exit_with(init, 7 << 8));
  script.add(cgroup_record(DSE_CGROUP_RMDIR, runc, 77, kPath));
  auto got = events("ContainerEvent", script.records());
  EXPECT_EQ(phases(got),
            (std::vector<std::string>{"created -", "started 31", "exec 40", "exited 31"}));
  EXPECT_EQ(get(got[2], "container.init_pid"), "31");
  EXPECT_EQ(get(got[2], "container.evidence"), "entered");
  EXPECT_EQ(get(got[3], "proc.exit_code"), "7");
}

TEST(containers, a_hook_that_runs_before_the_init_does_not_start_it) {
  dse_task runc = make_task(30, "runc"), stage = make_task(29, "runc:[1:CHILD]");
  stage.cgroup_id = 77;
  dse_task init = inside(31, "runc:[2:INIT]", 30, 1), hook = inside(32, "hook", 31, 2);
  Script script;
  script.add(cgroup_record(DSE_CGROUP_MKDIR, runc, 77, kPath));
  script.add(fork_record(stage, init));
  script.add(fork_record(init, hook));
  script.add(exec_record(hook, "/hook", {"hook"}));
  script.add(exec_record(inside(31, "sh", 30, 1), "/bin/sh", {"sh"}));
  EXPECT_EQ(phases(events("ContainerEvent", script.records())),
            (std::vector<std::string>{"created -", "started 31"}));
}

TEST(containers, every_event_names_its_own_as_of_then) {
  dse_task runc = make_task(30, "runc"), init = inside(31, "sh", 30, 1);
  Script script;
  script.add(exec_record(make_task(50, "host"), "/host", {"host"}));
  script.add(
      cgroup_record(DSE_CGROUP_MKDIR, runc, 77, kPath + "/docker/" + kId.substr(0, 63) + "0"));
  script.add(exec_record(init, "/bin/sh", {"sh", "1"}));
  script.add(container_metadata_record({kPath + "/docker/" + kId.substr(0, 63) + "0",
                                        kId.substr(0, 63) + "0", "docker state", "web", "nginx:1",
                                        "sha256:1", "", "", "", std::string("a=b\0", 4)}));
  script.add(exec_record(init, "/bin/sh", {"sh", "2"}));
  auto got = events("ProcessExecuted", script.records());
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(get(got[0], "container.id"), "-");
  EXPECT_EQ(get(got[1], "container.id"), kId.substr(0, 63) + "0");
  EXPECT_EQ(get(got[1], "container.ids"), kId + " " + kId.substr(0, 63) + "0 ");
  EXPECT_EQ(get(got[1], "container.name"), "-");  // not told yet
  EXPECT_EQ(get(got[2], "container.name"), "web");
  EXPECT_EQ(get(got[2], "container.image"), "nginx:1");
  EXPECT_EQ(get(got[2], "container.labels"), "a=b ");
  EXPECT_EQ(get(got[2], "container.source"), "docker state");
  EXPECT_EQ(get(got[2], "k8s.pod.name"), "-");
}

TEST(containers, cgroups_made_inside_belong_to_it) {
  dse_task parent = make_task(30, "unshare"), init = inside(31, "sh", 30, 1, 78);
  dse_task below = inside(32, "sh", 31, 2, 79);
  below.ns_pid = kNamespace + 1;  // even in a namespace of its own
  below.vpid = 2;
  Script script;
  script.add(exec_record(parent, "/bin/unshare", {"unshare"}));
  script.add(cgroup_record(DSE_CGROUP_MKDIR, parent, 78, "/box"));
  script.add(exec_record(init, "/bin/sh", {"sh"}));
  dse_cgroup_mkdir body{79, 78, 0, 8};
  script.add(make_record(DSE_CGROUP_MKDIR, init, body, "/box/sub"));
  script.add(exec_record(below, "/bin/sh", {"sh"}));
  auto got = events("ProcessExecuted", script.records());
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(get(got[1], "container.id"), "box");
  EXPECT_EQ(get(got[2], "container.id"), "box");
}

TEST(containers, an_old_capture_replays_by_the_table_of_its_time) {
  const std::string garden = "/garden/a0b1c2d3-0000-1111-2222-3333";
  Script script;
  script.add(cgroup_record(DSE_CGROUP_MKDIR, make_task(30, "gdn"), 77, garden));
  SegmentInfo now = test_info(), then = now, named = now;
  then.abi_version = 1;
  then.options.clear();
  named.options = {{"container-table", "1"}};
  EXPECT_EQ(events("ContainerEvent", script.records(), {}, now).size(), 1u);
  EXPECT_EQ(events("ContainerEvent", script.records(), {}, then).size(), 0u);
  EXPECT_EQ(events("ContainerEvent", script.records(), {}, named).size(), 0u);
}

TEST(containers, a_cgroup_below_its_own_neither_makes_nor_ends_it) {
  dse_task runc = make_task(30, "runc"), init = inside(31, "sh", 30, 1, 78);
  const std::string sub = kPath + "/sub";
  Script script;
  script.add(exec_record(init, "/bin/sh", {"sh"}));
  script.add(cgroup_record(DSE_CGROUP_RMDIR, runc, 78, sub));
  script.add(cgroup_record(DSE_CGROUP_MKDIR, runc, 79, kPath + "/other"));
  script.add(exit_with(inside(31, "sh", 30, 1, 77), 0));
  auto got = events("ContainerEvent", script.records(),
                    {cgroup_snapshot_record(77, kPath), cgroup_snapshot_record(78, sub),
                     process_snapshot_record(init, "/bin/sh", {"sh"})});
  EXPECT_EQ(phases(got), (std::vector<std::string>{"existing 31", "exited 31"}));
  EXPECT_EQ(get(got[1], "container.evidence"), "init_exit");
}

TEST(containers, a_namespace_that_is_moved_into_a_containers_cgroup_is_that_container) {
  dse_task crun = make_task(30, "crun"), init = inside(31, "crun", 30, 1, 1);
  Script script;
  script.add(exec_record(crun, "/crun", {"crun"}));
  script.add(cgroup_record(DSE_CGROUP_MKDIR, crun, 77, kPath));
  script.add(fork_record(crun, init));
  script.add(cgroup_record(DSE_CGROUP_ATTACH, init, 77, kPath));
  script.add(exec_record(inside(31, "sh", 30, 1), "/bin/sh", {"sh"}));
  script.add(exit_with(inside(31, "sh", 30, 1), 0));
  auto got = events("ContainerEvent", script.records());
  EXPECT_EQ(phases(got), (std::vector<std::string>{"created -", "started 31", "exited 31"}));
  for (const Fields& event : got) EXPECT_EQ(get(event, "container.id"), kId);
}

TEST(containers, two_of_one_name_are_two) {
  dse_task lxc = make_task(30, "lxc-start");
  Script script;
  for (auto [id, path] :
       {std::pair(77, "/lxc/web"), {78, "/lxc/outer"}, {79, "/lxc/outer/lxc/web"}})
    script.add(cgroup_record(DSE_CGROUP_MKDIR, lxc, static_cast<std::uint64_t>(id), path));
  script.add(cgroup_record(DSE_CGROUP_RMDIR, lxc, 79, "/lxc/outer/lxc/web"));
  auto got = events("ContainerEvent", script.records());
  ASSERT_EQ(got.size(), 4u);
  EXPECT_EQ(get(got[2], "container.ids"), "outer web ");
  EXPECT_EQ(get(got[3], "cgroup.path"), "/lxc/outer/lxc/web");
}

TEST(containers, one_that_starts_again_in_a_cgroup_that_stays) {
  dse_task nspawn = make_task(30, "systemd-nspawn"), first = inside(31, "init", 30, 1),
           second = inside(32, "init", 30, 1);
  second.ns_pid = kNamespace + 1;
  Script script;
  script.add(cgroup_record(DSE_CGROUP_MKDIR, nspawn, 77, "/machine.slice/machine-a.scope"));
  for (const dse_task& init : {first, second}) {
    script.add(fork_record(nspawn, init));
    script.add(exec_record(init, "/sbin/init", {"init"}));
    script.add(exit_with(init, 0));
  }
  EXPECT_EQ(phases(events("ContainerEvent", script.records())),
            (std::vector<std::string>{"created -", "started 31", "exited 31", "created -",
                                      "started 32", "exited 32"}));
}

TEST(containers, what_is_left_when_the_init_ends_still_belongs_to_it) {
  dse_task parent = make_task(30, "unshare"), init = inside(31, "sh", 30, 1, 1),
           left = inside(32, "sleep", 31, 2, 1);
  Script script;
  script.add(exec_record(parent, "/unshare", {"unshare"}));
  script.add(exec_record(init, "/bin/sh", {"sh"}));
  script.add(fork_record(init, left));
  script.add(exit_with(init, 0, 0));
  script.add(exit_with(left, 9));
  auto got = events("ProcessExited", script.records());
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(get(got[1], "container.id"), "pidns-" + std::to_string(kNamespace));
}

TEST(containers, the_kernel_uses_numbers_of_namespaces_again) {
  dse_task runc = make_task(30, "runc"), stage = make_task(29, "runc:[1:CHILD]");
  stage.ppid = 30;
  Script script;
  script.add(exec_record(runc, "/runc", {"runc"}));
  for (std::uint32_t pid : {31u, 32u}) {
    std::uint64_t cgroup = 70 + pid;
    stage.cgroup_id = cgroup;
    dse_task init = inside(pid, "runc:[2:INIT]", 30, 1, cgroup),
             sh = inside(pid, "sh", 30, 1, cgroup);
    script.add(cgroup_record(DSE_CGROUP_MKDIR, runc, cgroup, "/box" + std::to_string(pid)));
    script.add(fork_record(stage, init));
    script.add(exec_record(sh, "/bin/sh", {"sh"}));
    script.add(exit_with(sh, 0));
  }
  auto got = events("ContainerEvent", script.records());
  EXPECT_EQ(phases(got), (std::vector<std::string>{"created -", "started 31", "exited 31",
                                                   "created -", "started 32", "exited 32"}));
  EXPECT_EQ(get(got[5], "container.id"), "box32");
}

TEST(containers, an_id_that_comes_back_has_nothing_of_the_one_before) {
  dse_task runc = make_task(30, "runc");
  Script script;
  script.add(cgroup_record(DSE_CGROUP_MKDIR, runc, 77, "/runc-demo.scope"));
  script.add(container_metadata_record({"/runc-demo.scope", "demo", "runc state", "", "one"}));
  script.add(cgroup_record(DSE_CGROUP_RMDIR, runc, 77, "/runc-demo.scope"));
  script.add(cgroup_record(DSE_CGROUP_MKDIR, runc, 78, "/runc-demo.scope"));
  auto got = events("ContainerEvent", script.records());
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(get(got[1], "container.image"), "one");
  EXPECT_EQ(get(got[2], "container.image"), "-");
}

// ---- sockets -------------------------------------------------------------------------------------

dse_socket_state tcp(std::uint64_t cookie, std::uint8_t from, std::uint8_t to) {
  dse_socket_state body{};
  body.cookie = cookie;
  body.family = 2;
  body.protocol = 6;
  body.old_state = from;
  body.new_state = to;
  return body;
}

TEST(sockets, the_owner_is_not_who_was_running) {
  dse_task client = make_task(60, "ab");
  dse_socket_state body = tcp(5, 3, 1);
  body.owner_pid = 70;
  body.owner_uid = 33;
  body.owner_source = DSE_OWNER_ACCEPT;
  std::memcpy(body.owner_comm, "nginx", 5);
  body.born_ns = 999'999'000;
  body.since_ns = 999'999'500;
  body.bytes_sent = 10;
  body.bytes_received = 20;
  body.srtt_us = 35;
  Script script;
  script.add(socket_record(client, body));
  dse_socket_state unknown = tcp(6, 1, 8), existing = tcp(7, 1, 8);
  script.add(socket_record(client, unknown));
  script.add(socket_record(client, existing));
  auto got = events("SocketStateChange", script.records(),
                    {socket_snapshot_record(make_task(80, "sshd"), existing)});
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(get(got[0], "sock.owner.name"), "nginx");
  EXPECT_EQ(get(got[0], "sock.owner.pid"), "70");
  EXPECT_EQ(get(got[0], "sock.owner.uid"), "33");
  EXPECT_EQ(get(got[0], "sock.owner.source"), "accept");
  EXPECT_EQ(get(got[0], "proc.name"), "ab");
  EXPECT_EQ(get(got[0], "sock.bytes_received"), "20");
  EXPECT_EQ(get(got[0], "sock.srtt"), "35");
  EXPECT_NE(get(got[0], "sock.age"), "-");
  EXPECT_EQ(get(got[1], "sock.owner.source"), "unknown");
  EXPECT_EQ(get(got[1], "sock.owner.pid"), "-");
  EXPECT_EQ(get(got[1], "sock.age"), "-");
  EXPECT_EQ(get(got[1], "sock.srtt"), "-");
  // In the moments before the kernel side was told, the snapshot knows.
  EXPECT_EQ(get(got[2], "sock.owner.source"), "snapshot");
  EXPECT_EQ(get(got[2], "sock.owner.name"), "sshd");
}

TEST(sockets, nothing_went_over_one_that_listens) {
  Script script;
  script.add(socket_record(make_task(60, "a"), tcp(5, 7, 10)));
  script.add(socket_record(make_task(60, "a"), tcp(6, 7, 2)));
  for (const Fields& event : events("SocketStateChange", script.records()))
    EXPECT_EQ(get(event, "sock.bytes_sent"), "-");
}

// ---- signals -------------------------------------------------------------------------------------

Record fatal_record(const dse_task& target, std::uint32_t status, std::uint32_t flags) {
  dse_signal_deliver body{};
  body.signal = 9;
  body.group_exit = status;
  body.exit_flags = flags;
  return make_record(DSE_SIGNAL_DELIVER, target, body);
}

TEST(signals, every_thread_of_a_victim_names_who_ended_it) {
  dse_task killer = make_task(100, "killer"), victim = make_task(200, "victim"), thread = victim;
  thread.tid = 201;
  for (bool to_process : {true, false}) {
    Script script;
    script.add(generate_record(killer, thread, 15, to_process ? 0 : -6, to_process));
    script.add(fatal_record(thread, 15, DSE_DELIVER_GROUP_EXIT));
    script.add(exit_record(thread, false));
    script.add(fatal_record(victim, 15, DSE_DELIVER_GROUP_EXIT));
    auto got = events("SignalDelivered", script.records());
    ASSERT_EQ(got.size(), 2u);
    for (const Fields& event : got) {
      EXPECT_EQ(get(event, "sig.name"), "SIGKILL");
      EXPECT_EQ(get(event, "sig.cause"), "SIGTERM");
      EXPECT_EQ(get(event, "sig.sender.name"), "killer");
      EXPECT_EQ(get(event, "sig.sender.source"), "fatal");
      EXPECT_EQ(get(event, "sig.directed"), to_process ? "process" : "thread");
      EXPECT_EQ(get(event, "sig.result"), "delivered");
    }
  }
}

TEST(signals, what_no_one_sent) {
  dse_task task = make_task(200, "t");
  Script script;
  script.add(fatal_record(task, 3 << 8, DSE_DELIVER_GROUP_EXIT));
  script.add(fatal_record(task, 0, DSE_DELIVER_GROUP_EXEC));
  script.add(deliver_record(task, 11, 1));  // SEGV_MAPERR
  dse_signal_deliver timer{};
  timer.signal = 14;
  timer.code = -2;  // SI_TIMER
  timer.value = 0xfffffffe;
  script.add(make_record(DSE_SIGNAL_DELIVER, task, timer));
  auto got = events("SignalDelivered", script.records());
  ASSERT_EQ(got.size(), 4u);
  std::vector<std::string> causes;
  for (const Fields& event : got) {
    causes.push_back(get(event, "sig.cause"));
    EXPECT_EQ(get(event, "sig.sender.source"), "kernel");
    EXPECT_EQ(get(event, "sig.sender.pid"), "-");
  }
  EXPECT_EQ(causes, (std::vector<std::string>{"exit_group", "execve", "-", "-"}));
  EXPECT_EQ(get(got[2], "sig.value"), "-");
  EXPECT_EQ(get(got[3], "sig.value"), "-2");
  EXPECT_EQ(get(got[3], "sig.value_ptr"), "4294967294");
}

TEST(signals, what_the_receiver_was_told_must_do_without_the_record_of_sending) {
  dse_task task = make_task(200, "t"), contained = task;
  contained.ns_pid = kNamespace;
  for (bool in_container : {false, true}) {
    dse_signal_deliver body{};
    body.signal = 10;
    body.info_pid = 77;
    body.info_uid = 1000;
    Script script;
    script.add(make_record(DSE_SIGNAL_DELIVER, in_container ? contained : task, body));
    auto got = events("SignalDelivered", script.records());
    ASSERT_EQ(got.size(), 1u);
    // In a container the number is that of another namespace.
    EXPECT_EQ(get(got[0], "sig.sender.pid"), in_container ? "-" : "77");
    EXPECT_EQ(get(got[0], "sig.sender.source"), in_container ? "-" : "siginfo");
    EXPECT_EQ(get(got[0], "sig.sender.name"), "-");
  }
}

TEST(signals, those_that_are_never_delivered_are_sent_all_the_same) {
  dse_task a = make_task(100, "a"), b = make_task(200, "b");
  Script script;
  script.add(generate_record(a, b, 17, 0, true, 1));
  script.add(generate_record(a, b, 10, 0, true, 2));
  script.add(generate_record(a, b, 11, 0x80, false));
  auto got = events("SignalGenerated", script.records(), {process_snapshot_record(b, "/b", {"b"})});
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(get(got[0], "sig.result"), "ignored");
  EXPECT_EQ(get(got[1], "sig.result"), "already_pending");
  EXPECT_EQ(get(got[0], "sig.target.name"), "b");
  EXPECT_EQ(get(got[0], "sig.sender.name"), "a");
  EXPECT_EQ(get(got[2], "sig.sender.name"), "-");  // SI_KERNEL: whoever was running
  EXPECT_EQ(get(got[2], "sig.sender.source"), "kernel");
  EXPECT_EQ(get(got[2], "sig.directed"), "thread");
}

TEST(signals, who_used_the_number_before_does_not_count) {
  dse_task alice = make_task(100, "alice"), victim = make_task(200, "v"), thread = victim;
  thread.tid = 201;
  Script script;
  script.add(generate_record(alice, thread, 15, -6, false));
  script.add(exit_record(thread, false));
  script.add(exit_record(victim, true));
  dse_task reborn = victim;
  reborn.start_time_ns += 5;
  script.add(fatal_record(reborn, 15, DSE_DELIVER_GROUP_EXIT));  // its sending was lost
  auto got = events("SignalDelivered", script.records());
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(get(got[0], "sig.cause"), "SIGTERM");
  EXPECT_EQ(get(got[0], "sig.sender.pid"), "-");
}

// ---- sessions ------------------------------------------------------------------------------------

TEST(session_account, the_recorders_own_events_are_counted) {
  SegmentInfo info = test_info();
  info.recorder_pid = 99;
  Script script;
  script.add(exec_record(make_task(50, "a"), "/a", {"a"}));
  script.add(exec_record(make_task(99, "dse"), "/dse", {"dse"}));
  for (bool show : {false, true}) {
    Session session(
        std::make_unique<MemoryRecords>(Records{}, std::vector<Records>{script.records()}, info));
    session.add(dse::replay::process_executed());
    session.show_self(show);
    std::size_t shown = 0;
    for (const Event& event : session) {
      ++shown;
      EXPECT_EQ(event.flag("evt.self"), event.text("proc.name") == "dse");
    }
    EXPECT_EQ(shown, show ? 2u : 1u);
    EXPECT_EQ(session.hidden_self(), show ? 0u : 1u);
  }
}

TEST(session_account, what_was_not_recorded_is_not_nothing) {
  SegmentInfo info = test_info();
  info.kinds = {DSE_PROCESS_EXEC, DSE_PROCESS_EXIT, DSE_SIGNAL_DELIVER, DSE_SIGNAL_GENERATE};
  Session session(std::make_unique<MemoryRecords>(Records{}, std::vector<Records>{}, info));
  for (const char* point : {"ProcessExecuted", "SocketStateChange", "SignalDelivered"})
    session.add(dse::replay::make_point(point));
  for (const Event& event : session) (void)event;
  EXPECT_EQ(session.unrecorded(), std::set<std::string>{"SocketStateChange"});
}

TEST(session_account, gaps_of_what_was_asked_for_are_placed) {
  dse_task a = make_task(50, "a");
  Script script;
  script.add(exec_record(a, "/a", {"a"}), 1);
  script.lose(DSE_PROCESS_EXEC, 1, 5);
  script.add(exec_record(a, "/a", {"a"}), 1);
  script.lose(DSE_SOCKET_STATE, 0, 3);
  script.add(socket_record(a, tcp(1, 7, 2)));
  Session session(
      std::make_unique<MemoryRecords>(Records{}, std::vector<Records>{script.records()}));
  session.add(dse::replay::process_executed());
  for (const Event& event : session) (void)event;
  ASSERT_EQ(session.gaps().size(), 1u);
  EXPECT_EQ(session.gaps()[0].kind, DSE_PROCESS_EXEC);
  EXPECT_EQ(session.gaps()[0].cpu, 1);
  EXPECT_EQ(session.gaps()[0].lost, 5u);
  EXPECT_LT(session.gaps()[0].since_ns, session.gaps()[0].until_ns);
}

// ---- all of it -----------------------------------------------------------------------------------

TEST(facts, no_field_depends_on_where_batches_begin) {
#ifdef NDEBUG
  constexpr std::uint64_t kSeeds = 150;
#else
  constexpr std::uint64_t kSeeds = 8;  // unoptimised and under sanitizers this is slow
#endif
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    RandomRecords random(seed, RandomRecords::Style::plausible);
    Records snapshot = random.snapshot(seed % 40), records = random.take(120);
    for (const std::string& point : dse::replay::point_names()) events(point, records, snapshot);
    if (HasFailure()) FAIL() << "seed " << seed;
  }
}

}  // namespace
