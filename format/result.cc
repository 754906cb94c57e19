#include "format/result.h"

#include <cerrno>
#include <system_error>

namespace dse {

Error errno_error(const std::string& what, int error_number) {
  ErrorCode code = error_number == EPERM || error_number == EACCES ? ErrorCode::privilege
                                                                   : ErrorCode::io;
  return {code, what + ": " + std::generic_category().message(error_number)};
}

}  // namespace dse
