#include "replay/names.h"

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <utility>

namespace dse::replay {
namespace {

// The kernel has four numberings, from arch/*/include/uapi/asm/{signal,errno}.h: MIPS follows IRIX,
// alpha OSF/1, sparc SunOS, and the others asm-generic.
enum Family : std::size_t { kGeneric, kMips, kAlpha, kSparc, kFamilies };

constexpr Family family_of(Arch arch) noexcept {
  switch (arch) {
    case Arch::mips64: return kMips;
    case Arch::alpha: return kAlpha;
    case Arch::sparc64: return kSparc;
    case Arch::x86_64:
    case Arch::aarch64:
    case Arch::riscv64:
    case Arch::s390x:
    case Arch::ppc64le:
    case Arch::unknown: break;
  }
  return kGeneric;
}

// One name and its number in each family; 0 where a family does not have it.
struct Row {
  std::string_view name;
  std::array<std::uint16_t, kFamilies> number;
};

consteval Row same(std::string_view name, std::uint16_t number) {
  return {name, {number, number, number, number}};
}

// Columns: asm-generic, mips, alpha, sparc.
// Source: include/uapi/asm-generic/signal.h and arch/{mips,alpha,sparc}/include/uapi/asm/signal.h;
// x86, s390 and powerpc have headers of their own with the numbers of asm-generic.
// clang-format off
constexpr auto kSignals = std::to_array<Row>({
    same("SIGHUP", 1), same("SIGINT", 2), same("SIGQUIT", 3), same("SIGILL", 4),
    same("SIGTRAP", 5), same("SIGABRT", 6), {"SIGBUS", {7, 10, 10, 10}}, same("SIGFPE", 8),
    same("SIGKILL", 9), {"SIGUSR1", {10, 16, 30, 30}}, same("SIGSEGV", 11),
    {"SIGUSR2", {12, 17, 31, 31}}, same("SIGPIPE", 13), same("SIGALRM", 14),
    same("SIGTERM", 15), {"SIGSTKFLT", {16, 0, 0, 0}}, {"SIGCHLD", {17, 18, 20, 20}},
    {"SIGCONT", {18, 25, 19, 19}}, {"SIGSTOP", {19, 23, 17, 17}},
    {"SIGTSTP", {20, 24, 18, 18}}, {"SIGTTIN", {21, 26, 21, 21}},
    {"SIGTTOU", {22, 27, 22, 22}}, {"SIGURG", {23, 21, 16, 16}}, {"SIGXCPU", {24, 30, 24, 24}},
    {"SIGXFSZ", {25, 31, 25, 25}}, {"SIGVTALRM", {26, 28, 26, 26}},
    {"SIGPROF", {27, 29, 27, 27}}, {"SIGWINCH", {28, 20, 28, 28}}, {"SIGIO", {29, 22, 23, 23}},
    {"SIGPWR", {30, 19, 0, 0}}, {"SIGSYS", {31, 12, 12, 12}}, {"SIGLOST", {0, 0, 0, 29}},
    {"SIGEMT", {0, 7, 7, 7}}, {"SIGINFO", {0, 0, 29, 0}},
});

// Columns as above.
// Source: include/uapi/asm-generic/{errno-base,errno}.h and
// arch/{mips,alpha,sparc}/include/uapi/asm/errno.h, without EWOULDBLOCK and without EDEADLOCK where
// that is a second name; from 512 on include/linux/errno.h, which is internal to the kernel.
constexpr auto kErrors = std::to_array<Row>({
    same("EPERM", 1), same("ENOENT", 2), same("ESRCH", 3), same("EINTR", 4), same("EIO", 5),
    same("ENXIO", 6), same("E2BIG", 7), same("ENOEXEC", 8), same("EBADF", 9),
    same("ECHILD", 10), {"EAGAIN", {11, 11, 35, 11}}, same("ENOMEM", 12), same("EACCES", 13),
    same("EFAULT", 14), same("ENOTBLK", 15), same("EBUSY", 16), same("EEXIST", 17),
    same("EXDEV", 18), same("ENODEV", 19), same("ENOTDIR", 20), same("EISDIR", 21),
    same("EINVAL", 22), same("ENFILE", 23), same("EMFILE", 24), same("ENOTTY", 25),
    same("ETXTBSY", 26), same("EFBIG", 27), same("ENOSPC", 28), same("ESPIPE", 29),
    same("EROFS", 30), same("EMLINK", 31), same("EPIPE", 32), same("EDOM", 33),
    same("ERANGE", 34), {"EDEADLK", {35, 45, 11, 78}}, {"ENAMETOOLONG", {36, 78, 63, 63}},
    {"ENOLCK", {37, 46, 77, 79}}, {"ENOSYS", {38, 89, 78, 90}},
    {"ENOTEMPTY", {39, 93, 66, 66}}, {"ELOOP", {40, 90, 62, 62}}, {"ENOMSG", {42, 35, 80, 75}},
    {"EIDRM", {43, 36, 81, 77}}, {"ECHRNG", {44, 37, 88, 94}}, {"EL2NSYNC", {45, 38, 89, 95}},
    {"EL3HLT", {46, 39, 90, 96}}, {"EL3RST", {47, 40, 91, 97}}, {"ELNRNG", {48, 41, 93, 98}},
    {"EUNATCH", {49, 42, 94, 99}}, {"ENOCSI", {50, 43, 95, 100}},
    {"EL2HLT", {51, 44, 96, 101}}, {"EBADE", {52, 50, 97, 102}}, {"EBADR", {53, 51, 98, 103}},
    {"EXFULL", {54, 52, 99, 104}}, {"ENOANO", {55, 53, 100, 105}},
    {"EBADRQC", {56, 54, 101, 106}}, {"EBADSLT", {57, 55, 102, 107}},
    {"EBFONT", {59, 59, 104, 109}}, {"ENOSTR", {60, 60, 87, 72}},
    {"ENODATA", {61, 61, 86, 111}}, {"ETIME", {62, 62, 83, 73}}, {"ENOSR", {63, 63, 82, 74}},
    {"ENONET", {64, 64, 105, 80}}, {"ENOPKG", {65, 65, 92, 113}},
    {"EREMOTE", {66, 66, 71, 71}}, {"ENOLINK", {67, 67, 106, 82}}, {"EADV", {68, 68, 107, 83}},
    {"ESRMNT", {69, 69, 108, 84}}, {"ECOMM", {70, 70, 109, 85}}, {"EPROTO", {71, 71, 85, 86}},
    {"EMULTIHOP", {72, 74, 110, 87}}, {"EDOTDOT", {73, 73, 111, 88}},
    {"EBADMSG", {74, 77, 84, 76}}, {"EOVERFLOW", {75, 79, 112, 92}},
    {"ENOTUNIQ", {76, 80, 113, 115}}, {"EBADFD", {77, 81, 114, 93}},
    {"EREMCHG", {78, 82, 115, 89}}, {"ELIBACC", {79, 83, 122, 114}},
    {"ELIBBAD", {80, 84, 123, 112}}, {"ELIBSCN", {81, 85, 124, 124}},
    {"ELIBMAX", {82, 86, 125, 123}}, {"ELIBEXEC", {83, 87, 126, 110}},
    {"EILSEQ", {84, 88, 116, 122}}, {"ERESTART", {85, 91, 127, 116}},
    {"ESTRPIPE", {86, 92, 128, 91}}, {"EUSERS", {87, 94, 68, 68}},
    {"ENOTSOCK", {88, 95, 38, 38}}, {"EDESTADDRREQ", {89, 96, 39, 39}},
    {"EMSGSIZE", {90, 97, 40, 40}}, {"EPROTOTYPE", {91, 98, 41, 41}},
    {"ENOPROTOOPT", {92, 99, 42, 42}}, {"EPROTONOSUPPORT", {93, 120, 43, 43}},
    {"ESOCKTNOSUPPORT", {94, 121, 44, 44}}, {"EOPNOTSUPP", {95, 122, 45, 45}},
    {"EPFNOSUPPORT", {96, 123, 46, 46}}, {"EAFNOSUPPORT", {97, 124, 47, 47}},
    {"EADDRINUSE", {98, 125, 48, 48}}, {"EADDRNOTAVAIL", {99, 126, 49, 49}},
    {"ENETDOWN", {100, 127, 50, 50}}, {"ENETUNREACH", {101, 128, 51, 51}},
    {"ENETRESET", {102, 129, 52, 52}}, {"ECONNABORTED", {103, 130, 53, 53}},
    {"ECONNRESET", {104, 131, 54, 54}}, {"ENOBUFS", {105, 132, 55, 55}},
    {"EISCONN", {106, 133, 56, 56}}, {"ENOTCONN", {107, 134, 57, 57}},
    {"ESHUTDOWN", {108, 143, 58, 58}}, {"ETOOMANYREFS", {109, 144, 59, 59}},
    {"ETIMEDOUT", {110, 145, 60, 60}}, {"ECONNREFUSED", {111, 146, 61, 61}},
    {"EHOSTDOWN", {112, 147, 64, 64}}, {"EHOSTUNREACH", {113, 148, 65, 65}},
    {"EALREADY", {114, 149, 37, 37}}, {"EINPROGRESS", {115, 150, 36, 36}},
    {"ESTALE", {116, 151, 70, 70}}, {"EUCLEAN", {117, 135, 117, 117}},
    {"ENOTNAM", {118, 137, 118, 118}}, {"ENAVAIL", {119, 138, 119, 119}},
    {"EISNAM", {120, 139, 120, 120}}, {"EREMOTEIO", {121, 140, 121, 121}},
    {"EDQUOT", {122, 1133, 69, 69}}, {"ENOMEDIUM", {123, 159, 129, 125}},
    {"EMEDIUMTYPE", {124, 160, 130, 126}}, {"ECANCELED", {125, 158, 131, 127}},
    {"ENOKEY", {126, 161, 132, 128}}, {"EKEYEXPIRED", {127, 162, 133, 129}},
    {"EKEYREVOKED", {128, 163, 134, 130}}, {"EKEYREJECTED", {129, 164, 135, 131}},
    {"EOWNERDEAD", {130, 165, 136, 132}}, {"ENOTRECOVERABLE", {131, 166, 137, 133}},
    {"ERFKILL", {132, 167, 138, 134}}, {"EHWPOISON", {133, 168, 139, 135}},
    {"EPROCLIM", {0, 0, 0, 67}}, {"ERREMOTE", {0, 0, 0, 81}}, {"EDEADLOCK", {0, 56, 0, 108}},
    {"EREMDEV", {0, 142, 0, 0}}, {"EINIT", {0, 141, 0, 0}},
    same("ERESTARTSYS", 512), same("ERESTARTNOINTR", 513), same("ERESTARTNOHAND", 514),
    same("ENOIOCTLCMD", 515), same("ERESTART_RESTARTBLOCK", 516), same("EPROBE_DEFER", 517),
    same("EOPENSTALE", 518), same("ENOPARAM", 519), same("EBADHANDLE", 521),
    same("ENOTSYNC", 522), same("EBADCOOKIE", 523), same("ENOTSUPP", 524),
    same("ETOOSMALL", 525), same("ESERVERFAULT", 526), same("EBADTYPE", 527),
    same("EJUKEBOX", 528), same("EIOCBQUEUED", 529), same("ERECALLCONFLICT", 530),
    same("ENOGRACE", 531),
});
// clang-format on

// powerpc is asm-generic but for this one number (arch/powerpc/include/uapi/asm/errno.h).
constexpr int kPowerpcDeadlock = 58;

// number -> 1 + position in the table, 0 for none, per family.
template <std::size_t kNumbers>
using Index = std::array<std::array<std::uint8_t, kNumbers>, kFamilies>;

// Fails to compile if a family has two names for a number, or a number that does not fit.
template <std::size_t kNumbers, std::size_t kRows>
consteval Index<kNumbers> index_of(const std::array<Row, kRows>& rows) {
  static_assert(kRows < 256);
  Index<kNumbers> index{};
  for (std::size_t row = 0; row < kRows; ++row) {
    for (std::size_t family = 0; family < kFamilies; ++family) {
      const std::size_t number = rows[row].number[family];
      if (number == 0) continue;
      std::uint8_t& slot = index[family].at(number);
      if (slot != 0) throw "two names for one number";
      slot = static_cast<std::uint8_t>(row + 1);
    }
  }
  return index;
}

template <std::size_t kNumbers, std::size_t kRows>
constexpr std::string_view name_at(const Index<kNumbers>& index, const std::array<Row, kRows>& rows,
                                   Family family, int number) noexcept {
  if (number < 0 || static_cast<std::size_t>(number) >= kNumbers) return {};
  const std::size_t slot = index[family][static_cast<std::size_t>(number)];
  return slot == 0 ? std::string_view{} : rows[slot - 1].name;
}

constexpr int kFirstRealTime = 32;  // SIGRTMIN, on every architecture

constexpr auto kSignalIndex = index_of<kFirstRealTime>(kSignals);
constexpr auto kErrorIndex = index_of<1134>(kErrors);  // EDQUOT of MIPS, 1133, is the highest

// Every number from 1 to SIGRTMIN-1 is a signal, in every family.
static_assert([] {
  for (const auto& numbers : kSignalIndex) {
    for (std::size_t sig = 1; sig < numbers.size(); ++sig) {
      if (numbers[sig] == 0) return false;
    }
  }
  return true;
}());

// _NSIG. The kernel takes this number itself for a signal too: valid_signal() in linux/signal.h.
constexpr int last_signal(Family family) noexcept { return family == kMips ? 128 : 64; }

// Second names, for input only. The kernel defines each for some architectures; where it does not,
// the name is in common use (SIGCLD) or the entry has no effect. PWR is an entry of the table
// everywhere but on alpha and sparc, which are also the only ones with INFO and LOST.
constexpr std::pair<std::string_view, std::string_view> kAliases[] = {
    {"IOT", "ABRT"}, {"CLD", "CHLD"}, {"POLL", "IO"}, {"PWR", "INFO"}, {"PWR", "LOST"},
};

constexpr std::string_view kSigPrefix = "SIG";

// `name` without "SIG", of a signal below SIGRTMIN. 0 if there is none.
int standard_signal(Family family, std::string_view name) noexcept {
  for (const Row& row : kSignals) {
    if (row.name.substr(kSigPrefix.size()) == name) return row.number[family];
  }
  return 0;
}

// si_code values of one signal, from 1 on: include/uapi/asm-generic/siginfo.h. The gaps are codes
// that only ia64 had.
constexpr std::string_view kIllCodes[] = {"ILL_ILLOPC", "ILL_ILLOPN", "ILL_ILLADR",
                                          "ILL_ILLTRP", "ILL_PRVOPC", "ILL_PRVREG",
                                          "ILL_COPROC", "ILL_BADSTK", "ILL_BADIADDR"};
constexpr std::string_view kFpeCodes[] = {
    "FPE_INTDIV", "FPE_INTOVF", "FPE_FLTDIV", "FPE_FLTOVF", "FPE_FLTUND",
    "FPE_FLTRES", "FPE_FLTINV", "FPE_FLTSUB", "",           "",
    "",           "",           "",           "FPE_FLTUNK", "FPE_CONDTRAP"};
constexpr std::string_view kSegvCodes[] = {
    "SEGV_MAPERR",  "SEGV_ACCERR",  "SEGV_BNDERR",  "SEGV_PKUERR",  "SEGV_ACCADI",
    "SEGV_ADIDERR", "SEGV_ADIPERR", "SEGV_MTEAERR", "SEGV_MTESERR", "SEGV_CPERR"};
constexpr std::string_view kBusCodes[] = {"BUS_ADRALN", "BUS_ADRERR", "BUS_OBJERR", "BUS_MCEERR_AR",
                                          "BUS_MCEERR_AO"};
constexpr std::string_view kTrapCodes[] = {"TRAP_BRKPT",  "TRAP_TRACE", "TRAP_BRANCH",
                                           "TRAP_HWBKPT", "TRAP_UNK",   "TRAP_PERF"};
constexpr std::string_view kChildCodes[] = {"CLD_EXITED",  "CLD_KILLED",  "CLD_DUMPED",
                                            "CLD_TRAPPED", "CLD_STOPPED", "CLD_CONTINUED"};
constexpr std::string_view kPollCodes[] = {"POLL_IN",  "POLL_OUT", "POLL_MSG",
                                           "POLL_ERR", "POLL_PRI", "POLL_HUP"};
constexpr std::string_view kSysCodes[] = {"SYS_SECCOMP", "SYS_USER_DISPATCH"};
constexpr std::string_view kEmtCodes[] = {"EMT_TAGOVF"};

struct CodesOfSignal {
  std::string_view signal;
  std::span<const std::string_view> codes;
};

constexpr CodesOfSignal kSignalCodes[] = {
    {"SIGILL", kIllCodes}, {"SIGFPE", kFpeCodes},   {"SIGSEGV", kSegvCodes},
    {"SIGBUS", kBusCodes}, {"SIGTRAP", kTrapCodes}, {"SIGCHLD", kChildCodes},
    {"SIGIO", kPollCodes}, {"SIGSYS", kSysCodes},   {"SIGEMT", kEmtCodes},
};

// The codes that any signal can have: include/uapi/asm-generic/siginfo.h, three of which
// arch/mips/include/uapi/asm/siginfo.h numbers differently; SI_NOINFO is in sparc's.
constexpr std::string_view common_code_name(Family family, int code) noexcept {
  const bool mips = family == kMips;
  switch (code) {
    case 0: return "SI_USER";
    case 0x80: return "SI_KERNEL";
    case -1: return "SI_QUEUE";
    case -2: return mips ? "SI_ASYNCIO" : "SI_TIMER";
    case -3: return mips ? "SI_TIMER" : "SI_MESGQ";
    case -4: return mips ? "SI_MESGQ" : "SI_ASYNCIO";
    case -5: return "SI_SIGIO";
    case -6: return "SI_TKILL";
    case -7: return "SI_DETHREAD";
    case -60: return "SI_ASYNCNL";
    case 32767: return family == kSparc ? "SI_NOINFO" : "";
    default: return "";
  }
}

constexpr std::string_view kTcpStates[] = {
    "",      "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",    "TIME_WAIT",
    "CLOSE", "CLOSE_WAIT",  "LAST_ACK", "LISTEN",   "CLOSING",   "NEW_SYN_RECV", "BOUND_INACTIVE"};

constexpr std::string_view kGenerateResults[] = {"delivered", "ignored", "already_pending",
                                                 "overflow_fail", "lose_info"};

constexpr std::string_view kCapabilities[] = {"CAP_CHOWN",
                                              "CAP_DAC_OVERRIDE",
                                              "CAP_DAC_READ_SEARCH",
                                              "CAP_FOWNER",
                                              "CAP_FSETID",
                                              "CAP_KILL",
                                              "CAP_SETGID",
                                              "CAP_SETUID",
                                              "CAP_SETPCAP",
                                              "CAP_LINUX_IMMUTABLE",
                                              "CAP_NET_BIND_SERVICE",
                                              "CAP_NET_BROADCAST",
                                              "CAP_NET_ADMIN",
                                              "CAP_NET_RAW",
                                              "CAP_IPC_LOCK",
                                              "CAP_IPC_OWNER",
                                              "CAP_SYS_MODULE",
                                              "CAP_SYS_RAWIO",
                                              "CAP_SYS_CHROOT",
                                              "CAP_SYS_PTRACE",
                                              "CAP_SYS_PACCT",
                                              "CAP_SYS_ADMIN",
                                              "CAP_SYS_BOOT",
                                              "CAP_SYS_NICE",
                                              "CAP_SYS_RESOURCE",
                                              "CAP_SYS_TIME",
                                              "CAP_SYS_TTY_CONFIG",
                                              "CAP_MKNOD",
                                              "CAP_LEASE",
                                              "CAP_AUDIT_WRITE",
                                              "CAP_AUDIT_CONTROL",
                                              "CAP_SETFCAP",
                                              "CAP_MAC_OVERRIDE",
                                              "CAP_MAC_ADMIN",
                                              "CAP_SYSLOG",
                                              "CAP_WAKE_ALARM",
                                              "CAP_BLOCK_SUSPEND",
                                              "CAP_AUDIT_READ",
                                              "CAP_PERFMON",
                                              "CAP_BPF",
                                              "CAP_CHECKPOINT_RESTORE"};

// Terminals whose names count on from a first minor of a major.
struct Terminals {
  unsigned major, first, last;  // first and last minor
  std::string_view name;
};
// Of major 204, which many drivers share, the two that are in use on servers and boards.
constexpr Terminals kTerminals[] = {
    {4, 0, 63, "tty"},           {4, 64, 255, "ttyS"},   {166, 0, 0xfffff, "ttyACM"},
    {188, 0, 0xfffff, "ttyUSB"}, {204, 16, 31, "ttyAM"}, {204, 64, 77, "ttyAMA"},
    {229, 0, 0xfffff, "hvc"},
};
constexpr unsigned kPtsMajor = 136, kPtsMajors = 8;  // UNIX98_PTY_SLAVE_MAJOR, 256 minors each

constexpr std::string_view element(std::span<const std::string_view> names,
                                   std::size_t index) noexcept {
  return index < names.size() ? names[index] : std::string_view{};
}

}  // namespace

Arch arch_from_machine(std::string_view uname_machine) noexcept {
  // UTS_MACHINE of arch/*/Makefile, and what the kernel tells a 32-bit process instead.
  constexpr std::pair<std::string_view, Arch> kMachines[] = {
      {"x86_64", Arch::x86_64},   {"aarch64", Arch::aarch64}, {"aarch64_be", Arch::aarch64},
      {"riscv64", Arch::riscv64}, {"riscv32", Arch::riscv64}, {"s390x", Arch::s390x},
      {"s390", Arch::s390x},      {"ppc64le", Arch::ppc64le}, {"ppc64", Arch::ppc64le},
      {"ppcle", Arch::ppc64le},   {"ppc", Arch::ppc64le},     {"mips64", Arch::mips64},
      {"mips", Arch::mips64},     {"sparc64", Arch::sparc64}, {"sparc", Arch::sparc64},
      {"alpha", Arch::alpha},
  };
  for (const auto& [machine, arch] : kMachines) {
    if (machine == uname_machine) return arch;
  }
  return Arch::unknown;
}

std::string signal_name(Arch arch, int sig) {
  const Family family = family_of(arch);
  if (sig >= kFirstRealTime && sig <= last_signal(family)) {
    std::string name = "SIGRTMIN";
    if (sig > kFirstRealTime) name += '+' + std::to_string(sig - kFirstRealTime);
    return name;
  }
  const std::string_view name = name_at(kSignalIndex, kSignals, family, sig);
  if (!name.empty()) return std::string(name);
  return std::string(kSigPrefix) + std::to_string(sig);
}

std::optional<int> signal_number(Arch arch, std::string_view name) noexcept {
  constexpr std::string_view kRealTime = "RTMIN";
  const Family family = family_of(arch);
  if (name.starts_with(kSigPrefix)) name.remove_prefix(kSigPrefix.size());

  if (name.starts_with(kRealTime)) {
    name.remove_prefix(kRealTime.size());
    if (name.empty()) return kFirstRealTime;
    if (name.front() != '+') return std::nullopt;
    name.remove_prefix(1);
    unsigned offset = 0;  // unsigned, so that from_chars takes no sign
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), offset);
    const auto last_offset = static_cast<unsigned>(last_signal(family) - kFirstRealTime);
    if (error != std::errc{} || end != name.data() + name.size() || offset > last_offset) {
      return std::nullopt;
    }
    return kFirstRealTime + static_cast<int>(offset);
  }

  if (const int sig = standard_signal(family, name)) return sig;
  for (const auto& [alias, canonical] : kAliases) {
    if (alias != name) continue;
    if (const int sig = standard_signal(family, canonical)) return sig;
  }
  return std::nullopt;
}

std::string_view errno_name(Arch arch, int err) noexcept {
  if (arch == Arch::ppc64le && err == kPowerpcDeadlock) return "EDEADLOCK";
  return name_at(kErrorIndex, kErrors, family_of(arch), err);
}

std::string_view signal_code_name(Arch arch, int sig, int code) noexcept {
  const Family family = family_of(arch);
  if (const std::string_view name = common_code_name(family, code); !name.empty()) return name;
  if (code <= 0 || sig <= 0 || sig > last_signal(family)) return {};

  // By name, because the number of SIGBUS, say, is the family's.
  std::span<const std::string_view> codes = kPollCodes;
  const std::string_view signal = name_at(kSignalIndex, kSignals, family, sig);
  for (const CodesOfSignal& entry : kSignalCodes) {
    if (entry.signal == signal) codes = entry.codes;
  }
  return element(codes, static_cast<std::size_t>(code) - 1);
}

std::string_view signal_generate_result_name(unsigned result) noexcept {
  return element(kGenerateResults, result);
}

std::string_view tcp_state_name(unsigned state) noexcept { return element(kTcpStates, state); }

std::string_view address_family_name(unsigned family) noexcept {
  // AF_* of include/linux/socket.h.
  switch (family) {
    case 2: return "ipv4";
    case 10: return "ipv6";
    default: return "";
  }
}

std::string_view protocol_name(unsigned protocol) noexcept {
  switch (protocol) {
    case 6: return "tcp";
    case 17: return "udp";
    case 33: return "dccp";
    case 132: return "sctp";
    case 262: return "mptcp";
    default: return "";
  }
}

std::string_view capability_name(unsigned bit) noexcept { return element(kCapabilities, bit); }

std::string tty_name(std::uint32_t device) {
  if (device == 0) return {};
  const std::uint32_t major = (device >> 8) & 0xfff;
  const std::uint32_t minor = (device & 0xff) | ((device >> 12) & 0xfff00);
  if (major >= kPtsMajor && major < kPtsMajor + kPtsMajors) {
    return "pts/" + std::to_string((major - kPtsMajor) * 256 + minor);
  }
  if (major == 5 && minor == 0) return "tty";
  if (major == 5 && minor == 1) return "console";
  for (const Terminals& row : kTerminals) {
    if (major == row.major && minor >= row.first && minor <= row.last) {
      return std::string(row.name) + std::to_string(minor - row.first);
    }
  }
  return std::to_string(major) + ':' + std::to_string(minor);
}

}  // namespace dse::replay
