#include "record/live_source.h"

#include <utility>

#include "format/batch_impl.h"

namespace dse::record {
namespace {

constexpr std::uint64_t kIdleTimeout = 200'000'000;

}  // namespace

format::KindSet state_kinds() {
  using format::kind_bit;
  return kind_bit(DSE_PROCESS_FORK) | kind_bit(DSE_PROCESS_EXEC) | kind_bit(DSE_PROCESS_EXIT) |
         kind_bit(DSE_CGROUP_MKDIR) | kind_bit(DSE_CGROUP_RMDIR) | kind_bit(DSE_CGROUP_ATTACH) |
         kind_bit(DSE_CLOCK_SAMPLE) | kind_bit(DSE_PROCESS_SNAPSHOT) |
         kind_bit(DSE_CGROUP_SNAPSHOT) | kind_bit(DSE_CONTAINER_METADATA) |
         kind_bit(DSE_OBSERVER_SAMPLE) | kind_bit(DSE_PROGRAM_SAMPLE);
}

LiveSource::LiveSource(LiveOptions options, std::optional<RecordingOptions> tee)
    : options_(std::move(options)), tee_(std::move(tee)) {}
LiveSource::~LiveSource() = default;

void LiveSource::stop() {
  stop_requested_ = true;
  if (LiveFeed* feed = stoppable_) feed->stop();
}

void LiveSource::report_damage(const Error& error) {
  notes_.push_back({format::Note::What::damaged, error.message()});
}

std::vector<format::Loss> LiveSource::losses() const {
  return ended_ || !feed_ ? final_losses_ : feed_->losses();
}

std::optional<Recording::Progress> LiveSource::recorded() const {
  return recording_ ? std::optional(recording_->progress()) : std::nullopt;
}

Status LiveSource::start() {
  options_.kinds |= state_kinds();
  DSE_TRY_ASSIGN(feed_, LiveFeed::start(options_));
  stoppable_ = feed_.get();
  if (stop_requested_) feed_->stop();
  if (tee_) {
    DSE_TRY_ASSIGN(recording_, Recording::start(*tee_, *feed_, format::FileSystem::host()));
    LiveFeed::Beginning beginning = recording_->take_beginning();
    info_ = std::move(beginning.info);
    snapshot_ = std::move(beginning.snapshot);
  } else {
    DSE_TRY_ASSIGN(LiveFeed::Beginning beginning, feed_->begin_segment());
    info_ = std::move(beginning.info);
    snapshot_ = std::move(beginning.snapshot);
  }
  return {};
}

Result<format::Step> LiveSource::next() {
  using What = format::Step::What;
  if (failure_) {
    ended_ = true;
    return *std::exchange(failure_, {});
  }
  if (ended_) return format::Step{What::end, {}};
  if (!feed_) {
    DSE_TRY(start());
    return format::Step{What::capture, {}};
  }
  if (snapshot_) {
    DSE_TRY_ASSIGN(format::Batch batch,
                   read_batch(encoder_.snapshot(snapshot_->rows, snapshot_->span)));
    snapshot_.reset();
    return format::Step{What::batch, std::move(batch)};
  }
  DSE_TRY_ASSIGN(LiveFeed::Item item, feed_->next(kIdleTimeout));
  if (item.what == LiveFeed::What::idle) {
    if (recording_) DSE_TRY(recording_->tick());
    return format::Step{What::idle, {}};
  }
  if (item.what == LiveFeed::What::end) {
    ended_ = true;
    final_losses_ = feed_->losses();
    if (recording_) DSE_TRY(recording_->finish("ended"));
    return format::Step{What::end, {}};
  }
  DSE_TRY_ASSIGN(format::Batch batch, read_batch(encoder_.block(*item.rows)));
  if (!recording_)
    feed_->recycle(std::move(item.rows));
  else if (auto status = recording_->add(std::move(item.rows)); !status)
    failure_ = status.error();  // what was seen is still shown
  return format::Step{What::batch, std::move(batch)};
}

}  // namespace dse::record
