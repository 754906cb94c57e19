#include "format/segment_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace dse::format {
namespace {

Error write_error(const std::string& path, int error_number) {
  Error error = errno_error("cannot write " + path, error_number);
  std::string remedy;
  if (error_number == ENOSPC) remedy = "; free some space, or limit the capture with --keep";
  if (error_number == EPIPE) remedy = "; the reader has gone";
  return {ErrorCode::io, error.message() + remedy};
}

}  // namespace

Result<SegmentFile> SegmentFile::create(const std::string& path, FileSystem& fs) {
  if (::access(path.c_str(), F_OK) == 0)
    return Error(ErrorCode::usage, path + " exists; remove it or choose another name");
  std::string open_path = path + kOpenSuffix;
  FileHandle file(
      fs.open(open_path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600));
  if (file.get() < 0) {
    if (errno == EEXIST)
      return Error(ErrorCode::usage, open_path +
                                         " exists: another recorder writes it, or one died; choose "
                                         "another name");
    return Error(ErrorCode::io, errno_error("cannot create " + open_path, errno).message());
  }
  // Waits for a reader that asks just now whether the file is being written; no one else can know it.
  int locked;
  while ((locked = ::flock(file.get(), LOCK_EX)) != 0 && errno == EINTR) {
  }
  if (locked != 0)
    return Error(ErrorCode::io, errno_error("cannot lock " + open_path, errno).message());
  return SegmentFile(std::move(file), path, false, fs);
}

SegmentFile SegmentFile::stream(FileHandle file, const std::string& name, FileSystem& fs) {
  return {std::move(file), name, true, fs};
}

Status SegmentFile::append(std::span<const std::byte> bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    ssize_t n = fs_->write(file_.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      int error_number = n < 0 ? errno : EIO;
      // Take the torn entry back, so that what is left reads as what it is. If even that fails,
      // the name still says that the segment is not complete.
      if (!is_stream_ && done > 0)
        (void)fs_->ftruncate(file_.get(), static_cast<off_t>(size_bytes_));
      return write_error(is_stream_ ? path_ : path_ + kOpenSuffix, error_number);
    }
    done += static_cast<std::size_t>(n);
  }
  size_bytes_ += bytes.size();
  return {};
}

Status SegmentFile::seal() {
  if (is_stream_) return {};
  std::string open_path = path_ + kOpenSuffix;
  if (fs_->fsync(file_.get()) != 0) return write_error(open_path, errno);
  if (fs_->rename(open_path.c_str(), path_.c_str()) != 0)
    return Error(ErrorCode::io, errno_error("cannot rename " + open_path, errno).message());
  std::string directory = std::filesystem::path(path_).parent_path().string();
  FileHandle handle(fs_->open(directory.empty() ? "." : directory.c_str(),
                              O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
  if (handle.get() < 0 || fs_->fsync(handle.get()) != 0)
    return write_error(directory.empty() ? "." : directory, errno);
  file_.reset();
  return {};
}

}  // namespace dse::format
