#include "replay/names.h"

#include <gtest/gtest.h>
#include <linux/capability.h>

#include <iterator>
#include <set>
#include <string>
#include <string_view>

namespace dse::replay {
namespace {

constexpr Arch kAllArchs[] = {Arch::x86_64,  Arch::aarch64, Arch::riscv64,
                              Arch::s390x,   Arch::ppc64le, Arch::mips64,
                              Arch::sparc64, Arch::alpha,   Arch::unknown};
constexpr Arch kGenericArchs[] = {Arch::x86_64, Arch::aarch64, Arch::riscv64,
                                  Arch::s390x,  Arch::ppc64le, Arch::unknown};

int last_signal_of(Arch arch) { return arch == Arch::mips64 ? 128 : 64; }

TEST(ArchFromMachine, KnowsMachinesAndTheirSiblings) {
  EXPECT_EQ(arch_from_machine("x86_64"), Arch::x86_64);
  EXPECT_EQ(arch_from_machine("aarch64"), Arch::aarch64);
  EXPECT_EQ(arch_from_machine("aarch64_be"), Arch::aarch64);
  EXPECT_EQ(arch_from_machine("riscv64"), Arch::riscv64);
  EXPECT_EQ(arch_from_machine("s390x"), Arch::s390x);
  EXPECT_EQ(arch_from_machine("ppc64le"), Arch::ppc64le);
  EXPECT_EQ(arch_from_machine("ppc64"), Arch::ppc64le);
  EXPECT_EQ(arch_from_machine("mips"), Arch::mips64);
  EXPECT_EQ(arch_from_machine("mips64"), Arch::mips64);
  EXPECT_EQ(arch_from_machine("sparc"), Arch::sparc64);
  EXPECT_EQ(arch_from_machine("sparc64"), Arch::sparc64);
  EXPECT_EQ(arch_from_machine("alpha"), Arch::alpha);
}

TEST(ArchFromMachine, AnythingElseIsUnknown) {
  for (const char* machine :
       {"", "X86_64", "x86_64 ", "loongarch64", "armv7l", "i686", "parisc64"}) {
    EXPECT_EQ(arch_from_machine(machine), Arch::unknown) << machine;
  }
}

struct SignalCase {
  const char* name;
  int generic, mips, alpha, sparc;  // 0: no such signal
};

// Source: include/uapi/asm-generic/signal.h and arch/{mips,alpha,sparc}/include/uapi/asm/signal.h.
constexpr SignalCase kSignalCases[] = {
    {"SIGHUP", 1, 1, 1, 1},      {"SIGINT", 2, 2, 2, 2},       {"SIGQUIT", 3, 3, 3, 3},
    {"SIGILL", 4, 4, 4, 4},      {"SIGTRAP", 5, 5, 5, 5},      {"SIGABRT", 6, 6, 6, 6},
    {"SIGBUS", 7, 10, 10, 10},   {"SIGEMT", 0, 7, 7, 7},       {"SIGFPE", 8, 8, 8, 8},
    {"SIGKILL", 9, 9, 9, 9},     {"SIGUSR1", 10, 16, 30, 30},  {"SIGSEGV", 11, 11, 11, 11},
    {"SIGUSR2", 12, 17, 31, 31}, {"SIGPIPE", 13, 13, 13, 13},  {"SIGALRM", 14, 14, 14, 14},
    {"SIGTERM", 15, 15, 15, 15}, {"SIGSTKFLT", 16, 0, 0, 0},   {"SIGCHLD", 17, 18, 20, 20},
    {"SIGCONT", 18, 25, 19, 19}, {"SIGSTOP", 19, 23, 17, 17},  {"SIGTSTP", 20, 24, 18, 18},
    {"SIGTTIN", 21, 26, 21, 21}, {"SIGTTOU", 22, 27, 22, 22},  {"SIGURG", 23, 21, 16, 16},
    {"SIGXCPU", 24, 30, 24, 24}, {"SIGXFSZ", 25, 31, 25, 25},  {"SIGVTALRM", 26, 28, 26, 26},
    {"SIGPROF", 27, 29, 27, 27}, {"SIGWINCH", 28, 20, 28, 28}, {"SIGIO", 29, 22, 23, 23},
    {"SIGPWR", 30, 19, 0, 0},    {"SIGINFO", 0, 0, 29, 0},     {"SIGLOST", 0, 0, 0, 29},
    {"SIGSYS", 31, 12, 12, 12},
};

void expect_signal(Arch arch, int sig, const char* name) {
  if (sig == 0) return;
  EXPECT_EQ(signal_name(arch, sig), name);
  EXPECT_EQ(signal_number(arch, name), sig);
}

TEST(SignalName, FollowsTheNumberingOfTheRecordedMachine) {
  for (const SignalCase& c : kSignalCases) {
    for (const Arch arch : kGenericArchs) expect_signal(arch, c.generic, c.name);
    expect_signal(Arch::mips64, c.mips, c.name);
    expect_signal(Arch::alpha, c.alpha, c.name);
    expect_signal(Arch::sparc64, c.sparc, c.name);
  }
}

TEST(SignalName, RealTimeSignalsCountFromTheKernelsRtmin) {
  for (const Arch arch : kAllArchs) {
    EXPECT_EQ(signal_name(arch, 32), "SIGRTMIN");
    EXPECT_EQ(signal_name(arch, 35), "SIGRTMIN+3");
    EXPECT_EQ(signal_name(arch, 64), "SIGRTMIN+32");
  }
  EXPECT_EQ(signal_name(Arch::mips64, 128), "SIGRTMIN+96");
}

TEST(SignalName, KeepsANumberThatIsNoSignal) {
  for (const Arch arch : kAllArchs) {
    EXPECT_EQ(signal_name(arch, 0), "SIG0");
    EXPECT_EQ(signal_name(arch, 200), "SIG200");
    EXPECT_EQ(signal_name(arch, -1), "SIG-1");
    EXPECT_EQ(signal_name(arch, 2147483647), "SIG2147483647");
    EXPECT_EQ(signal_name(arch, -2147483647 - 1), "SIG-2147483648");
  }
  EXPECT_EQ(signal_name(Arch::x86_64, 65), "SIG65");
  EXPECT_EQ(signal_name(Arch::mips64, 129), "SIG129");
}

TEST(SignalNumber, IsTheInverseOfSignalName) {
  for (const Arch arch : kAllArchs) {
    std::set<std::string> names;
    for (int sig = 1; sig <= last_signal_of(arch); ++sig) {
      const std::string name = signal_name(arch, sig);
      EXPECT_TRUE(names.insert(name).second) << name;
      EXPECT_EQ(signal_number(arch, name), sig) << name;
      EXPECT_EQ(signal_number(arch, name.substr(3)), sig) << name;
    }
    EXPECT_EQ(signal_number(arch, signal_name(arch, 0)), std::nullopt);
    EXPECT_EQ(signal_number(arch, signal_name(arch, 200)), std::nullopt);
  }
}

TEST(SignalNumber, UnderstandsSecondNames) {
  EXPECT_EQ(signal_number(Arch::x86_64, "SIGIOT"), 6);
  EXPECT_EQ(signal_number(Arch::x86_64, "CLD"), 17);
  EXPECT_EQ(signal_number(Arch::mips64, "SIGCLD"), 18);
  EXPECT_EQ(signal_number(Arch::x86_64, "SIGPOLL"), 29);
  EXPECT_EQ(signal_number(Arch::x86_64, "PWR"), 30);
  EXPECT_EQ(signal_number(Arch::mips64, "PWR"), 19);
  EXPECT_EQ(signal_number(Arch::alpha, "SIGPWR"), 29);
  EXPECT_EQ(signal_number(Arch::sparc64, "SIGPWR"), 29);
}

TEST(SignalNumber, RefusesWhatIsNoSignalOfTheMachine) {
  for (const char* name : {"",
                           "SIG",
                           "sigterm",
                           "term",
                           "SIGSIGTERM",
                           "TERM ",
                           " TERM",
                           "TER",
                           "15",
                           "SIG15",
                           "EMT",
                           "SIGINFO",
                           "SIGLOST",
                           "RT",
                           "RTMIN+",
                           "RTMIN3",
                           "RTMIN-1",
                           "RTMIN+-1",
                           "RTMIN++1",
                           "RTMIN+ 1",
                           "RTMIN+1x",
                           "RTMIN+33",
                           "RTMIN+4294967296",
                           "RTMIN+99999999999999999999"}) {
    EXPECT_EQ(signal_number(Arch::x86_64, name), std::nullopt) << name;
  }
  EXPECT_EQ(signal_number(Arch::x86_64, std::string_view("TERM\0", 5)), std::nullopt);
  EXPECT_EQ(signal_number(Arch::x86_64, "RTMIN+32"), 64);
  EXPECT_EQ(signal_number(Arch::x86_64, "RTMIN+0"), 32);
  EXPECT_EQ(signal_number(Arch::mips64, "RTMIN+96"), 128);
  EXPECT_EQ(signal_number(Arch::mips64, "RTMIN+97"), std::nullopt);
  EXPECT_EQ(signal_number(Arch::mips64, "STKFLT"), std::nullopt);
}

TEST(ErrnoName, GenericNumbering) {
  for (const Arch arch : kGenericArchs) {
    EXPECT_EQ(errno_name(arch, 1), "EPERM");
    EXPECT_EQ(errno_name(arch, 2), "ENOENT");
    EXPECT_EQ(errno_name(arch, 8), "ENOEXEC");
    EXPECT_EQ(errno_name(arch, 11), "EAGAIN");
    EXPECT_EQ(errno_name(arch, 13), "EACCES");
    EXPECT_EQ(errno_name(arch, 34), "ERANGE");
    EXPECT_EQ(errno_name(arch, 35), "EDEADLK");
    EXPECT_EQ(errno_name(arch, 36), "ENAMETOOLONG");
    EXPECT_EQ(errno_name(arch, 40), "ELOOP");
    EXPECT_EQ(errno_name(arch, 41), "");  // EWOULDBLOCK once
    EXPECT_EQ(errno_name(arch, 80), "ELIBBAD");
    EXPECT_EQ(errno_name(arch, 110), "ETIMEDOUT");
    EXPECT_EQ(errno_name(arch, 111), "ECONNREFUSED");
    EXPECT_EQ(errno_name(arch, 133), "EHWPOISON");
    EXPECT_EQ(errno_name(arch, 134), "");
    EXPECT_EQ(errno_name(arch, 58), arch == Arch::ppc64le ? "EDEADLOCK" : "");
  }
}

TEST(ErrnoName, MachinesWithNumbersOfTheirOwn) {
  EXPECT_EQ(errno_name(Arch::mips64, 35), "ENOMSG");
  EXPECT_EQ(errno_name(Arch::mips64, 45), "EDEADLK");
  EXPECT_EQ(errno_name(Arch::mips64, 56), "EDEADLOCK");
  EXPECT_EQ(errno_name(Arch::mips64, 78), "ENAMETOOLONG");
  EXPECT_EQ(errno_name(Arch::mips64, 89), "ENOSYS");
  EXPECT_EQ(errno_name(Arch::mips64, 90), "ELOOP");
  EXPECT_EQ(errno_name(Arch::mips64, 145), "ETIMEDOUT");
  EXPECT_EQ(errno_name(Arch::mips64, 1132), "");
  EXPECT_EQ(errno_name(Arch::mips64, 1133), "EDQUOT");
  EXPECT_EQ(errno_name(Arch::mips64, 1134), "");

  EXPECT_EQ(errno_name(Arch::alpha, 11), "EDEADLK");
  EXPECT_EQ(errno_name(Arch::alpha, 35), "EAGAIN");
  EXPECT_EQ(errno_name(Arch::alpha, 62), "ELOOP");
  EXPECT_EQ(errno_name(Arch::alpha, 63), "ENAMETOOLONG");
  EXPECT_EQ(errno_name(Arch::alpha, 78), "ENOSYS");
  EXPECT_EQ(errno_name(Arch::alpha, 139), "EHWPOISON");

  EXPECT_EQ(errno_name(Arch::sparc64, 11), "EAGAIN");
  EXPECT_EQ(errno_name(Arch::sparc64, 35), "");
  EXPECT_EQ(errno_name(Arch::sparc64, 67), "EPROCLIM");
  EXPECT_EQ(errno_name(Arch::sparc64, 78), "EDEADLK");
  EXPECT_EQ(errno_name(Arch::sparc64, 81), "ERREMOTE");
  EXPECT_EQ(errno_name(Arch::sparc64, 90), "ENOSYS");
  EXPECT_EQ(errno_name(Arch::sparc64, 108), "EDEADLOCK");
}

TEST(ErrnoName, NumbersInternalToTheKernel) {
  for (const Arch arch : kAllArchs) {
    EXPECT_EQ(errno_name(arch, 511), "");
    EXPECT_EQ(errno_name(arch, 512), "ERESTARTSYS");
    EXPECT_EQ(errno_name(arch, 513), "ERESTARTNOINTR");
    EXPECT_EQ(errno_name(arch, 516), "ERESTART_RESTARTBLOCK");
    EXPECT_EQ(errno_name(arch, 520), "");
    EXPECT_EQ(errno_name(arch, 524), "ENOTSUPP");
    EXPECT_EQ(errno_name(arch, 531), "ENOGRACE");
    EXPECT_EQ(errno_name(arch, 532), "");
  }
}

TEST(ErrnoName, UnknownNumbersHaveNoName) {
  for (const Arch arch : kAllArchs) {
    for (const int err : {0, -2, 4095, 2147483647, -2147483647 - 1}) {
      EXPECT_EQ(errno_name(arch, err), "") << err;
    }
  }
}

TEST(ErrnoName, NoNameTwice) {
  for (const Arch arch : kAllArchs) {
    std::set<std::string_view> names;
    for (int err = 1; err < 1200; ++err) {
      const std::string_view name = errno_name(arch, err);
      EXPECT_TRUE(name.empty() || names.insert(name).second) << name;
    }
    EXPECT_GE(names.size(), 131u + 19u);
  }
}

TEST(SignalCodeName, CodesThatAnySignalCanHave) {
  for (const int sig : {1, 11, 15, 40}) {
    EXPECT_EQ(signal_code_name(Arch::x86_64, sig, 0), "SI_USER");
    EXPECT_EQ(signal_code_name(Arch::x86_64, sig, 0x80), "SI_KERNEL");
    EXPECT_EQ(signal_code_name(Arch::x86_64, sig, -1), "SI_QUEUE");
    EXPECT_EQ(signal_code_name(Arch::x86_64, sig, -2), "SI_TIMER");
    EXPECT_EQ(signal_code_name(Arch::x86_64, sig, -3), "SI_MESGQ");
    EXPECT_EQ(signal_code_name(Arch::x86_64, sig, -4), "SI_ASYNCIO");
    EXPECT_EQ(signal_code_name(Arch::x86_64, sig, -5), "SI_SIGIO");
    EXPECT_EQ(signal_code_name(Arch::x86_64, sig, -6), "SI_TKILL");
    EXPECT_EQ(signal_code_name(Arch::x86_64, sig, -7), "SI_DETHREAD");
    EXPECT_EQ(signal_code_name(Arch::x86_64, sig, -8), "");
    EXPECT_EQ(signal_code_name(Arch::x86_64, sig, -60), "SI_ASYNCNL");
  }
  EXPECT_EQ(signal_code_name(Arch::mips64, 15, -2), "SI_ASYNCIO");
  EXPECT_EQ(signal_code_name(Arch::mips64, 15, -3), "SI_TIMER");
  EXPECT_EQ(signal_code_name(Arch::mips64, 15, -4), "SI_MESGQ");
  EXPECT_EQ(signal_code_name(Arch::sparc64, 15, 32767), "SI_NOINFO");
  EXPECT_EQ(signal_code_name(Arch::x86_64, 15, 32767), "");
}

TEST(SignalCodeName, CodesOfOneSignal) {
  struct Case {
    int sig, code;
    std::string_view name;
  };
  constexpr Case kCases[] = {
      {4, 1, "ILL_ILLOPC"},
      {4, 8, "ILL_BADSTK"},
      {4, 9, "ILL_BADIADDR"},
      {4, 10, ""},
      {8, 1, "FPE_INTDIV"},
      {8, 8, "FPE_FLTSUB"},
      {8, 9, ""},
      {8, 14, "FPE_FLTUNK"},
      {8, 15, "FPE_CONDTRAP"},
      {8, 16, ""},
      {11, 1, "SEGV_MAPERR"},
      {11, 2, "SEGV_ACCERR"},
      {11, 3, "SEGV_BNDERR"},
      {11, 4, "SEGV_PKUERR"},
      {11, 5, "SEGV_ACCADI"},
      {11, 6, "SEGV_ADIDERR"},
      {11, 7, "SEGV_ADIPERR"},
      {11, 8, "SEGV_MTEAERR"},
      {11, 9, "SEGV_MTESERR"},
      {11, 10, "SEGV_CPERR"},
      {11, 11, ""},
      {7, 1, "BUS_ADRALN"},
      {7, 4, "BUS_MCEERR_AR"},
      {7, 5, "BUS_MCEERR_AO"},
      {7, 6, ""},
      {5, 1, "TRAP_BRKPT"},
      {5, 4, "TRAP_HWBKPT"},
      {5, 6, "TRAP_PERF"},
      {5, 5 | (4 << 8), ""},
      {17, 1, "CLD_EXITED"},
      {17, 6, "CLD_CONTINUED"},
      {17, 7, ""},
      {29, 1, "POLL_IN"},
      {29, 6, "POLL_HUP"},
      {29, 7, ""},
      {31, 1, "SYS_SECCOMP"},
      {31, 2, "SYS_USER_DISPATCH"},
      {31, 3, ""},
  };
  for (const Case& c : kCases) {
    EXPECT_EQ(signal_code_name(Arch::x86_64, c.sig, c.code), c.name) << c.sig << ' ' << c.code;
  }
}

TEST(SignalCodeName, TheSignalIsTheRecordedMachines) {
  EXPECT_EQ(signal_code_name(Arch::mips64, 10, 1), "BUS_ADRALN");
  EXPECT_EQ(signal_code_name(Arch::mips64, 18, 1), "CLD_EXITED");
  EXPECT_EQ(signal_code_name(Arch::mips64, 12, 1), "SYS_SECCOMP");
  EXPECT_EQ(signal_code_name(Arch::alpha, 20, 2), "CLD_KILLED");
  EXPECT_EQ(signal_code_name(Arch::sparc64, 7, 1), "EMT_TAGOVF");
  EXPECT_EQ(signal_code_name(Arch::sparc64, 7, 2), "");
}

TEST(SignalCodeName, OtherSignalsTakePollCodes) {
  EXPECT_EQ(signal_code_name(Arch::x86_64, 35, 1), "POLL_IN");
  EXPECT_EQ(signal_code_name(Arch::x86_64, 10, 6), "POLL_HUP");
  EXPECT_EQ(signal_code_name(Arch::x86_64, 10, 7), "");
}

TEST(SignalCodeName, UnknownCodesHaveNoName) {
  for (const Arch arch : kAllArchs) {
    EXPECT_EQ(signal_code_name(arch, 11, 2147483647), "");
    EXPECT_EQ(signal_code_name(arch, 11, -2147483647 - 1), "");
    EXPECT_EQ(signal_code_name(arch, 0, 1), "");
    EXPECT_EQ(signal_code_name(arch, -1, 1), "");
    EXPECT_EQ(signal_code_name(arch, 200, 1), "");
  }
}

TEST(KernelEnums, Names) {
  EXPECT_EQ(signal_generate_result_name(0), "delivered");
  EXPECT_EQ(signal_generate_result_name(1), "ignored");
  EXPECT_EQ(signal_generate_result_name(2), "already_pending");
  EXPECT_EQ(signal_generate_result_name(3), "overflow_fail");
  EXPECT_EQ(signal_generate_result_name(4), "lose_info");
  EXPECT_EQ(signal_generate_result_name(5), "");

  constexpr std::string_view kStates[] = {
      "",          "ESTABLISHED", "SYN_SENT",     "SYN_RECV",       "FIN_WAIT1",
      "FIN_WAIT2", "TIME_WAIT",   "CLOSE",        "CLOSE_WAIT",     "LAST_ACK",
      "LISTEN",    "CLOSING",     "NEW_SYN_RECV", "BOUND_INACTIVE", ""};
  for (unsigned state = 0; state < std::size(kStates); ++state) {
    EXPECT_EQ(tcp_state_name(state), kStates[state]);
  }
  EXPECT_EQ(tcp_state_name(4294967295u), "");

  EXPECT_EQ(address_family_name(2), "ipv4");
  EXPECT_EQ(address_family_name(10), "ipv6");
  EXPECT_EQ(address_family_name(0), "");
  EXPECT_EQ(address_family_name(1), "");

  EXPECT_EQ(protocol_name(6), "tcp");
  EXPECT_EQ(protocol_name(17), "udp");
  EXPECT_EQ(protocol_name(33), "dccp");
  EXPECT_EQ(protocol_name(132), "sctp");
  EXPECT_EQ(protocol_name(262), "mptcp");
  EXPECT_EQ(protocol_name(0), "");
}

// Against the header of the machine that builds, which may know fewer.
TEST(CapabilityName, Names) {
  EXPECT_EQ(capability_name(CAP_CHOWN), "CAP_CHOWN");
  EXPECT_EQ(capability_name(CAP_KILL), "CAP_KILL");
  EXPECT_EQ(capability_name(CAP_NET_RAW), "CAP_NET_RAW");
  EXPECT_EQ(capability_name(CAP_SYS_MODULE), "CAP_SYS_MODULE");
  EXPECT_EQ(capability_name(CAP_SYS_ADMIN), "CAP_SYS_ADMIN");
  EXPECT_EQ(capability_name(CAP_SYS_RESOURCE), "CAP_SYS_RESOURCE");
  EXPECT_EQ(capability_name(CAP_SETFCAP), "CAP_SETFCAP");
  EXPECT_EQ(capability_name(CAP_SYSLOG), "CAP_SYSLOG");
  EXPECT_EQ(capability_name(CAP_AUDIT_READ), "CAP_AUDIT_READ");
  EXPECT_EQ(capability_name(CAP_PERFMON), "CAP_PERFMON");
  EXPECT_EQ(capability_name(CAP_BPF), "CAP_BPF");
  EXPECT_EQ(capability_name(CAP_CHECKPOINT_RESTORE), "CAP_CHECKPOINT_RESTORE");
  EXPECT_EQ(capability_name(41), "");
  EXPECT_EQ(capability_name(4294967295u), "");
  std::set<std::string_view> names;
  for (unsigned bit = 0; bit <= 40; ++bit) {
    EXPECT_TRUE(capability_name(bit).starts_with("CAP_")) << bit;
    EXPECT_TRUE(names.insert(capability_name(bit)).second) << bit;
  }
}

std::string tty(std::uint32_t major, std::uint32_t minor) {
  return tty_name((minor & 0xff) | major << 8 | (minor & ~0xffu) << 12);
}

TEST(TtyName, Names) {
  EXPECT_EQ(tty_name(0), "");
  EXPECT_EQ(tty_name(34816), "pts/0");  // as /proc/PID/stat shows it
  EXPECT_EQ(tty(136, 255), "pts/255");
  EXPECT_EQ(tty(136, 256), "pts/256");
  EXPECT_EQ(tty(136, 0xfffff), "pts/1048575");
  EXPECT_EQ(tty(137, 1), "pts/257");
  EXPECT_EQ(tty(143, 255), "pts/2047");
  EXPECT_EQ(tty(144, 0), "144:0");
  EXPECT_EQ(tty(4, 0), "tty0");
  EXPECT_EQ(tty(4, 63), "tty63");
  EXPECT_EQ(tty(4, 64), "ttyS0");
  EXPECT_EQ(tty(4, 255), "ttyS191");
  EXPECT_EQ(tty(5, 0), "tty");
  EXPECT_EQ(tty(5, 1), "console");
  EXPECT_EQ(tty(5, 2), "5:2");
  EXPECT_EQ(tty(166, 0), "ttyACM0");
  EXPECT_EQ(tty(188, 300), "ttyUSB300");
  EXPECT_EQ(tty(204, 64), "ttyAMA0");
  EXPECT_EQ(tty(204, 16), "ttyAM0");
  EXPECT_EQ(tty(204, 5), "204:5");
  EXPECT_EQ(tty(229, 7), "hvc7");
  EXPECT_EQ(tty(0, 1), "0:1");
  EXPECT_EQ(tty(4095, 0xfffff), "4095:1048575");
}

}  // namespace
}  // namespace dse::replay
