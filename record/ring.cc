#include "record/ring.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace dse::record {
namespace {

// Layout of a ring buffer as the kernel maps it (kernel/bpf/ringbuf.c): the consumer's position on
// a page of its own, the producer's on the next, then the data. Each record has an 8-byte header
// that begins with its length and two flags.
constexpr std::uint32_t kBusy = 1u << 31;
constexpr std::uint32_t kDiscarded = 1u << 30;
constexpr std::size_t kRecordHeader = 8;

// Another CPU has written the records, so that each line comes from its cache, and how long one record is
// tells where the next one begins. Most are alike: asked for this many before, a line is here when it is read.
constexpr std::uint64_t kRecordsAhead = 8, kCacheLine = 64, kMostPrefetched = 256;

std::size_t page_size() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

std::uint64_t span_of(std::uint32_t length) {
  return (std::uint64_t{length & ~(kBusy | kDiscarded)} + kRecordHeader + 7) & ~std::uint64_t{7};
}

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
      position_(other.position_),
      released_(other.released_),
      end_(other.end_),
      passed_producer_(other.passed_producer_),
      passed_time_(other.passed_time_),
      complete_until_(other.complete_until_),
      wrapped_(std::move(other.wrapped_)) {}

Ring::~Ring() {
  if (consumer_position_) ::munmap(consumer_position_, page_size());
  if (producer_position_)
    ::munmap(const_cast<std::uint64_t*>(producer_position_), page_size() + size_);
}

std::uint64_t Ring::producer() const {
  return __atomic_load_n(producer_position_, __ATOMIC_ACQUIRE);
}

std::uint32_t Ring::length_word(std::uint64_t position) const {
  auto* at = reinterpret_cast<const std::uint32_t*>(data_ + (position & (size_ - 1)));
  return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

bool Ring::has_more() const { return producer() != position_; }

void Ring::begin_pass(std::uint64_t now) {
  std::uint64_t produced = producer();
  peak_ = std::max<std::size_t>(peak_, produced - released_);
  std::uint64_t at = std::max(position_, end_);
  while (at < produced) {
    std::uint32_t length = length_word(at);
    if (length & kBusy) break;
    const std::uint64_t span = span_of(length);
    for (std::uint64_t line = 0; line < std::min<std::uint64_t>(span, kMostPrefetched); line += kCacheLine)
      __builtin_prefetch(data_ + ((at + kRecordsAhead * span + line) & (size_ - 1)));
    at += span;
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
}

std::span<const std::byte> Ring::head() {
  while (position_ < end_) {
    std::uint32_t length = length_word(position_);
    if (length & kDiscarded) {
      position_ += span_of(length);
      continue;
    }
    std::size_t at = (position_ & (size_ - 1)) + kRecordHeader;
    if (at + length <= size_) return {data_ + at, length};
    std::size_t first = at < size_ ? size_ - at : 0;
    wrapped_.resize(length);
    std::memcpy(wrapped_.data(), data_ + at, first);
    std::memcpy(wrapped_.data() + first, data_ + (at + first - size_), length - first);
    return wrapped_;
  }
  return {};
}

void Ring::pop() {
  position_ += span_of(length_word(position_));
  // Not after every record: the position is on a cache line that the producer reads.
  if (position_ - released_ >= size_ / 8) release();
}

void Ring::release() {
  if (position_ == released_) return;
  __atomic_store_n(consumer_position_, position_, __ATOMIC_RELEASE);
  released_ = position_;
}

}  // namespace dse::record
