// The live kernel as a source of batches, for `dse run` and for programs of others.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "format/source.h"
#include "record/live_feed.h"
#include "record/recording.h"

namespace dse::record {

class LiveSource final : public format::Source {
 public:
  // Recording starts with the first next(); only kinds that want() names are attached. With `tee`,
  // what is seen is also written, as `dse record` would.
  LiveSource(LiveOptions options, std::optional<RecordingOptions> tee = {});
  ~LiveSource() override;

  Result<format::Step> next() override;
  const format::SegmentInfo& info() const override { return info_; }
  // A tee records all that the options name: what is shown now need not be all that is asked later.
  void want(format::KindSet kinds) override {
    options_.kinds = tee_ ? options_.kinds | kinds : kinds;
  }
  void report_damage(const Error& error) override;
  const std::vector<format::Note>& notes() const override { return notes_; }
  std::vector<format::Loss> losses() const override;

  // Ends the source after what has already happened. From any thread; also from a signal handler.
  void stop();
  // What the tee has written.
  std::optional<Recording::Progress> recorded() const;

 private:
  Status start();
  Result<format::Step> batch_step(const format::Rows& rows);

  LiveOptions options_;
  std::optional<RecordingOptions> tee_;
  std::unique_ptr<LiveFeed> feed_;
  std::atomic<LiveFeed*> stoppable_{nullptr};
  std::atomic<bool> stop_requested_{false};
  std::unique_ptr<Recording> recording_;
  format::BatchEncoder encoder_;
  format::SegmentInfo info_;
  std::optional<format::Snapshot> snapshot_;  // until it has been handed out
  bool ended_ = false;
  std::optional<Error> failure_;  // of the tee; told after what was seen
  std::vector<format::Note> notes_;
  std::vector<format::Loss> final_losses_;
};

// The kinds that any capture should have, whatever points it is for: without them later questions
// about processes and containers have no answer.
format::KindSet state_kinds();

}  // namespace dse::record
