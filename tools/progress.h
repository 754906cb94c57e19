// A status line for work that takes long, on a terminal, a few times a second.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "tools/terminal.h"

namespace dse::tools {

class Progress {
 public:
  explicit Progress(std::string what) : what_(std::move(what)), shown_(stderr_is_terminal()) {}
  ~Progress() { clear_status(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Cheap enough for every batch.
  void at(std::uint64_t events) {
    if (!shown_) return;
    auto now = std::chrono::steady_clock::now();
    if (now < next_) return;
    next_ = now + std::chrono::milliseconds(200);
    show_status(what_ + ": " + plural(events, "event"));
  }

 private:
  std::string what_;
  bool shown_;
  // What is done at once needs no line.
  std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now() +
                                                std::chrono::milliseconds(200);
};

}  // namespace dse::tools
