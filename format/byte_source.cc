#include "format/byte_source.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "format/file.h"

namespace dse::format {

Status ByteSource::go_back(std::uint64_t position) {
  if (!can_seek() || position > position_)
    return Error(ErrorCode::io, "internal error: this input cannot go back");
  position_ = position;
  return {};
}

namespace {

// The lock is asked for as one that may be shared, so that those who ask do not mind one another, and
// let go at once.
bool is_locked(const FileHandle& file) {
  if (::flock(file.get(), LOCK_SH | LOCK_NB) != 0) return errno == EWOULDBLOCK;
  ::flock(file.get(), LOCK_UN);
  return false;
}

class FileSource final : public ByteSource {
 public:
  FileSource(FileHandle file, std::string name, bool seekable, std::uint64_t limit)
      : file_(std::move(file)), name_(std::move(name)), seekable_(seekable), limit_(limit) {}

  Result<std::size_t> read(std::span<std::byte> out) override {
    if (!seekable_ || out.size() >= around_.size()) return read_file(out);
    if (position_ < around_begin_ || position_ + out.size() > around_begin_ + around_size_) {
      const std::uint64_t begin = position_;
      around_size_ = 0;
      DSE_TRY_ASSIGN(around_size_, read_file(around_));
      position_ = around_begin_ = begin;
    }
    const std::size_t at = static_cast<std::size_t>(position_ - around_begin_);
    const std::size_t n = std::min(out.size(), around_size_ - at);
    std::copy_n(around_.begin() + static_cast<std::ptrdiff_t>(at), n, out.begin());
    position_ += n;
    return n;
  }

  Result<bool> skip(std::uint64_t bytes) override {
    if (seekable_) {
      if (position_ > size_ || bytes > size_ - position_) DSE_TRY(ask_size());
      if (position_ > size_ || bytes > size_ - position_) return false;
      position_ += bytes;
      return true;
    }
    std::array<std::byte, 65536> sink;
    while (bytes > 0) {
      auto want = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, sink.size()));
      DSE_TRY_ASSIGN(std::size_t n, read(std::span(sink).first(want)));
      if (n < want) return false;
      bytes -= n;
    }
    return true;
  }

  bool can_seek() const override { return seekable_; }

  Status read_at(std::uint64_t offset, std::span<std::byte> out) override {
    while (!out.empty()) {
      ssize_t n = ::pread(file_.get(), out.data(), out.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return errno_error("cannot read " + name_, errno);
      if (n == 0) return Error(ErrorCode::damaged, name_ + " is shorter than it was");
      out = out.subspan(static_cast<std::size_t>(n));
      offset += static_cast<std::uint64_t>(n);
    }
    return {};
  }

  bool is_being_recorded() const override { return seekable_ && is_locked(file_); }

 private:
  Result<std::size_t> read_file(std::span<std::byte> out) {
    std::size_t done = 0;
    if (seekable_ && out.size() > limit_ - position_)
      out = out.first(static_cast<std::size_t>(limit_ - position_));
    while (done < out.size()) {
      auto rest = out.subspan(done);
      ssize_t n = seekable_ ? ::pread(file_.get(), rest.data(), rest.size(),
                                      static_cast<off_t>(position_))
                            : ::read(file_.get(), rest.data(), rest.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return errno_error("cannot read " + name_, errno);
      if (n == 0) {
        if (!seekable_ || done != 0) break;
        DSE_TRY(ask_size());  // what was passed over may be gone
        if (position_ > size_) return Error(ErrorCode::damaged, name_ + " is shorter than it was");
        break;
      }
      done += static_cast<std::size_t>(n);
      position_ += static_cast<std::uint64_t>(n);
    }
    return done;
  }
  Status ask_size() {
    struct stat status;
    if (::fstat(file_.get(), &status) != 0) return errno_error("cannot read " + name_, errno);
    size_ = std::min(static_cast<std::uint64_t>(status.st_size), limit_);
    return {};
  }

  FileHandle file_;
  std::string name_;
  bool seekable_;
  std::uint64_t limit_;     // never before position_
  std::uint64_t size_ = 0;  // at least, when it was last asked for; no more than limit_
  // A small read brings what follows, too: who looks for one block in a large capture reads headers, and
  // asks for the size of each first. What is in a capture never changes; it only grows.
  std::array<std::byte, 2048> around_;
  std::uint64_t around_begin_ = 0;
  std::size_t around_size_ = 0;
};

// Holds what was read since the position that is to be kept.
class KeepingSource final : public ByteSource {
 public:
  explicit KeepingSource(std::shared_ptr<ByteSource> source) : source_(std::move(source)) {
    position_ = begin_ = source_->position();
  }

  Result<std::size_t> read(std::span<std::byte> out) override {
    std::size_t at = gone_ + static_cast<std::size_t>(position_ - begin_);
    std::size_t held = std::min(out.size(), held_.size() - at);
    std::copy_n(held_.begin() + static_cast<std::ptrdiff_t>(at), held, out.begin());
    DSE_TRY_ASSIGN(std::size_t n, source_->read(out.subspan(held)));
    auto fresh = out.subspan(held, n);
    held_.insert(held_.end(), fresh.begin(), fresh.end());
    position_ += held + n;
    return held + n;
  }
  Result<bool> skip(std::uint64_t bytes) override {
    std::array<std::byte, 65536> sink;
    while (bytes > 0) {
      auto want = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, sink.size()));
      DSE_TRY_ASSIGN(std::size_t n, read(std::span(sink).first(want)));
      if (n < want) return false;
      bytes -= n;
    }
    return true;
  }
  Status go_back(std::uint64_t position) override {
    if (position < begin_ || position > position_)
      return Error(ErrorCode::io, "internal error: this input cannot go back so far");
    position_ = position;
    return {};
  }
  void keep(std::uint64_t position) override {
    if (position <= begin_) return;
    auto gone = static_cast<std::size_t>(
        std::min<std::uint64_t>(position - begin_, held_.size() - gone_));
    begin_ += gone;
    gone_ += gone;
    if (2 * gone_ < held_.size()) return;  // so that each byte is moved once or twice in all
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(gone_));
    gone_ = 0;
  }
  bool can_seek() const override { return false; }
  Status read_at(std::uint64_t, std::span<std::byte>) override {
    return Error(ErrorCode::io, "internal error: this input cannot seek");
  }

 private:
  std::shared_ptr<ByteSource> source_;
  std::vector<std::byte> held_;  // `gone_` bytes that nobody needs, then those from begin_ on
  std::size_t gone_ = 0;
  std::uint64_t begin_ = 0;
};

class MemorySource final : public ByteSource {
 public:
  MemorySource(std::string bytes, bool seekable) : bytes_(std::move(bytes)), seekable_(seekable) {}

  Result<std::size_t> read(std::span<std::byte> out) override {
    std::size_t n = std::min<std::size_t>(out.size(), bytes_.size() - position_);
    if (n != 0) std::memcpy(out.data(), bytes_.data() + position_, n);  // else out may be null
    position_ += n;
    return n;
  }
  Result<bool> skip(std::uint64_t bytes) override {
    if (bytes > bytes_.size() - position_) return false;
    position_ += bytes;
    return true;
  }
  bool can_seek() const override { return seekable_; }
  Status read_at(std::uint64_t offset, std::span<std::byte> out) override {
    if (offset > bytes_.size() || out.size() > bytes_.size() - offset)
      return Error(ErrorCode::damaged, "the file is shorter than it was");
    if (!out.empty()) std::memcpy(out.data(), bytes_.data() + offset, out.size());
    return {};
  }

 private:
  std::string bytes_;
  bool seekable_;
};

}  // namespace

Result<std::shared_ptr<ByteSource>> open_byte_source(const std::string& name, std::uint64_t limit) {
  FileHandle file(name == "-" ? ::dup(STDIN_FILENO) : ::open(name.c_str(), O_RDONLY | O_CLOEXEC));
  std::string shown = name == "-" ? "standard input" : name;
  if (file.get() < 0) {
    // Not being allowed to read a file is an I/O matter, not one of kernel privileges.
    return Error(ErrorCode::io, errno_error("cannot open " + shown, errno).message());
  }
  struct stat status;
  if (::fstat(file.get(), &status) != 0) return errno_error("cannot read " + shown, errno);
  if (S_ISDIR(status.st_mode)) return Error(ErrorCode::io, shown + " is a directory");
  bool seekable = S_ISREG(status.st_mode) && name != "-";
  return std::shared_ptr<ByteSource>(
      std::make_shared<FileSource>(std::move(file), shown, seekable, limit));
}

std::shared_ptr<ByteSource> keeping_byte_source(std::shared_ptr<ByteSource> source) {
  return std::make_shared<KeepingSource>(std::move(source));
}

std::shared_ptr<ByteSource> memory_byte_source(std::string bytes, bool seekable) {
  return std::make_shared<MemorySource>(std::move(bytes), seekable);
}

bool is_being_recorded(const std::string& path) {
  FileHandle file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return file.get() >= 0 && is_locked(file);
}

}  // namespace dse::format
