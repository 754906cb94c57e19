// Everything that a block or a snapshot claims, held against what is in it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "format/batch.h"
#include "format/entry.h"

namespace dse::format {

struct CheckedBatch {
  std::optional<Batch> batch;       // as far as it can be opened at all
  std::vector<std::string> faults;  // none: every byte of it is what it should be
  bool sound() const { return batch && faults.empty(); }
};

// Reads every column that is known, so that nothing of the batch is met as damaged later.
Status read_all(const Batch& batch);

// Loads every frame, reads every column, and makes the header anew from them. What only a newer version
// knows is not looked at.
CheckedBatch check_batch(const EntryHeader& header, const BodyReader& body);

// The sequence numbers of every CPU and kind of one capture, from block to block.
class Continuity {
 public:
  // Behind a hole any number may follow.
  void forget() { streams_.clear(); }
  // What in the streams and gaps of a sound block does not follow from the blocks before.
  std::vector<std::string> take(const Batch& batch);

 private:
  struct State {
    std::uint64_t next = 0;
    std::uint64_t last_time = 0;
    bool any = false;  // a record of it was seen
  };
  using Stream = std::pair<Kind, std::uint16_t>;

  struct Told {
    std::uint64_t seq = 0;
    bool met = false;
  };

  State& enter(const Stream& stream, std::vector<std::string>& faults);
  Status follow(const Batch& batch, const Table& table, std::vector<std::string>& faults);

  std::map<Stream, State> streams_;
  std::map<Stream, Told> told_;  // by the block at hand
};

}  // namespace dse::format
