// Asks a container runtime over HTTP on its Unix socket.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

namespace dse::record {

// Not for two threads at a time.
class RuntimeApi {
 public:
  // `timeout` bounds a whole question. While `cancel_fd` is readable, none is asked, and the one
  // under way is given up at once; -1: never.
  explicit RuntimeApi(std::chrono::milliseconds timeout, int cancel_fd = -1);

  // The body of the answer to GET `target` on the socket at `path`; `target` needs no escaping.
  // nullopt if there is none within the time, if it is not 200, or if it is over 4 MiB. A socket
  // that let the time run out is left alone for ten seconds, so that one which hangs delays little.
  std::optional<std::string> get(const std::string& path, const std::string& target);
  // Whether `cancel_fd` is readable.
  bool cancelled() const;

 private:
  using Clock = std::chrono::steady_clock;

  // False: too late, or cancelled.
  bool wait(int fd, short events, Clock::time_point deadline) const;
  std::optional<std::string> exchange(int fd, const std::string& request,
                                      Clock::time_point deadline) const;

  std::chrono::milliseconds timeout_;
  int cancel_fd_;
  std::map<std::string, Clock::time_point> silent_until_;
};

}  // namespace dse::record
