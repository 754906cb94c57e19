// dse completion: what a shell needs to complete dse's command line.
#include "tools/completion.h"

#include <memory>

#include <fmt/format.h>

#include "replay/field.h"
#include "replay/points/points.h"
#include "replay/profile.h"
#include "tools/commands.h"
#include "tools/exit_code.h"
#include "tools/terminal.h"

namespace dse::tools {
namespace {

int run(const CLI::App& app, const std::string& shell) {
  CommandEntry table = command_table(app);
  auto written = write_stdout(shell == "bash"  ? bash_completion(table)
                              : shell == "zsh" ? zsh_completion(table)
                                               : fish_completion(table));
  return written ? kOk : fail(written.error());
}

}  // namespace

std::vector<std::string> field_names() {
  std::vector<std::string> names;
  for (const replay::Field& field : replay::builtin_fields()) names.push_back(field.name);
  return names;
}

std::vector<std::string> point_prefixes() {
  std::vector<std::string> prefixes;
  for (const std::string& point : replay::point_names()) prefixes.push_back(point + ":");
  return prefixes;
}

std::vector<std::string> profile_names() { return replay::builtin_profile_names(); }

std::string function_name(const CommandEntry& command) {
  std::string name = "_dse_at";
  for (const std::string& word : command.words) name += "_" + word;
  return name;
}

std::string shell_words(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + shell_quoted(word);
  return out;
}

std::string fill_in(std::string text, const std::string& name, const std::string& value) {
  std::size_t at = text.find("@" + name + "@");
  if (at != text.npos) text.replace(at, name.size() + 2, value);
  return text;
}

Command add_completion(CLI::App& app) {
  auto shell = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("completion", "Print what completes dse in a shell");
  command->add_option("SHELL", *shell, "which one")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->footer(
      "Completes commands, options, files, and the names of points, profiles and fields; in "
      "filters\n"
      "too. Where dse is installed these are in place already, for new shells.\n\n"
      "Examples:\n"
      "  source <(dse completion bash)                    in this bash; or in ~/.bashrc\n"
      "  dse completion zsh > ~/.zfunc/_dse               with fpath+=~/.zfunc before compinit\n"
      "  dse completion fish > ~/.config/fish/completions/dse.fish");
  return [&app, shell] { return run(app, *shell); };
}

}  // namespace dse::tools
