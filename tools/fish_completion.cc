#include <fmt/format.h>

#include "tools/completion.h"

namespace dse::tools {
namespace {

constexpr const char* kScript = R"sh(# fish completion of dse; made by: dse completion fish

# Whether the command line begins with these words behind dse, and, of what has commands below it, whether
# none of them is there yet.
function __dse_in
    set -l typed (commandline -opc)
    set -l last (math 1 + (count $argv))
    test (count $typed) -ge $last; and test "$typed[2..$last]" = "$argv"
end

function __dse_at
    set -l typed (commandline -opc)
    test (count $typed) -eq (math 1 + (count $argv)); and begin
        test -z "$argv"; or test "$typed[2..-1]" = "$argv"
    end
end

# What is typed of the value of an option.
function __dse_typed
    commandline -ct | string replace -r '^--?[^=]*=' ''
end

# The last of several with commas between them.
function __dse_list
    set -l before (__dse_typed | string replace -rf '^(.*,).*' '$1')
    for one in $argv
        string match -q -- "*,$one,*" ",$before"; or echo "$before$one"
    end
end

function __dse_field
    string join \n @FIELDS@
end

function __dse_fields
    __dse_list @FIELDS@
end

function __dse_profiles
    string join \n @PROFILES@
    __fish_complete_suffix .toml
end

# Fields, anywhere in a filter.
function __dse_expression
    set -l typed (__dse_typed | string trim -l -c '\'"')
    set -l before (string replace -rf '^(.*[ (!:\'"]).*' '$1' -- $typed)
    for field in @FIELDS@
        echo "$before$field"
    end
    test -z "$before"; and string join \n @PREFIXES@
end

complete -c dse -e
complete -c dse -f
@COMPLETIONS@)sh";

// In single quotes; only these two are special there.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string completes(const OptionEntry& entry) {
  switch (entry.takes) {
    case Takes::choice:
      return entry.list ? "-a " + quoted("(__dse_list " + shell_words(entry.choices) + ")")
                        : "-a " + quoted(shell_words(entry.choices));
    case Takes::path: return "-F";
    case Takes::profile: return "-a '(__dse_profiles)'";
    case Takes::field: return "-a '(__dse_field)'";
    case Takes::fields: return "-a '(__dse_fields)'";
    case Takes::expression: return "-a '(__dse_expression)'";
    case Takes::nothing:
    case Takes::text: break;
  }
  return "";
}

std::string lines(const CommandEntry& command) {
  std::string words;
  for (const std::string& word : command.words) words += " " + word;
  const std::string start = fmt::format("complete -c dse -n '{}{}'",
                                        command.commands.empty() ? "__dse_in" : "__dse_at", words);
  std::string out;
  for (const OptionEntry& option : command.options) {
    out += start;
    for (const std::string& name : option.names)
      out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    if (option.takes != Takes::nothing)
      out += (option.takes == Takes::path ? " -r " : " -x ") + completes(option);
    out += " -d " + quoted(first_line(option.description)) + "\n";
  }
  for (const OptionEntry& argument : command.arguments)
    if (std::string what = completes(argument); !what.empty()) out += start + " " + what + "\n";
  for (const CommandEntry& below : command.commands)
    out += fmt::format("{} -a {} -d {}\n", start, below.words.back(),
                       quoted(first_line(below.description)));
  for (const CommandEntry& below : command.commands) out += lines(below);
  return out;
}

}  // namespace

std::string fish_completion(const CommandEntry& root) {
  const std::string fields = shell_words(field_names());
  std::string script = fill_in(kScript, "FIELDS", fields);
  script = fill_in(std::move(script), "FIELDS", fields);
  script = fill_in(std::move(script), "PROFILES", shell_words(profile_names()));
  script = fill_in(std::move(script), "FIELDS", fields);
  script = fill_in(std::move(script), "PREFIXES", shell_words(point_prefixes()));
  return fill_in(std::move(script), "COMPLETIONS", lines(root));
}

}  // namespace dse::tools
