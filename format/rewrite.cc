#include "format/rewrite.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "bpf/abi.h"

namespace dse::format {
namespace {

std::uint32_t size_of(const std::string& text) { return static_cast<std::uint32_t>(text.size()); }

// The fixed part of a record, and the sizes of its variable parts in their order.
template <typename Body, std::size_t N>
std::vector<std::byte> rewrite_parts(
    std::span<const std::byte> record, std::array<std::uint32_t Body::*, N> sizes,
    const std::array<std::string (*)(const Redactor&, const Body&, std::string_view), N>& rules,
    const Redactor& redactor) {
  struct {
    dse_header header;
    Body body;
  } fixed;
  // What is not as it should be loses all its strings rather than keep one.
  if (record.size() < sizeof(fixed)) return {record.begin(), record.end()};
  std::memcpy(&fixed, record.data(), sizeof(fixed));
  std::string_view rest(reinterpret_cast<const char*>(record.data()) + sizeof(fixed),
                        record.size() - sizeof(fixed));
  const Body before = fixed.body;
  std::string tail;
  for (std::size_t i = 0; i < N; ++i) {
    if (before.*sizes[i] > rest.size()) {
      for (auto size : sizes) fixed.body.*size = 0;
      fixed.body.flags |= DSE_ARGS_CUT;
      tail.clear();
      break;
    }
    std::string part = rules[i](redactor, before, rest.substr(0, before.*sizes[i]));
    rest.remove_prefix(before.*sizes[i]);
    fixed.body.*sizes[i] = size_of(part);
    tail += part;
  }
  // The true size would tell how long a secret is.
  if constexpr (requires { fixed.body.args_total; })
    if (!(before.flags & DSE_ARGS_CUT)) fixed.body.args_total = fixed.body.args_size;
  fixed.header.size = static_cast<std::uint32_t>(sizeof(fixed) + tail.size());
  std::vector<std::byte> out(fixed.header.size);
  std::memcpy(out.data(), &fixed, sizeof(fixed));
  std::memcpy(out.data() + sizeof(fixed), tail.data(), tail.size());
  return out;
}

template <typename Body>
std::string text_rule(const Redactor& redactor, const Body&, std::string_view text) {
  return redactor.text(text);
}
std::string args_rule(const Redactor& redactor, const dse_process_exec& body,
                      std::string_view block) {
  return redactor.args(block, (body.flags & DSE_ARGS_CUT) != 0);
}

// Of a failed exec each argument may be cut, and has a NUL all the same: those that are as long as the
// kernel side keeps them, and the last one.
std::string failed_args_rule(const Redactor& redactor, const dse_process_exec_fail& body,
                             std::string_view block) {
  constexpr std::size_t kLongest = 4095;
  std::string args = redactor.args(block, false);
  if (!(body.flags & DSE_ARGS_CUT) || !redactor.redacts()) return args;
  std::string out;
  for (std::string_view rest = block, kept = args; !rest.empty();) {
    std::size_t end = std::min(rest.find('\0'), rest.size());
    std::size_t kept_end = std::min(kept.find('\0'), kept.size());
    bool last = end + 1 >= rest.size();
    out += last || end >= kLongest ? std::string_view("***") : kept.substr(0, kept_end);
    out += '\0';
    rest.remove_prefix(std::min(end + 1, rest.size()));
    kept.remove_prefix(std::min(kept_end + 1, kept.size()));
  }
  return out;
}
std::string env_rule(const Redactor& redactor, const dse_process_exec& body,
                     std::string_view block) {
  return redactor.env(block, (body.flags & DSE_ENV_CUT) != 0);
}

std::uint16_t kind_of(std::span<const std::byte> record) {
  dse_header header{};
  if (record.size() >= sizeof(header)) std::memcpy(&header, record.data(), sizeof(header));
  return header.kind;
}

std::string_view last_component(std::string_view path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

NameRedactor::Name NameRedactor::name_of(std::string_view text) {
  Name name{};
  text = text.substr(0, std::min(text.find('\0'), name.size() - 1));
  std::copy(text.begin(), text.end(), name.begin());
  return name;
}

void NameRedactor::hide(const Name& name) {
  if (name[0] == '\0') return;  // of a record that has no task
  hidden_.insert(name);
  known_.erase(name);
}

void NameRedactor::learn(std::string_view path, const std::uint8_t (&name)[DSE_COMM_SIZE]) {
  if (!redactor_.redacts()) return;
  const std::string kept = redactor_.text(path);
  std::string_view file = last_component(path);
  if (last_component(kept) == file) return;
  hide(name_of({reinterpret_cast<const char*>(name), sizeof(name)}));
  // The thread at hand may have another name by now than the others still have.
  hide(name_of(file));
}

void NameRedactor::learn_from_record(std::span<const std::byte> record) {
  struct {
    dse_header header;
    dse_process_exec body;
  } fixed;
  if (kind_of(record) != DSE_PROCESS_EXEC || record.size() < sizeof(fixed)) return;
  std::memcpy(&fixed, record.data(), sizeof(fixed));
  std::string_view rest(reinterpret_cast<const char*>(record.data()) + sizeof(fixed),
                        record.size() - sizeof(fixed));
  learn(rest.substr(0, fixed.body.filename_size), fixed.header.task.comm);
}

void NameRedactor::apply(std::uint8_t (&name)[DSE_COMM_SIZE]) {
  if (!redactor_.redacts()) return;
  std::string_view text(reinterpret_cast<const char*>(name), sizeof(name));
  const Name before = name_of(text);
  if (known_.size() >= kMaxKnown) known_.clear();
  auto [found, is_new] = known_.try_emplace(before);
  if (is_new)
    found->second = name_of(
        hidden_.contains(before) ? "***" : redactor_.text(text.substr(0, text.find('\0'))));
  std::memcpy(name, found->second.data(), sizeof(name));
}

void NameRedactor::apply_to_record(std::span<std::byte> record) {
  dse_header header;
  if (!redactor_.redacts() || record.size() < sizeof(header)) return;
  std::memcpy(&header, record.data(), sizeof(header));
  apply(header.task.comm);
  std::memcpy(record.data(), &header, sizeof(header));
  if (header.kind != DSE_SOCKET_STATE || record.size() < sizeof(header) + sizeof(dse_socket_state))
    return;
  dse_socket_state body;
  std::memcpy(&body, record.data() + sizeof(header), sizeof(body));
  apply(body.owner_comm);
  std::memcpy(record.data() + sizeof(header), &body, sizeof(body));
}

bool needs_rewrite(unsigned kind, const Redactor& redactor) {
  return (kind == DSE_PROCESS_EXEC && (redactor.redacts() || redactor.keeps_env())) ||
         (kind == DSE_PROCESS_EXEC_FAIL && redactor.redacts());
}

std::vector<std::byte> rewrite(std::span<const std::byte> record, const Redactor& redactor) {
  using Exec = dse_process_exec;
  using Fail = dse_process_exec_fail;
  switch (kind_of(record)) {
    case DSE_PROCESS_EXEC:
      return rewrite_parts<Exec, 6>(
          record,
          {&Exec::filename_size, &Exec::args_size, &Exec::exepath_size, &Exec::interp_size,
           &Exec::cwd_size, &Exec::env_size},
          {text_rule<Exec>, args_rule, text_rule<Exec>, text_rule<Exec>, text_rule<Exec>, env_rule},
          redactor);
    case DSE_PROCESS_EXEC_FAIL:
      return rewrite_parts<Fail, 3>(record,
                                    {&Fail::filename_size, &Fail::args_size, &Fail::cwd_size},
                                    {text_rule<Fail>, failed_args_rule, text_rule<Fail>}, redactor);
    default: return {record.begin(), record.end()};
  }
}

}  // namespace dse::format
