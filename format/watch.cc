#include "format/watch.h"

#include <linux/magic.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <utility>

#include "format/capture_directory.h"
#include "format/segment_file.h"

namespace dse::format {
namespace fs = std::filesystem;
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kFile = IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVE_SELF |
                                IN_DELETE_SELF;
constexpr std::uint32_t kNames = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE_SELF |
                                 IN_MOVE_SELF;
constexpr std::uint32_t kDirectory = kNames | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE;

// File systems on which others write, of which the kernel here hears nothing.
bool is_remote(const std::string& path) {
  struct statfs status;
  if (::statfs(path.c_str(), &status) != 0) return false;
  constexpr std::uint32_t kFuse = 0x65735546, kCifs = 0xff534d42, kSmb2 = 0xfe534d42,
                          kCeph = 0x00c36400, kLustre = 0x0bd00bd0;
  constexpr std::array kRemote{std::uint32_t{NFS_SUPER_MAGIC},
                               std::uint32_t{SMB_SUPER_MAGIC},
                               std::uint32_t{V9FS_MAGIC},
                               std::uint32_t{AFS_SUPER_MAGIC},
                               std::uint32_t{CODA_SUPER_MAGIC},
                               kFuse,
                               kCifs,
                               kSmb2,
                               kCeph,
                               kLustre};
  return std::find(kRemote.begin(), kRemote.end(), static_cast<std::uint32_t>(status.f_type)) !=
         kRemote.end();
}

}  // namespace

Watch::Watch(bool poll)
    : inotify_(poll ? -1 : ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)),
      wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (poll)
    why_polling_ = "asked to";
  else if (inotify_.get() < 0)
    why_polling_ = std::strerror(errno);
}

void Watch::look_at_directory(const std::string& path) { look_at(path, kDirectory, {}); }
void Watch::look_at_file(const std::string& path) { look_at(path, kFile, {}); }

void Watch::look_for(const std::string& path) {
  // The nearest directory that is there, and what must come into being in it.
  fs::path name = fs::path(path).lexically_normal();
  if (!name.has_filename()) name = name.parent_path();
  std::error_code error;
  while (name.has_parent_path() && name.parent_path() != name &&
         !fs::is_directory(name.parent_path(), error))
    name = name.parent_path();
  look_at(name.has_parent_path() ? name.parent_path().string() : ".", kNames,
          name.filename().string());
}

void Watch::look_at(const std::string& path, std::uint32_t mask, std::string name) {
  if (path == path_ && name == name_ && watch_ >= 0) return;
  path_ = path;
  name_ = std::move(name);
  changed_ = true;  // since the caller looked, perhaps
  if (inotify_.get() < 0) return;
  if (is_remote(path)) {
    why_polling_ = "a file system that others write to";
    inotify_.reset();
    return;
  }
  int former = watch_;
  watch_ = ::inotify_add_watch(inotify_.get(), path.c_str(), mask);
  // What has gone, or may not be read yet, is no reason to stop asking: the caller will look again, or
  // elsewhere.
  if (watch_ < 0 && errno != ENOENT && errno != ENOTDIR && errno != EACCES) {
    why_polling_ = std::strerror(errno);
    inotify_.reset();
  } else if (former >= 0 && former != watch_) {
    ::inotify_rm_watch(inotify_.get(), former);
  }
}

bool Watch::is_relevant(const char* name) const {
  std::string_view text(name);
  if (text.ends_with(kOpenSuffix)) text.remove_suffix(std::strlen(kOpenSuffix));
  return name_.empty() ? text.ends_with(kSegmentSuffix) : text == name_ || name_ == name;
}

// All that the kernel has to tell; whether any of it matters.
bool Watch::take_changes() {
  alignas(inotify_event) std::array<char, 8192> buffer;
  bool matters = false;
  ssize_t n;
  while ((n = ::read(inotify_.get(), buffer.data(), buffer.size())) > 0) {
    for (std::size_t at = 0; at < static_cast<std::size_t>(n);) {
      inotify_event event;
      std::memcpy(&event, buffer.data() + at, sizeof(event));
      const char* name = buffer.data() + at + sizeof(event);
      if (event.wd == watch_ && (event.mask & IN_IGNORED)) watch_ = -1;  // it has gone
      matters |= event.len == 0 || is_relevant(name);
      at += sizeof(event) + event.len;
    }
  }
  return matters;
}

void Watch::wait(std::chrono::milliseconds at_most) {
  if (inotify_.get() < 0 || watch_ < 0) at_most = std::min(at_most, kPoll);
  auto end = Clock::now() + at_most;
  bool changed = std::exchange(changed_, false) && inotify_.get() >= 0;
  while (!changed && !stopped_) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0) return;
    std::array<pollfd, 2> fds{{{wake_.get(), POLLIN, 0}, {inotify_.get(), POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), static_cast<int>(left)) <= 0) return;  // also a signal
    if (inotify_.get() >= 0) changed = take_changes();
  }
}

void Watch::stop() {
  stopped_ = true;
  std::uint64_t one = 1;
  [[maybe_unused]] ssize_t n = ::write(wake_.get(), &one, sizeof(one));
}

}  // namespace dse::format
