// The events of a point as the timeline reads them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "replay/perfetto.h"
#include "replay/point.h"

namespace dse::replay {

// Fields that the trace is made of.
enum FieldPlace : std::size_t {
  kTime,
  kPid,
  kName,
  kCommand,
  kReturn,
  kUid,
  kDuration,
  kExitCode,
  kExitSignal,
  kContainerId,
  kContainerName,
  kPhase,
  kRuntime,
  kEvidence,
  kOldState,
  kNewState,
  kLocalAddress,
  kLocalPort,
  kRemoteAddress,
  kRemotePort,
  kCookie,
  kProtocol,
  kOwnerPid,
  kOwnerName,
  kOwnerContainer,
  kBytesSent,
  kBytesReceived,
  kSignal,
  kCode,
  kResult,
  kCause,
  kSenderPid,
  kSenderName,
  kSenderNumber,
  kTargetPid,
  kTargetName,
  kFields
};
inline constexpr std::array<const char*, kFields> kFieldNames = {"evt.time",
                                                                 "proc.pid",
                                                                 "proc.name",
                                                                 "proc.cmdline",
                                                                 "proc.ret",
                                                                 "user.uid",
                                                                 "proc.duration",
                                                                 "proc.exit_code",
                                                                 "proc.exit_signal",
                                                                 "container.id",
                                                                 "container.name",
                                                                 "container.phase",
                                                                 "container.runtime",
                                                                 "container.evidence",
                                                                 "sock.oldstate",
                                                                 "sock.newstate",
                                                                 "sock.lip",
                                                                 "sock.lport",
                                                                 "sock.rip",
                                                                 "sock.rport",
                                                                 "sock.cookie",
                                                                 "sock.proto",
                                                                 "sock.owner.pid",
                                                                 "sock.owner.name",
                                                                 "sock.owner.container",
                                                                 "sock.bytes_sent",
                                                                 "sock.bytes_received",
                                                                 "sig.name",
                                                                 "sig.code",
                                                                 "sig.result",
                                                                 "sig.cause",
                                                                 "sig.sender.pid",
                                                                 "sig.sender.name",
                                                                 "sig.sender.num",
                                                                 "sig.target.pid",
                                                                 "sig.target.name"};

using AnnotationValue = decltype(PerfettoWriter::Annotation::value);

// The columns of the events of a point, by place. One that the point lacks has nothing.
class PerfettoTrace::View {
 public:
  static Result<View> open(const Session::Judged& judged) {
    View view;
    view.judged_ = &judged;
    const EventBatch& events = judged.events;
    for (std::size_t i = 0; i < kFields; ++i) {
      int place = events.point().field(kFieldNames[i]);
      if (place < 0) continue;
      DSE_TRY_ASSIGN(view.columns_[i], events.column(static_cast<std::size_t>(place)));
    }
    DSE_TRY_ASSIGN(view.start_, events.source_column("task.startTime"));
    return view;
  }

  const Session::Judged& judged() const { return *judged_; }
  const EventBatch& events() const { return judged_->events; }
  const std::string& point() const { return events().point().name(); }

  bool there(FieldPlace field, std::uint32_t event) const {
    return columns_[field] && !columns_[field]->missing(event);
  }
  std::uint64_t number(FieldPlace field, std::uint32_t event) const {
    if (!there(field, event) || columns_[field]->is_text()) return 0;
    return columns_[field]->numbers[columns_[field]->slot(event)];
  }
  // data() == nullptr: missing.
  std::string_view text(FieldPlace field, std::uint32_t event) const {
    if (!there(field, event) || !columns_[field]->is_text()) return {};
    return columns_[field]->texts[columns_[field]->slot(event)];
  }
  // For an annotation.
  AnnotationValue value(FieldPlace field, std::uint32_t event) const {
    if (!there(field, event)) return {};
    if (columns_[field]->is_text()) return text(field, event);
    return number(field, event);
  }
  // Of the process, boot time; 0: not known.
  std::uint64_t start(std::uint32_t event) const {
    return start_.missing(event) ? 0 : start_.numbers[start_.slot(event)];
  }

 private:
  const Session::Judged* judged_ = nullptr;
  std::array<const EventColumn*, kFields> columns_{};
  EventColumn start_;
};

}  // namespace dse::replay
