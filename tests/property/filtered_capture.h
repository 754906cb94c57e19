// What the laws of filters share: captures that are small and rich, the events of a session by their
// place, and what the slow evaluator says of each.
#pragma once

#include <compare>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "replay/session.h"
#include "tests/property/random_filter.h"
#include "tests/unit/testing.h"

// The golden ones have a path, others their bytes.
struct Capture {
  std::string name, path, bytes;
  std::unique_ptr<dse::format::Source> open() const;
};

// Random ones of every style, in several blocks, and the golden ones.
std::vector<Capture> test_captures();
Capture random_capture(std::uint64_t seed, RandomRecords::Style style, std::size_t records,
                       std::size_t block);

// Which event: the same in every session over a capture, whatever it leaves out.
struct EventId {
  std::size_t point;     // in point_names()
  std::uint64_t number;  // of the record
  std::uint32_t row;     // in its batch
  auto operator<=>(const EventId&) const = default;
};
std::ostream& operator<<(std::ostream& out, const EventId& id);
EventId id_of(const dse::replay::Event& event);

// A session of all points, which shows the recorder's own doing as well.
std::unique_ptr<dse::replay::Session> open_session(const Capture& capture);

// Calls `visit` for every event of a session without filters, and counts its batches of events.
struct Size {
  std::size_t events = 0, batches = 0;  // a batch for each point
};
Size for_each_event(const Capture& capture,
                    const std::function<void(const dse::replay::Event&)>& visit);

// The events of a session in order; its error is a failure.
std::vector<EventId> events_of(dse::replay::Session& session);

// Seed, expression and event of the first difference are told; an empty text: there is none.
std::string difference(const Capture& capture, const std::string& what,
                       const std::vector<EventId>& slow, const std::vector<EventId>& fast);

// How many to try where each takes longer, so that a test stays one of minutes.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t affordable(std::size_t count) { return count / 5; }
#else
constexpr std::size_t affordable(std::size_t count) { return count; }
#endif

// Where random expressions begin: DSE_TEST_SEED, or always the same.
std::uint64_t first_seed();
