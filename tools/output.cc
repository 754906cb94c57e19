#include "tools/output.h"

#include <filesystem>

#include "tools/terminal.h"

namespace dse::tools {
namespace {

bool holds_segments(const std::filesystem::path& directory) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    std::string name = entry.path().filename().string();
    if (name.ends_with(".dse") || name.ends_with(".dse.open")) return true;
  }
  return false;
}

}  // namespace

Status check_place(const std::string& out, const std::vector<std::string>& inputs) {
  if (out == "-") {
    if (stdout_is_terminal())
      return Error(ErrorCode::usage,
                   "-w - would write a capture to the terminal; redirect it, or name a file");
    return {};
  }
  std::error_code error;
  auto same = [&](const std::filesystem::path& a, const std::filesystem::path& b) {
    return std::filesystem::equivalent(a, b, error) && !error;
  };
  const std::filesystem::path parent = std::filesystem::path(out).parent_path();
  for (const std::string& path : inputs)
    if (path != "-" && (same(path, out) || same(path, parent.empty() ? "." : parent)))
      return Error(ErrorCode::usage, out + " is in what is read; write to another place");
  if (holds_segments(out))
    return Error(ErrorCode::usage, out + " holds a capture already; write to another place");
  if (std::filesystem::exists(out + ".open", error))
    return Error(ErrorCode::usage,
                 out + ".open exists: another recorder writes it, or one died; write to another place");
  return {};
}

void remove_unfinished(const std::string& out) {
  std::error_code error;
  if (out == "-") return;
  // check_place() has seen that there was none of these before.
  std::filesystem::remove(out + ".open", error);
  for (const auto& entry : std::filesystem::directory_iterator(out, error))
    if (entry.path().filename().string().ends_with(".dse.open"))
      std::filesystem::remove(entry.path(), error);
}

std::string shown_place(const std::string& out) { return out == "-" ? "standard output" : out; }

}  // namespace dse::tools
