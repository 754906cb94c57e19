// Raw records without what must not be kept.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <vector>

#include "bpf/abi.h"
#include "format/layout.h"
#include "format/redact.h"

namespace dse::format {

// Names of processes. They are those of the files that they execute, cut to fifteen bytes, in which the
// rules may not recognise what they would in a whole name: so all records of a recording share one of
// these, which learns from those that have whole names. What it has learned it never forgets.
class NameRedactor {
 public:
  // `redactor` outlives it.
  explicit NameRedactor(const Redactor& redactor) : redactor_(redactor) {}

  // A process of that name executes the file `path`. If the rules touch the name of the file, then
  // that of the process is a secret as a whole from now on, wherever it stands.
  void learn(std::string_view path, const std::uint8_t (&name)[DSE_COMM_SIZE]);
  // What a record tells of a process and its file, as long as its strings are what they were. Others
  // may show the name earlier: what has all records at hand lets it learn from all of them first.
  void learn_from_record(std::span<const std::byte> record);

  void apply(std::uint8_t (&name)[DSE_COMM_SIZE]);
  // The name of the task of a record, and of the owner of a socket.
  void apply_to_record(std::span<std::byte> record);

 private:
  using Name = std::array<char, DSE_COMM_SIZE>;
  // Of names that are no secrets as a whole, this many are remembered as they were rewritten.
  static constexpr std::size_t kMaxKnown = 65536;

  static Name name_of(std::string_view text);  // cut at fifteen bytes or a NUL
  void hide(const Name& name);

  const Redactor& redactor_;
  std::map<Name, Name> known_;
  std::set<Name> hidden_;
};

// While recording: what the kernel side wrote. Paths of cgroups are kept as they are.
//
// Whether records of that kind have to go through rewrite() at all.
bool needs_rewrite(Kind kind, const Redactor& redactor);
// An exec or failed exec with its strings as the rules have them, and those variables of its environment
// that are asked for. One that is malformed has no strings left. Other records are given back as they
// are.
std::vector<std::byte> rewrite(std::span<const std::byte> record, const Redactor& redactor);

// Of a capture that there is: a record of any kind, in the layout of this version, with all its strings
// as the rules have them, paths of cgroups and names of processes too. Of its environment the values are
// rewritten and no variable is left out. `names` is of the same rules; it learns from the record.
//
// One that is malformed has no strings left, and of its numbers those that stand in the same place in all
// versions of its layout. nullopt: what strings it holds cannot be told, as its kind is not known or it is
// too short; it must not be kept.
std::optional<std::vector<std::byte>> rewrite_all(std::span<const std::byte> record,
                                                  const Redactor& redactor, NameRedactor& names);

// A record of a kind that is known, in the layout of this version, with the strings of these columns alone
// ("args"); the others are empty. One that is malformed has none left; nullopt: it is too short.
std::optional<std::vector<std::byte>> keep_strings(std::span<const std::byte> record,
                                                   std::span<const std::string_view> columns);

}  // namespace dse::format
