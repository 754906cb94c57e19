// Scripts that complete the command line of dse in a shell, each made from the table of commands.
#pragma once

#include <string>
#include <vector>

#include "tools/command_table.h"

namespace dse::tools {

std::string bash_completion(const CommandEntry& root);
std::string zsh_completion(const CommandEntry& root);
std::string fish_completion(const CommandEntry& root);

// Names of fields; "SignalDelivered:" and the like, which filters may begin with; profiles that come with dse.
std::vector<std::string> field_names();
std::vector<std::string> point_prefixes();
std::vector<std::string> profile_names();

// "_dse_at_profile_show" of "dse profile show", "_dse_at" of dse itself.
std::string function_name(const CommandEntry& command);
// All, as words of a shell.
std::string shell_words(const std::vector<std::string>& words);
// A template with each line "@NAME@" replaced.
std::string fill_in(std::string text, const std::string& name, const std::string& value);

}  // namespace dse::tools
