// Events rendered many at a time read as each of them does by itself.
#include "replay/batch_renderer.h"

#include <gtest/gtest.h>

#include <map>

#include "replay/points/points.h"
#include "replay/row_classes.h"
#include "tests/unit/testing.h"

namespace {

using namespace dse::replay;

// Every event of a page by the batch, `portion` at a time, held against the event by itself.
void check_page(const EventPage& page, const Renderer& (*renderer_of)(const ObservationPoint&),
                std::size_t portion) {
  BatchRenderer batch;
  TextBuffer out;
  for (const EventPage::Source& source : page.sources()) {
    const Renderer& renderer = renderer_of(source.events->point());
    auto columns = renderer.columns(*source.events);
    std::span<const std::uint32_t> chosen = source.chosen;
    for (std::size_t begin = 0; begin < chosen.size(); begin += portion) {
      auto some = chosen.subspan(begin, std::min(portion, chosen.size() - begin));
      batch.begin(renderer, *source.events, columns, some);
      for (std::size_t i = 0; i < some.size(); ++i) {
        std::string alone;
        renderer.append(*source.events, some[i], alone);
        out.clear();
        batch.append(i, out);
        ASSERT_EQ(out.view(), alone);
      }
    }
  }
}

const Renderer& json_of(const ObservationPoint& point) {
  static std::map<std::string, JsonRenderer> known;
  return known.try_emplace(point.name(), point).first->second;
}
const Renderer& text_of(const ObservationPoint& point) {
  static std::map<std::string, TextRenderer> known;
  return known.try_emplace(point.name(), point, true).first->second;
}
const Renderer& chosen_of(const ObservationPoint& point) {
  static const std::vector<std::string> only{
      "proc.args[0]",         "evt.time",  "proc.name",
      "proc.env[A]",          "sig.value", "container.labels",
      "thread.cap_effective", "proc.apid", "evt.self"};
  static std::map<std::string, TextRenderer> known;
  return known.try_emplace(point.name(), point, false, &only).first->second;
}

std::unique_ptr<Session> session_of(const Records& records, std::size_t batch) {
  auto session = std::make_unique<Session>(
      std::make_unique<MemoryRecords>(Records{}, cut(records, batch)));
  for (const std::string& name : point_names()) session->add(make_point(name));
  session->show_self(true);
  return session;
}

void check(const Records& records, std::size_t batch, std::size_t portion) {
  auto session = session_of(records, batch);
  std::size_t pages = 0;
  while (true) {
    auto page = session->next_page();
    ASSERT_TRUE(page.ok()) << page.error().message();
    if (!*page) break;
    ++pages;
    for (auto renderer_of : {json_of, text_of, chosen_of}) check_page(**page, renderer_of, portion);
  }
  EXPECT_GT(pages, 0u);
}

TEST(batch_renderer, plausible_records) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed)
    check(RandomRecords(seed, RandomRecords::Style::plausible).take(4000), 3000, 1 + 700 * seed);
}

TEST(batch_renderer, arbitrary_records) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed)
    check(RandomRecords(seed, RandomRecords::Style::arbitrary).take(2000), 1500, 1 + 400 * seed);
}

TEST(batch_renderer, agrees_with_the_event) {
  auto records = RandomRecords(7, RandomRecords::Style::plausible).take(600);
  auto session = session_of(records, 600);
  auto page = session->next_page();
  ASSERT_TRUE(page.ok() && *page);
  BatchRenderer batch;
  TextBuffer out;
  for (const EventPage::Source& source : (*page)->sources()) {
    const Renderer& renderer = json_of(source.events->point());
    auto columns = renderer.columns(*source.events);
    batch.begin(renderer, *source.events, columns, source.chosen);
    for (std::size_t i = 0; i < source.chosen.size(); ++i) {
      out.clear();
      batch.append(i, out);
      ASSERT_EQ(out.view(), Event(source.events, source.chosen[i]).json());
    }
  }
}

// A storm of one task and few signals, from two CPUs: the case that templates are for.
TEST(batch_renderer, storm) {
  Script script;
  dse_task a = make_task(100, "a \"storm\""), b = make_task(101, "\xff\x1b");
  for (int i = 0; i < 3000; ++i) {
    const dse_task& task = i % 7 < 4 ? a : b;
    script.add(generate_record(task, task, 10 + i % 3, -6, false),
               static_cast<std::uint16_t>(i % 2));
    script.add(deliver_record(task, 10 + i % 3, -6, 0x1000 + static_cast<unsigned>(i % 5)),
               static_cast<std::uint16_t>(i % 2));
  }
  check(script.records(), 0, 2500);
}

// ---- classes -------------------------------------------------------------------------------------

struct Numbers {
  std::vector<std::uint64_t> numbers;
  std::vector<std::uint8_t> present;
  EventColumn column() const {
    EventColumn out;
    out.numbers = numbers;
    out.present = present;
    return out;
  }
};

TEST(row_classes, few_values_split_and_many_vary) {
  constexpr std::uint32_t kEvents = 1024;
  Numbers few, many, some;
  std::vector<std::uint32_t> events;
  for (std::uint32_t i = 0; i < kEvents; ++i) {
    events.push_back(i);
    few.numbers.push_back(i % 3);
    many.numbers.push_back(i * i);
    some.numbers.push_back(i);
    some.present.push_back(i % 2);
  }
  EventColumn columns[] = {few.column(), many.column(), some.column()};
  std::vector<const EventColumn*> all{&columns[0], nullptr, &columns[1], &columns[2]};
  RowClasses classes;
  classes.sort(all, events);
  EXPECT_EQ(classes.count(), 6u);
  EXPECT_FALSE(classes.varies(0));
  EXPECT_FALSE(classes.varies(1));
  EXPECT_TRUE(classes.varies(2));
  EXPECT_TRUE(classes.varies(3));
  for (std::uint32_t i = 0; i < kEvents; ++i) {
    std::uint32_t example = classes.example(classes.of(i));
    EXPECT_EQ(example % 3, i % 3);
    EXPECT_EQ(example % 2, i % 2);
  }
}

TEST(row_classes, nothing_and_one) {
  RowClasses classes;
  classes.sort({}, {});
  EXPECT_EQ(classes.count(), 0u);
  Numbers one{{7}, {}};
  EventColumn column = one.column();
  const EventColumn* columns[] = {&column};
  const std::uint32_t events[] = {0};
  classes.sort(columns, events);
  EXPECT_EQ(classes.count(), 1u);
  EXPECT_FALSE(classes.varies(0));
}

// ---- what they write with ------------------------------------------------------------------------

TEST(text_buffer, grows) {
  TextBuffer out;
  EXPECT_TRUE(out.view().empty());
  std::string all;
  for (int i = 0; i < 1000; ++i) {
    std::string piece(static_cast<std::size_t>(i % 37), static_cast<char>('a' + i % 26));
    out.append(piece);
    all += piece;
  }
  EXPECT_EQ(out.view(), all);
  out.clear();
  EXPECT_TRUE(out.empty());
}

}  // namespace
