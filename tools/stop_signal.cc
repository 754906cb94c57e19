#include "tools/stop_signal.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>

namespace dse::tools {
namespace {

// A signal handler has no other way to its data.
std::atomic<std::function<void()>*> stop_action = nullptr;
std::atomic<int> signals = 0;

void handle(int signal) {
  if (++signals > 1) ::_exit(128 + signal);
  if (auto* action = stop_action.load()) (*action)();
}

}  // namespace

StopSignalGuard::StopSignalGuard(std::function<void()> stop) : stop_(std::move(stop)) {
  stop_action = &stop_;
  struct sigaction act {};
  act.sa_handler = handle;
  sigemptyset(&act.sa_mask);
  ::sigaction(SIGINT, &act, nullptr);
  ::sigaction(SIGTERM, &act, nullptr);
  // A terminal or ssh session that goes away; under nohup it is ignored and stays so.
  struct sigaction former {};
  ::sigaction(SIGHUP, nullptr, &former);
  if (former.sa_handler != SIG_IGN) ::sigaction(SIGHUP, &act, nullptr);
}

// The handler stays, so that a late signal does not kill what is already ending well.
StopSignalGuard::~StopSignalGuard() { stop_action = nullptr; }

}  // namespace dse::tools
