// Ring buffers that no kernel has made, laid out as its own are, and the side that writes them: what
// kernel/bpf/ringbuf.c does, step by step.
#pragma once

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <ios>
#include <optional>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "format/file.h"
#include "record/ring.h"

namespace dse::record {

// For one thread at a time, as the kernel's lock has it.
class SimulatedProducer {
 public:
  SimulatedProducer(std::uint64_t* consumer, std::uint64_t* producer, std::byte* data,
                    std::size_t size)
      : consumer_(consumer), producer_(producer), data_(data), size_(size) {}

  // The place of a record that is being written from now on; none if the ring is full.
  std::optional<std::uint64_t> reserve(std::uint32_t length) {
    const std::uint64_t consumed = __atomic_load_n(consumer_, __ATOMIC_ACQUIRE);
    const std::uint64_t at = *producer_, end = at + span_of(length);
    while (pending_ < at && !(word(pending_) & kBusy)) pending_ += span_of(word(pending_));
    if (end - consumed > size_ - 1 || end - pending_ > size_ - 1) return {};
    const std::uint32_t page = 0xdeadbeef;  // what else the kernel has in the header
    std::memcpy(data_ + (at & (size_ - 1)) + sizeof(length), &page, sizeof(page));
    __atomic_store_n(word_at(at), length | kBusy, __ATOMIC_RELAXED);
    __atomic_store_n(producer_, end, __ATOMIC_RELEASE);
    return at;
  }
  void write(std::uint64_t at, std::span<const std::byte> record) {
    const std::size_t begin = (at + kHeader) & (size_ - 1);
    const std::size_t first = std::min(record.size(), size_ - begin);
    std::memcpy(data_ + begin, record.data(), first);
    std::memcpy(data_, record.data() + first, record.size() - first);
  }
  void commit(std::uint64_t at) { end(at, 0); }
  void discard(std::uint64_t at) { end(at, kDiscarded); }

  // All of it; false if the ring is full.
  bool put(std::span<const std::byte> record) {
    auto at = reserve(static_cast<std::uint32_t>(record.size()));
    if (!at) return false;
    write(*at, record);
    commit(*at);
    return true;
  }
  std::uint64_t position() const { return *producer_; }

 private:
  static constexpr std::uint32_t kBusy = 1u << 31, kDiscarded = 1u << 30;
  static constexpr std::size_t kHeader = 8;

  static std::uint64_t span_of(std::uint32_t length) {
    return (std::uint64_t{length & ~kDiscarded} + kHeader + 7) / 8 * 8;
  }
  std::uint32_t* word_at(std::uint64_t at) {
    return reinterpret_cast<std::uint32_t*>(data_ + (at & (size_ - 1)));
  }
  std::uint32_t word(std::uint64_t at) { return __atomic_load_n(word_at(at), __ATOMIC_RELAXED); }
  void end(std::uint64_t at, std::uint32_t flag) {
    __atomic_exchange_n(word_at(at), (word(at) ^ kBusy) | flag, __ATOMIC_SEQ_CST);
  }

  std::uint64_t* consumer_;
  std::uint64_t* producer_;
  std::byte* data_;
  std::size_t size_;
  std::uint64_t pending_ = 0;  // up to here, nothing is being written
};

class SimulatedRings {
 public:
  // `size`: of the data of each; a power of two, at least a page.
  SimulatedRings(std::size_t count, std::size_t size) {
    for (std::size_t i = 0; i < count; ++i) add(size);
  }

  std::span<Ring> rings() { return rings_; }
  SimulatedProducer& operator[](std::size_t i) { return producers_[i]; }

 private:
  void add(std::size_t size) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    format::FileHandle file(::memfd_create("simulated_ring", MFD_CLOEXEC));
    if (file.get() < 0 || ::ftruncate(file.get(), static_cast<off_t>(2 * page + size)) != 0)
      throw std::runtime_error("no memory for a simulated ring");
    auto ring = Ring::map(file.get(), size);
    if (!ring) throw std::runtime_error(ring.error().message());
    rings_.push_back(std::move(*ring));
    std::byte* consumer = mapping(file.get(), 0);
    std::byte* producer = mapping(file.get(), page);
    if (::mprotect(producer, page + size, PROT_READ | PROT_WRITE) != 0)
      throw std::runtime_error("cannot write to a simulated ring");
    producers_.emplace_back(reinterpret_cast<std::uint64_t*>(consumer),
                            reinterpret_cast<std::uint64_t*>(producer), producer + page, size);
  }

  // Where the consumer has mapped the file from that offset. Written is there and nowhere else, so that
  // ThreadSanitizer sees both sides of it.
  static std::byte* mapping(int file, std::size_t offset) {
    struct stat status;
    if (::fstat(file, &status) != 0) throw std::runtime_error("cannot stat a simulated ring");
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
      std::istringstream fields(line);
      std::uintptr_t begin = 0;
      std::size_t mapped_from = 0;
      ino_t inode = 0;
      std::string rest;  // "-END", permissions, the device
      fields >> std::hex >> begin >> rest >> rest >> mapped_from >> rest >> std::dec >> inode;
      if (inode == status.st_ino && mapped_from == offset &&
          line.find("simulated_ring") != line.npos)
        return reinterpret_cast<std::byte*>(begin);
    }
    throw std::runtime_error("a simulated ring is not mapped");
  }

  std::vector<Ring> rings_;
  std::vector<SimulatedProducer> producers_;
};

}  // namespace dse::record
