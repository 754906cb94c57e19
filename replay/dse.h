// The dse library: captures as events.
//
//   auto source = dse::open_capture({"capture"});
//   dse::Session session(std::move(*source));
//   session.add(dse::signal_delivered())
//       .select("sig.name = SIGKILL")
//       .drop([](const dse::Event& event) { return event.number("user.uid") == 0; });
//   for (const dse::Event& event : session) std::cout << event.json() << '\n';
//
// A Session and everything it hands out belong to one thread; several sessions may run side by side.
// <dse/live.h> has the live source.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "format/capture_reader.h"
#include "format/result.h"
#include "format/source.h"
#include "replay/event.h"
#include "replay/point.h"
#include "replay/points/points.h"
#include "replay/session.h"
#include "replay/table_view.h"

namespace dse {

using format::Batch;
using format::kind_bit;
using format::KindSet;
using format::Source;
using replay::container_event;
using replay::default_point_names;
using replay::Event;
using replay::EventBatch;
using replay::EventColumn;
using replay::Field;
using replay::FieldType;
using replay::in_arrival_order;
using replay::make_point;
using replay::ObservationPoint;
using replay::point_names;
using replay::process_executed;
using replay::process_exited;
using replay::Session;
using replay::signal_delivered;
using replay::signal_generated;
using replay::socket_state_change;
using replay::State;
using replay::TableView;
using replay::task_ints;

// Captures one after the other: directories, files, or "-" for standard input. Fails when one of them
// is not there; damage inside shows in source().notes() after the events before it.
inline Result<std::unique_ptr<Source>> open_capture(const std::vector<std::string>& paths) {
  auto reader = format::CaptureReader::open(paths);
  if (!reader) return reader.error();
  return std::unique_ptr<Source>(std::move(*reader));
}

}  // namespace dse
