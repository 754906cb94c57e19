#include "tools/output_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "format/capture_directory.h"
#include "tools/terminal.h"

namespace dse::tools {
namespace {

Error usage(std::string message) { return {ErrorCode::usage, std::move(message)}; }

// Of files, whatever keeps them from being written is a matter of input and output.
Error io_error(const std::string& what) {
  return {ErrorCode::io, errno_error(what, errno).message()};
}

}  // namespace

Result<OutputFile> OutputFile::open(const std::string& path, bool force,
                                    const std::vector<std::string>& inputs) {
  OutputFile out;
  out.path_ = path;
  out.force_ = force;
  if (path == "-") return out;
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (std::filesystem::is_directory(status))
    return usage(path + " is a directory; -w takes the name of a file");
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    out.file_.reset(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (out.file_.get() < 0) return io_error("cannot write " + path);
    return out;
  }
  if (std::filesystem::exists(status)) {
    for (const std::string& input : inputs) {
      const std::filesystem::path parent = std::filesystem::path(path).parent_path();
      bool same = std::filesystem::equivalent(input, path, error) && !error;
      bool inside = std::filesystem::is_directory(input, error) && path.ends_with(".dse") &&
                    std::filesystem::equivalent(input, parent.empty() ? "." : parent, error) &&
                    !error;
      if (auto segments = format::list_segments(input); input != "-" && segments)
        for (const format::SegmentPath& segment : *segments)
          same = same || (std::filesystem::equivalent(segment.path, path, error) && !error);
      if (same || inside) return usage(path + " is what is read; write to another place");
    }
    if (!force) return usage(path + " exists; choose another name, or --force replaces it");
  }
  out.unfinished_ = path + ".XXXXXX";
  out.file_.reset(::mkostemp(out.unfinished_.data(), O_CLOEXEC));
  if (out.file_.get() < 0) {
    out.unfinished_.clear();
    return io_error("cannot write " + path);
  }
  return out;
}

OutputFile::~OutputFile() {
  if (!unfinished_.empty()) ::unlink(unfinished_.c_str());
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      unfinished_(std::exchange(other.unfinished_, {})),
      force_(other.force_),
      file_(std::move(other.file_)),
      bytes_(other.bytes_) {}

Result<bool> OutputFile::write(std::string_view bytes) {
  bytes_ += bytes.size();
  if (path_ == "-") return write_stdout(bytes);
  while (!bytes.empty()) {
    ssize_t n = ::write(file_.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error("cannot write " + path_);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

Status OutputFile::finish() {
  if (unfinished_.empty()) return {};
  if (::fsync(file_.get()) != 0) return io_error("cannot write " + path_);
  int renamed = force_ ? ::rename(unfinished_.c_str(), path_.c_str())
                       : format::FileSystem::host().rename(unfinished_.c_str(), path_.c_str());
  if (renamed != 0) return io_error("cannot name the result " + path_);
  unfinished_.clear();
  file_.reset();
  return {};
}

}  // namespace dse::tools
