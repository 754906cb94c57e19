// What of arguments, environments and file names is kept: secrets are taken out before anything
// reaches a disk.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "format/result.h"

namespace re2 {
class RE2;
}

namespace dse::format {

// Rules for what is kept of arguments and environments. Immutable; safe to use from any thread.
//
// A pattern is searched in a whole block, in which the NULs stand as spaces, so that
// `--password[= ](\S+)` reaches over two arguments. What its groups caught is replaced, or the
// whole match where it has no groups or none of them took part. Patterns do not see what others
// replaced. Each argument that is touched has "***" in that place, whatever was there, so neither
// the length shows nor does the number of arguments change. Bytes need not be UTF-8.
//
// The text of a pattern itself is replaced wherever it stands. Time is linear in the block: of one
// pattern, at most kMaxMatches are looked for one by one, fewer in a long block; what follows the
// last of them is replaced as a whole.
class Redactor {
 public:
  static constexpr std::size_t kMaxMatches = 4096;

  // `patterns`: RE2 regular expressions. `env`: names of the environment variables that are kept;
  // no others are. Error: usage, with the option (--redact, --env), the pattern or name, and the
  // reason.
  static Result<Redactor> make(const std::vector<std::string>& patterns,
                               const std::vector<std::string>& env);

  bool redacts() const { return !patterns_.empty(); }  // there are patterns
  bool keeps_env() const { return !env_.empty(); }     // there are names

  // An argument block: strings that each end with a NUL, which the last may lack. `cut`: it was
  // longer than what was kept; then, if there are patterns, a last string without NUL is replaced
  // as a whole, since what would have matched may have been cut off.
  std::string args(std::string_view block, bool cut) const;
  // The strings NAME=VALUE of an environment block whose names are kept, in the order of the block.
  // Only values are replaced, though the patterns see the names too. `cut` as above; a name that
  // may be cut is not kept.
  std::string env(std::string_view block, bool cut) const;
  // The same of all variables that there are: of an environment block of which others were left out
  // before. A string that is no variable is replaced as a value is.
  std::string all_env(std::string_view block, bool cut) const;
  // Strings that each end with a NUL, which the patterns see one by one: labels KEY=VALUE.
  std::string texts(std::string_view block) const;
  // One string, such as a file name.
  std::string text(std::string_view text) const;

 private:
  struct Variables;
  std::string replace_values(const Variables& variables, bool cut) const;

  // A pattern, compiled both ways, so that no search fails.
  using Pattern = std::shared_ptr<const re2::RE2>;

  std::vector<Pattern> patterns_;
  std::vector<std::string> env_;
};

}  // namespace dse::format
