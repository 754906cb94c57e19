// One case of `dse check`: replayed, and held against what is expected.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/exit_code.h"

namespace dse::tools {

struct CheckResult {
  enum class What { pass, fail, error };
  std::string name;
  What what = What::pass;
  int code = kOk;
  bool updated = false;
  std::uint64_t events = 0;
  std::vector<std::string> problems;  // one line each, the gravest first
  std::uint64_t missing = 0, extra = 0;
  std::string diff;              // text, with colour if so asked
  std::string differences_json;  // an array
  std::uint64_t left_out = 0;    // events that differ and are not in the diff
  double seconds = 0;
};

struct CheckOptions {
  std::uint64_t limit = 20;  // events that differ to show
  bool colour = false;
};

// `name` is for people, `directory` has case.toml. With `update` the expected events are written first.
// Says and prints nothing, so several may run side by side.
CheckResult check_case(const std::string& name, const std::string& directory, bool update,
                       const CheckOptions& options);

}  // namespace dse::tools
