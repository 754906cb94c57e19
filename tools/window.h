// -S, -U and --num: the window of time, or of numbers, that a command is about.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "format/result.h"
#include "replay/session.h"

namespace dse::tools {

struct WindowFlags {
  std::string since, until;  // empty: no bound
  std::string numbers;       // A..B, A.., ..B or A; empty: all

  bool near = false;         // only what is needed for the range is read

  void add_to(CLI::App& app);
  void add_near_to(CLI::App& app);
  bool given() const { return !since.empty() || !until.empty() || !numbers.empty(); }
  // As it was given, for people.
  std::string text() const;
};

// The files to open for a command on captures: with --near those around the window, else all.
Result<std::vector<std::string>> paths_to_read(const WindowFlags& window,
                                               const std::vector<std::string>& paths);
// Of captures, which may have to be read for their end. Error: usage, or that of reading.
Status set_window(const WindowFlags& window, const std::vector<std::string>& paths,
                  replay::Session& session);
// Of what has no end yet.
Status set_live_window(const WindowFlags& window, replay::Session& session);

}  // namespace dse::tools
