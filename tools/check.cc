// dse check: regression replay, for CI.
#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "tools/atomic_file.h"
#include "tools/check_case.h"
#include "tools/commands.h"
#include "tools/diff_hunks.h"
#include "tools/junit.h"
#include "tools/terminal.h"

namespace dse::tools {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::vector<std::string> directories;
  std::vector<std::string> update;
  bool update_all = false;
  std::string junit;
  unsigned jobs = 1;
  std::string output;
  CheckOptions check;
  bool quiet = false;
};

struct Case {
  std::string name, directory;
  bool update = false;
};

Error usage(std::string message) { return {ErrorCode::usage, std::move(message)}; }

bool is_case(const fs::path& directory) {
  std::error_code error;
  return fs::exists(directory / "case.toml", error);
}

// The cases of a directory: itself, or those in it.
Status find_cases(const std::string& given, std::vector<Case>& cases) {
  std::string name = given;
  while (name.size() > 1 && name.ends_with('/')) name.pop_back();
  std::error_code error;
  if (!fs::is_directory(name, error)) return usage(name + ": no such directory of cases");
  if (is_case(name)) {
    cases.push_back({name, name});
    return {};
  }
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(name, error)) {
    if (is_case(entry.path()))
      found.push_back((fs::path(name) / entry.path().filename()).string());
    else if (fs::exists(entry.path() / "expected.jsonl", error))
      say(fmt::format("note: {} has expected events and no case.toml, so it is no case",
                      entry.path().string()));
  }
  if (error) return Error(ErrorCode::io, name + ": " + error.message());
  if (found.empty())
    return usage(name + ": no case: neither it nor a directory in it has a case.toml");
  std::sort(found.begin(), found.end());
  for (std::string& one : found) cases.push_back({one, one});
  return {};
}

// A CI service must not make its own measure.
bool in_ci() {
  const char* value = std::getenv("CI");
  return value && *value && std::string_view(value) != "false";
}

Status choose_updates(const Options& options, std::vector<Case>& cases) {
  if ((options.update_all || !options.update.empty()) && in_ci())
    return usage(
        "expectations are not updated in CI (the environment has CI set): update them where you "
        "can look at the difference, and commit them");
  for (const std::string& name : options.update) {
    std::vector<Case*> matching;
    for (Case& one : cases)
      if (one.name == name || fs::path(one.name).filename() == name) matching.push_back(&one);
    if (matching.size() == 1) {
      matching.front()->update = true;
      continue;
    }
    std::vector<std::string> names;
    for (const Case& one : cases) names.push_back(one.name);
    return usage(fmt::format("--update {}: {}; there are {}", name,
                             matching.empty() ? "no such case" : "more than one case of that name",
                             fmt::join(names, ", ")));
  }
  if (options.update_all)
    for (Case& one : cases) one.update = true;
  return {};
}

// All cases, several at a time; results in the order of the cases.
std::vector<CheckResult> run_all(const std::vector<Case>& cases, const Options& options) {
  std::vector<CheckResult> results(cases.size());
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t next = 0, done = 0;
  auto work = [&] {
    while (true) {
      std::unique_lock lock(mutex);
      if (next == cases.size()) return;
      const std::size_t at = next++;
      lock.unlock();
      CheckResult result = check_case(cases[at].name, cases[at].directory, cases[at].update,
                                      options.check);
      lock.lock();
      results[at] = std::move(result);
      ++done;
      changed.notify_one();
    }
  };
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < std::min<std::size_t>(options.jobs, cases.size()); ++i)
    threads.emplace_back(work);
  std::unique_lock lock(mutex);
  while (done < cases.size()) {
    show_status(fmt::format("{} of {}", done, plural(cases.size(), "case")));
    changed.wait(lock);
  }
  clear_status();
  return results;
}

// ---- what is said of them --------------------------------------------------------------------------

std::string details(const CheckResult& result) {
  std::string out;
  for (std::size_t i = 1; i < result.problems.size(); ++i) out += shown(result.problems[i]) + "\n";
  out += result.diff;
  if (result.left_out)
    out += fmt::format("and {}: dse check {} --limit {}\n", plural(result.left_out, "more event"),
                       shown(result.name), result.missing + result.extra);
  if (result.updated)
    out +=
        "its expected events were updated all the same; what else it expects is yours to change\n";
  if (result.what == CheckResult::What::fail && result.missing + result.extra != 0)
    out += fmt::format("if that is right: dse check {0} --update {0}\n", shown(result.name));
  return out;
}

std::string text_of(const CheckResult& result, bool colour) {
  if (result.what == CheckResult::What::pass)
    return fmt::format("{}  {}  {}{}\n", coloured('+', "ok    ", colour), shown(result.name),
                       plural(result.events, "event"), result.updated ? ", updated" : "");
  const char* word = result.what == CheckResult::What::fail ? "FAILED" : "ERROR ";
  std::string out = fmt::format("{}  {}: {}\n", coloured('-', word, colour), shown(result.name),
                                shown(result.problems.front()));
  std::string more = details(result);
  std::string_view rest = more;
  while (!rest.empty()) {
    std::size_t end = rest.find('\n') + 1;
    out.append("  ").append(rest.substr(0, end));
    rest.remove_prefix(end);
  }
  return out;
}

struct Sums {
  std::size_t passed = 0, failed = 0, errors = 0;
};

std::string json_of(const std::vector<CheckResult>& results, const Sums& sums) {
  rapidjson::StringBuffer buffer;
  JsonWriter w(buffer);
  auto count = [&](const char* key, std::uint64_t value) {
    w.Key(key);
    w.Uint64(value);
  };
  w.StartObject();
  w.Key("cases");
  w.StartArray();
  for (const CheckResult& result : results) {
    w.StartObject();
    write_text(w, "case", result.name);
    w.Key("result");
    w.String(result.what == CheckResult::What::pass   ? "pass"
             : result.what == CheckResult::What::fail ? "fail"
                                                      : "error");
    w.Key("updated");
    w.Bool(result.updated);
    count("events", result.events);
    w.Key("problems");
    w.StartArray();
    for (const std::string& problem : result.problems) {
      std::string quoted = json_text(problem);
      w.RawValue(quoted.data(), quoted.size(), rapidjson::kStringType);
    }
    w.EndArray();
    count("missing", result.missing);
    count("extra", result.extra);
    w.Key("differences");
    const std::string& differences = result.differences_json.empty() ? std::string("[]")
                                                                     : result.differences_json;
    w.RawValue(differences.data(), differences.size(), rapidjson::kArrayType);
    count("left_out", result.left_out);
    w.EndObject();
  }
  w.EndArray();
  count("passed", sums.passed);
  count("failed", sums.failed);
  count("errors", sums.errors);
  w.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

Status write_junit(const std::string& path, const std::vector<CheckResult>& results) {
  std::vector<JunitCase> cases;
  for (const CheckResult& result : results) {
    JunitCase one;
    one.name = result.name;
    one.seconds = result.seconds;
    if (result.what != CheckResult::What::pass) {
      one.what = result.what == CheckResult::What::fail ? JunitCase::What::failure
                                                        : JunitCase::What::error;
      one.message = shown(result.problems.front());
      one.text = one.message + "\n" + details(result);
    }
    cases.push_back(std::move(one));
  }
  DSE_TRY_ASSIGN(AtomicFile file, AtomicFile::create(path));
  DSE_TRY(file.write(junit_xml("dse check", cases)));
  return file.commit();
}

// The gravest of all.
int code_of(const std::vector<CheckResult>& results) {
  for (int code : {kUsage, kIo, kPrivilege, kDamaged, kNegative})
    if (std::any_of(results.begin(), results.end(),
                    [&](const CheckResult& result) { return result.code == code; }))
      return code;
  return kOk;
}

int run(Options options) {
  std::vector<Case> cases;
  for (const std::string& directory : options.directories)
    if (auto status = find_cases(directory, cases); !status) return fail(status.error());
  if (auto status = choose_updates(options, cases); !status) return fail(status.error());
  const bool json = options.output == "json";
  // JUnit has no colour.
  const bool colour = !json && options.junit.empty() && use_colour();
  options.check.colour = colour;
  std::vector<CheckResult> results = run_all(cases, options);
  Sums sums;
  std::string out;
  for (const CheckResult& result : results) {
    ++(result.what == CheckResult::What::pass   ? sums.passed
       : result.what == CheckResult::What::fail ? sums.failed
                                                : sums.errors);
    if (json || (options.quiet && result.what == CheckResult::What::pass)) continue;
    out += text_of(result, colour);
  }
  if (json) out = json_of(results, sums);
  auto written = write_stdout(out);
  if (!written) return fail(written.error());
  if (!options.junit.empty())
    if (auto status = write_junit(options.junit, results); !status) return fail(status.error());
  if (!options.quiet)
    say(fmt::format("{}: {} passed, {} failed, {} in error", plural(results.size(), "case"),
                    sums.passed, sums.failed, sums.errors));
  return code_of(results);
}

}  // namespace

Command add_check(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("check",
                                         "Replay captures and compare with what is expected");
  command
      ->add_option("DIR", options->directories,
                   "cases: directories with a case.toml, or directories of such")
      ->required();
  CLI::Option* update =
      command
          ->add_option("--update", options->update,
                       "write the expected events of this case anew; may be given several times")
          ->allow_extra_args(false);
  command->add_flag("--update-all", options->update_all, "the same for all cases")
      ->excludes(update);
  command->add_option("--junit", options->junit,
                      "also write the results as JUnit XML to this file");
  command->add_option("-j,--jobs", options->jobs, "cases to replay at the same time [1]")
      ->check(CLI::Range(1u, 1024u));
  command
      ->add_option("-n,--limit", options->check.limit, "events that differ to show of a case [20]")
      ->check(CLI::Range(1, 1'000'000));
  command->add_option("-o,--output", options->output, "text or json [text]")
      ->check(CLI::IsMember({"text", "json"}));
  command->add_flag("-q,--quiet", options->quiet, "only what fails, and no summary");
  command->footer(
      "A case is a directory with case.toml: a capture, a profile or filters, and what is "
      "expected:\n"
      "events (expected.jsonl), counts, a digest, no losses. README.md has all keys.\n"
      "Exit code 0: all pass, 1: a case fails, 4: a capture is damaged, 2: a case is wrong.\n\n"
      "Examples:\n"
      "  dse check tests/captures --jobs 4 --junit dse.xml\n"
      "  dse check tests/captures --update login          then look at git diff\n"
      "  dse check tests/captures/login -o json");
  return [options] { return run(*options); };
}

}  // namespace dse::tools
