// Whichever system call fails while a capture is written: the error comes back, nothing that has a
// sealed name is incomplete, and what is left under the `.open` name gives all that was written whole.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "format/segment_reader.h"
#include "tests/unit/testing.h"

using namespace dse::format;
namespace fs = std::filesystem;

namespace {

enum class Call { open, write, fsync, ftruncate, rename, unlink };

struct Fault {
  std::optional<Call> call = {};  // nothing: any call
  int nth = -1;                   // from 0; -1: never
  int error = EIO;
  std::size_t bytes_before = 0;  // a write that fails half way takes these first
  bool for_good = false;         // all later calls fail too
};

class FaultyFileSystem final : public FileSystem {
 public:
  explicit FaultyFileSystem(Fault fault) : fault_(fault) {}

  int open(const char* path, int flags, mode_t mode) override {
    return fails(Call::open) ? -1 : FileSystem::open(path, flags, mode);
  }
  ssize_t write(int fd, const void* data, std::size_t size) override {
    if (!fails(Call::write)) {
      // A disk takes what it likes of a write.
      if (short_writes && size > 1) size = size / 2;
      return FileSystem::write(fd, data, size);
    }
    std::size_t part = std::min(fault_.bytes_before, size - 1);
    if (part == 0 || broken_) return -1;
    // As the kernel does it: this call is short, the next one fails.
    broken_ = true;
    return FileSystem::write(fd, data, part);
  }
  int fsync(int fd) override { return fails(Call::fsync) ? -1 : FileSystem::fsync(fd); }
  int ftruncate(int fd, off_t size) override {
    return fails(Call::ftruncate) ? -1 : FileSystem::ftruncate(fd, size);
  }
  int rename(const char* from, const char* to) override {
    return fails(Call::rename) ? -1 : FileSystem::rename(from, to);
  }
  int unlink(const char* path) override {
    return fails(Call::unlink) ? -1 : FileSystem::unlink(path);
  }

  bool short_writes = false;
  bool fired = false;

 private:
  bool fails(Call call) {
    if (broken_ && call == Call::write) {
      errno = fault_.error;
      return true;
    }
    if (fault_.call && *fault_.call != call) return false;
    int n = count_++;
    if (fault_.nth < 0 || (fault_.for_good ? n < fault_.nth : n != fault_.nth)) return false;
    fired = true;
    errno = fault_.error;
    return true;
  }

  Fault fault_;
  int count_ = 0;
  bool broken_ = false;  // a short write has happened: the disk is full from here on
};

struct Input {
  Records snapshot;
  std::vector<Records> batches;
};

Input make_input() {
  RandomRecords random(3, RandomRecords::Style::arbitrary);
  return {random.snapshot(3), {random.take(20), random.take(1), random.take(30)}};
}

// Writes two segments into a directory, keeps one; how far it came is in `written`.
dse::Status write_all(const std::string& path, const Input& input, FileSystem& file_system,
                      Records& written, Records& begun) {
  DSE_TRY_ASSIGN(std::unique_ptr<CaptureWriter> writer,
                 CaptureWriter::open({path, 1, 1}, file_system));
  StreamTable streams;
  std::uint64_t first = writer->first_record();
  for (int segment = 0; segment < 2; ++segment) {
    Snapshot snapshot;
    StreamTable snapshot_streams;
    snapshot.rows = rows_of(input.snapshot, snapshot_streams);
    snapshot.span = {1, 2, {}, {}};
    DSE_TRY(writer->begin_segment(test_info(), first, snapshot));
    for (const Records& batch : input.batches) {
      begun.insert(begun.end(), batch.begin(), batch.end());
      DSE_TRY(writer->write(rows_of(batch, streams, first)));
      written.insert(written.end(), batch.begin(), batch.end());
      first += batch.size();
    }
    DSE_TRY(writer->end_segment({}));
  }
  return {};
}

// What is on disk after a fault, against what the writer said.
void check_remains(const std::string& path, const Input& input, const dse::Status& status,
                   const Records& written, const Records& begun) {
  Records one_segment;
  for (const Records& batch : input.batches)
    one_segment.insert(one_segment.end(), batch.begin(), batch.end());

  Records read;
  bool pruned = true;
  for (const auto& file : fs::directory_iterator(path)) {
    std::string name = file.path().filename().string();
    ReadBack back = read_back(read_file(file.path().string()), true);
    ASSERT_FALSE(back.error);
    if (name.ends_with(".dse")) {
      // Only whole segments have this name.
      EXPECT_TRUE(back.records == one_segment) << name << back.describe();
      EXPECT_TRUE(back.notes.empty()) << name << back.describe();
    } else {
      ASSERT_TRUE(name.ends_with(".dse.open")) << name;
      EXPECT_FALSE(back.has_note(Note::What::damaged) && !back.records.empty())
          << name << back.describe();
    }
    if (name.starts_with("00000000000000000000")) pruned = false;
  }
  std::vector<std::string> names;
  for (const auto& file : fs::directory_iterator(path)) names.push_back(file.path().string());
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    ReadBack back = read_back(read_file(name), true);
    read.insert(read.end(), back.records.begin(), back.records.end());
  }
  // All that write() accepted is there; of what it refused, at most the last batch is there too, if
  // taking it back failed or there was nothing wrong with it.
  Records expected = written;
  if (pruned)
    expected.erase(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                            one_segment.size(), written.size())));
  if (status) {
    EXPECT_TRUE(read == expected) << read.size() << " of " << expected.size();
    return;
  }
  ASSERT_GE(read.size(), expected.size());
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), read.begin()));
  EXPECT_TRUE(read.size() == expected.size() || is_subsequence(read, begun));

  // The next recorder in this directory is not in the way of what is left, nor the other way round.
  if (!fs::is_empty(path)) {
    auto next = CaptureWriter::open({path, 1, 0}, FileSystem::host());
    ASSERT_TRUE(next.ok()) << next.error().message();
    Snapshot snapshot;
    snapshot.span = {1, 2, {}, {}};
    dse::Status begun_again = (*next)->begin_segment(test_info(), (*next)->first_record(),
                                                     snapshot);
    EXPECT_TRUE(begun_again.ok()) << begun_again.error().message();
  }
}

// Makes every call fail in turn, until one run gets through untouched.
void fail_every(std::optional<Call> call, Fault fault, bool short_writes = false) {
  Input input = make_input();
  fault.call = call;
  int failed = 0;
  for (fault.nth = 0;; ++fault.nth) {
    ASSERT_LT(fault.nth, 10'000);
    SCOPED_TRACE("call " + std::to_string(fault.nth));
    TempDir dir;
    std::string path = dir / "capture";
    FaultyFileSystem file_system(fault);
    file_system.short_writes = short_writes;
    Records written, begun;
    dse::Status status = write_all(path, input, file_system, written, begun);
    if (!file_system.fired) {
      ASSERT_TRUE(status.ok()) << status.error().message();
      break;
    }
    ++failed;
    // Nothing that failed goes unsaid (MCAP #721).
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code(), dse::ErrorCode::io) << status.error().message();
    ASSERT_NO_FATAL_FAILURE(check_remains(path, input, status, written, begun));
  }
  EXPECT_GT(failed, 0);
}

TEST(fault, without_a_fault) {
  Input input = make_input();
  for (bool short_writes : {false, true}) {
    TempDir dir;
    FaultyFileSystem file_system({});
    file_system.short_writes = short_writes;
    Records written, begun;
    dse::Status status = write_all(dir / "capture", input, file_system, written, begun);
    ASSERT_TRUE(status.ok()) << status.error().message();
    check_remains(dir / "capture", input, status, written, begun);
  }
}

TEST(fault, no_space_at_the_start_of_a_write) {
  fail_every(Call::write, {.error = ENOSPC, .for_good = true});
}

TEST(fault, no_space_in_the_middle_of_a_write) {
  for (std::size_t bytes : {1u, 8u, 60u, 200u}) {
    SCOPED_TRACE(bytes);
    fail_every(Call::write, {.error = ENOSPC, .bytes_before = bytes});
  }
}

TEST(fault, a_torn_entry_is_taken_back) {
  // What is left is a whole number of entries, not only what a reader can make of half of one.
  Input input = make_input();
  for (int nth = 1;; ++nth) {
    TempDir dir;
    FaultyFileSystem file_system(
        {.call = Call::write, .nth = nth, .error = ENOSPC, .bytes_before = 100});
    dse::Status status = write_capture(dir / "c.dse", input.snapshot, input.batches, file_system);
    if (!file_system.fired) break;
    ASSERT_FALSE(status.ok());
    SegmentReader reader(memory_byte_source(read_file(dir / "c.dse.open"), true), nullptr);
    while (true) {
      auto entry = reader.next();
      ASSERT_TRUE(entry.ok()) << "call " << nth << ": " << entry.error().message();
      if (!*entry) break;
    }
    EXPECT_FALSE(reader.torn());
    EXPECT_FALSE(reader.sealed());
  }
}

TEST(fault, no_space_among_short_writes) {
  fail_every(Call::write, {.error = ENOSPC, .for_good = true}, true);
}

TEST(fault, write_error) { fail_every(Call::write, {.error = EIO}); }

TEST(fault, fsync_error) { fail_every(Call::fsync, {.error = EIO}); }

TEST(fault, rename_error) { fail_every(Call::rename, {.error = EIO}); }

TEST(fault, open_error) {
  fail_every(Call::open, {.error = EMFILE});
  fail_every(Call::open, {.error = ENOSPC});
  fail_every(Call::open, {.error = EACCES});
}

TEST(fault, unlink_error) { fail_every(Call::unlink, {.error = EBUSY}); }

TEST(fault, the_disk_goes_away_for_good) {
  // Taking back the torn entry fails as well: the name still tells.
  fail_every(std::nullopt, {.error = EIO, .for_good = true});
  fail_every(std::nullopt, {.error = EIO, .bytes_before = 30, .for_good = true});
}

TEST(fault, interrupted_writes_go_on) {
  // EINTR is no error, and nothing is written twice.
  class Interrupted final : public FileSystem {
   public:
    ssize_t write(int fd, const void* data, std::size_t size) override {
      if (++calls_ % 2) {
        errno = EINTR;
        return -1;
      }
      return FileSystem::write(fd, data, std::min<std::size_t>(size, 50));
    }

   private:
    int calls_ = 0;
  } file_system;
  Input input = make_input();
  TempDir dir;
  ASSERT_TRUE(write_capture(dir / "c.dse", input.snapshot, input.batches, file_system).ok());
  EXPECT_EQ(read_file(dir / "c.dse"), capture_bytes(input.snapshot, input.batches));
}

TEST(fault, a_write_of_nothing_is_an_error) {
  // Else the writer would spin for ever.
  class Full final : public FileSystem {
   public:
    ssize_t write(int, const void*, std::size_t) override { return 0; }
  } file_system;
  TempDir dir;
  EXPECT_FALSE(write_capture(dir / "c.dse", {}, {}, file_system).ok());
}

TEST(fault, existing_files_are_left_alone) {
  TempDir dir;
  write_file(dir / "c.dse", "mine");
  EXPECT_FALSE(write_capture(dir / "c.dse", {}, {}, FileSystem::host()).ok());
  EXPECT_EQ(read_file(dir / "c.dse"), "mine");

  write_file(dir / "d.dse.open", "mine too");
  EXPECT_FALSE(write_capture(dir / "d.dse", {}, {}, FileSystem::host()).ok());
  EXPECT_EQ(read_file(dir / "d.dse.open"), "mine too");
  EXPECT_FALSE(fs::exists(dir / "d.dse"));
}

TEST(fault, one_recorder_in_a_directory) {
  TempDir dir;
  auto first = CaptureWriter::open({dir / "c", 1, 0}, FileSystem::host());
  ASSERT_TRUE(first.ok());
  Snapshot snapshot;
  snapshot.span = {1, 2, {}, {}};
  ASSERT_TRUE((*first)->begin_segment(test_info(), 0, snapshot).ok());
  auto second = CaptureWriter::open({dir / "c", 1, 0}, FileSystem::host());
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().message().find("another recorder"), std::string::npos);
}

}  // namespace
