// The two comparisons of `dse diff`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/selection.h"
#include "tools/window.h"

namespace dse::tools {

struct DiffOptions {
  std::vector<std::string> paths;
  SelectionFlags selection;
  WindowFlags window;
  std::string against;  // another profile
  std::string output;
  bool exact = false;
  bool unordered = false;
  std::vector<std::string> fields, ignore;
  std::uint32_t context = 2;
  std::uint64_t limit = 1000;
};

// One capture under two profiles: whose verdict is another one. Returns an exit code.
int diff_profiles(const DiffOptions& options);

}  // namespace dse::tools
