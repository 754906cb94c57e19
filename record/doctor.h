// What recording needs of a host, tried out one by one.
#pragma once

#include <string>
#include <vector>

namespace dse::record {

struct Check {
  enum class State {
    ok,       // there, or of no account
    warning,  // recording works, and leaves something out
    missing,  // recording does not work
  };

  std::string name;  // "BTF"; unique
  State state = State::ok;
  std::string detail;    // what was found
  std::string left_out;  // of a warning: what recordings will lack; else empty
  std::string remedy;    // what to do about it; empty when ok
};

// Tries all that a recording of everything needs, the most basic first, and leaves nothing behind.
// What cannot be tried because something more basic is missing is not in the list. Takes some
// tenths of a second (the kernel's types are read). Not to be called while another thread uses
// libbpf.
std::vector<Check> examine_host();

// Whether nothing is missing.
bool can_record(const std::vector<Check>& checks);

}  // namespace dse::record
