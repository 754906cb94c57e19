// identities THREADS TIMES: threads that each take another name and another effective user TIMES times, and
// send themselves a signal as each of these. What a recorder remembers of a task is soon wrong.
//
// A line for each signal, as its sender and receiver was then: {"value", "tid", "name", "euid"}.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int times;
static pthread_barrier_t together;

static void take(int number, siginfo_t *info, void *context) {
    (void)number, (void)info, (void)context;
}

static void fail(const char *what) {
    fprintf(stderr, "identities: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void *change(void *which) {
    int thread = (int)(intptr_t)which;
    siginfo_t info = {.si_code = SI_QUEUE};

    pthread_barrier_wait(&together);
    for (int i = 0; i < times; i++) {
        char name[16];
        int value = thread * times + i, euid = i % 3 ? 1000 + i % 3 : 0;
        snprintf(name, sizeof(name), "t%d-%d", thread, i / 2);
        if (prctl(PR_SET_NAME, name)) fail("prctl");
        /* The system call itself: it is of one thread, which the library hides. */
        if (syscall(SYS_setresuid, -1, euid, -1)) fail("setresuid");
        info.si_pid = getpid();
        info.si_value.sival_int = value;
        if (syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGRTMIN + 1, &info)) fail("signal");
        dprintf(STDOUT_FILENO, "{\"value\":%d,\"tid\":%d,\"name\":\"%s\",\"euid\":%d}\n", value,
                (int)gettid(), name, euid);
        if (syscall(SYS_setresuid, -1, 0, -1)) fail("setresuid");
    }
    return NULL;
}

int main(int argc, char **argv) {
    struct sigaction action = {.sa_sigaction = take, .sa_flags = SA_SIGINFO};

    if (argc != 3) {
        fprintf(stderr, "usage: identities THREADS TIMES\n");
        return 2;
    }
    int threads = atoi(argv[1]);
    times = atoi(argv[2]);
    if (sigaction(SIGRTMIN + 1, &action, NULL)) fail("sigaction");
    pthread_t *all = calloc((size_t)threads, sizeof(*all));
    pthread_barrier_init(&together, NULL, (unsigned)threads);
    for (int i = 0; i < threads; i++)
        if ((errno = pthread_create(&all[i], NULL, change, (void *)(intptr_t)i))) fail("thread");
    for (int i = 0; i < threads; i++) pthread_join(all[i], NULL);
    return 0;
}
