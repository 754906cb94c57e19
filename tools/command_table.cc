#include "tools/command_table.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cctype>
#include <string_view>

namespace dse::tools {
namespace {

// Options that take more than their type tells. Others are completed by the name of their value.
struct Known {
  std::string_view option;
  Takes takes;
  std::string_view value;
};
constexpr Known kKnown[] = {
    {"--write", Takes::path, "PATH"},
    {"--tee", Takes::path, "PATH"},
    {"--profile", Takes::profile, "PROFILE"},
    {"--against", Takes::profile, "PROFILE"},
    {"--fields", Takes::fields, "FIELDS"},
    {"--ignore", Takes::fields, "FIELDS"},
    {"--by", Takes::fields, "FIELDS"},
    {"--sum", Takes::field, "FIELD"},
    {"--hist", Takes::field, "FIELD"},
    {"--select", Takes::expression, "EXPRESSION"},
    {"--drop", Takes::expression, "EXPRESSION"},
};

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

// CLI11 tells the values of IsMember only in the name of the type: "TEXT:{json,text}".
std::vector<std::string> choices_of(const std::string& type) {
  std::size_t begin = type.find(":{"), end = type.rfind('}');
  if (begin == type.npos || end == type.npos || end < begin) return {};
  return split(std::string_view(type).substr(begin + 2, end - begin - 2), ',');
}

// "UINT" of "UINT:INT in [1 - 9]", "SIZE" of "SIZE [b, kb(=1024b), …]".
std::string value_name(const std::string& type) {
  std::string name = type.substr(0, type.find_first_of(" [:"));
  if (name == "UINT" || name == "INT" || name == "FLOAT") return "NUMBER";
  return name.empty() ? "TEXT" : name;
}

// "json|text"; of many only that there is one.
std::string alternatives(const std::vector<std::string>& choices) {
  constexpr std::size_t kMost = 4;
  if (choices.size() > kMost) return "NAME";
  std::string out;
  for (const std::string& choice : choices) out += (out.empty() ? "" : "|") + choice;
  return out;
}

bool is_path(std::string_view value) {
  for (std::string_view name : {"PATH", "FILE", "DIR", "CAPTURE"})
    if (value.starts_with(name)) return true;
  return false;
}

OptionEntry describe(const CLI::Option& option) {
  OptionEntry entry;
  for (const std::string& name : option.get_snames()) entry.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) entry.names.push_back("--" + name);
  entry.description = option.get_description();
  entry.required = option.get_required();
  if (option.get_items_expected_max() == 0) return entry;  // a flag

  entry.repeats = option.get_expected_max() > 1;
  entry.list = option.get_delimiter() != '\0';
  entry.choices = choices_of(option.get_type_name());
  entry.value = value_name(option.get_type_name());
  const bool argument = entry.names.empty();
  if (argument) entry.value = option.get_name(true);
  auto known = std::find_if(std::begin(kKnown), std::end(kKnown), [&](const Known& row) {
    return std::find(entry.names.begin(), entry.names.end(), row.option) != entry.names.end();
  });
  if (!entry.choices.empty()) {
    entry.takes = Takes::choice;
    if (!argument) entry.value = alternatives(entry.choices);
  } else if (known != std::end(kKnown)) {
    entry.takes = known->takes;
    entry.value = known->value;
  } else if (argument && entry.value == "NAME") {
    entry.takes = Takes::profile;
  } else if (is_path(entry.value)) {
    entry.takes = Takes::path;
  } else {
    entry.takes = Takes::text;
  }
  entry.list = entry.list || entry.takes == Takes::fields;
  return entry;
}

CommandEntry describe(const CLI::App& app, std::vector<std::string> words) {
  CommandEntry entry;
  entry.words = std::move(words);
  entry.description = app.get_description();
  entry.footer = app.get_footer();
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    OptionEntry described = describe(*option);
    (described.names.empty() ? entry.arguments : entry.options).push_back(std::move(described));
  }
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_group().empty()) continue;
    std::vector<std::string> below = entry.words;
    below.push_back(command->get_name());
    entry.commands.push_back(describe(*command, std::move(below)));
  }
  return entry;
}

}  // namespace

CommandEntry command_table(const CLI::App& root) {
  CommandEntry table = describe(root, {});
  std::vector<std::string> names;
  for (const CommandEntry& command : table.commands) names.push_back(command.words.back());
  for (CommandEntry& command : table.commands)
    for (OptionEntry& argument : command.arguments)
      if (argument.value == "COMMAND") {
        argument.takes = Takes::choice;
        argument.choices = names;
      }
  return table;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::string shell_quoted(const std::string& text) {
  bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '_' || c == '.' || c == '/' || c == ',';
  });
  if (plain) return text;
  std::string out = "'";
  for (char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace dse::tools
