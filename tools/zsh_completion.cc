#include <fmt/format.h>

#include "tools/completion.h"

namespace dse::tools {
namespace {

constexpr const char* kScript = R"sh(#compdef dse
# zsh completion of dse; made by: dse completion zsh

typeset -ga _dse_field_names=(@FIELDS@)
typeset -ga _dse_point_prefixes=(@PREFIXES@)
typeset -ga _dse_profile_names=(@PROFILES@)

_dse_field() { compadd "$@" -a _dse_field_names }

_dse_profile() {
  _alternative 'profiles:profile:compadd -a _dse_profile_names' 'files:file:_files -g "*.toml"'
}

# Fields, anywhere in a filter.
_dse_expression() {
  if ! compset -P '*[ (!:]'; then
    compadd "$@" -S '' -a _dse_point_prefixes
  fi
  compadd "$@" -S '' -a _dse_field_names
}

@FUNCTIONS@
# Autoloaded, this file is the function; else it was sourced.
if [[ $funcstack[1] == _dse ]]; then
  _dse_at "$@"
else
  compdef _dse_at dse
fi
)sh";

// The inside of a specification of _arguments: what ends a part of it gets a backslash.
std::string escaped(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string completes(const OptionEntry& entry) {
  switch (entry.takes) {
    case Takes::choice:
      return entry.list ? "_sequence compadd - " + shell_words(entry.choices)
                        : "(" + shell_words(entry.choices) + ")";
    case Takes::path: return "_files";
    case Takes::profile: return "_dse_profile";
    case Takes::field: return "_dse_field";
    case Takes::fields: return "_sequence _dse_field";
    case Takes::expression: return "_dse_expression";
    case Takes::nothing:
    case Takes::text: break;
  }
  return " ";
}

std::string specification(const OptionEntry& option) {
  const bool takes = option.takes != Takes::nothing;
  std::string about = "[" + escaped(first_line(option.description)) + "]";
  if (takes) about += ":" + escaped(option.value) + ":" + completes(option);
  // Other spellings of the same are not offered any more.
  std::string others;
  for (const std::string& name : option.names) others += (others.empty() ? "" : " ") + name;
  std::string out;
  for (const std::string& name : option.names) {
    std::string spec = option.repeats ? "*" : "(" + others + ")";
    spec += name + (!takes ? "" : name.starts_with("--") ? "=" : "+") + about;
    out += fmt::format("    {} \\\n", shell_quoted(spec));
  }
  return out;
}

std::string function(const CommandEntry& command) {
  std::string out = function_name(command) + "() {\n";
  if (!command.commands.empty())
    out +=
        "  local curcontext=$curcontext state\n  local -a line commands\n  typeset -A opt_args\n";
  out += command.commands.empty() ? "  _arguments -s -S \\\n" : "  _arguments -C \\\n";
  for (const OptionEntry& option : command.options) out += specification(option);
  if (command.commands.empty()) {
    for (const OptionEntry& argument : command.arguments)
      out += fmt::format("    {} \\\n",
                         shell_quoted((argument.repeats ? "*:" : ":") + escaped(argument.value) +
                                      ":" + completes(argument)));
    return out + "    && return 0\n}\n\n";
  }
  out +=
      "    '1:command:->command' '*::argument:->argument' && return 0\n"
      "  case $state in\n"
      "    command)\n"
      "      commands=(\n";
  std::string cases;
  for (const CommandEntry& below : command.commands) {
    out += fmt::format("        {}\n", shell_quoted(escaped(below.words.back()) + ":" +
                                                    escaped(first_line(below.description))));
    cases += fmt::format("        {}) {} ;;\n", below.words.back(), function_name(below));
  }
  out +=
      "      )\n"
      "      _describe command commands ;;\n"
      "    argument)\n"
      "      case $words[1] in\n" +
      cases +
      "      esac ;;\n"
      "  esac\n}\n\n";
  for (const CommandEntry& below : command.commands) out += function(below);
  return out;
}

}  // namespace

std::string zsh_completion(const CommandEntry& root) {
  std::string script = fill_in(kScript, "FIELDS", shell_words(field_names()));
  script = fill_in(std::move(script), "PREFIXES", shell_words(point_prefixes()));
  script = fill_in(std::move(script), "PROFILES", shell_words(profile_names()));
  return fill_in(std::move(script), "FUNCTIONS", function(root));
}

}  // namespace dse::tools
