#include <fmt/format.h>

#include "tools/completion.h"

namespace dse::tools {
namespace {

// Needs nothing but bash 4: its own helpers, not those of bash-completion.
constexpr const char* kScript = R"sh(# bash completion of dse; made by: dse completion bash

_dse_field_names=(@FIELDS@)
_dse_point_prefixes=(@PREFIXES@)
_dse_profile_names=(@PROFILES@)

# PREFIX WORD CANDIDATE...: those that begin with WORD, with PREFIX before them.
_dse_match() {
  local prefix=$1 word=$2 one
  shift 2
  for one; do
    [[ $one == "$word"* ]] && COMPREPLY+=("$prefix$one")
  done
}

_dse_words() { _dse_match '' "$current" "$@"; }

# The last of several with commas between them, each once.
_dse_list() {
  local before='' last=${current##*,} one
  local -a left=()
  [[ $current == *,* ]] && before=${current%,*},
  for one; do
    [[ ,$before == *",$one,"* ]] || left+=("$one")
  done
  _dse_match "$before" "$last" "${left[@]}"
  compopt -o nospace 2>/dev/null
}

_dse_paths() {
  local -a found
  mapfile -t found < <(compgen -f -- "$current")
  COMPREPLY+=("${found[@]}")
  # What is quoted in some other way readline knows itself.
  compopt -o filenames 2>/dev/null
  [[ ${#COMPREPLY[@]} -gt 0 ]] || compopt -o default 2>/dev/null
}

_dse_profiles() {
  _dse_words "${_dse_profile_names[@]}"
  _dse_paths
}

# Fields, anywhere in a filter.
_dse_expression() {
  local last=${current##*[ \(!:]}
  local before=${current%"$last"}
  _dse_match "$before" "$last" "${_dse_field_names[@]}"
  [[ -n $before ]] || _dse_match '' "$last" "${_dse_point_prefixes[@]}"
  # With two candidates the quotes stay open.
  if [[ -n $quote && ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} != *: ]]; then
    COMPREPLY=("${COMPREPLY[0]} =" "${COMPREPLY[0]} in (")
  fi
  compopt -o nospace 2>/dev/null
}

# Puts the words together again that readline takes apart at "=" and ":".
_dse_words_typed() {
  local line=${COMP_LINE:0:COMP_POINT} before word last='' i
  for ((i = 0; i <= COMP_CWORD; ++i)); do
    word=${COMP_WORDS[i]} before=$line
    line=${line#"${line%%[![:space:]]*}"}
    [[ $i -lt $COMP_CWORD ]] || word=$line
    if [[ $i -gt 0 && $line == "$before" && ( $word == [=:]* || $last == *[=:] ) ]]; then
      typed[-1]+=$word
    else
      typed+=("$word")
    fi
    line=${line#"$word"} last=$word
  done
}

_dse() {
  local -a typed=()
  local whole current previous='' option='' quote='' lead='' keep='' breaks command='' word i
  _dse_words_typed
  whole=${typed[-1]} current=$whole
  [[ ${#typed[@]} -lt 2 ]] || previous=${typed[-2]}
  # What readline leaves as it is: all up to a quote that is open, else up to the last "=" or ":".
  breaks=${COMP_WORDBREAKS//[!=:]/}
  if [[ $whole == *[\'\"]* ]]; then
    lead=${whole%%[\'\"]*}
    quote=${whole:${#lead}:1}
    current=$lead${whole#*[\'\"]}
  elif [[ -n $breaks ]]; then
    lead=${whole%"${whole##*[$breaks]}"}
  fi
  if [[ $whole == --*=* ]]; then
    option=${whole%%=*}=
    [[ $lead == "$option"* ]] || keep=$option
    previous=${option%=} current=${current#"$option"} lead=${lead#"$option"}
  fi
  for ((i = 1; i < ${#typed[@]} - 1; ++i)); do
    word=${typed[i]}
    [[ $word != -* ]] || continue
    case "$command $word" in
      @COMMANDS@) command+=" $word" ;;
      *) break ;;
    esac
  done
  COMPREPLY=()
  "_dse_at${command// /_}"
  for i in "${!COMPREPLY[@]}"; do
    COMPREPLY[i]=$keep${COMPREPLY[i]#"$lead"}
  done
}

@FUNCTIONS@
complete -F _dse dse
)sh";

std::string completes(const OptionEntry& entry) {
  switch (entry.takes) {
    case Takes::choice:
      return (entry.list ? "_dse_list " : "_dse_words ") + shell_words(entry.choices);
    case Takes::path: return "_dse_paths";
    case Takes::profile: return "_dse_profiles";
    case Takes::field: return "_dse_words \"${_dse_field_names[@]}\"";
    case Takes::fields: return "_dse_list \"${_dse_field_names[@]}\"";
    case Takes::expression: return "_dse_expression";
    case Takes::nothing:
    case Takes::text: break;
  }
  return ":";
}

std::string function(const CommandEntry& command) {
  std::string options, values, words;
  for (const OptionEntry& option : command.options) {
    options += " " + shell_words(option.names);
    if (option.takes == Takes::nothing) continue;
    std::string names;
    for (const std::string& name : option.names) names += (names.empty() ? "" : "|") + name;
    values += fmt::format("    {}) {}; return ;;\n", names, completes(option));
  }
  for (const CommandEntry& below : command.commands) words += " " + below.words.back();
  std::string out = function_name(command) + "() {\n";
  if (!values.empty()) out += "  case $previous in\n" + values + "  esac\n";
  out += fmt::format("  if [[ $current == -* ]]; then _dse_words{}; return; fi\n", options);
  if (!words.empty()) out += fmt::format("  _dse_words{}\n", words);
  if (!command.arguments.empty()) out += fmt::format("  {}\n", completes(command.arguments.back()));
  out += "}\n\n";
  for (const CommandEntry& below : command.commands) out += function(below);
  return out;
}

void add_paths(const CommandEntry& command, std::string& out) {
  for (const CommandEntry& below : command.commands) {
    std::string path;
    for (const std::string& word : below.words) path += " " + word;
    out += (out.empty() ? "'" : "|'") + path + "'";
    add_paths(below, out);
  }
}

}  // namespace

std::string bash_completion(const CommandEntry& root) {
  std::string commands;
  add_paths(root, commands);
  std::string script = fill_in(kScript, "FIELDS", shell_words(field_names()));
  script = fill_in(std::move(script), "PREFIXES", shell_words(point_prefixes()));
  script = fill_in(std::move(script), "PROFILES", shell_words(profile_names()));
  script = fill_in(std::move(script), "COMMANDS", commands);
  return fill_in(std::move(script), "FUNCTIONS", function(root));
}

}  // namespace dse::tools
