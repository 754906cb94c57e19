#include "tests/unit/filter_cases.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include "replay/filter/program.h"
#include "replay/points/points.h"

namespace {

dse_socket_state socket_body() {
  dse_socket_state body{};
  body.family = 2;
  body.protocol = 6;
  body.local_port = 40000;
  body.remote_port = 443;
  body.old_state = 1;
  body.new_state = 4;
  body.srtt_us = 1500;
  return body;
}

std::string point_of(const Record& record) {
  switch (header_of_record(record).kind) {
    case DSE_SOCKET_STATE: return "SocketStateChange";
    case DSE_PROCESS_EXIT: return "ProcessExited";
    case DSE_SIGNAL_GENERATE: return "SignalGenerated";
    default: return "ProcessExecuted";
  }
}

}  // namespace

dse_task filter_task() {
  dse_task task = make_task(100, "bash");
  task.uid = task.euid = 1000;
  return task;
}

Record filter_exec() {
  ExecFacts facts;
  facts.body.exe_ino = 77;
  facts.body.exe_mode = 0100755;
  facts.body.exe_flags = DSE_EXE_SCRIPT;
  facts.interp = "/bin/tool";
  facts.env = argument_block({"PATH=/bin:/usr/bin", "A B=1", "EMPTY="});
  return exec_record(filter_task(), "/usr/bin/tool", {"tool", "-c", "a b", "\xff\n"}, facts);
}

Record filter_socket(std::string_view local, std::string_view remote) {
  dse_socket_state body = socket_body();
  body.family = local.find(':') == local.npos ? 2 : 10;
  int family = body.family == 2 ? AF_INET : AF_INET6;
  EXPECT_EQ(::inet_pton(family, std::string(local).c_str(), body.local_address), 1);
  EXPECT_EQ(::inet_pton(family, std::string(remote).c_str(), body.remote_address), 1);
  return socket_record(filter_task(), body);
}

Record filter_socket(std::uint64_t cookie, std::uint64_t bytes_sent) {
  dse_socket_state body = socket_body();
  body.cookie = cookie;
  body.bytes_sent = bytes_sent;
  return socket_record(filter_task(), body);
}

Record filter_exit(std::uint32_t status) {
  dse_process_exit body{};
  body.status = status;
  body.flags = DSE_EXIT_GROUP_DEAD;
  return make_record(DSE_PROCESS_EXIT, filter_task(), body);
}

bool holds(const Record& record, const std::string& expression) {
  Script script;
  script.add(record);
  dse::replay::Session session(
      std::make_unique<MemoryRecords>(Records{}, std::vector<Records>{script.records()}));
  session.show_dropped(true);
  session.add(dse::replay::make_point(point_of(record))).select(expression);
  auto event = session.next();
  if (!event || !*event) {
    ADD_FAILURE() << (event ? "no event" : event.error().message());
    return false;
  }
  return (*event)->verdict().keep;
}

bool holds(const std::string& expression) { return holds(filter_exec(), expression); }

std::string error_of(const std::string& expression, const dse::replay::filter::Macros& macros,
                     const std::string& point) {
  using namespace dse::replay::filter;
  auto node = parse("--select", expression, macros);
  dse::Status status = node ? dse::Status() : dse::Status(node.error());
  if (node) {
    auto program = Program::compile(*node, *dse::replay::make_point(point));
    if (!program) status = program.error();
  }
  if (status) return "";
  EXPECT_EQ(status.error().code(), dse::ErrorCode::usage);
  return status.error().message();
}
