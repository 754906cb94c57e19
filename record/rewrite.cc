#include "record/rewrite.h"

#include <array>
#include <cstring>
#include <string>

#include "bpf/abi.h"

namespace dse::record {
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
  std::vector<std::byte> as_it_is(record.begin(), record.end());
  if (record.size() < sizeof(fixed)) return as_it_is;
  std::memcpy(&fixed, record.data(), sizeof(fixed));
  std::string_view rest(reinterpret_cast<const char*>(record.data()) + sizeof(fixed),
                        record.size() - sizeof(fixed));
  const Body before = fixed.body;
  std::string tail;
  for (std::size_t i = 0; i < N; ++i) {
    if (before.*sizes[i] > rest.size()) return as_it_is;
    std::string part = rules[i](redactor, before, rest.substr(0, before.*sizes[i]));
    rest.remove_prefix(before.*sizes[i]);
    fixed.body.*sizes[i] = size_of(part);
    tail += part;
  }
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
template <typename Body>
std::string args_rule(const Redactor& redactor, const Body& body, std::string_view block) {
  return redactor.args(block, (body.flags & DSE_ARGS_CUT) != 0);
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

}  // namespace

bool needs_rewrite(unsigned kind, const Redactor& redactor) {
  return (kind == DSE_PROCESS_EXEC && (redactor.redacts() || redactor.keeps_env())) ||
         (kind == DSE_PROCESS_EXEC_FAIL && redactor.redacts());
}

std::vector<std::byte> rewrite(std::span<const std::byte> record, const Redactor& redactor) {
  using Exec = dse_process_exec;
  using Fail = dse_process_exec_fail;
  switch (kind_of(record)) {
    case DSE_PROCESS_EXEC:
      return rewrite_parts<Exec, 6>(record,
                                    {&Exec::filename_size, &Exec::args_size, &Exec::exepath_size,
                                     &Exec::interp_size, &Exec::cwd_size, &Exec::env_size},
                                    {text_rule<Exec>, args_rule<Exec>, text_rule<Exec>,
                                     text_rule<Exec>, text_rule<Exec>, env_rule},
                                    redactor);
    case DSE_PROCESS_EXEC_FAIL:
      return rewrite_parts<Fail, 3>(record,
                                    {&Fail::filename_size, &Fail::args_size, &Fail::cwd_size},
                                    {text_rule<Fail>, args_rule<Fail>, text_rule<Fail>}, redactor);
    default: return {record.begin(), record.end()};
  }
}

}  // namespace dse::record
