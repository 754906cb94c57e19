// A file that a command makes: whole under its name, or not at all.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "format/file.h"
#include "format/result.h"

namespace dse::tools {

class OutputFile {
 public:
  // `path`: "-" is standard output. What is there already is only replaced with `force`, and never if it is
  // one of `inputs`, or a directory. Devices and pipes are written to as they are.
  static Result<OutputFile> open(const std::string& path, bool force,
                                 const std::vector<std::string>& inputs);
  // What was not finished is removed.
  ~OutputFile();
  OutputFile(OutputFile&&) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;

  // False: the reader of standard output has gone, which is no error.
  Result<bool> write(std::string_view bytes);
  // The file is whole: it gets its name.
  Status finish();
  std::uint64_t bytes() const { return bytes_; }

 private:
  OutputFile() = default;

  std::string path_;
  std::string unfinished_;  // its name until then; empty: there is none
  bool force_ = false;
  format::FileHandle file_;
  std::uint64_t bytes_ = 0;
};

}  // namespace dse::tools
