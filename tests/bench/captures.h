// Batches and captures of the benchmarks' records, in memory.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "format/entry.h"
#include "format/result.h"
#include "format/rows.h"
#include "format/segment_info.h"
#include "format/source.h"
#include "tests/bench/records.h"

namespace dse::bench {

// What cannot fail here: a benchmark has no one to tell.
template <typename T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message());
  return std::move(*result);
}
inline void must(const Status& status) {
  if (!status) throw std::runtime_error(status.error().message());
}

// Appends them as a recorder does.
void append_all(const Records& records, format::Rows& rows);

// A block as it is in a file: its header, and all of its frames.
struct EncodedBlock {
  format::EntryHeader header;
  std::vector<std::byte> body;
  std::uint64_t raw_bytes = 0;

  format::Batch open() const;
};
EncodedBlock encode_block(const Records& records, int level = 1);

format::SegmentInfo segment_info();
// Of one segment, with so many records in each block.
std::string capture_bytes(const Records& records, std::size_t per_block = 32768, int level = 1);
std::unique_ptr<format::Source> open_capture(const std::string& bytes);

}  // namespace dse::bench
