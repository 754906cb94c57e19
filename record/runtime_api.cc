#include "record/runtime_api.h"

#include <http_parser.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <new>
#include <string_view>

#include "format/file.h"

namespace dse::record {
namespace {

constexpr std::size_t kMaxAnswer = 4 << 20;
constexpr std::chrono::seconds kLeftAlone{10};

// Puts the answer together: its body may be of a known size, in chunks, or up to the end.
class Answer {
 public:
  Answer() {
    ::http_parser_init(&parser_, HTTP_RESPONSE);
    parser_.data = this;
    ::http_parser_settings_init(&settings_);
    settings_.on_body = [](http_parser* parser, const char* data, std::size_t size) {
      return static_cast<Answer*>(parser->data)->append({data, size});
    };
    settings_.on_message_complete = [](http_parser* parser) {
      static_cast<Answer*>(parser->data)->complete_ = true;
      return 0;
    };
  }
  // The parser points here.
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;

  // Nothing left: the end of the stream. False: no HTTP, or too much.
  bool feed(std::string_view bytes) {
    return ::http_parser_execute(&parser_, &settings_, bytes.data(), bytes.size()) == bytes.size();
  }
  bool complete() const { return complete_; }
  bool ok() const { return complete_ && parser_.status_code == 200; }
  std::string& body() { return body_; }

 private:
  // Called from C, which an exception must not cross.
  int append(std::string_view part) noexcept {
    if (part.size() > kMaxAnswer - body_.size()) return 1;
    try {
      body_.append(part);
    } catch (const std::bad_alloc&) {
      return 1;
    }
    return 0;
  }

  http_parser parser_;
  http_parser_settings settings_;
  std::string body_;
  bool complete_ = false;
};

}  // namespace

RuntimeApi::RuntimeApi(std::chrono::milliseconds timeout, int cancel_fd)
    : timeout_(timeout), cancel_fd_(cancel_fd) {}

bool RuntimeApi::cancelled() const {
  pollfd fd{cancel_fd_, POLLIN, 0};
  return cancel_fd_ >= 0 && ::poll(&fd, 1, 0) > 0;
}

std::optional<std::string> RuntimeApi::get(const std::string& path, const std::string& target) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return {};
  std::memcpy(address.sun_path, path.data(), path.size());

  const auto now = Clock::now();
  const auto silent = silent_until_.find(path);
  if (silent != silent_until_.end() && now < silent->second) return {};

  const format::FileHandle fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return {};
  // On a Unix socket this succeeds or fails at once.
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return {};
  }
  const auto deadline = now + timeout_;
  auto answer = exchange(
      fd.get(), "GET " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
      deadline);
  if (!answer && Clock::now() >= deadline) {
    silent_until_[path] = Clock::now() + kLeftAlone;
  }
  return answer;
}

bool RuntimeApi::wait(int fd, short events, Clock::time_point deadline) const {
  pollfd fds[] = {{fd, events, 0}, {cancel_fd_, POLLIN, 0}};
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    const int ready = ::poll(fds, 2, static_cast<int>(std::max<std::int64_t>(0, left.count())));
    if (ready < 0 && errno == EINTR) continue;
    return ready > 0 && fds[1].revents == 0;
  }
}

std::optional<std::string> RuntimeApi::exchange(int fd, const std::string& request,
                                                Clock::time_point deadline) const {
  std::string_view rest = request;
  while (!rest.empty()) {
    if (!wait(fd, POLLOUT, deadline)) return {};
    const ssize_t sent = ::send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return {};
    if (sent > 0) rest.remove_prefix(static_cast<std::size_t>(sent));
  }

  Answer answer;
  char buffer[16384];
  while (!answer.complete()) {
    if (!wait(fd, POLLIN, deadline)) return {};
    const ssize_t size = ::recv(fd, buffer, sizeof(buffer), 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (size < 0 || !answer.feed({buffer, static_cast<std::size_t>(size)})) return {};
    if (size == 0) break;
  }
  if (!answer.ok()) return {};
  return std::move(answer.body());
}

}  // namespace dse::record
