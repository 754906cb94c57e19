// A file that is there as a whole or not at all.
#pragma once

#include <string>
#include <string_view>

#include "format/result.h"

namespace dse::tools {

class AtomicFile {
 public:
  // In the same directory under a name of its own, until commit() gives it that of `path`.
  static Result<AtomicFile> create(const std::string& path);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();  // what was not committed goes

  Status write(std::string_view bytes);
  Status commit();  // synced

 private:
  AtomicFile() = default;
  Error error(const char* what) const;
  Status flush();

  std::string path_, temporary_;
  std::string buffer_;
  int fd_ = -1;
};

}  // namespace dse::tools
