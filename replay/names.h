// Names of kernel constants, by the numbering of the machine that a capture was recorded on.
//
// Every table is data of this program: nothing comes from the headers of the machine that replays,
// so an x86-64 laptop names the signals of a MIPS router as the router would, today and for ever.
// The names are part of what a replay prints; a change to one changes goldens.
//
// All functions are pure and safe to call from any thread. A returned std::string_view refers to
// static storage and never dangles.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dse::replay {

// A numbering of signals and errors, called after the best known machine that uses it.
//
// `unknown` numbers as asm-generic does. That is right for every architecture of the kernel which
// is not listed here (i386, arm, loongarch64, …) except parisc, which has numbers of its own.
enum class Arch { x86_64, aarch64, riscv64, s390x, ppc64le, mips64, sparc64, alpha, unknown };

// The numbering behind `machine` of uname(2), e.g. "x86_64". A machine's siblings of another word
// size or byte order ("ppc64", "mips", "sparc", "aarch64_be") share its numbers and so its Arch.
// Anything else is Arch::unknown.
Arch arch_from_machine(std::string_view uname_machine) noexcept;

// "SIGTERM", "SIGRTMIN", "SIGRTMIN+3". A number that is no signal on `arch` gives "SIG<number>",
// e.g. "SIG0" or "SIG200", so that the answer is never empty and never loses the number.
//
// Real-time signals count from the kernel's SIGRTMIN, which is 32. The C libraries keep the first
// two or three for themselves: what glibc calls SIGRTMIN+1 is "SIGRTMIN+3" here.
//
// Where a number has several names this is the ABRT, CHLD, IO, SYS one; 29 is SIGINFO on alpha and
// SIGLOST on sparc, though both know it as SIGPWR too.
std::string signal_name(Arch arch, int sig);

// The inverse of signal_name, for checking what a user typed: "SIGTERM", "TERM", "SIGRTMIN+3" or
// "RTMIN+3"; case matters. The second names IOT, CLD, POLL and PWR are understood as well. nullopt
// if `arch` has no such signal, also for "SIG200". For every signal s of `arch`,
// signal_number(arch, signal_name(arch, s)) == s.
std::optional<int> signal_number(Arch arch, std::string_view name) noexcept;

// "ENOENT". `err` is positive, as in user space. Covers the kernel's internal numbers from 512 on
// ("ERESTARTSYS"), because a tracepoint at the exit of a system call sees them. "" if unknown.
std::string_view errno_name(Arch arch, int err) noexcept;

// "SEGV_MAPERR", "SI_TKILL": what si_code means together with its signal. "" if unknown.
//
// A signal that has no codes of its own takes POLL_* for 1…6, as the kernel does: that is what
// F_SETSIG sends. The codes that ptrace makes of its events have no names and give "".
std::string_view signal_code_name(Arch arch, int sig, int code) noexcept;

// "delivered", "ignored", "already_pending", "overflow_fail", "lose_info": the `result` of the
// signal_generate tracepoint, TRACE_SIGNAL_* of include/trace/events/signal.h. "" if unknown.
std::string_view signal_generate_result_name(unsigned result) noexcept;

// "ESTABLISHED", "SYN_SENT", … "BOUND_INACTIVE": TCP_* of include/net/tcp_states.h, which DCCP,
// SCTP and MPTCP sockets use as well. "" if unknown.
std::string_view tcp_state_name(unsigned state) noexcept;

// "ipv4" (AF_INET, 2), "ipv6" (AF_INET6, 10); "" for any other family.
std::string_view address_family_name(unsigned family) noexcept;

// "tcp" (6), "udp" (17), "dccp" (33), "sctp" (132), "mptcp" (262): IPPROTO_* of
// include/uapi/linux/in.h. "" for any other protocol.
std::string_view protocol_name(unsigned protocol) noexcept;

// "CAP_NET_RAW" (13): the capability behind a bit of a set, CAP_* of
// include/uapi/linux/capability.h, up to CAP_CHECKPOINT_RESTORE (40). "" if unknown.
std::string_view capability_name(unsigned bit) noexcept;

// "pts/3", "tty1", "ttyS0": the terminal of a device number as tty_nr of /proc/PID/stat has it
// (new_encode_dev: minor & 0xff | major << 8 | (minor & ~0xff) << 12), by the majors that
// Documentation/admin-guide/devices.txt gives to terminals and serial ports. "" for 0, which is no
// terminal; "MAJOR:MINOR" for what has no fixed name.
std::string tty_name(std::uint32_t device);

}  // namespace dse::replay
