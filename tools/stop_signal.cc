#include "tools/stop_signal.h"

#include <signal.h>
#include <unistd.h>

namespace dse::tools {
namespace {

// A signal handler has no other way to its data.
std::function<void()>* stop_action = nullptr;
volatile sig_atomic_t signals = 0;

void handle(int signal) {
  signals = signals + 1;
  if (signals > 1) ::_exit(128 + signal);
  if (stop_action) (*stop_action)();
}

}  // namespace

void on_stop_signal(std::function<void()> stop) {
  static std::function<void()> action;
  action = std::move(stop);
  stop_action = &action;
  struct sigaction act {};
  act.sa_handler = handle;
  sigemptyset(&act.sa_mask);
  ::sigaction(SIGINT, &act, nullptr);
  ::sigaction(SIGTERM, &act, nullptr);
}

}  // namespace dse::tools
