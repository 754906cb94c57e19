// signal_workload N: N signals to a receiver that handles them, then one SIGKILL to another child.
//
// The signals cycle through SIGUSR1, SIGUSR2 and SIGTERM, and every three of them through kill,
// tgkill and sigqueue (whose value is VALUE_BASE + index), so nine signals show every pair. The
// receiver has two threads: tgkill goes to each in turn, and for the others the kernel chooses.
//
// One line for each signal: {"sig", "how", "sender_pid", "receiver_pid", "receiver_tid", "code"},
// and "value" for sigqueue. receiver_tid is the thread that ran the handler. The last line: totals.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { VALUE_BASE = 1000 };
enum how { HOW_KILL, HOW_TGKILL, HOW_SIGQUEUE, HOWS };

static const int SIGNALS[] = {SIGUSR1, SIGUSR2, SIGTERM};
enum { SIGNAL_COUNT = sizeof SIGNALS / sizeof *SIGNALS };

static const char *const HOW_NAMES[HOWS] = {"kill", "tgkill", "sigqueue"};
static const int HOW_CODES[HOWS] = {SI_USER, SI_TKILL, SI_QUEUE};

// What the receiver tells the sender. Smaller than PIPE_BUF, so that a write is never torn.
struct report {
    int sig, code, value;
    pid_t sender, tid;
};

static int report_fd;   // the receiver's end
static int release_fd;  // the receiver reads it until the sender closes its end

static void die(const char *what) {
    perror(what);
    _exit(1);
}

static void send_report(struct report report) {
    if (write(report_fd, &report, sizeof report) != sizeof report) die("report");
}

static void on_signal(int sig, siginfo_t *info, void *context) {
    (void)context;
    int saved_errno = errno;
    send_report((struct report){.sig = sig,
                                .code = info->si_code,
                                .value = info->si_value.sival_int,
                                .sender = info->si_pid,
                                .tid = gettid()});
    errno = saved_errno;
}

// SA_RESTART makes this one read, however many signals arrive.
static void wait_for_release(void) {
    char byte;
    if (read(release_fd, &byte, 1) != 0) die("release");
}

static void *second_thread(void *argument) {
    (void)argument;
    send_report((struct report){.tid = gettid()});
    wait_for_release();
    return NULL;
}

static void receive(void) {
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_RESTART | SA_SIGINFO};
    for (int i = 0; i < SIGNAL_COUNT; i++) {
        if (sigaction(SIGNALS[i], &action, NULL)) die("sigaction");
    }
    pthread_t thread;
    errno = pthread_create(&thread, NULL, second_thread, NULL);
    if (errno) die("pthread_create");
    wait_for_release();
    pthread_join(thread, NULL);
}

// A child dies with this process, so that an aborted test leaves nothing behind.
static pid_t fork_child(void) {
    pid_t child = fork();
    if (child < 0) die("fork");
    if (child == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL)) die("prctl");
    return child;
}

static struct report next_report(int fd) {
    struct report report;
    if (read(fd, &report, sizeof report) != sizeof report) {
        fprintf(stderr, "the receiver is gone\n");
        exit(1);
    }
    return report;
}

static int wait_status(pid_t child) {
    int status;
    if (waitpid(child, &status, 0) != child) die("waitpid");
    return status;
}

int main(int argc, char **argv) {
    char *end = "";
    unsigned long count = argc == 2 ? strtoul(argv[1], &end, 10) : 0;
    if (argc != 2 || end == argv[1] || *end) {
        fprintf(stderr, "usage: signal_workload N\n");
        return 2;
    }
    pid_t sender = getpid();
    int reports[2], release[2];
    if (pipe2(reports, O_CLOEXEC) || pipe2(release, O_CLOEXEC)) die("pipe");

    pid_t receiver = fork_child();
    if (receiver == 0) {
        close(reports[0]);
        close(release[1]);
        report_fd = reports[1];
        release_fd = release[0];
        receive();
        _exit(0);
    }
    close(reports[1]);
    close(release[0]);
    pid_t threads[2] = {receiver, next_report(reports[0]).tid};

    unsigned long by_signal[SIGNAL_COUNT] = {0}, by_how[HOWS] = {0};
    for (unsigned long i = 0; i < count; i++) {
        int sig = SIGNALS[i % SIGNAL_COUNT];
        enum how how = (enum how)(i / SIGNAL_COUNT % HOWS);
        pid_t target = threads[i % 2];
        int value = VALUE_BASE + (int)i;
        int failed = how == HOW_KILL     ? kill(receiver, sig)
                     : how == HOW_TGKILL ? tgkill(receiver, target, sig)
                                         : sigqueue(receiver, sig, (union sigval){value});
        if (failed) die(HOW_NAMES[how]);

        // The next is sent only when this one is handled: equal pending signals would merge.
        struct report seen = next_report(reports[0]);
        if (seen.sig != sig || seen.code != HOW_CODES[how] || seen.sender != sender ||
            (how == HOW_SIGQUEUE && seen.value != value) ||
            (how == HOW_TGKILL ? seen.tid != target
                               : seen.tid != threads[0] && seen.tid != threads[1])) {
            fprintf(stderr, "signal %lu: handled other than sent\n", i);
            return 1;
        }
        by_signal[i % SIGNAL_COUNT]++;
        by_how[how]++;
        printf("{\"sig\":%d,\"how\":\"%s\",\"sender_pid\":%d,\"receiver_pid\":%d,"
               "\"receiver_tid\":%d,\"code\":%d",
               sig, HOW_NAMES[how], (int)sender, (int)receiver, (int)seen.tid, seen.code);
        if (how == HOW_SIGQUEUE) printf(",\"value\":%d", value);
        puts("}");
    }
    close(release[1]);
    if (wait_status(receiver) != 0) {
        fprintf(stderr, "the receiver failed\n");
        return 1;
    }

    // The child's output is never flushed: it dies by SIGKILL, in pause or before.
    pid_t victim = fork_child();
    while (victim == 0) pause();
    if (kill(victim, SIGKILL)) die("kill");
    int status = wait_status(victim);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
        fprintf(stderr, "the second child did not die by SIGKILL\n");
        return 1;
    }
    by_how[HOW_KILL]++;
    printf("{\"sig\":%d,\"how\":\"kill\",\"sender_pid\":%d,\"receiver_pid\":%d,"
           "\"receiver_tid\":%d,\"code\":%d}\n",
           SIGKILL, (int)sender, (int)victim, (int)victim, SI_USER);

    printf("{\"total\":%lu,\"by_sig\":{\"%d\":1", count + 1, SIGKILL);
    for (int i = 0; i < SIGNAL_COUNT; i++) printf(",\"%d\":%lu", SIGNALS[i], by_signal[i]);
    printf("},\"by_how\":{");
    for (int i = 0; i < HOWS; i++) {
        printf("%s\"%s\":%lu", i ? "," : "", HOW_NAMES[i], by_how[i]);
    }
    puts("}}");
    return fflush(stdout) ? 1 : 0;
}
