// Reading along with a recorder: files that grow, get their name, are followed by others, and go away.
#include "format/follow.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "format/segment_file.h"
#include "tests/unit/testing.h"

using namespace dse::format;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

using Clock = std::chrono::steady_clock;

// The n-th of a row of records that are all different.
Record nth(std::uint32_t n) { return exit_record(make_task(100 + n, "task")); }

Records some(std::uint32_t from, std::uint32_t to) {
  Script script(1'000'000 * (from + 1));
  for (std::uint32_t n = from; n < to; ++n) script.add(nth(n));
  return script.records();
}

std::vector<std::uint32_t> pids(const Records& records) {
  std::vector<std::uint32_t> out;
  for (const Record& record : records) out.push_back(header_of_record(record).task.pid - 100);
  return out;
}

std::vector<std::uint32_t> range(std::uint32_t from, std::uint32_t to) {
  std::vector<std::uint32_t> out;
  for (; from < to; ++from) out.push_back(from);
  return out;
}

// A file as a recorder that takes its time writes it.
class SlowFile {
 public:
  explicit SlowFile(std::string path, bool lock = true)
      : path_(std::move(path)),
        file_(::open((path_ + kOpenSuffix).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0600)) {
    if (lock) this->lock();
  }
  void lock() { ASSERT_EQ(::flock(file_.get(), LOCK_EX | LOCK_NB), 0); }
  void append(std::string_view bytes) {
    ASSERT_EQ(::write(file_.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  void rename() { fs::rename(path_ + kOpenSuffix, path_); }
  void close() { file_.reset(); }

 private:
  std::string path_;
  FileHandle file_;
};

// What a follower has seen up to where there was nothing new.
struct Seen {
  std::vector<std::uint32_t> records;
  int captures = 0;
  bool ended = false;
};

class Follower {
 public:
  explicit Follower(const std::string& path, bool keep_waiting = false, bool poll = false) {
    auto reader = CaptureReader::follow(path, {keep_waiting, poll, 0ms});
    EXPECT_TRUE(reader.ok()) << reader.error().message();
    if (reader) reader_ = std::move(*reader);
  }

  // Looks until it is idle, twice: the first idle may mean that all is read that was there at the start.
  Seen look() {
    Seen seen;
    for (int idle = 0; idle < 2 && !seen.ended;) {
      auto step = reader_->next();
      if (!step) {
        error_ = step.error().message();
        return seen;
      }
      using What = Step::What;
      if (step->what == What::idle) ++idle;
      if (step->what == What::end) seen.ended = true;
      if (step->what == What::capture) ++seen.captures;
      if (step->what == What::batch && !step->batch->snapshot())
        for (std::uint32_t n : pids(records_of(*step->batch))) seen.records.push_back(n);
    }
    return seen;
  }

  // The notes as "what: text".
  std::string notes() const {
    std::string out;
    for (const Note& note : reader_->notes())
      out += std::to_string(static_cast<int>(note.what)) + ": " + note.text + "\n";
    return out;
  }
  bool only_note(Note::What what, const std::string& part) const {
    return reader_->notes().size() == 1 && reader_->notes()[0].what == what &&
           reader_->notes()[0].text.find(part) != std::string::npos;
  }
  const std::string& error() const { return error_; }
  CaptureReader& reader() { return *reader_; }

 private:
  std::unique_ptr<CaptureReader> reader_;
  std::string error_;
};

// A recorder by hand, with records numbered from 0.
class Recorder {
 public:
  explicit Recorder(const std::string& path, std::uint8_t capture = 1, std::uint32_t keep = 0)
      : info_(test_info()) {
    info_.capture_id.fill(capture);
    auto writer = CaptureWriter::open({path, 1, keep}, FileSystem::host());
    EXPECT_TRUE(writer.ok()) << writer.error().message();
    writer_ = std::move(*writer);
    at_ = static_cast<std::uint32_t>(writer_->first_record());
  }
  void begin() { expect(writer_->begin_segment(info_, at_, {{}, {1, 2, {}, {}}})); }
  void write(std::uint32_t count) {
    expect(writer_->write(rows_of(some(at_, at_ + count), streams_, at_)));
    at_ += count;
  }
  void end(bool last, bool more = false) {
    EndInfo info;
    info.last = last;
    expect(writer_->end_segment(info, more));
  }
  std::uint32_t at() const { return at_; }

 private:
  static void expect(const dse::Status& status) {
    EXPECT_TRUE(status.ok()) << status.error().message();
  }
  SegmentInfo info_;
  std::unique_ptr<CaptureWriter> writer_;
  StreamTable streams_;
  std::uint32_t at_;
};

TEST(follow, an_entry_that_comes_byte_by_byte) {
  const std::vector<Records> blocks{some(0, 3), some(3, 4), some(4, 9)};
  const std::string bytes = capture_bytes({}, blocks);
  for (bool poll : {false, true}) {
    TempDir dir;
    SlowFile file(dir / "c.dse");
    Follower follower(dir / "c.dse", false, poll);
    std::vector<std::uint32_t> records;
    int arrivals = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      file.append(std::string_view(bytes).substr(i, 1));
      Seen seen = follower.look();
      ASSERT_FALSE(seen.ended) << i << follower.error();
      arrivals += !seen.records.empty();
      records.insert(records.end(), seen.records.begin(), seen.records.end());
      // Exactly what a reader of this much finds whole.
      CaptureReader whole(memory_byte_source(bytes.substr(0, i + 1), true), "test");
      ASSERT_EQ(records, pids(read_back(whole).records)) << "after byte " << i;
    }
    EXPECT_EQ(arrivals, 3);
    file.rename();
    file.close();
    Seen rest = follower.look();
    EXPECT_TRUE(rest.ended);
    EXPECT_TRUE(rest.records.empty());
    EXPECT_EQ(follower.notes(), "");
  }
}

TEST(follow, a_file_that_gets_its_name_in_between) {
  const std::string bytes = capture_bytes({}, {some(0, 3), some(3, 4), some(4, 9)});
  // By either of its names.
  for (const char* name : {"c.dse", "c.dse.open"}) {
    for (std::size_t half : {std::size_t{0}, bytes.size() / 2, bytes.size() - 20}) {
      TempDir dir;
      SlowFile file(dir / "c.dse");
      file.append(bytes.substr(0, half));
      Follower follower(dir / name);
      Seen seen = follower.look();
      EXPECT_FALSE(seen.ended);
      file.append(bytes.substr(half));
      file.rename();
      file.close();
      Seen rest = follower.look();
      EXPECT_TRUE(rest.ended);
      seen.records.insert(seen.records.end(), rest.records.begin(), rest.records.end());
      EXPECT_EQ(seen.records, range(0, 9));
      EXPECT_EQ(follower.notes(), "");
    }
  }
}

TEST(follow, sealed_files_as_they_come) {
  TempDir dir;
  Recorder recorder(dir / "c");
  recorder.begin();
  recorder.write(2);
  Follower follower(dir / "c");
  Seen seen = follower.look();
  EXPECT_EQ(seen.records, range(0, 2));
  EXPECT_EQ(seen.captures, 1);
  for (std::uint32_t segment = 1; segment < 4; ++segment) {
    recorder.write(1);
    recorder.end(false);
    EXPECT_EQ(follower.look().records, range(recorder.at() - 1, recorder.at()));
    EXPECT_FALSE(follower.look().ended);  // the next segment is not there yet
    recorder.begin();
    recorder.write(1);
    seen = follower.look();
    EXPECT_EQ(seen.records, range(recorder.at() - 1, recorder.at()));
    EXPECT_EQ(seen.captures, 0);  // it goes on
  }
  // Several at once.
  for (int i = 0; i < 3; ++i) {
    recorder.write(5);
    recorder.end(i == 2);
    if (i != 2) recorder.begin();
  }
  seen = follower.look();
  EXPECT_EQ(seen.records, range(recorder.at() - 15, recorder.at()));
  EXPECT_TRUE(seen.ended);
  EXPECT_EQ(follower.notes(), "");
}

TEST(follow, a_segment_that_went_before_it_was_read) {
  TempDir dir;
  Recorder recorder(dir / "c", 1, 1);  // keeps one sealed segment
  recorder.begin();
  recorder.write(2);
  Follower follower(dir / "c");
  EXPECT_EQ(follower.look().records, range(0, 2));
  for (int i = 0; i < 4; ++i) {
    recorder.write(3);
    recorder.end(false);
    recorder.begin();
  }
  recorder.write(1);
  // The first segment is still open here, the next two have gone: 6 records.
  Seen seen = follower.look();
  std::vector<std::uint32_t> expected = range(2, 5), tail = range(11, 15);
  expected.insert(expected.end(), tail.begin(), tail.end());
  EXPECT_EQ(seen.records, expected);
  EXPECT_EQ(seen.captures, 1);  // state begins anew
  EXPECT_TRUE(follower.only_note(Note::What::missing, "6 records before it are missing"))
      << follower.notes();
  recorder.end(true);
  EXPECT_TRUE(follower.look().ended);
}

TEST(follow, several_segments_in_one_file) {
  TempDir dir;
  std::string path = dir / "c.dse";
  Recorder recorder(path);
  recorder.begin();
  Follower follower(path);
  EXPECT_EQ(follower.look().captures, 1);
  for (int i = 0; i < 3; ++i) {
    recorder.write(2);
    EXPECT_EQ(follower.look().records, range(recorder.at() - 2, recorder.at()));
    recorder.end(i == 2, i != 2);
    EXPECT_EQ(follower.look().ended, i == 2);
    if (i != 2) recorder.begin();
  }
  EXPECT_EQ(follower.notes(), "");
}

TEST(follow, a_recorder_that_died) {
  const std::string bytes = capture_bytes({}, {some(0, 3), some(3, 4)});
  for (std::size_t cut : {std::size_t{0}, std::size_t{5}, std::size_t{200}, bytes.size() / 2}) {
    TempDir dir;
    fs::create_directory(dir / "c");
    SlowFile file(dir / "c/00000000000000000000.dse");
    file.append(bytes.substr(0, bytes.size() - cut));
    Follower follower(dir / "c");
    Seen seen = follower.look();
    EXPECT_FALSE(seen.ended);
    file.close();
    Seen rest = follower.look();
    EXPECT_TRUE(rest.ended);
    EXPECT_TRUE(rest.records.empty());
    if (cut == 0)  // only its name is not what it should be
      EXPECT_EQ(follower.notes(), "");
    else
      EXPECT_TRUE(follower.only_note(Note::What::unsealed, "the recorder died"))
          << follower.notes();
  }
}

TEST(follow, a_file_that_was_just_made_has_no_lock_yet) {
  TempDir dir;
  fs::create_directory(dir / "c");
  SlowFile file(dir / "c/00000000000000000000.dse", false);
  Follower follower(dir / "c");
  EXPECT_FALSE(follower.look().ended);
  file.lock();
  file.append(capture_bytes({}, {some(0, 3)}));
  EXPECT_EQ(follower.look().records, range(0, 3));
  EXPECT_EQ(follower.notes(), "");
}

TEST(follow, an_empty_file_that_no_one_locks) {
  TempDir dir;
  fs::create_directory(dir / "c");
  std::string path = dir / "c/00000000000000000000.dse.open";
  write_file(path, "");
  fs::last_write_time(path, fs::file_time_type::clock::now() - 1h);
  Follower follower(dir / "c");
  EXPECT_TRUE(follower.look().ended);
  EXPECT_TRUE(follower.only_note(Note::What::unsealed, "nothing to read")) << follower.notes();
}

TEST(follow, what_is_complete_already) {
  TempDir dir;
  for (const char* name : {"c", "c.dse"}) {
    Recorder recorder(dir / name);
    recorder.begin();
    recorder.write(4);
    recorder.end(true);
    Follower follower(dir / name);
    Seen seen = follower.look();
    EXPECT_EQ(seen.records, range(0, 4));
    EXPECT_TRUE(seen.ended);
    EXPECT_EQ(follower.notes(), "");
  }
}

TEST(follow, a_part_of_a_capture_ends_where_it_ends) {
  TempDir dir;
  Recorder recorder(dir / "c");
  recorder.begin();
  recorder.write(4);
  recorder.end(false);
  // It may go on at any moment,
  EXPECT_FALSE(Follower(dir / "c").look().ended);
  // but not after that long.
  fs::last_write_time(dir / "c/00000000000000000000.dse", fs::file_time_type::clock::now() - 1h);
  Follower follower(dir / "c");
  EXPECT_TRUE(follower.look().ended);
  EXPECT_EQ(follower.notes(), "");
}

TEST(follow, waits_for_what_is_not_there) {
  TempDir dir;
  std::string path = dir / "above/c";
  auto impatient = CaptureReader::follow(path, {});
  ASSERT_FALSE(impatient.ok());
  EXPECT_NE(impatient.error().message().find("no such file or directory"), std::string::npos);
  EXPECT_NE(impatient.error().message().find("--keep-waiting"), std::string::npos);

  Follower follower(path, true);
  EXPECT_FALSE(follower.look().ended);
  fs::create_directories(path);
  EXPECT_FALSE(follower.look().ended);
  for (std::uint8_t capture = 1; capture < 4; ++capture) {
    Recorder recorder(path, capture);
    std::uint32_t first = recorder.at();
    recorder.begin();
    EXPECT_EQ(follower.look().captures, 1);
    recorder.write(2);
    EXPECT_EQ(follower.look().records, range(first, first + 2));
    recorder.end(true);
    EXPECT_FALSE(follower.look().ended);
  }
  // Also when all of it is removed.
  fs::remove_all(path);
  EXPECT_FALSE(follower.look().ended);
  EXPECT_EQ(follower.notes(), "");
  follower.reader().stop();
  EXPECT_TRUE(follower.look().ended);
}

TEST(follow, a_directory_that_is_removed) {
  TempDir dir;
  Recorder recorder(dir / "c");
  recorder.begin();
  recorder.write(1);
  recorder.end(false);
  Follower follower(dir / "c");
  EXPECT_EQ(follower.look().records, range(0, 1));
  fs::remove_all(dir / "c");
  follower.look();
  EXPECT_NE(follower.error().find("no such file or directory"), std::string::npos);
}

TEST(follow, what_is_not_a_file) {
  TempDir dir;
  ASSERT_EQ(::mkfifo((dir / "pipe").c_str(), 0600), 0);
  // Its other end, so that opening it does not block.
  FileHandle other(::open((dir / "pipe").c_str(), O_RDWR));
  Follower follower(dir / "pipe");
  follower.look();
  EXPECT_NE(follower.error().find("no regular file"), std::string::npos);
  EXPECT_FALSE(CaptureReader::follow("-", {}).ok());
}

TEST(follow, the_first_idle_is_where_it_began) {
  TempDir dir;
  Recorder recorder(dir / "c");
  recorder.begin();
  recorder.write(2);
  recorder.end(false);
  recorder.begin();
  recorder.write(3);
  auto reader = CaptureReader::follow(dir / "c", {});
  ASSERT_TRUE(reader.ok());
  recorder.write(4);  // after the start
  std::uint32_t before = 0, after = 0;
  bool idle = false;
  while (after == 0) {
    auto step = (*reader)->next();
    ASSERT_TRUE(step.ok());
    ASSERT_NE(step->what, Step::What::end);
    if (step->what == Step::What::idle) idle = true;
    if (step->what == Step::What::batch && !step->batch->snapshot())
      (idle ? after : before) += step->batch->count();
  }
  EXPECT_EQ(before, 5u);
  EXPECT_EQ(after, 4u);
}

TEST(watch, tells_of_changes_at_once) {
  for (bool poll : {false, true}) {
    TempDir dir;
    Watch watch(poll);
    EXPECT_EQ(watch.why_polling().empty(), !poll);
    watch.look_at_directory(dir.path());
    watch.wait(0ms);  // what was there
    auto begin = Clock::now();
    std::thread writer([&] {
      std::this_thread::sleep_for(100ms);
      write_file(dir / "c.dse.open", "x");
    });
    while (!fs::exists(dir / "c.dse.open") && Clock::now() - begin < 20s) watch.wait(20s);
    EXPECT_LT(Clock::now() - begin, 10s);
    EXPECT_GE(Clock::now() - begin, 100ms);
    writer.join();
  }
}

TEST(watch, waits_no_longer_than_it_is_told) {
  TempDir dir;
  Watch watch(false);
  watch.look_at_directory(dir.path());
  watch.wait(0ms);
  write_file(dir / "unrelated", "x");
  auto begin = Clock::now();
  watch.wait(200ms);
  EXPECT_GE(Clock::now() - begin, 200ms);
}

TEST(watch, remembers_what_happened_before_the_wait) {
  TempDir dir;
  Watch watch(false);
  watch.look_for(dir / "a/b/c.dse");
  watch.wait(0ms);
  fs::create_directory(dir / "a");
  auto begin = Clock::now();
  watch.wait(20s);
  watch.look_for(dir / "a/b/c.dse");  // looks one further now, so there is something to look at
  watch.wait(20s);
  fs::create_directory(dir / "a/b");
  watch.wait(20s);
  watch.look_for(dir / "a/b/c.dse");
  watch.wait(20s);
  write_file(dir / "a/b/c.dse.open", "x");
  watch.wait(20s);
  watch.look_at_file(dir / "a/b/c.dse.open");
  watch.wait(20s);
  fs::rename(dir / "a/b/c.dse.open", dir / "a/b/c.dse");
  watch.wait(20s);
  EXPECT_LT(Clock::now() - begin, 10s);
}

TEST(watch, is_woken_by_stop) {
  for (bool poll : {false, true}) {
    TempDir dir;
    Watch watch(poll);
    watch.look_at_directory(dir.path());
    watch.wait(0ms);
    auto begin = Clock::now();
    std::thread stopper([&] {
      std::this_thread::sleep_for(50ms);
      watch.stop();
    });
    while (!watch.stopped()) watch.wait(20s);
    EXPECT_LT(Clock::now() - begin, 10s);
    stopper.join();
    watch.wait(20s);
    EXPECT_LT(Clock::now() - begin, 10s);
  }
}

}  // namespace
