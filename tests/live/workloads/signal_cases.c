// signal_cases NOOP: a signal in each way that there is, one after the other; NOOP is a program that
// one of them executes.
//
// A line of JSON for each signal that was handled: {"case", "sig", "code", "directed", "sender_pid",
// "sender_tid", "receiver_pid", "receiver_tid", "value"}, where sender_* are missing for signals of the
// kernel's own, and value where there is none. code, value, and who received are what the handler was told;
// the other facts are what this program did. Then lines of other things that happen to signals:
//   {"case": "ignored" | "blocked", "sig", "sender_pid", "receiver_pid"}
//   {"case": "died", "sig", "how", "pid", "tids", "sender_pid"}
//       a process whose threads were all ended by a signal; tids has them all
//   {"case": "exit_group" | "execve", "pid", "tids", "by"}
//       a process one of whose threads, "by", ended the others, tids
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 3, QUEUED = 5, TIMES = 5 };  // THREADS: beside the main one

static const char *noop;

static void die(const char *what) {
    perror(what);
    _exit(1);
}

static void check(bool fine, const char *what) {
    if (fine) return;
    fprintf(stderr, "signal_cases: %s\n", what);
    _exit(1);
}

// What a handler was told.
struct report {
    int sig, code, value;
    pid_t pid, tid;  // who received
};
static int reports[2];

static void on_signal(int sig, siginfo_t *info, void *context) {
    int saved_errno = errno;
    struct report report = {.sig = sig,
                            .code = info->si_code,
                            .value = info->si_value.sival_int,
                            .pid = getpid(),
                            .tid = gettid()};
    (void)context;
    if (write(reports[1], &report, sizeof report) != sizeof report) _exit(1);
    errno = saved_errno;
}

static void handle(int sig) {
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_RESTART | SA_SIGINFO};
    if (sigaction(sig, &action, NULL)) die("sigaction");
}

static struct report next_report(void) {
    struct report report;
    ssize_t got;
    do got = read(reports[0], &report, sizeof report);
    while (got < 0 && errno == EINTR);
    check(got == sizeof report, "no report");
    return report;
}

static void print_handled(const char *name, const char *directed, pid_t sender_pid,
                          pid_t sender_tid, bool has_value, struct report seen) {
    printf("{\"case\":\"%s\",\"sig\":%d,\"code\":%d,\"directed\":\"%s\",\"receiver_pid\":%d,"
           "\"receiver_tid\":%d",
           name, seen.sig, seen.code, directed, (int)seen.pid, (int)seen.tid);
    if (sender_pid) printf(",\"sender_pid\":%d,\"sender_tid\":%d", (int)sender_pid, (int)sender_tid);
    if (has_value) printf(",\"value\":%d", seen.value);
    puts("}");
}

// A child dies with this process, so that an aborted test leaves nothing behind.
static pid_t fork_child(void) {
    fflush(stdout);
    pid_t child = fork();
    if (child < 0) die("fork");
    if (child == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL)) die("prctl");
    return child;
}

static void await(pid_t child, int expected) {
    int status;
    while (waitpid(child, &status, 0) < 0) check(errno == EINTR, "waitpid");
    // Where a core is dumped is up to the machine.
    if (WIFSIGNALED(status)) status &= ~0x80;
    check(status == expected, "a child ended other than it should");
}

// Waits until a thread sleeps in the kernel, which is where pause() has it.
static void await_sleep(pid_t tid) {
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)tid);
    for (int i = 0; i < 5000; i++) {
        FILE *file = fopen(path, "re");
        check(file && fgets(line, sizeof line, file), "a thread is gone");
        fclose(file);
        if (strstr(line, ") S ")) return;
        usleep(2000);
    }
    check(false, "a thread does not sleep");
}

// Handled signals, between this process and a receiver, which only waits.
static void between_processes(void) {
    pid_t self = getpid(), receiver = fork_child();
    if (receiver == 0)
        for (;;) pause();
    await_sleep(receiver);

    check(!kill(receiver, SIGUSR1), "kill");
    print_handled("kill", "process", self, self, false, next_report());
    check(!tgkill(receiver, receiver, SIGUSR2), "tgkill");
    print_handled("tgkill", "thread", self, self, false, next_report());
    check(!sigqueue(receiver, SIGUSR1, (union sigval){-77}), "sigqueue");
    print_handled("sigqueue", "process", self, self, true, next_report());
    check(!kill(receiver, SIGKILL), "kill");
    await(receiver, SIGKILL);
}

static void *kill_the_main_thread(void *main_thread) {
    check(!pthread_kill(*(pthread_t *)main_thread, SIGUSR1), "pthread_kill");
    pid_t *tid = malloc(sizeof *tid);
    *tid = gettid();
    return tid;
}

static void within_a_process(void) {
    pid_t self = getpid(), *tid;
    pthread_t main_thread = pthread_self(), thread;

    check(!raise(SIGUSR2), "raise");
    print_handled("raise", "thread", self, self, false, next_report());

    if (pthread_create(&thread, NULL, kill_the_main_thread, &main_thread)) die("pthread_create");
    struct report seen = next_report();
    pthread_join(thread, (void **)&tid);
    print_handled("pthread_kill", "thread", self, *tid, false, seen);
    free(tid);

    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) die("pipe");
    close(ends[0]);
    check(write(ends[1], "x", 1) < 0 && errno == EPIPE, "the pipe has readers");
    close(ends[1]);
    print_handled("sigpipe", "thread", self, self, false, next_report());
}

static void from_the_kernel(void) {
    struct itimerval soon = {.it_value = {.tv_usec = 1000}};
    for (int i = 0; i < TIMES; i++) {
        check(!setitimer(ITIMER_REAL, &soon, NULL), "setitimer");  // what alarm() does, and sooner
        print_handled("alarm", "process", 0, 0, false, next_report());
    }

    struct itimerspec once = {.it_value = {.tv_nsec = 1000000}};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL,
                             .sigev_signo = SIGRTMIN + 1};
    for (int i = 0; i < 2 * TIMES; i++) {
        bool to_thread = i >= TIMES;
        timer_t timer;
        if (to_thread) {
            event.sigev_notify = SIGEV_THREAD_ID;
            event._sigev_un._tid = gettid();
        }
        event.sigev_value.sival_int = to_thread ? -4711 - i : 4711 + i;
        check(!timer_create(CLOCK_MONOTONIC, &event, &timer), "timer_create");
        check(!timer_settime(timer, 0, &once, NULL), "timer_settime");
        print_handled(to_thread ? "thread_timer" : "timer", to_thread ? "thread" : "process", 0, 0,
                      true, next_report());
        timer_delete(timer);
    }
}

static sigjmp_buf after_the_fault;

static void on_fault(int sig, siginfo_t *info, void *context) {
    on_signal(sig, info, context);
    siglongjmp(after_the_fault, 1);
}

static void of_a_fault(void) {
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    check(!sigaction(SIGSEGV, &action, NULL), "sigaction");
    volatile char *volatile nowhere = (char *)16;
    if (sigsetjmp(after_the_fault, 1) == 0) *nowhere = 1;
    print_handled("fault", "thread", 0, 0, false, next_report());
    signal(SIGSEGV, SIG_DFL);
}

static void of_a_child(void) {
    handle(SIGCHLD);
    pid_t child = fork_child();
    if (child == 0) _exit(0);
    struct report seen = next_report();
    print_handled("sigchld", "process", child, child, false, seen);
    signal(SIGCHLD, SIG_DFL);
    await(child, 0);
}

// Several members of a process group, each of which takes it once.
static void of_a_group(void) {
    pid_t self = getpid(), members[2];
    for (int i = 0; i < 2; i++) {
        members[i] = fork_child();
        if (members[i] == 0)
            for (;;) pause();
        check(!setpgid(members[i], members[0]), "setpgid");
    }
    for (int i = 0; i < 2; i++) await_sleep(members[i]);
    check(!kill(-members[0], SIGUSR1), "kill");
    for (int i = 0; i < 2; i++)
        print_handled("group", "process", self, self, false, next_report());
    for (int i = 0; i < 2; i++) {
        check(!kill(members[i], SIGKILL), "kill");
        await(members[i], SIGKILL);
    }
}

// Real-time signals of two senders queue up, and are taken in the order in which they were sent.
static void queued(void) {
    sigset_t set;
    pid_t self = getpid();
    int go[2];
    char byte;
    if (pipe2(go, O_CLOEXEC)) die("pipe");
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    pid_t receiver = fork_child();
    if (receiver == 0) {
        check(read(go[0], &byte, 1) == 1, "read");
        sigprocmask(SIG_UNBLOCK, &set, NULL);
        for (;;) pause();
    }
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    pid_t senders[QUEUED];
    for (int i = 0; i < QUEUED; i++) {
        union sigval value = {.sival_int = 100 + i};
        senders[i] = self;
        if (i % 2) {
            senders[i] = fork_child();
            if (senders[i] == 0) {
                check(!sigqueue(receiver, SIGRTMIN + 2, value), "sigqueue");
                _exit(0);
            }
            await(senders[i], 0);
        } else {
            check(!sigqueue(receiver, SIGRTMIN + 2, value), "sigqueue");
        }
    }
    check(write(go[1], "x", 1) == 1, "write");
    // The handler blocks the signal while it runs, so the next one is taken after it.
    for (int i = 0; i < QUEUED; i++) {
        struct report seen = next_report();
        check(seen.value == 100 + i, "out of order");
        print_handled("queued", "process", senders[i], senders[i], true, seen);
    }
    check(!kill(receiver, SIGKILL), "kill");
    await(receiver, SIGKILL);
    close(go[0]);
    close(go[1]);
}

// Some that the receiver waits for, which is no delivery, and then one that it handles.
static void waited_for(void) {
    sigset_t set;
    pid_t self = getpid();
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 3);
    sigprocmask(SIG_BLOCK, &set, NULL);
    pid_t child = fork_child();
    if (child == 0) {
        for (int i = 0; i < 3; i++)
            check(!sigqueue(self, SIGRTMIN + 3, (union sigval){i}), "sigqueue");
        _exit(0);
    }
    await(child, 0);
    for (int i = 0; i < 3; i++) check(sigwaitinfo(&set, NULL) == SIGRTMIN + 3, "sigwaitinfo");
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    check(!sigqueue(self, SIGRTMIN + 3, (union sigval){33}), "sigqueue");
    print_handled("after_waiting", "process", self, self, true, next_report());
}

static void not_delivered(void) {
    sigset_t set;
    pid_t self = getpid();
    signal(SIGWINCH, SIG_IGN);
    check(!kill(self, SIGWINCH), "kill");
    printf("{\"case\":\"ignored\",\"sig\":%d,\"sender_pid\":%d,\"receiver_pid\":%d}\n", SIGWINCH,
           (int)self, (int)self);

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    check(!kill(self, SIGUSR1) && !kill(self, SIGUSR1), "kill");
    printf("{\"case\":\"blocked\",\"sig\":%d,\"sender_pid\":%d,\"receiver_pid\":%d}\n", SIGUSR1,
           (int)self, (int)self);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    print_handled("unblocked", "process", self, self, false, next_report());
}

// Threads of a victim; the first one may be told to do something.
struct threads {
    volatile pid_t tids[THREADS + 1];
    volatile int command;  // 0, or 1: now
};
static struct threads *shared;
static bool by_execve;

static void *rest(void *at) {
    *(volatile pid_t *)at = gettid();
    if (at == &shared->tids[1]) {
        while (!shared->command) usleep(1000);
        if (by_execve) {
            char *arguments[] = {(char *)noop, NULL}, *environment[] = {NULL};
            execve(noop, arguments, environment);
            die(noop);
        }
        syscall(SYS_exit_group, 9);
    }
    for (;;) pause();
    return NULL;
}

static pid_t start_victim(void) {
    memset(shared, 0, sizeof *shared);
    pid_t victim = fork_child();
    if (victim == 0) {
        pthread_t thread;
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGINT, SIG_DFL);  // where the test's shell had it ignored
        signal(SIGTERM, SIG_DFL);
        signal(SIGQUIT, SIG_DFL);
        for (int i = 1; i <= THREADS; i++)
            if (pthread_create(&thread, NULL, rest, (void *)&shared->tids[i])) die("pthread_create");
        shared->tids[0] = gettid();
        for (;;) pause();
    }
    for (int i = 0; i <= THREADS; i++) {
        while (!shared->tids[i]) usleep(1000);
        await_sleep(shared->tids[i]);
    }
    return victim;
}

static void print_tids(int but) {
    const char *separator = "";
    printf("\"tids\":[");
    for (int i = 0; i <= THREADS; i++) {
        if (i == but) continue;
        printf("%s%d", separator, (int)shared->tids[i]);
        separator = ",";
    }
    printf("]}\n");
}

static void death_by(int sig, bool to_thread) {
    pid_t victim = start_victim();
    check(!(to_thread ? tgkill(victim, shared->tids[2], sig) : kill(victim, sig)), "kill");
    await(victim, sig);
    printf("{\"case\":\"died\",\"sig\":%d,\"how\":\"%s\",\"pid\":%d,\"sender_pid\":%d,", sig,
           to_thread ? "tgkill" : "kill", (int)victim, (int)getpid());
    print_tids(-1);
}

static void end_others(const char *name) {
    by_execve = strcmp(name, "execve") == 0;
    pid_t victim = start_victim();
    shared->command = 1;
    await(victim, by_execve ? 0 : 9 << 8);
    printf("{\"case\":\"%s\",\"pid\":%d,\"by\":%d,", name, (int)victim, (int)shared->tids[1]);
    print_tids(1);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: signal_cases NOOP\n");
        return 2;
    }
    noop = argv[1];
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || pipe2(reports, O_CLOEXEC)) die("start");
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int handled[] = {SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGRTMIN + 1, SIGRTMIN + 2, SIGRTMIN + 3};
    for (size_t i = 0; i < sizeof handled / sizeof *handled; i++) handle(handled[i]);

    between_processes();
    within_a_process();
    from_the_kernel();
    of_a_fault();
    of_a_child();
    of_a_group();
    queued();
    waited_for();
    not_delivered();
    int fatal[] = {SIGTERM, SIGKILL, SIGINT, SIGQUIT};
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) {
        death_by(fatal[i], false);
        death_by(fatal[i], true);
    }
    end_others("exit_group");
    end_others("execve");
    return fflush(stdout) ? 1 : 0;
}
