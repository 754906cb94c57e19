// A capture reads the same when another thread opens batches ahead: at once, late, or never.
#include "format/read_ahead.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "replay/points/points.h"
#include "tests/unit/testing.h"

namespace {

using namespace dse::format;

// Threads of its own, which are all over at the end.
class Threads {
 public:
  ~Threads() {
    for (std::thread& thread : threads_) thread.join();
  }
  void run(std::function<void()> task) { threads_.emplace_back(std::move(task)); }

 private:
  std::vector<std::thread> threads_;
};

struct Shown {
  std::vector<std::string> events, notes;
  bool operator==(const Shown&) const = default;
};

Shown show(const std::string& bytes, const Executor& executor) {
  auto reader = std::make_unique<CaptureReader>(memory_byte_source(bytes, true), "test");
  CaptureReader& source = *reader;
  if (executor) source.read_ahead(executor);
  dse::replay::Session session(std::move(reader));
  for (const std::string& name : dse::replay::point_names())
    session.add(dse::replay::make_point(name));
  Shown shown;
  for (const dse::replay::Event& event : session) shown.events.push_back(event.json());
  for (const Note& note : source.notes()) shown.notes.push_back(note.text);
  return shown;
}

void same_by_all(const std::string& bytes) {
  Shown alone = show(bytes, nullptr);
  EXPECT_EQ(show(bytes, [](const auto& task) { task(); }), alone);
  EXPECT_EQ(show(bytes, [](const auto&) {}), alone);
  Threads threads;
  EXPECT_EQ(show(bytes, [&](auto task) { threads.run(std::move(task)); }), alone);
  std::vector<std::function<void()>> late;
  EXPECT_EQ(show(bytes, [&](auto task) { late.push_back(std::move(task)); }), alone);
  for (const auto& task : late) task();  // of a reader that is gone
}

TEST(read_ahead, whole_and_damaged) {
  RandomRecords random(5, RandomRecords::Style::plausible);
  Records snapshot = random.snapshot(20);
  const std::string whole = capture_bytes(snapshot, cut(random.take(400), 50));
  same_by_all(whole);
  for (std::size_t i = 0; i < 12; ++i) {
    std::string damaged = whole;
    damaged[600 + random.below(damaged.size() - 600)] ^= static_cast<char>(1 << random.below(8));
    if (i % 4 == 0) damaged.resize(damaged.size() / 2 + random.below(damaged.size() / 2));
    same_by_all(damaged);
  }
}

TEST(read_ahead, work_is_done_once) {
  std::function<void()> given;
  int done = 0;
  ReadAhead ahead([&](std::function<void()> task) { given = std::move(task); });
  EXPECT_FALSE(ahead.started());
  ahead.start([&] { ++done; });
  EXPECT_TRUE(ahead.started());
  ahead.finish();
  EXPECT_EQ(done, 1);
  given();
  EXPECT_EQ(done, 1);
  ahead.start([&] { ++done; });
  given();
  EXPECT_EQ(done, 2);
  ahead.finish();
  EXPECT_EQ(done, 2);
  ahead.start([&] { ++done; });
  ahead.cancel();
  given();
  EXPECT_EQ(done, 2);
}

}  // namespace
