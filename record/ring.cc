#include "record/ring.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace dse::record {
namespace {

// Another CPU has written the records, so that each line comes from its cache, and how long one record is
// tells where the next one begins. Asked for so many bytes before, a line is here when it is read.
constexpr std::uint64_t kBytesAhead = 640, kCacheLine = 64;

std::size_t page_size() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

}  // namespace

Result<Ring> Ring::map(int map_fd, std::size_t size) {
  Ring ring;
  ring.size_ = size;
  void* consumer = ::mmap(nullptr, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
  if (consumer == MAP_FAILED) return errno_error("cannot map a ring buffer", errno);
  ring.consumer_position_ = static_cast<std::uint64_t*>(consumer);
  // The kernel offers the data twice in a row so that no record ever wraps. Mapped once, the pages
  // count once for this process; the few records that do wrap are copied.
  void* producer = ::mmap(nullptr, page_size() + size, PROT_READ, MAP_SHARED, map_fd,
                          static_cast<off_t>(page_size()));
  if (producer == MAP_FAILED) return errno_error("cannot map a ring buffer", errno);
  ring.producer_position_ = static_cast<const std::uint64_t*>(producer);
  ring.data_ = static_cast<const std::byte*>(producer) + page_size();
  return ring;
}

Ring::Ring(Ring&& other) noexcept
    : size_(other.size_),
      consumer_position_(std::exchange(other.consumer_position_, nullptr)),
      producer_position_(std::exchange(other.producer_position_, nullptr)),
      data_(other.data_),
      end_(other.end_),
      position_(other.position_),
      head_(other.head_),
      released_(other.released_),
      passed_producer_(other.passed_producer_),
      passed_time_(other.passed_time_),
      complete_until_(other.complete_until_),
      peak_(other.peak_),
      wrapped_(std::move(other.wrapped_)) {}

Ring::~Ring() {
  if (consumer_position_) ::munmap(consumer_position_, page_size());
  if (producer_position_)
    ::munmap(const_cast<std::uint64_t*>(producer_position_), page_size() + size_);
}

std::uint64_t Ring::look_ahead(std::uint64_t produced, std::uint64_t now) {
  peak_ = std::max<std::size_t>(peak_, produced - released_);
  std::uint64_t at = end_, ahead = end_;
  while (at < produced) {
    const std::uint32_t length = length_word(at);
    if (length & kBusy) break;
    at += span_of(length & ~kDiscarded);
    const std::uint64_t until = std::min(at + kBytesAhead, produced);
    for (ahead = std::max(ahead, at); ahead < until; ahead += kCacheLine)
      __builtin_prefetch(data_ + (ahead & (size_ - 1)));
  }
  end_ = at;
  // A record's time is read after its space is taken, or, for those of variable size, some
  // microseconds before. So whatever was not in the ring when the pass began is later than `now`
  // less that much, and a record that is still being written is later than the last pass in which
  // its space was not yet taken.
  if (end_ == produced)
    complete_until_ = now;
  else if (end_ >= passed_producer_)
    complete_until_ = passed_time_;
  passed_producer_ = produced;
  passed_time_ = now;
  if (head_.empty()) load_head();
  return complete_until_;
}

std::span<const std::byte> Ring::unwrap(std::size_t at, std::size_t length) {
  const std::size_t first = at < size_ ? size_ - at : 0;
  wrapped_.resize(length);
  std::memcpy(wrapped_.data(), data_ + at, first);
  std::memcpy(wrapped_.data() + first, data_ + (at + first - size_), length - first);
  return wrapped_;
}

void Ring::release() {
  if (position_ == released_) return;
  __atomic_store_n(consumer_position_, position_, __ATOMIC_RELEASE);
  released_ = position_;
}

}  // namespace dse::record
