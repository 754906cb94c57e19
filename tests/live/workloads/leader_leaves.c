// leader_leaves MS CODE: a process whose main thread ends at once, and whose other thread lives for MS
// milliseconds more and then ends the process with CODE.
//
// A line: {"pid", "tid"}, the latter of the other thread.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int milliseconds, code;

static void *stay(void *unused) {
    (void)unused;
    dprintf(STDOUT_FILENO, "{\"pid\":%d,\"tid\":%d}\n", (int)getpid(), (int)gettid());
    usleep((useconds_t)milliseconds * 1000);
    exit(code);
}

int main(int argc, char **argv) {
    pthread_t thread;

    if (argc != 3) {
        fprintf(stderr, "usage: leader_leaves MS CODE\n");
        return 2;
    }
    milliseconds = atoi(argv[1]);
    code = atoi(argv[2]);
    if (pthread_create(&thread, NULL, stay, NULL)) return 1;
    pthread_exit(NULL);
}
