#include "replay/perfetto_writer.h"

#include "replay/escape.h"

namespace dse::replay {
namespace {

// Numbers of fields and values in Perfetto's schema, by message.
namespace trace {
constexpr std::uint32_t kPacket = 1;
}
namespace packet_field {
constexpr std::uint32_t kClockSnapshot = 6, kTimestamp = 8, kSequence = 10, kTrackEvent = 11,
                        kInterned = 12, kFlags = 13, kTrackDescriptor = 60, kFirst = 87;
constexpr std::uint32_t kCleared = 1, kNeedsState = 2;  // flags
}  // namespace packet_field
namespace clock_field {
constexpr std::uint32_t kClock = 1, kPrimary = 2;
constexpr std::uint32_t kId = 1, kTime = 2;  // of a clock
constexpr std::uint32_t kRealtime = 1, kBoottime = 6;
}  // namespace clock_field
namespace track_field {
constexpr std::uint32_t kUuid = 1, kName = 2, kParent = 5, kCounter = 8, kChildOrder = 11,
                        kMerge = 15;
constexpr std::uint32_t kLexicographic = 1, kMergeNone = 2;
constexpr std::uint32_t kUnit = 3, kUnitName = 6;  // of a counter
constexpr std::uint32_t kTimeNs = 1, kCount = 2, kSizeBytes = 3;
}  // namespace track_field
namespace event_field {
constexpr std::uint32_t kCategory = 3, kAnnotation = 4, kType = 9, kNameIid = 10, kTrack = 11,
                        kName = 23, kCounter = 30, kRealCounter = 44, kFlow = 47;
constexpr std::uint32_t kBegin = 1, kEnd = 2, kInstant = 3, kCounterType = 4;  // types
}  // namespace event_field
namespace annotation_field {
constexpr std::uint32_t kNameIid = 1, kUint = 3, kString = 6;
}
namespace interned_field {
constexpr std::uint32_t kCategories = 1, kNames = 2, kAnnotationNames = 3;
constexpr std::uint32_t kIid = 1, kName = 2;  // of each
}  // namespace interned_field

constexpr std::uint32_t kSequenceId = 1;
constexpr std::size_t kMostNames = 4096;  // interned; those beyond stand in full
constexpr std::size_t kMostText = 4096;   // of one annotation or name, bytes

constexpr std::string_view kCategoryNames[] = {
    "process",     "fork",          "exec_failed",     "container", "socket",
    "signal_sent", "signal_sender", "signal_received", "loss"};
static_assert(std::size(kCategoryNames) == static_cast<std::size_t>(TraceCategory::count));

void intern(ProtoWriter& interned, std::uint32_t field, std::uint64_t iid, std::string_view name) {
  interned.message(field, [&](ProtoWriter& entry) {
    entry.number(interned_field::kIid, iid);
    entry.bytes(interned_field::kName, name);
  });
}

}  // namespace

PerfettoWriter::PerfettoWriter(std::string& out) : out_(out) { first_packet(); }

template <typename Write>
void PerfettoWriter::packet(std::optional<std::uint64_t> time, std::uint32_t flags, Write write) {
  ProtoWriter(out_).message(trace::kPacket, [&](ProtoWriter& packet) {
    if (time) packet.number(packet_field::kTimestamp, *time);
    packet.number(packet_field::kSequence, kSequenceId);
    if (flags) packet.number(packet_field::kFlags, flags);
    write(packet);
  });
}

void PerfettoWriter::first_packet() {
  packet({}, packet_field::kCleared, [](ProtoWriter& packet) {
    packet.number(packet_field::kFirst, 1);
    packet.message(packet_field::kInterned, [](ProtoWriter& interned) {
      for (std::size_t i = 0; i < std::size(kCategoryNames); ++i)
        intern(interned, interned_field::kCategories, i + 1, kCategoryNames[i]);
    });
  });
}

void PerfettoWriter::clock(std::uint64_t boot_ns, std::uint64_t real_ns) {
  packet(boot_ns, 0, [&](ProtoWriter& packet) {
    packet.message(packet_field::kClockSnapshot, [&](ProtoWriter& snapshot) {
      for (const auto& sample :
           {std::pair(clock_field::kBoottime, boot_ns), std::pair(clock_field::kRealtime, real_ns)})
        snapshot.message(clock_field::kClock, [&](ProtoWriter& clock) {
          clock.number(clock_field::kId, sample.first);
          clock.number(clock_field::kTime, sample.second);
        });
      snapshot.number(clock_field::kPrimary, clock_field::kBoottime);
    });
  });
}

// Strings of the schema are UTF-8, and those of a capture need not be.
std::string_view PerfettoWriter::safe(std::string_view text) {
  bool is_cut = text.size() > kMostText;
  safe_.clear();
  append_text(text.substr(0, kMostText), safe_);
  if (is_cut) safe_ += "…";
  return safe_;
}

std::uint64_t PerfettoWriter::track(const Track& track) {
  const std::uint64_t uuid = ++tracks_;
  packet({}, 0, [&](ProtoWriter& packet) {
    packet.message(packet_field::kTrackDescriptor, [&](ProtoWriter& descriptor) {
      descriptor.number(track_field::kUuid, uuid);
      descriptor.bytes(track_field::kName, safe(track.name));
      if (track.parent) descriptor.number(track_field::kParent, track.parent);
      if (track.is_group) descriptor.number(track_field::kChildOrder, track_field::kLexicographic);
      if (track.apart) descriptor.number(track_field::kMerge, track_field::kMergeNone);
    });
  });
  return uuid;
}

std::uint64_t PerfettoWriter::counter_track(std::string_view name, std::uint64_t parent,
                                            TraceUnit unit) {
  const std::uint64_t uuid = ++tracks_;
  packet({}, 0, [&](ProtoWriter& packet) {
    packet.message(packet_field::kTrackDescriptor, [&](ProtoWriter& descriptor) {
      descriptor.number(track_field::kUuid, uuid);
      descriptor.bytes(track_field::kName, name);
      descriptor.number(track_field::kParent, parent);
      descriptor.message(track_field::kCounter, [&](ProtoWriter& counter) {
        switch (unit) {
          case TraceUnit::count: counter.number(track_field::kUnit, track_field::kCount); break;
          case TraceUnit::bytes: counter.number(track_field::kUnit, track_field::kSizeBytes); break;
          case TraceUnit::ns: counter.number(track_field::kUnit, track_field::kTimeNs); break;
          case TraceUnit::percent: counter.bytes(track_field::kUnitName, "%"); break;
        }
      });
    });
  });
  return uuid;
}

template <typename Write>
void PerfettoWriter::event(std::uint32_t type, std::uint64_t track, std::uint64_t time,
                           Write write) {
  packet(time, packet_field::kNeedsState, [&](ProtoWriter& packet) {
    packet.message(packet_field::kTrackEvent, [&](ProtoWriter& event) {
      event.number(event_field::kType, type);
      event.number(event_field::kTrack, track);
      write(event);
    });
    if (new_annotation_names_.empty()) return;
    packet.message(packet_field::kInterned, [&](ProtoWriter& interned) {
      for (auto [iid, name] : new_annotation_names_)
        intern(interned, interned_field::kAnnotationNames, iid, name);
    });
    new_annotation_names_.clear();
  });
}

void PerfettoWriter::annotate(ProtoWriter& event, Annotations annotations) {
  for (const Annotation& one : annotations) {
    const auto* text = std::get_if<std::string_view>(&one.value);
    if (one.value.index() == 0 || (text && !text->data())) continue;
    auto [at, is_new] = annotation_names_.try_emplace(one.name, annotation_names_.size() + 1);
    const std::uint64_t iid = at->second;
    if (is_new) new_annotation_names_.emplace_back(iid, one.name);
    event.message(event_field::kAnnotation, [&](ProtoWriter& annotation) {
      annotation.number(annotation_field::kNameIid, iid);
      if (text)
        annotation.bytes(annotation_field::kString, safe(*text));
      else
        annotation.number(annotation_field::kUint, std::get<std::uint64_t>(one.value));
    });
  }
}

void PerfettoWriter::named(std::uint32_t type, std::uint64_t track, std::uint64_t time,
                           TraceCategory category, std::string_view name, bool interned,
                           std::uint64_t flow, Annotations annotations) {
  std::uint64_t iid = 0;
  if (interned) {
    auto found = names_.find(std::string(name));
    if (found != names_.end()) {
      iid = found->second;
    } else if (names_.size() < kMostNames) {
      iid = names_.size() + 1;
      names_.emplace(name, iid);
      packet({}, packet_field::kNeedsState, [&](ProtoWriter& packet) {
        packet.message(packet_field::kInterned, [&](ProtoWriter& data) {
          intern(data, interned_field::kNames, iid, safe(name));
        });
      });
    }
  }
  event(type, track, time, [&](ProtoWriter& event) {
    event.number(event_field::kCategory, static_cast<std::uint64_t>(category) + 1);
    if (iid)
      event.number(event_field::kNameIid, iid);
    else
      event.bytes(event_field::kName, safe(name));
    if (flow) event.fixed64(event_field::kFlow, flow);
    annotate(event, annotations);
  });
}

void PerfettoWriter::begin(std::uint64_t track, std::uint64_t time, TraceCategory category,
                           std::string_view name, bool interned, Annotations annotations) {
  named(event_field::kBegin, track, time, category, name, interned, 0, annotations);
}

void PerfettoWriter::end(std::uint64_t track, std::uint64_t time, Annotations annotations) {
  event(event_field::kEnd, track, time, [&](ProtoWriter& event) { annotate(event, annotations); });
}

void PerfettoWriter::instant(std::uint64_t track, std::uint64_t time, TraceCategory category,
                             std::string_view name, bool interned, std::uint64_t flow,
                             Annotations annotations) {
  named(event_field::kInstant, track, time, category, name, interned, flow, annotations);
}

void PerfettoWriter::counter(std::uint64_t track, std::uint64_t time, std::uint64_t value) {
  event(event_field::kCounterType, track, time,
        [&](ProtoWriter& event) { event.number(event_field::kCounter, value); });
}

void PerfettoWriter::counter(std::uint64_t track, std::uint64_t time, double value) {
  event(event_field::kCounterType, track, time,
        [&](ProtoWriter& event) { event.real(event_field::kRealCounter, value); });
}

}  // namespace dse::replay
