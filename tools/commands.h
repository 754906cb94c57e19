// The subcommands. Each adds itself to the command line and returns what runs it.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>

namespace dse::tools {

using Command = std::function<int()>;  // returns an exit code

Command add_record(CLI::App& app);
Command add_run(CLI::App& app);
Command add_replay(CLI::App& app);
Command add_tail(CLI::App& app);
Command add_filter(CLI::App& app);
Command add_merge(CLI::App& app);
Command add_verify(CLI::App& app);
Command add_recover(CLI::App& app);
Command add_compact(CLI::App& app);
Command add_digest(CLI::App& app);
Command add_diff(CLI::App& app);
Command add_check(CLI::App& app);
Command add_split(CLI::App& app);
Command add_stats(CLI::App& app);
Command add_export(CLI::App& app);
Command add_explain(CLI::App& app);
Command add_info(CLI::App& app);
Command add_profile(CLI::App& app);
Command add_fields(CLI::App& app);
Command add_doctor(CLI::App& app);
Command add_completion(CLI::App& app);
Command add_man(CLI::App& app);
Command add_help(CLI::App& app);

}  // namespace dse::tools
