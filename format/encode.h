// Rows to columns: turns a full batch into the Cap'n Proto message of a block.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "format/rows.h"

namespace dse::format {

class ColumnMessage;

// Keeps its scratch memory from batch to batch. Not thread-safe.
class BatchEncoder {
 public:
  BatchEncoder();
  ~BatchEncoder();

  // The batch as Entry.block.
  std::unique_ptr<ColumnMessage> block(const Rows& rows);

  struct SnapshotSpan {
    std::uint64_t begin_time;  // boot time, ns
    std::uint64_t end_time;
    std::vector<StreamPosition> begin_streams;
    std::vector<StreamPosition> end_streams;
  };
  // The batch as Entry.snapshot.rows.
  std::unique_ptr<ColumnMessage> snapshot(const Rows& rows, const SnapshotSpan& span);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dse::format
