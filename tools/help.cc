// dse help: what a command does and takes.
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "replay/filter/diagnostic.h"
#include "tools/commands.h"
#include "tools/exit_code.h"
#include "tools/terminal.h"

namespace dse::tools {
namespace {

Result<const CLI::App*> below(const CLI::App& app, const std::string& word) {
  std::vector<std::string> known;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_name() == word) return command;
    known.push_back(command->get_name());
  }
  return Error(ErrorCode::usage,
               fmt::format("help: there is no command '{}'{} (dse help lists all)", word,
                           replay::filter::did_you_mean(word, known)));
}

int run(const CLI::App& root, const std::vector<std::string>& words) {
  const CLI::App* app = &root;
  std::string name = root.get_name();
  for (const std::string& word : words) {
    auto found = below(*app, word);
    if (!found) return fail(found.error());
    app = *found;
    name += " " + word;
  }
  // CLI::App::help() would be about the command that was given, this one.
  auto written = write_stdout(
      app->get_formatter()->make_help(app, name, CLI::AppFormatMode::Normal));
  return written ? kOk : fail(written.error());
}

}  // namespace

Command add_help(CLI::App& app) {
  auto words = std::make_shared<std::vector<std::string>>();
  CLI::App* command = app.add_subcommand("help", "Tell what a command does, as its --help");
  command->add_option("COMMAND", *words, "which one, instead of dse itself");
  command->footer(
      "Examples:\n"
      "  dse help                                         all commands\n"
      "  dse help replay\n"
      "  dse help profile show");
  return [&app, words] { return run(app, *words); };
}

}  // namespace dse::tools
