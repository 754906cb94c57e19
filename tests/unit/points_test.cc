// What the observation points make of records, by way of a Session, as a user sees it.
#include <gtest/gtest.h>

#include "replay/points/points.h"
#include "tests/unit/testing.h"

using namespace dse::format;
using dse::replay::Event;
using dse::replay::Session;

namespace {

using Fields = std::map<std::string, std::string>;

// Every field of every event of one point, as text; missing ones are not there.
std::vector<Fields> events(std::string_view point, const Records& records,
                           const Records& snapshot = {}, SegmentInfo info = test_info()) {
  Session session(
      std::make_unique<MemoryRecords>(snapshot, std::vector<Records>{records}, std::move(info)));
  auto& added = session.add(dse::replay::make_point(point));
  std::vector<Fields> out;
  for (const Event& event : session) {
    Fields fields;
    for (const dse::replay::Field& field : added.fields()) {
      if (auto text = event.text(field.name))
        fields[field.name] = *text;
      else if (auto number = event.signed_number(field.name))
        fields[field.name] = std::to_string(*number);
    }
    fields["json"] = event.json();
    fields["text"] = event.text();
    out.push_back(std::move(fields));
  }
  EXPECT_TRUE(session.status().ok());
  EXPECT_TRUE(session.source().notes().empty());
  return out;
}

bool has(const Fields& fields, const std::string& name) { return fields.count(name) != 0; }

// ---- SignalDelivered -----------------------------------------------------------------------------

constexpr int kUsr1 = 10, kSegv = 11, kTerm = 15, kChld = 17, kRealTime = 34;
constexpr int kUser = 0, kTkill = -6, kQueue = -1, kKernel = 0x80;

std::vector<Fields> signals(const Script& script) {
  return events("SignalDelivered", script.records());
}

TEST(signal_delivered, names_sender_and_receiver) {
  dse_task alice = make_task(100, "alice"), bob = make_task(200, "bob");
  Script script;
  script.add(generate_record(alice, bob, kTerm, kUser, true), 1);
  script.add(deliver_record(bob, kTerm, kUser, 0x4000));
  auto got = signals(script);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0]["evt.num"], "2");
  EXPECT_EQ(got[0]["sig.name"], "SIGTERM");
  EXPECT_EQ(got[0]["sig.code"], "SI_USER");
  EXPECT_EQ(got[0]["sig.handler"], "user");
  EXPECT_EQ(got[0]["sig.directed"], "process");
  EXPECT_EQ(got[0]["proc.pid"], "200");
  EXPECT_EQ(got[0]["proc.name"], "bob");
  EXPECT_EQ(got[0]["sig.sender.pid"], "100");
  EXPECT_EQ(got[0]["sig.sender.name"], "alice");
  EXPECT_EQ(got[0]["sig.sender.uid"], "1000");
}

TEST(signal_delivered, signals_of_the_thread_come_before_those_of_its_process) {
  dse_task first = make_task(100, "to-process"), second = make_task(101, "to-thread");
  dse_task main = make_task(200, "bob"), thread = main;
  thread.tid = 201;
  Script script;
  // The one for the process was sent first; the kernel still takes the thread's own first. Both
  // have one code, or the code alone would tell them apart.
  script.add(generate_record(first, thread, kUsr1, kTkill, true));
  script.add(generate_record(second, thread, kUsr1, kTkill, false));
  script.add(deliver_record(thread, kUsr1, kTkill));
  script.add(deliver_record(thread, kUsr1, kTkill));
  auto got = signals(script);
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0]["sig.sender.name"], "to-thread");
  EXPECT_EQ(got[0]["sig.directed"], "thread");
  EXPECT_EQ(got[1]["sig.sender.name"], "to-process");
  EXPECT_EQ(got[1]["sig.directed"], "process");
}

TEST(signal_delivered, a_signal_to_one_thread_is_not_that_of_another) {
  dse_task sender = make_task(100, "alice"), main = make_task(200, "bob"), thread = main;
  thread.tid = 201;
  Script script;
  script.add(generate_record(sender, thread, kUsr1, kTkill, false));
  script.add(deliver_record(main, kUsr1, kTkill));
  auto got = signals(script);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_FALSE(has(got[0], "sig.sender.pid"));
  EXPECT_FALSE(has(got[0], "sig.directed"));
}

TEST(signal_delivered, standard_signals_are_pending_once) {
  dse_task a = make_task(100, "a"), b = make_task(101, "b"), bob = make_task(200, "bob");
  Script script;
  // 2: already pending, so the kernel drops the second; what is delivered is the first one's.
  script.add(generate_record(a, bob, kTerm, kUser, true));
  script.add(generate_record(b, bob, kTerm, kUser, true, 2));
  script.add(deliver_record(bob, kTerm, kUser));
  // Nothing is left for another delivery.
  script.add(deliver_record(bob, kTerm, kUser));
  auto got = signals(script);
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0]["sig.sender.name"], "a");
  EXPECT_FALSE(has(got[1], "sig.sender.name"));
}

TEST(signal_delivered, a_new_standard_signal_replaces_one_that_was_discarded) {
  dse_task a = make_task(100, "a"), b = make_task(101, "b"), bob = make_task(200, "bob");
  Script script;
  script.add(generate_record(a, bob, kTerm, kUser, true));
  script.add(generate_record(b, bob, kTerm, kUser, true));
  script.add(deliver_record(bob, kTerm, kUser));
  auto got = signals(script);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0]["sig.sender.name"], "b");
}

TEST(signal_delivered, real_time_signals_queue_in_order) {
  dse_task a = make_task(100, "a"), b = make_task(101, "b"), bob = make_task(200, "bob");
  Script script;
  script.add(generate_record(a, bob, kRealTime, kQueue, true));
  script.add(generate_record(b, bob, kRealTime, kQueue, true));
  script.add(generate_record(a, bob, kRealTime, kQueue, true));
  for (int i = 0; i < 4; ++i) script.add(deliver_record(bob, kRealTime, kQueue));
  auto got = signals(script);
  ASSERT_EQ(got.size(), 4u);
  EXPECT_EQ(got[0]["sig.sender.name"], "a");
  EXPECT_EQ(got[1]["sig.sender.name"], "b");
  EXPECT_EQ(got[2]["sig.sender.name"], "a");
  EXPECT_FALSE(has(got[3], "sig.sender.name"));
  EXPECT_EQ(got[0]["sig.name"], "SIGRTMIN+2");
}

TEST(signal_delivered, a_pair_agrees_on_the_code) {
  dse_task alice = make_task(100, "alice"), bob = make_task(200, "bob");
  Script script;
  script.add(generate_record(alice, bob, kTerm, kUser, true));
  script.add(deliver_record(bob, kTerm, kQueue));
  auto got = signals(script);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_FALSE(has(got[0], "sig.sender.pid"));
}

TEST(signal_delivered, signals_that_were_not_sent_are_not_joined) {
  dse_task alice = make_task(100, "alice"), bob = make_task(200, "bob");
  for (std::uint32_t result : {1u, 2u, 3u}) {  // ignored, already pending, overflow
    Script script;
    script.add(generate_record(alice, bob, kTerm, kUser, true, result));
    script.add(deliver_record(bob, kTerm, kUser));
    EXPECT_FALSE(has(signals(script).at(0), "sig.sender.pid")) << result;
  }
  Script script;  // 4: delivered, but its information was lost
  script.add(generate_record(alice, bob, kTerm, kUser, true, 4));
  script.add(deliver_record(bob, kTerm, kUser));
  EXPECT_TRUE(has(signals(script).at(0), "sig.sender.pid"));
}

TEST(signal_delivered, signals_of_the_kernel_have_no_sender) {
  // Whoever runs when a fault or a timer strikes did not send anything.
  dse_task current = make_task(100, "bystander"), bob = make_task(200, "bob");
  Script script;
  script.add(generate_record(current, bob, kSegv, 1, false));
  script.add(deliver_record(bob, kSegv, 1));
  script.add(generate_record(current, bob, kTerm, kKernel, true));
  script.add(deliver_record(bob, kTerm, kKernel));
  auto got = signals(script);
  ASSERT_EQ(got.size(), 2u);
  for (Fields& fields : got) {
    EXPECT_FALSE(has(fields, "sig.sender.pid"));
    EXPECT_FALSE(has(fields, "sig.sender.name"));
    EXPECT_TRUE(has(fields, "sig.directed"));
  }
  EXPECT_EQ(got[0]["sig.code"], "SEGV_MAPERR");
  EXPECT_EQ(got[1]["sig.code"], "SI_KERNEL");
}

TEST(signal_delivered, a_dead_child_is_the_sender_of_sigchld) {
  dse_task child = make_task(100, "child", 200), bob = make_task(200, "bob");
  Script script;
  script.add(generate_record(child, bob, kChld, 1, true));
  script.add(deliver_record(bob, kChld, 1));
  auto got = signals(script);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0]["sig.code"], "CLD_EXITED");
  EXPECT_EQ(got[0]["sig.sender.pid"], "100");
}

TEST(signal_delivered, what_was_pending_ends_with_the_process) {
  dse_task alice = make_task(100, "alice"), bob = make_task(200, "bob");
  Script script;
  script.add(generate_record(alice, bob, kTerm, kUser, true));
  script.add(exit_record(bob));
  script.add(deliver_record(bob, kTerm, kUser));  // another process of that pid
  EXPECT_FALSE(has(signals(script).at(0), "sig.sender.pid"));
}

TEST(signal_delivered, names_follow_the_machine_of_the_capture) {
  Script script;
  script.add(deliver_record(make_task(200, "bob"), 10, kUser));
  SegmentInfo info = test_info();
  EXPECT_EQ(events("SignalDelivered", script.records(), {}, info).at(0)["sig.name"], "SIGUSR1");
  info.machine = "mips64";
  EXPECT_EQ(events("SignalDelivered", script.records(), {}, info).at(0)["sig.name"], "SIGBUS");
}

// ---- ProcessExecuted -----------------------------------------------------------------------------

TEST(process_executed, shows_what_was_executed) {
  Script script;
  script.add(exec_record(make_task(50, "ls", 40), "/bin/ls", {"ls", "-l", "a b"}), 3);
  auto got = events("ProcessExecuted", script.records());
  ASSERT_EQ(got.size(), 1u);
  Fields& e = got[0];
  EXPECT_EQ(e["proc.name"], "ls");
  EXPECT_EQ(e["proc.pid"], "50");
  EXPECT_EQ(e["proc.ppid"], "40");
  EXPECT_EQ(e["proc.exe"], "ls");
  EXPECT_EQ(e["proc.filename"], "/bin/ls");
  EXPECT_EQ(e["proc.args"], std::string("-l\0a b\0", 7));
  EXPECT_EQ(e["proc.cmdline"], "ls -l a b");
  EXPECT_EQ(e["proc.argc"], "3");
  EXPECT_EQ(e["proc.args_bytes"], "10");
  EXPECT_EQ(e["proc.args_cut"], "0");
  EXPECT_EQ(e["user.uid"], "1000");
  EXPECT_EQ(e["evt.cpu"], "3");
  EXPECT_FALSE(has(e, "proc.pname"));
  EXPECT_NE(e["json"].find("\"args\":[\"-l\",\"a b\"]"), std::string::npos) << e["json"];
}

TEST(process_executed, the_time_is_that_of_the_recorded_host) {
  Script script(2'000'000'000);  // one second after the clock sample of the segment header
  script.add(exec_record(make_task(50, "ls"), "/bin/ls", {"ls"}));
  auto got = events("ProcessExecuted", script.records());
  EXPECT_NE(got.at(0)["json"].find("\"time\":\"2026-11-22T15:32:57.000001000Z\""),
            std::string::npos)
      << got[0]["json"];
}

TEST(process_executed, the_clock_may_be_set_while_recording) {
  Script script;
  auto exec = exec_record(make_task(50, "ls"), "/bin/ls", {"ls"});
  script.add(exec).add(clock_record(86'400'000'000'000)).add(exec);
  auto got = events("ProcessExecuted", script.records());
  ASSERT_EQ(got.size(), 2u);
  EXPECT_NE(got[0]["json"].find("\"2026-11-22T"), std::string::npos) << got[0]["json"];
  EXPECT_NE(got[1]["json"].find("\"1970-01-02T00:00:00.000001000Z\""), std::string::npos)
      << got[1]["json"];
}

TEST(process_executed, bytes_that_are_not_utf8_survive) {
  Script script;
  script.add(exec_record(make_task(50, "caf\xe9"), "/bin/\xff", {"x", "\xc3\xa9\xe9\x1b[2J"}));
  auto got = events("ProcessExecuted", script.records());
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0]["proc.filename"], "/bin/\xff");
  EXPECT_NE(got[0]["json"].find("\"filename\":\"/bin/\\udcff\""), std::string::npos);
  EXPECT_NE(got[0]["json"].find("\"args\":[\"\xc3\xa9\\udce9\\u001b[2J\"]"), std::string::npos)
      << got[0]["json"];
  EXPECT_NE(got[0]["json"].find("\"name\":\"caf\\udce9\""), std::string::npos);
  // A terminal must not be steered by what was executed.
  EXPECT_NE(got[0]["text"].find("\xc3\xa9\\xe9\\x1b[2J"), std::string::npos) << got[0]["text"];
  EXPECT_EQ(got[0]["text"].find('\x1b'), std::string::npos);
}

TEST(process_executed, arguments_that_were_cut) {
  Script script;
  script.add(exec_record(make_task(50, "a"), "/a", {"a", "b"}, DSE_ARGS_CUT));
  script.add(exec_record(make_task(50, "a"), "/a", {}, DSE_ARGS_UNREAD));
  auto got = events("ProcessExecuted", script.records());
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0]["proc.args_cut"], "1");
  EXPECT_EQ(got[0]["proc.args_bytes"], "1004");
  EXPECT_EQ(got[1]["proc.args_cut"], "1");
}

TEST(process_executed, no_arguments_are_empty_and_not_missing) {
  // An argv of no strings is a fact, not something unknown, in whatever batch it comes.
  Script script;
  script.add(exec_record(make_task(50, "a"), "", {}));
  for (bool company : {false, true}) {
    SCOPED_TRACE(company);
    if (company) script.add(exec_record(make_task(51, "b"), "/b", {"b"}));
    auto got = events("ProcessExecuted", script.records());
    EXPECT_TRUE(has(got.at(0), "proc.exe"));
    EXPECT_TRUE(has(got.at(0), "proc.cmdline"));
    EXPECT_TRUE(has(got.at(0), "proc.filename"));
    EXPECT_NE(got.at(0)["json"].find("\"args\":[]"), std::string::npos) << got[0]["json"];
  }
}

TEST(process_executed, the_name_of_the_parent_is_from_the_process_table) {
  dse_task init = make_task(1, "init", 0), shell = make_task(40, "bash"),
           child = make_task(50, "bash", 40);
  dse_task ls = make_task(50, "ls", 40);
  auto exec = exec_record(ls, "/bin/ls", {"ls"});

  Script from_fork;
  from_fork.add(fork_record(shell, child)).add(exec);
  EXPECT_EQ(events("ProcessExecuted", from_fork.records()).at(0)["proc.pname"], "bash");

  Script from_exec;
  from_exec.add(exec_record(make_task(40, "zsh"), "/bin/zsh", {"zsh"})).add(exec);
  EXPECT_EQ(events("ProcessExecuted", from_exec.records()).at(1)["proc.pname"], "zsh");

  Script alone;
  alone.add(exec);
  Script snapshot;
  snapshot.add(process_snapshot_record(init, "/sbin/init", {"init"}), DSE_CPU_NONE);
  snapshot.add(process_snapshot_record(shell, "/bin/bash", {"-bash"}), DSE_CPU_NONE);
  EXPECT_EQ(events("ProcessExecuted", alone.records(), snapshot.records()).at(0)["proc.pname"],
            "bash");
}

TEST(process_executed, the_parent_is_as_it_was_at_that_time) {
  // One batch: the parent changes its name and dies after the first exec.
  dse_task parent = make_task(40, "old"), renamed = make_task(40, "new");
  auto exec = exec_record(make_task(50, "ls", 40), "/bin/ls", {"ls"});
  Script script;
  script.add(exec_record(parent, "/old", {"old"})).add(exec);
  script.add(exec_record(renamed, "/new", {"new"})).add(exec);
  script.add(exit_record(renamed)).add(exec);
  auto got = events("ProcessExecuted", script.records());
  ASSERT_EQ(got.size(), 5u);
  EXPECT_EQ(got[1]["proc.pname"], "old");
  EXPECT_EQ(got[3]["proc.pname"], "new");
  EXPECT_FALSE(has(got[4], "proc.pname"));
}

TEST(process_executed, the_end_of_a_thread_is_not_that_of_its_process) {
  dse_task parent = make_task(40, "parent");
  Script script;
  script.add(exec_record(parent, "/p", {"p"})).add(exit_record(parent, false));
  script.add(exec_record(make_task(50, "ls", 40), "/bin/ls", {"ls"}));
  EXPECT_EQ(events("ProcessExecuted", script.records()).at(1)["proc.pname"], "parent");
}

// ---- SocketStateChange ---------------------------------------------------------------------------

dse_socket_state socket(std::uint16_t family) {
  dse_socket_state body{};
  body.cookie = 0xffff'ffff'ffff'fff0;  // not a number that JSON's readers keep
  body.netns = 4026531840;
  body.family = family;
  body.protocol = 6;
  body.type = 1;
  body.local_port = 51234;
  body.remote_port = 443;
  body.old_state = 2;
  body.new_state = 1;
  return body;
}

std::string remote_v6(std::initializer_list<std::uint8_t> address) {
  dse_socket_state body = socket(10);
  std::copy(address.begin(), address.end(), body.remote_address);
  Script script;
  script.add(socket_record(make_task(7, "curl"), body));
  return events("SocketStateChange", script.records()).at(0)["sock.rip"];
}

TEST(socket_state_change, ipv4) {
  dse_socket_state body = socket(2);
  const std::uint8_t local[] = {10, 0, 0, 1}, remote[] = {255, 254, 253, 0};
  std::copy(std::begin(local), std::end(local), body.local_address);
  std::copy(std::begin(remote), std::end(remote), body.remote_address);
  Script script;
  script.add(socket_record(make_task(7, "curl"), body));
  auto got = events("SocketStateChange", script.records());
  ASSERT_EQ(got.size(), 1u);
  Fields& e = got[0];
  EXPECT_EQ(e["sock.family"], "ipv4");
  EXPECT_EQ(e["sock.proto"], "tcp");
  EXPECT_EQ(e["sock.lip"], "10.0.0.1");
  EXPECT_EQ(e["sock.lport"], "51234");
  EXPECT_EQ(e["sock.rip"], "255.254.253.0");
  EXPECT_EQ(e["sock.rport"], "443");
  EXPECT_EQ(e["sock.oldstate"], "SYN_SENT");
  EXPECT_EQ(e["sock.newstate"], "ESTABLISHED");
  EXPECT_EQ(e["sock.netns"], "4026531840");
  EXPECT_NE(e["json"].find("\"cookie\":\"18446744073709551600\""), std::string::npos) << e["json"];
}

TEST(socket_state_change, ipv6_as_rfc_5952_writes_it) {
  EXPECT_EQ(remote_v6({}), "::");
  EXPECT_EQ(remote_v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}), "::1");
  EXPECT_EQ(remote_v6({0xfe, 0x80}), "fe80::");
  EXPECT_EQ(remote_v6({0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1}),
            "2001:db8::1:0:0:1");  // of two equal runs the first
  EXPECT_EQ(remote_v6({0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}),
            "2001:db8:0:1:1:1:1:1");  // a run of one is written out
  EXPECT_EQ(remote_v6({0x20, 0x01, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1}),
            "2001:0:0:1::1");  // the longer run
  EXPECT_EQ(remote_v6({0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0xab, 0xcd, 0, 8}),
            "1:2:3:4:5:6:abcd:8");
  EXPECT_EQ(remote_v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1}),
            "::ffff:192.0.2.1");
}

TEST(socket_state_change, numbers_without_a_name_stay_numbers) {
  dse_socket_state body = socket(99);
  body.protocol = 250;
  body.old_state = 77;
  Script script;
  script.add(socket_record(make_task(7, "curl"), body));
  auto got = events("SocketStateChange", script.records());
  EXPECT_EQ(got.at(0)["sock.family"], "99");
  EXPECT_EQ(got.at(0)["sock.proto"], "250");
  EXPECT_EQ(got.at(0)["sock.oldstate"], "77");
  EXPECT_FALSE(has(got.at(0), "sock.rip"));
}

TEST(socket_state_change, one_address_in_two_families) {
  // The rendering is kept per distinct value: it must not be kept across families.
  Script script;
  script.add(socket_record(make_task(7, "a"), socket(2)));
  script.add(socket_record(make_task(7, "a"), socket(10)));
  auto got = events("SocketStateChange", script.records());
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0]["sock.rip"], "0.0.0.0");
  EXPECT_EQ(got[1]["sock.rip"], "::");
}

// ---- ContainerEvent ------------------------------------------------------------------------------

const std::string kId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const std::string kPath = "/system.slice/docker-" + kId + ".scope";

std::vector<Fields> containers(const Script& script, const Records& snapshot = {}) {
  return events("ContainerEvent", script.records(), snapshot);
}

// The init of a container, as runc leaves it just before the exec.
dse_task init_task(std::uint32_t pid, std::string_view comm, std::uint64_t cgroup) {
  dse_task task = make_task(pid, comm, 30);
  task.cgroup_id = cgroup;
  task.vpid = 1;
  task.ns_pid = 0xF0001234;
  return task;
}

TEST(container_event, starts_with_the_exec_of_its_init_and_ends_with_its_exit) {
  dse_task runc = make_task(30, "runc");
  dse_task init = init_task(31, "nginx", 77);
  Script script;
  script.add(cgroup_record(DSE_CGROUP_MKDIR, runc, 77, kPath));
  script.add(exec_record(init_task(31, "runc:[2:INIT]", 77), "/proc/self/exe", {"runc", "init"}));
  script.add(exec_record(init, "/usr/sbin/nginx", {"nginx"}));
  script.add(exec_record(init, "/usr/sbin/nginx", {"nginx", "again"}));
  script.add(exit_record(init));
  script.add(cgroup_record(DSE_CGROUP_RMDIR, runc, 77, kPath));
  auto got = containers(script);
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(got[0]["container.phase"], "created");
  EXPECT_EQ(got[0]["container.id"], kId);
  EXPECT_EQ(got[0]["container.evidence"], "cgroup_mkdir");
  EXPECT_EQ(got[0]["evt.num"], "1");
  got.erase(got.begin());
  EXPECT_EQ(got[0]["container.phase"], "started");
  EXPECT_EQ(got[0]["container.id"], kId);
  EXPECT_EQ(got[0]["container.runtime"], "docker");
  EXPECT_EQ(got[0]["container.init_pid"], "31");
  EXPECT_EQ(got[0]["container.evidence"], "init_exec");
  EXPECT_EQ(got[0]["cgroup.path"], kPath);
  EXPECT_EQ(got[0]["proc.name"], "nginx");
  EXPECT_EQ(got[0]["evt.num"], "3");  // not the runtime's own
  EXPECT_EQ(got[1]["container.phase"], "exited");
  EXPECT_EQ(got[1]["container.id"], kId);
  EXPECT_EQ(got[1]["container.evidence"], "init_exit");
  EXPECT_EQ(got[1]["evt.num"], "5");
}

TEST(container_event, shares_the_pid_namespace_of_the_host) {
  dse_task runc = make_task(30, "runc"), main = make_task(31, "nginx", 30);
  main.cgroup_id = 77;
  Script script;
  script.add(cgroup_record(DSE_CGROUP_MKDIR, runc, 77, kPath));
  script.add(exec_record(main, "/usr/sbin/nginx", {"nginx"}));
  script.add(cgroup_record(DSE_CGROUP_RMDIR, runc, 77, kPath));
  auto got = containers(script);
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(got[0]["container.phase"], "created");
  got.erase(got.begin());
  EXPECT_EQ(got[0]["container.evidence"], "first_exec");
  EXPECT_EQ(got[1]["container.phase"], "exited");
  EXPECT_EQ(got[1]["container.evidence"], "cgroup_rmdir");
  EXPECT_FALSE(has(got[1], "proc.pid"));  // who removes the cgroup is not the container
}

TEST(container_event, other_hierarchies_do_not_count) {
  dse_task runc = make_task(30, "runc"), main = make_task(31, "nginx", 30);
  main.cgroup_id = 77;
  Script script;
  script.add(cgroup_record(DSE_CGROUP_MKDIR, runc, 77, kPath, 5));
  script.add(exec_record(main, "/usr/sbin/nginx", {"nginx"}));
  EXPECT_EQ(containers(script).size(), 0u);
}

TEST(container_event, exists_before_the_capture) {
  dse_task init = init_task(31, "nginx", 77), worker = make_task(32, "worker", 31);
  worker.cgroup_id = 77;
  worker.ns_pid = init.ns_pid;
  worker.vpid = 2;
  worker.start_time_ns = 1;  // pid 1 is the init, even where another seems older
  Script snapshot;
  snapshot.add(cgroup_snapshot_record(77, kPath), DSE_CPU_NONE);
  snapshot.add(process_snapshot_record(worker, "/w", {"w"}), DSE_CPU_NONE);
  snapshot.add(process_snapshot_record(init, "/usr/sbin/nginx", {"nginx"}), DSE_CPU_NONE);
  snapshot.add(process_snapshot_record(make_task(1, "systemd", 0), "/init", {"i"}), DSE_CPU_NONE);
  Script script;
  script.add(exec_record(init, "/usr/sbin/nginx", {"nginx"}));  // known: does not start again
  script.add(exit_record(worker));
  script.add(exit_record(init));
  auto got = containers(script, snapshot.records());
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0]["container.phase"], "existing");
  EXPECT_EQ(got[0]["container.evidence"], "snapshot");
  EXPECT_EQ(got[0]["container.init_pid"], "31");
  EXPECT_EQ(got[0]["evt.num"], "0");
  EXPECT_FALSE(has(got[0], "evt.cpu"));
  EXPECT_EQ(got[1]["container.phase"], "exited");
  EXPECT_EQ(got[1]["container.init_pid"], "31");
}

TEST(container_event, a_pid_namespace_with_a_cgroup_of_its_own) {
  // No runtime that the path tells: the init of a new pid namespace, called by its cgroup's leaf
  // where that is not its parent's too, else by the namespace.
  dse_task parent = make_task(30, "unshare");
  for (bool own_cgroup : {true, false}) {
    dse_task init = init_task(31, "sh", own_cgroup ? 78 : 1);
    Script script;
    script.add(cgroup_record(DSE_CGROUP_MKDIR, parent, 78, "/box"));
    script.add(exec_record(parent, "/bin/unshare", {"unshare"}));
    script.add(exec_record(init, "/bin/sh", {"sh"}));
    script.add(exit_record(init));
    auto got = containers(script);
    ASSERT_EQ(got.size(), 2u);
    EXPECT_EQ(got[0]["container.id"], own_cgroup ? "box" : "pidns-" + std::to_string(init.ns_pid));
    EXPECT_EQ(got[0]["container.runtime"], "unknown");
    EXPECT_EQ(got[1]["container.phase"], "exited");
  }
}

TEST(container_event, runc_is_known_by_the_name_of_its_init) {
  dse_task before = init_task(31, "runc:[2:INIT]", 78), init = init_task(31, "sh", 78);
  dse_task runc = make_task(30, "runc"), stage = make_task(29, "runc:[1:CHILD]");
  stage.cgroup_id = 78;
  stage.ppid = runc.pid;
  Script script;
  script.add(cgroup_record(DSE_CGROUP_MKDIR, runc, 78, "/box"));
  script.add(exec_record(runc, "/runc", {"runc"}));
  script.add(fork_record(stage, before));
  script.add(exec_record(before, "/proc/self/exe", {"runc", "init"}));
  script.add(exec_record(init, "/bin/sh", {"sh"}));
  auto got = containers(script);
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0]["container.phase"], "created");
  EXPECT_EQ(got[0]["container.evidence"], "pidns_init");
  EXPECT_EQ(got[0]["container.runtime"], "runc");
  EXPECT_EQ(got[1]["container.phase"], "started");
  EXPECT_EQ(got[1]["container.runtime"], "runc");
}

TEST(container_event, an_ordinary_process_is_not_a_container) {
  Script script;
  script.add(exec_record(make_task(31, "sh"), "/bin/sh", {"sh"}));
  script.add(exit_record(make_task(31, "sh")));
  EXPECT_EQ(containers(script).size(), 0u);
}

// ---- a session -----------------------------------------------------------------------------------

TEST(session, points_take_turns_in_the_order_of_the_records) {
  dse_task init = init_task(31, "nginx", 77);
  Script script;
  script.add(cgroup_record(DSE_CGROUP_MKDIR, make_task(30, "runc"), 77, kPath));
  script.add(socket_record(make_task(7, "a"), socket(2)));
  script.add(exec_record(init, "/usr/sbin/nginx", {"nginx"}));
  script.add(deliver_record(init, kTerm, kUser));
  Session session(std::make_unique<MemoryRecords>(Records{}, cut(script.records(), 0)));
  for (const std::string& name : dse::replay::point_names())
    session.add(dse::replay::make_point(name));
  std::vector<std::string> names;
  for (const Event& event : session) names.emplace_back(event.name());
  EXPECT_EQ(names,
            (std::vector<std::string>{"ContainerEvent", "SocketStateChange", "ProcessExecuted",
                                      "ContainerEvent", "SignalDelivered"}));
}

TEST(session, selects_and_drops) {
  Script script;
  for (int signal : {kTerm, kUsr1, kSegv, kTerm})
    script.add(deliver_record(make_task(7, "a"), signal, kUser));
  auto count = [&](bool select, bool drop) {
    Session session(std::make_unique<MemoryRecords>(Records{}, cut(script.records(), 0)));
    auto& point = session.add(dse::replay::signal_delivered());
    auto is = [](int wanted) {
      return [wanted](const Event& e) { return e.signed_number("sig.num") == wanted; };
    };
    if (select) point.select(is(kTerm)).select(is(kSegv));
    if (drop) point.drop(is(kSegv));
    int n = 0;
    for ([[maybe_unused]] const Event& event : session) ++n;
    return n;
  };
  EXPECT_EQ(count(false, false), 4);
  EXPECT_EQ(count(true, false), 3);
  EXPECT_EQ(count(false, true), 3);
  EXPECT_EQ(count(true, true), 2);
}

TEST(session, a_window_includes_both_its_ends) {
  Script script;
  for (int i = 0; i < 5; ++i) script.add(deliver_record(make_task(7, "a"), kTerm, kUser));
  std::uint64_t real = test_info().real_time;  // at boot time 1 s, where the script begins
  auto count = [&](std::optional<std::uint64_t> since, std::optional<std::uint64_t> until) {
    Session session(std::make_unique<MemoryRecords>(Records{}, cut(script.records(), 0)));
    session.add(dse::replay::signal_delivered());
    session.set_window(since, until);
    int n = 0;
    for ([[maybe_unused]] const Event& event : session) ++n;
    return n;
  };
  EXPECT_EQ(count({}, {}), 5);
  EXPECT_EQ(count(real + 2000, real + 4000), 3);
  EXPECT_EQ(count(real + 2001, {}), 3);
  EXPECT_EQ(count({}, real + 999), 0);
}

TEST(session, a_capture_forgets_the_one_before) {
  // Two captures one after the other: a pending signal does not leap from one host to another.
  dse_task alice = make_task(100, "alice"), bob = make_task(200, "bob");
  Script sent, delivered;
  sent.add(generate_record(alice, bob, kTerm, kUser, true));
  delivered.add(deliver_record(bob, kTerm, kUser));
  SegmentInfo other = test_info();
  other.capture_id[0] ^= 1;
  std::string bytes = capture_bytes({}, {sent.records()}) +
                      capture_bytes({}, {delivered.records()}, other);
  Session session(std::make_unique<CaptureReader>(memory_byte_source(bytes, true), "test"));
  session.add(dse::replay::signal_delivered());
  int n = 0;
  for (const Event& event : session) {
    ++n;
    EXPECT_FALSE(event.number("sig.sender.pid"));
  }
  EXPECT_EQ(n, 1);
  EXPECT_TRUE(session.source().notes().empty());
}

}  // namespace
