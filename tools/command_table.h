// The commands and options that there are, as the command line has them: what completion scripts and
// manual pages are made from.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace dse::tools {

// What an option or argument takes, as far as it can be completed.
enum class Takes { nothing, text, choice, path, profile, field, fields, expression };

struct OptionEntry {
  std::vector<std::string> names;  // "-w", "--write"; of an argument: none
  std::string value;               // "PATH"; empty when it takes nothing
  std::string description;
  Takes takes = Takes::nothing;
  std::vector<std::string> choices;  // of Takes::choice
  bool list = false;                 // several, with commas between them
  bool repeats = false;              // may be given several times
  bool required = false;
};

struct CommandEntry {
  std::vector<std::string> words;  // behind "dse": none of dse itself
  std::string description;
  std::string footer;
  std::vector<OptionEntry> options;    // begin with dashes
  std::vector<OptionEntry> arguments;  // do not
  std::vector<CommandEntry> commands;  // below it
};

// What is hidden (of an empty group) is left out.
CommandEntry command_table(const CLI::App& root);

// Its first line.
std::string first_line(const std::string& text);
// In single quotes where it must, as all shells and zsh's specifications take it.
std::string shell_quoted(const std::string& text);

}  // namespace dse::tools
