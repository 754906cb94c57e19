// What the laws of whole, damaged and recovered captures share.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "format/recover.h"
#include "format/verify.h"
#include "tests/unit/testing.h"

// Does not wait for the disk.
class NoSync final : public dse::format::FileSystem {
 public:
  int fsync(int) override { return 0; }
};

struct Verified {
  dse::Status status;
  std::vector<dse::format::Finding> findings;
  std::vector<std::string> notes;
  dse::format::CaptureChecker::Counts counts;
  std::string describe() const;
};
Verified verify_bytes(const std::string& bytes, bool seekable);
Verified verify_paths(const std::vector<std::string>& paths);

struct Recovered {
  dse::Status status;
  std::vector<dse::format::LostPart> parts;
  dse::format::Recovery::Account account;
  std::string describe() const;
};
// Into `out`, from a single input or from paths.
Recovered recover_bytes(const std::string& bytes, bool seekable, const std::string& out);
Recovered recover_paths(const std::vector<std::string>& paths, const std::string& out);

// A capture of several segments in one file, and what is in it.
struct Original {
  std::string bytes;
  Records records;  // by number
  struct Block {
    std::uint64_t begin, end;  // bytes
    std::uint64_t first, count;
  };
  std::vector<Block> blocks;
  std::vector<std::uint64_t> segments;  // where they begin
};
// `segments` of three blocks each; with records of every kind, and some that are of none.
Original make_original(std::uint64_t seed, unsigned segments, std::size_t block_records);

// The records of a capture with the numbers that tools show.
struct Numbered {
  std::vector<std::pair<std::uint64_t, Record>> records;
  std::vector<std::string> notes;
};
Numbered read_numbered(dse::format::CaptureReader& reader);
// A failure unless they are records of the original, in order, under their own numbers.
void expect_originals(const Numbered& found, const Original& original);
bool holds(const Numbered& found, const Original::Block& block);
