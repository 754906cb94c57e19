#include "record/metadata_reader.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <exception>
#include <iterator>
#include <system_error>
#include <utility>

#include "record/runtime_api.h"

namespace dse::record {
namespace {

// A cgroup is made before its runtime writes anything, on a busy host long before.
constexpr std::chrono::milliseconds kPauses[] = {
    std::chrono::milliseconds(5),   std::chrono::milliseconds(20),  std::chrono::milliseconds(80),
    std::chrono::milliseconds(160), std::chrono::milliseconds(320), std::chrono::milliseconds(640),
    std::chrono::milliseconds(1000)};
// Nobody takes: what was found stays bounded, and the rest waits.
constexpr std::size_t kMaxFound = 1024;

void raise(int event_fd) {
  const std::uint64_t one = 1;
  // Fails only where the event has been raised already.
  [[maybe_unused]] const ssize_t size = ::write(event_fd, &one, sizeof(one));
}

// What was found, if anything. Out of memory is nothing, too: the recording goes on without it.
std::list<ContainerMetadata> read_safely(const std::string& path, const MetadataPlaces& places,
                                         RuntimeApi& api, bool all_states) {
  std::list<ContainerMetadata> out;
  try {
    if (auto found = read_container_metadata(path, places, api, all_states))
      out.push_back(std::move(*found));
  } catch (const std::exception&) {
    out.clear();
  }
  return out;
}

}  // namespace

MetadataReader::MetadataReader(MetadataPlaces places)
    : places_(std::move(places)),
      found_event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      stop_event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (found_event_.get() < 0 || stop_event_.get() < 0) return;
  // Signals are for the threads that expect them.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error&) {
    stop_ = true;
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

MetadataReader::~MetadataReader() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  raise(stop_event_.get());
  changed_.notify_one();
  thread_.join();
}

void MetadataReader::request(std::string cgroup_path) {
  if (!thread_.joinable() || !may_be_container(cgroup_path)) return;
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= kMaxWaiting || !waiting_.insert(cgroup_path).second) return;
    queue_.emplace(Clock::now(), Wanted{std::move(cgroup_path), 0});
  }
  changed_.notify_one();
}

std::vector<ContainerMetadata> MetadataReader::take() {
  std::list<ContainerMetadata> found;
  {
    const std::lock_guard lock(mutex_);
    if (found_.empty()) return {};
    found.swap(found_);
    // Within the lock, or it could undo what the thread raises for the next one. Does not block.
    std::uint64_t count = 0;
    // NOLINTNEXTLINE(clang-analyzer-unix.BlockInCriticalSection)
    [[maybe_unused]] const ssize_t size = ::read(found_event_.get(), &count, sizeof(count));
  }
  changed_.notify_one();
  return {std::make_move_iterator(found.begin()), std::make_move_iterator(found.end())};
}

// Nothing here throws: it allocates only in read_safely().
void MetadataReader::run() {
  RuntimeApi api(places_.api_timeout, stop_event_.get());
  std::unique_lock lock(mutex_);
  while (!stop_) {
    if (queue_.empty() || found_.size() >= kMaxFound) {
      changed_.wait(lock);
      continue;
    }
    if (const auto due = queue_.begin()->first; Clock::now() < due) {
      changed_.wait_until(lock, due);
      continue;
    }
    auto node = queue_.extract(queue_.begin());
    Wanted& wanted = node.mapped();

    lock.unlock();
    // Most cgroups are no container's: to look at the states of all containers for them is for later,
    // and not for each attempt.
    bool all_states = wanted.attempt == 2 || wanted.attempt == std::size(kPauses);
    auto found = read_safely(wanted.path, places_, api, all_states);
    lock.lock();

    if (found.empty() && wanted.attempt < std::size(kPauses)) {
      node.key() = Clock::now() + kPauses[wanted.attempt++];
      queue_.insert(std::move(node));
      continue;
    }
    waiting_.erase(wanted.path);
    if (found.empty()) continue;
    found_.splice(found_.end(), found);
    raise(found_event_.get());
  }
}

}  // namespace dse::record
