// Waits until files change: told by the kernel (inotify), or by looking again often where it cannot tell.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "format/file.h"

namespace dse::format {

class Watch {
 public:
  // How long a wait is where the kernel tells nothing.
  static constexpr std::chrono::milliseconds kPoll{20};

  // `poll`: do not even ask the kernel.
  explicit Watch(bool poll);

  // What to wait for from now on: changes of the segments of a directory, or of a file.
  void look_at_directory(const std::string& path);
  void look_at_file(const std::string& path);
  // That `path`, or `path` + ".open", comes into being. It and the directories above it need not exist.
  void look_for(const std::string& path);

  // Returns when something may have changed since the last wait, when stop() has been called, or after
  // `at_most`.
  void wait(std::chrono::milliseconds at_most);
  // Ends this wait and all later ones at once. Also for signal handlers.
  void stop();
  bool stopped() const { return stopped_; }

  // Why the kernel is not asked; empty: it is.
  const std::string& why_polling() const { return why_polling_; }

 private:
  void look_at(const std::string& path, std::uint32_t mask, std::string name);
  bool take_changes();
  bool is_relevant(const char* name) const;

  FileHandle inotify_;
  FileHandle wake_;
  std::atomic<bool> stopped_ = false;
  std::string why_polling_;
  std::string path_;  // looked at
  std::string name_;  // of the only file in it that counts; empty: all segments
  int watch_ = -1;
  bool changed_ = false;  // look before the next wait
};

}  // namespace dse::format
