// Digests of captures: of the events as a multiset, and of the raw records as a sequence. Neither depends
// on compression, blocks, segments or their number. They tell accidents, not attacks: XXH3 is no
// cryptographic hash, and a sum less so.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "format/batch.h"
#include "format/result.h"
#include "replay/filter/program.h"
#include "replay/render.h"

namespace dse::replay {

// XXH3-128 of some bytes, as a number.
struct Hash128 {
  std::uint64_t high = 0, low = 0;
  auto operator<=>(const Hash128&) const = default;
  Hash128& operator+=(const Hash128& other);  // modulo 2^128
  std::string hex() const;                    // 32 digits
};
Hash128 hash128(std::string_view bytes);

// The sum of the hashes of the events' canonical bytes, so their order does not matter, and digests of the
// parts of a whole add up. The canonical bytes of an event are the host's name, a newline, and its JSON with
// what it shows unasked, without the fields that say where it stands (evt.num, sig.sender.num) and without
// host.name.
class EventDigest {
 public:
  // Those that are kept. Error: a column is damaged, which spoils only this batch.
  Status add(const EventBatch& events, const filter::Mask& kept);

  const Hash128& sum() const { return sum_; }
  std::uint64_t count() const { return count_; }
  // Of what an event of this point shows unasked, what is in its canonical bytes.
  static std::vector<std::string> fields(const ObservationPoint& point);

 private:
  Hash128 sum_;
  std::uint64_t count_ = 0;
  std::map<const ObservationPoint*, JsonRenderer> renderers_;
  std::string bytes_;
};

// Of the records as the kernel side wrote them, each with its size before it, in arrival order; snapshots
// are left out.
class RecordDigest {
 public:
  RecordDigest();
  ~RecordDigest();
  RecordDigest(const RecordDigest&) = delete;
  RecordDigest& operator=(const RecordDigest&) = delete;

  Status add(const format::Batch& batch, unsigned abi_version);

  Hash128 hash() const;
  std::uint64_t count() const { return count_; }

 private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
  std::uint64_t count_ = 0;
};

}  // namespace dse::replay
