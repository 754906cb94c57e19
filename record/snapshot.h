// What exists when a segment begins, as records.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "bpf/abi.h"
#include "format/redact.h"
#include "format/rewrite.h"
#include "format/rows.h"
#include "record/container_metadata.h"
#include "record/host.h"
#include "record/proc.h"

namespace dse::record {

// Appends such records to rows that are no part of the stream.
class SnapshotBuilder {
 public:
  struct Limits {
    std::uint32_t max_args;  // bytes of each argument block
    std::uint32_t max_env;   // of each environment; 0: none
  };

  // All outlive the builder. `meanwhile` is called every few milliseconds: /proc takes its time, and
  // the rings fill up.
  // What `names` does not know yet it learns from the processes.
  SnapshotBuilder(format::Rows& rows, format::StreamTable& streams,
                  const format::Redactor& redactor, format::NameRedactor& names, Limits limits,
                  std::function<void()> meanwhile);

  // A process with its arguments from /proc, which are left out and marked as cut once the snapshot
  // has grown very large: a reader holds one in memory.
  void add(const ProcessRow& process);
  void add(dse_socket_snapshot socket);
  // All cgroups of the hierarchy; `visit` is told the path of each.
  void add_cgroups(const CgroupHierarchy& hierarchy,
                   const std::function<void(const std::string& path)>& visit);
  // A whole record that the recorder itself wrote earlier; its number in its kind is set here.
  void add_record(std::vector<std::byte> record);

 private:
  void append(format::Kind kind, std::uint64_t time_ns, const dse_task& task,
              std::vector<std::byte> body);

  format::Rows& rows_;
  format::StreamTable& streams_;
  const format::Redactor& redactor_;
  format::NameRedactor& names_;
  Limits limits_;
  std::function<void()> meanwhile_;
  std::size_t memory_ = 0;  // bytes of arguments so far
  unsigned patience_ = 0;
};

// What a runtime said of a container, as a record.
std::vector<std::byte> metadata_record(const ContainerMetadata& metadata,
                                       const format::Redactor& redactor, std::uint64_t seq);

// `body`, and behind it its variable parts.
std::vector<std::byte> with_parts(std::span<const std::byte> body,
                                  std::initializer_list<std::string_view> parts);

}  // namespace dse::record
