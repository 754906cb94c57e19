// Raw records without what must not be kept.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "bpf/abi.h"
#include "record/redact.h"

namespace dse::record {

// Names of processes are those of the files that they execute.
class NameRedactor {
 public:
  // `redactor` outlives it.
  explicit NameRedactor(const Redactor& redactor) : redactor_(redactor) {}

  void apply(std::uint8_t (&name)[DSE_COMM_SIZE]);
  // From now on this name is a secret as a whole: it is that of a file that is, cut to fifteen bytes.
  void hide(const std::uint8_t (&name)[DSE_COMM_SIZE]);
  // The name of the task of a record, and of the owner of a socket.
  void apply_to_record(std::span<std::byte> record);

 private:
  using Name = std::array<char, DSE_COMM_SIZE>;
  static constexpr std::size_t kMaxKnown = 65536;
  const Redactor& redactor_;
  std::map<Name, Name> known_;
};

// Whether records of that kind have to go through rewrite() at all.
bool needs_rewrite(unsigned kind, const Redactor& redactor);

// An exec or failed exec, as the kernel side wrote it, with its strings as the rules have them; one that
// is malformed has none left. Other records are given back as they are.
std::vector<std::byte> rewrite(std::span<const std::byte> record, const Redactor& redactor);

}  // namespace dse::record
