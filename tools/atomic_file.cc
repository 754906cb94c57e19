#include "tools/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <utility>

namespace dse::tools {
namespace {

constexpr std::size_t kBufferBytes = 256 * 1024;
constexpr int kNames = 100;

}  // namespace

Result<AtomicFile> AtomicFile::create(const std::string& path) {
  AtomicFile file;
  file.path_ = path;
  // A name of one that died may be there still.
  for (int i = 0; file.fd_ < 0 && i < kNames; ++i) {
    std::string name = path + "." + std::to_string(::getpid()) + "." + std::to_string(i) + ".new";
    file.fd_ = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file.fd_ >= 0)
      file.temporary_ = std::move(name);
    else if (errno != EEXIST)
      break;
  }
  if (file.fd_ < 0) return file.error("cannot write");
  return file;
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      buffer_(std::move(other.buffer_)),
      fd_(std::exchange(other.fd_, -1)) {}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Error AtomicFile::error(const char* what) const {
  return errno_error(std::string(what) + " " + path_, errno);
}

Status AtomicFile::write(std::string_view bytes) {
  buffer_ += bytes;
  return buffer_.size() < kBufferBytes ? Status() : flush();
}

Status AtomicFile::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    ssize_t n = ::write(fd_, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return error("cannot write");
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  buffer_.clear();
  return {};
}

Status AtomicFile::commit() {
  DSE_TRY(flush());
  if (::fsync(fd_) != 0) return error("cannot write");
  if (::close(std::exchange(fd_, -1)) != 0) return error("cannot write");
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) return error("cannot write");
  temporary_.clear();
  return {};
}

}  // namespace dse::tools
