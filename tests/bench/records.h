// The input of the benchmarks: records as a busy host makes them, the same on every machine and in every
// run. What a change here changes is every figure that was measured before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "format/layout.h"

namespace dse::bench {

// Raw records (bpf/abi.h), one after the other as a ring has them.
class Records {
 public:
  void add(std::string_view record) {
    bytes_.append(record);
    ends_.push_back(bytes_.size());
  }
  std::size_t size() const { return ends_.size(); }
  std::size_t size_bytes() const { return bytes_.size(); }
  std::span<const std::byte> operator[](std::size_t i) const {
    std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::as_bytes(std::span(bytes_)).subspan(begin, ends_[i] - begin);
  }

 private:
  std::string bytes_;
  std::vector<std::size_t> ends_;
};

// A storm that goes on and on, in portions that follow one another.
class Storm {
 public:
  enum class Kind {
    signals,  // between threads of a few services, each sent and delivered
    // In every round a program that runs, four connections and forty signals; now and then a container, or
    // an exec that fails.
    mixed,
  };
  explicit Storm(Kind kind, std::uint32_t cpus = 2);
  ~Storm();
  // At least so many, until one that begins has ended.
  Records next(std::size_t records);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The beginning of each, cut to so many.
Records signal_storm(std::size_t records);
Records mixed_storm(std::size_t records);
// Records of one kind of the kernel side, as they are in the mixed storm.
Records records_of_kind(format::Kind kind, std::size_t records);
// The services and cgroups that are there before.
Records snapshot_records();

// Paths of cgroups: of services, of users, and of containers of several runtimes.
std::span<const std::string> cgroup_paths();

}  // namespace dse::bench
