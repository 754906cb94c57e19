// The subcommands. Each adds itself to the command line and returns what runs it.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>

namespace dse::tools {

using Command = std::function<int()>;  // returns an exit code

Command add_record(CLI::App& app);
Command add_run(CLI::App& app);
Command add_replay(CLI::App& app);
Command add_filter(CLI::App& app);
Command add_stats(CLI::App& app);
Command add_export(CLI::App& app);
Command add_explain(CLI::App& app);
Command add_info(CLI::App& app);
Command add_profile(CLI::App& app);
Command add_fields(CLI::App& app);
Command add_doctor(CLI::App& app);

}  // namespace dse::tools
