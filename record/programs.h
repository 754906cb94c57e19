// The BPF side: programs loaded and attached, the rings and counters that they write.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bpf/abi.h"
#include "format/result.h"
#include "format/segment_info.h"
#include "format/source.h"
#include "record/proc.h"
#include "record/ring.h"

namespace dse::record {

struct ProgramOptions {
  format::KindSet kinds = format::kAllKinds;
  std::size_t ring_bytes = 0;         // per CPU; a power of two
  std::uint32_t watermark_bytes = 0;  // per CPU: a wake-up each time that much has been written
  std::uint32_t max_args = 131072;    // bytes of argv, at most kMaxArgs
  std::uint32_t max_env = 0;          // bytes of the environment, likewise
  int cgroup_controller = DSE_CONTROLLER_NONE;  // see CgroupHierarchy
};

inline constexpr std::uint32_t kMaxArgs = 1u << 20;

class Programs {
 public:
  // Loads all that `options.kinds` needs and attaches nothing yet. Errors name the remedy.
  static Result<std::unique_ptr<Programs>> load(const ProgramOptions& options);
  ~Programs();

  Status attach();
  // No record begins after this.
  void detach();

  std::vector<Ring>& rings();
  // Becomes readable when a program forces a wake-up.
  std::span<const int> ring_fds() const;
  // Asks for a wake-up by the next record.
  void arm();

  // What exists now, straight from the kernel's tables.
  // `meanwhile` is called now and then.
  Result<std::vector<ProcessRow>> processes(const std::function<void()>& meanwhile);
  // Each socket once. It also makes owners known, so it is of use only once, after attach().
  Result<std::vector<dse_socket_snapshot>> sockets(const std::function<void()>& meanwhile);

  // Since attach(), by kind and cause ("ring full"; "program busy": the kernel does not run a
  // program inside itself); and how many records there should have been.
  std::vector<format::Loss> losses() const;
  std::vector<format::Loss> seen() const;
  // The sequence numbers reached, as the kernel side has them.
  std::vector<format::StreamPosition> positions() const;

  // The kernel's own timing of the programs costs them something, so it is on only between these two
  // calls. The second one adds what was measured to costs().
  void begin_measuring();
  void end_measuring();
  // By kind, since attach().
  std::vector<dse_program_sample> costs() const;

 private:
  struct Impl;
  explicit Programs(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace dse::record
