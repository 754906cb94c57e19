// Exit codes of dse, as README.md documents them.
#pragma once

#include "format/result.h"

namespace dse::tools {

enum ExitCode : int {
  kOk = 0,
  kNegative = 1,   // a negative answer
  kUsage = 2,      // a wrong option or argument
  kLoss = 3,       // records were lost, and --fail-on-loss was given
  kDamaged = 4,    // damaged input; the valid part was delivered
  kPrivilege = 5,  // the kernel refuses, or lacks what is needed
  kIo = 6,         // reading or writing failed
};

inline int exit_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::usage: return kUsage;
    case ErrorCode::damaged: return kDamaged;
    case ErrorCode::privilege: return kPrivilege;
    case ErrorCode::io: return kIo;
  }
  return kIo;
}

}  // namespace dse::tools
