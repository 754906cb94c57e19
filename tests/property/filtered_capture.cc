#include "tests/property/filtered_capture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <ostream>

#include "replay/points/points.h"

using namespace dse::format;
using dse::replay::Event;
using dse::replay::Session;

std::unique_ptr<Source> Capture::open() const {
  if (path.empty()) return std::make_unique<CaptureReader>(memory_byte_source(bytes, true), name);
  auto reader = CaptureReader::open({path});
  if (!reader) throw std::runtime_error(reader.error().message());
  return std::move(*reader);
}

Capture random_capture(std::uint64_t seed, RandomRecords::Style style, std::size_t records,
                       std::size_t block) {
  RandomRecords random(seed, style);
  Records snapshot = random.snapshot(12);
  return {"random capture " + std::to_string(seed), "",
          capture_bytes(snapshot, cut(random.take(records), block))};
}

std::vector<Capture> test_captures() {
  std::vector<Capture> captures;
  for (const char* name :
       {"small-v1.dse", "synthetic-v1.dse", "synthetic-v2.dse", "two-segments-v1"})
    captures.push_back({name, std::string(DSE_GOLDEN_CAPTURES) + "/" + name, ""});
  for (std::uint64_t seed = 1; seed <= 5; ++seed)
    captures.push_back(random_capture(seed, RandomRecords::Style::plausible, 240, 60));
  for (std::uint64_t seed = 6; seed <= 8; ++seed)
    captures.push_back(random_capture(seed, RandomRecords::Style::arbitrary, 300, 75));
  return captures;
}

std::ostream& operator<<(std::ostream& out, const EventId& id) {
  return out << dse::replay::point_names()[id.point] << " of record " << id.number << ", row "
             << id.row;
}

EventId id_of(const Event& event) {
  static const std::vector<std::string> kNames = dse::replay::point_names();
  auto name = std::find(kNames.begin(), kNames.end(), event.name());
  return {static_cast<std::size_t>(name - kNames.begin()), event.batch().number(event.row()),
          event.row()};
}

std::unique_ptr<Session> open_session(const Capture& capture) {
  auto session = std::make_unique<Session>(capture.open());
  for (const std::string& name : dse::replay::point_names())
    session->add(dse::replay::make_point(name));
  session->show_self(true);
  return session;
}

Size for_each_event(const Capture& capture, const std::function<void(const Event&)>& visit) {
  auto session = open_session(capture);
  Size size;
  // Batches are compared by what they are of, since one may be where the last one was.
  std::vector<std::pair<const dse::replay::ObservationPoint*, std::uint64_t>> seen;
  for (const Event& event : *session) {
    visit(event);
    ++size.events;
    const auto& batch = event.batch();
    std::uint64_t first = batch.batch().snapshot() ? ~std::uint64_t{0} : batch.batch().first();
    std::pair key(&batch.point(), first);
    if (std::find(seen.begin(), seen.end(), key) == seen.end()) seen.push_back(key);
  }
  EXPECT_TRUE(session->status().ok());
  size.batches = seen.size();
  return size;
}

std::vector<EventId> events_of(Session& session) {
  std::vector<EventId> ids;
  for (const Event& event : session) ids.push_back(id_of(event));
  EXPECT_TRUE(session.status().ok()) << session.status().error().message();
  return ids;
}

std::string difference(const Capture& capture, const std::string& what,
                       const std::vector<EventId>& slow, const std::vector<EventId>& fast) {
  std::size_t at = 0;
  while (at < slow.size() && at < fast.size() && slow[at] == fast[at]) ++at;
  if (at == slow.size() && at == fast.size()) return "";
  auto in = [](const std::vector<EventId>& ids, const EventId& id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
  };
  EventId id = at < slow.size() && (at == fast.size() || !in(fast, slow[at])) ? slow[at] : fast[at];
  std::string json = "(in no session without filters)";
  for_each_event(capture, [&](const Event& event) {
    if (id_of(event) == id) json = event.json();
  });
  auto answer = [&](const std::vector<EventId>& ids) { return in(ids, id) ? "kept" : "left out"; };
  return capture.name + ": " + what + "\nevent " + json + "\nslow: " + answer(slow) +
         ", fast: " + answer(fast) + " (" + std::to_string(slow.size()) + " and " +
         std::to_string(fast.size()) + " events in all)";
}

std::uint64_t first_seed() {
  const char* text = std::getenv("DSE_TEST_SEED");
  return text ? std::strtoull(text, nullptr, 10) : 1;
}
