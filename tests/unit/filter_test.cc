// The language of filters by hand: what each operator says of one event, and how parts go together.
#include <gtest/gtest.h>

#include "tests/unit/filter_cases.h"

namespace {

// ---- how parts go together -----------------------------------------------------------------------

TEST(filter, and_binds_tighter_than_or_and_not_tighter_than_both) {
  // t = proc.pid = 100, f = proc.pid = 1
  EXPECT_TRUE(holds("proc.pid = 100 or proc.pid = 1 and proc.pid = 1"));
  EXPECT_FALSE(holds("(proc.pid = 100 or proc.pid = 1) and proc.pid = 1"));
  EXPECT_TRUE(holds("proc.pid = 1 and proc.pid = 1 or proc.pid = 100"));
  EXPECT_TRUE(holds("not proc.pid = 1 and proc.pid = 100"));
  EXPECT_FALSE(holds("not proc.pid = 100 or proc.pid = 1"));
  EXPECT_TRUE(holds("not (proc.pid = 100 and proc.pid = 1)"));
  EXPECT_TRUE(holds("not not proc.pid = 100"));
  EXPECT_TRUE(holds("!!proc.pid = 100"));
}

TEST(filter, c_has_other_names_for_the_same) {
  EXPECT_TRUE(holds("proc.pid == 100 && !(proc.pid == 1 || proc.pid == 2)"));
  EXPECT_TRUE(holds("proc.pid==100&&!proc.is_exe_setuid||proc.pid==1"));
}

TEST(filter, a_word_is_a_keyword_only_where_one_can_be) {
  EXPECT_FALSE(holds("proc.name = and and proc.name = or"));
  EXPECT_FALSE(holds("proc.name in (in, exists, not) or proc.name contains contains"));
  EXPECT_TRUE(holds("proc.name != not and not proc.name = exists"));
  EXPECT_FALSE(holds("proc.name = 'and'"));
}

TEST(filter, comments_and_white_space_separate) {
  EXPECT_TRUE(holds("# (first\nproc.pid = # 1 or\n\t100\r\n# and the end"));
  EXPECT_TRUE(holds("proc.pid in(99,100)#'"));
  // Within a word it is no comment.
  EXPECT_FALSE(holds("proc.name = bash#"));
  EXPECT_FALSE(holds("proc.name = '# '"));
}

TEST(filter, quotes_and_escapes) {
  EXPECT_TRUE(holds("proc.name = 'bash' and proc.name = \"bash\""));
  EXPECT_TRUE(holds(R"(proc.name = "\x62\x61s\x68")"));
  EXPECT_TRUE(holds(R"(proc.args[2] = "\xff\n")"));
  EXPECT_FALSE(holds(R"(proc.name in ('\\\'\"\n\t\r\0', ''))"));
  // What is no escape here may be one of a regular expression.
  EXPECT_TRUE(holds(R"(proc.name regex "\w\x{61}.\w")"));
  EXPECT_TRUE(holds(R"(proc.name regex '\Qbash\E')"));
  // Out of quotes, a backslash is one.
  EXPECT_FALSE(holds(R"(proc.name = \x62ash)"));
}

// ---- values that are missing ---------------------------------------------------------------------

TEST(filter, a_test_of_a_missing_value_is_false_whatever_it_is) {
  for (const char* test :
       {"proc.tty exists", "proc.tty = x", "proc.tty != x", "proc.tty contains ''",
        "proc.tty regex .*", "proc.tty glob *", "proc.tty in (x, '')", "proc.ret != ENOENT",
        "proc.sid = 0", "proc.sid != 1", "proc.sid >= -9223372036854775808", "proc.env[NO] = ''",
        "proc.args[3] exists", "proc.args[3] != x", "proc.apid[40] != 1",
        // Fields that only other points have.
        "sig.name exists", "sig.num != 9", "sock.lip != ::1", "proc.core_dumped",
        "proc.core_dumped = false", "proc.core_dumped != true"}) {
    EXPECT_FALSE(holds(test)) << test;
    EXPECT_TRUE(holds("not " + std::string(test))) << test;
  }
}

TEST(filter, an_empty_text_is_not_a_missing_one) {
  EXPECT_TRUE(holds("proc.env[EMPTY] exists and proc.env[EMPTY] = ''"));
  EXPECT_TRUE(holds("proc.env[EMPTY] startswith '' and proc.env[EMPTY] glob *"));
}

// ---- numbers -------------------------------------------------------------------------------------

TEST(filter, numbers_compare) {
  for (const char* test :
       {"proc.pid = 100", "proc.pid != 99", "proc.pid < 101", "proc.pid <= 100", "proc.pid > 99",
        "proc.pid >= 100", "proc.pid = 0x64", "proc.pid = 0o144", "proc.pid = '100'",
        "proc.pid > -1", "proc.pid in (1, 90..100)", "proc.pid in (100..100)",
        "proc.pid in (7..8, 99 .. 101)", "proc.exe_ino in (0x4d)"})
    EXPECT_TRUE(holds(test)) << test;
  for (const char* test : {"proc.pid != 100", "proc.pid < 100", "proc.pid > 100",
                           "proc.pid in (1..99, 101..200)", "proc.pid in (-100)"})
    EXPECT_FALSE(holds(test)) << test;
}

TEST(filter, numbers_at_their_limits) {
  const std::string least = "-9223372036854775808", most = "9223372036854775807";
  Record low = filter_socket(0, std::uint64_t{1} << 63), high = filter_socket(0, INT64_MAX);
  for (const std::string& test : std::vector<std::string>{
           "sock.bytes_sent = " + least, "sock.bytes_sent <= " + least, "sock.bytes_sent < 0",
           "sock.bytes_sent in (" + least + ".." + least + ")", "not sock.bytes_sent < " + least,
           "sock.bytes_sent in (" + least + ".." + most + ")",
           "sock.bytes_sent = -0x8000000000000000"})
    EXPECT_TRUE(holds(low, test)) << test;
  for (const std::string& test : std::vector<std::string>{
           "sock.bytes_sent = " + most, "sock.bytes_sent >= " + most,
           "not sock.bytes_sent > " + most, "sock.bytes_sent in (0.." + most + ")",
           "sock.bytes_sent > 8000TiB"})
    EXPECT_TRUE(holds(high, test)) << test;
}

TEST(filter, ids_use_all_their_bits) {
  Record record = filter_socket(~std::uint64_t{0}, 0);
  for (const char* test :
       {"sock.cookie = 18446744073709551615", "sock.cookie > 9223372036854775808",
        "sock.cookie in (18446744073709551614..18446744073709551615)",
        "sock.cookie = 0xffffffffffffffff", "not sock.cookie > 18446744073709551615"})
    EXPECT_TRUE(holds(record, test)) << test;
  EXPECT_FALSE(holds(record, "sock.cookie < 18446744073709551615"));
}

TEST(filter, sizes_and_durations) {
  auto sent = [](std::uint64_t bytes, const std::string& size) {
    return holds(filter_socket(0, bytes), "sock.bytes_sent = " + size);
  };
  EXPECT_TRUE(sent(7, "7B"));
  EXPECT_TRUE(sent(1024, "1K") && sent(1024, "1KiB") && sent(1000, "1kB"));
  EXPECT_TRUE(sent(3 << 20, "3M") && sent(3 << 20, "3MiB") && sent(3'000'000, "3MB"));
  EXPECT_TRUE(sent(1 << 30, "1G") && sent(1 << 30, "1GiB") && sent(1'000'000'000, "1GB"));
  EXPECT_TRUE(sent(std::uint64_t{1} << 40, "1T") && sent(std::uint64_t{1} << 40, "1TiB"));
  EXPECT_TRUE(sent(1'000'000'000'000, "1TB"));
  EXPECT_TRUE(sent(1536, "1.5K") && sent(1, "1.9B") && sent(1025, "1.0015K"));
  Record socket = filter_socket(0, 0);  // of 1500 us
  for (const char* test : {"sock.srtt = 1500", "sock.srtt = 1500us", "sock.srtt = 1.5ms",
                           "sock.srtt < 1s", "sock.srtt < 1m", "sock.srtt < 1min", "sock.srtt < 1h",
                           "sock.srtt < 1d", "sock.srtt in (1ms..2ms)", "sock.srtt = 1500000ns"})
    EXPECT_TRUE(holds(socket, test)) << test;
}

TEST(filter, durations_are_exact) {
  // A double has no such numbers.
  EXPECT_EQ(error_of("proc.duration in (9007199254740993ns..9007199254740993)"), "");
  EXPECT_EQ(error_of("proc.duration in (9007199254740993..9007199254740993ns)"), "");
  EXPECT_EQ(error_of("sock.srtt = 144.3446d"), "");
  // A number without a unit is one of the field's own, which has no halves.
  EXPECT_NE(error_of("proc.duration > 1.5"), "");
}

TEST(filter, times_are_real_times) {
  // The first record of a script, a microsecond after the boot time for which the capture has a time.
  for (const char* test :
       {"evt.time = 2026-11-22T15:32:56.000001Z", "evt.time != 2026-11-22T15:32:56Z",
        "evt.time > 2026-11-22T15:32:56Z", "evt.time <= 2026-11-22T16:32:56.000001+01:00",
        "evt.time in (2026-11-22T15:32:56Z..2026-11-22T15:32:57Z)"})
    EXPECT_TRUE(holds(test)) << test;
  EXPECT_FALSE(holds("evt.time < 2026-11-22T15:32:56.000001Z"));
}

TEST(filter, signals_go_by_name_and_number) {
  Record term = generate_record(filter_task(), filter_task(), 15, 0, true);
  for (const char* test : {"sig.num = 15", "sig.num = TERM", "sig.num = SIGTERM",
                           "sig.num in (KILL, 14..16)", "sig.num in (KILL, TERM)",
                           "sig.num != KILL", "sig.name = TERM", "sig.name in (KILL, SIGTERM)",
                           "sig.name != KILL", "sig.name startswith SIGT", "sig.num < 16"})
    EXPECT_TRUE(holds(term, test)) << test;
  EXPECT_FALSE(holds(term, "sig.name != TERM"));
  EXPECT_FALSE(holds(term, "sig.name contains ERMI"));
  EXPECT_TRUE(holds(filter_exit(9), "proc.exit_signal = KILL and not proc.exit_code exists"));
  EXPECT_TRUE(holds(filter_exit(3 << 8), "proc.exit_code = 3 and not proc.exit_signal != KILL"));
  // Of another machine: the name is right, and never met here.
  EXPECT_FALSE(holds(term, "sig.num = SIGEMT or sig.name = SIGEMT"));
}

// ---- texts, lists, flags -------------------------------------------------------------------------

TEST(filter, texts) {
  for (const char* test :
       {"proc.name = bash", "proc.name != Bash", "proc.name in (zsh, bash)",
        "proc.filename contains bin/", "proc.filename icontains BIN/T",
        "proc.filename startswith /usr/", "proc.filename endswith ol", "proc.name contains ''",
        "proc.name glob b*", "proc.name glob '*'", "proc.name glob ?a?h",
        "proc.name glob '[a-c]ash'", "proc.name glob '[!c]ash'", "proc.name glob b\\ash",
        "proc.name regex b.sh", "proc.name regex 'ba|bash'", "proc.name regex '(?i)BASH'"})
    EXPECT_TRUE(holds(test)) << test;
  for (const char* test :
       {"proc.name = bas", "proc.name in (zsh, bas)", "proc.filename contains BIN",
        "proc.name glob ba", "proc.name glob ash", "proc.name glob b\\*", "proc.name regex as",
        "proc.name regex bas", "proc.name glob '[!b]ash'", "proc.name glob b?sh?"})
    EXPECT_FALSE(holds(test)) << test;
}

TEST(filter, patterns_see_bytes) {
  for (const char* test :
       {"proc.args[2] glob ?*?", "proc.args[2] glob \"\\xff*\"", "proc.args[2] regex '..'",
        "proc.args[2] regex '\\\\xff\\\\n'", "proc.args[2] regex \"\\xff.\"",
        "proc.args[2] glob \"[\\xfe-\\xff]?\"", "proc.args[2] icontains \"\\xff\""})
    EXPECT_TRUE(holds(test)) << test;
  // No case beyond ASCII: 0xdf and 0xff are letters in Latin-1.
  EXPECT_FALSE(holds("proc.args[2] icontains \"\\xdf\""));
}

TEST(filter, brackets_belong_to_a_value_as_they_are) {
  // Only the index of a field may hold what would end a word.
  EXPECT_TRUE(holds("proc.name = x[ or proc.args[0] = -c"));
  EXPECT_TRUE(holds("proc.name glob [a-c]ash and proc.name glob [b]ash"));
  EXPECT_NE(error_of("proc.name glob [!a]ash"), "");
  EXPECT_NE(error_of("proc.pid = 1 and proc.name glob [!a]ash"), "");
}

TEST(filter, dots_in_a_text_are_dots) {
  EXPECT_FALSE(holds("proc.filename in (/usr/../usr, a..b)"));
  EXPECT_TRUE(holds("proc.filename != /usr/bin/.."));
}

TEST(filter, lists_ask_for_any_element) {
  for (const char* test :
       {"proc.args = -c", "proc.args = 'a b'", "proc.args intersects (x, -c)",
        "proc.args contains ' '", "proc.args startswith a", "proc.args endswith c",
        "proc.args glob '-?'", "proc.args regex '-[a-d]'", "proc.args icontains 'A B'",
        "not proc.args = b", "proc.env = 'EMPTY='",
        "proc.env startswith 'PATH=' and proc.env exists"})
    EXPECT_TRUE(holds(test)) << test;
  EXPECT_FALSE(holds("proc.args = '-c a b'"));
  EXPECT_FALSE(holds("proc.args = tool"));  // that is proc.exe
}

TEST(filter, elements) {
  for (const char* test :
       {"proc.args[0] = -c", "proc.args[1] in ('a b', x)", "proc.args[0] != -d",
        "proc.env[PATH] = /bin:/usr/bin", "proc.env[A B] = 1",
        "proc.env[PATH] contains :", "proc.apid[0] = 100", "proc.apid intersects (90..110)",
        "proc.apid > 99", "proc.aname[0] = bash"})
    EXPECT_TRUE(holds(test)) << test;
  EXPECT_FALSE(holds("proc.apid > 100"));
  EXPECT_FALSE(holds("proc.env[PAT] exists"));
}

TEST(filter, flags) {
  for (const char* test : {"proc.is_script", "proc.is_script = true", "proc.is_script != false",
                           "not proc.is_exe_setuid", "proc.is_exe_setuid = false",
                           "proc.is_exe_setuid != true", "proc.is_script and proc.is_script"})
    EXPECT_TRUE(holds(test)) << test;
  EXPECT_FALSE(holds("proc.is_script != true"));
}

TEST(filter, addresses) {
  Record ipv4 = filter_socket("10.1.2.3", "192.168.0.255");
  for (const char* test :
       {"sock.lip = 10.1.2.3", "sock.lip = ::ffff:10.1.2.3", "sock.lip != 10.1.2.4",
        "sock.lip = 10.0.0.0/8", "sock.lip = 10.255.0.0/8", "sock.lip = 0.0.0.0/0",
        "sock.lip = ::/0", "sock.lip = 10.1.2.3/32", "sock.lip != 10.1.2.2/32",
        "sock.lip = ::ffff:10.1.2.3/128", "sock.lip = ::ffff:0:0/96",
        "sock.rip in (10.0.0.0/8, 192.168.0.0..192.168.1.0)", "sock.rip in (::1, 192.168.0.255)",
        "sock.lip startswith 10.", "sock.lip regex '[0-9.]+'", "sock.rip endswith .255",
        "sock.lip != ::1"})
    EXPECT_TRUE(holds(ipv4, test)) << test;
  for (const char* test : {"sock.lip = 10.1.2.4/32", "sock.lip != 0.0.0.0/0",
                           "sock.lip = fe80::/10", "sock.lip in (10.1.2.4..10.1.2.9)"})
    EXPECT_FALSE(holds(ipv4, test)) << test;
  Record ipv6 = filter_socket("fd00::1", "::ffff:1.2.3.4");
  for (const char* test :
       {"sock.lip = fd00::/8", "sock.lip = fd00:0::0001", "sock.rip = 1.2.3.4",
        "sock.rip = 1.2.3.0/24", "sock.lip = fd00::1/128", "sock.lip in (fd00::..fd00::2)"})
    EXPECT_TRUE(holds(ipv6, test)) << test;
  EXPECT_FALSE(holds(ipv6, "sock.lip = 0.0.0.0/0"));
}

TEST(filter, values_of_closed_sets) {
  Record socket = filter_socket("10.1.2.3", "10.1.2.4");
  for (const char* test : {"sock.family = ipv4", "sock.proto in (tcp, 132)",
                           "sock.oldstate = ESTABLISHED", "sock.family startswith ip"})
    EXPECT_TRUE(holds(socket, test)) << test;
}

}  // namespace
